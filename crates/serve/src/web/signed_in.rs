//! Only who is signed in gets further.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use axum_extra::extract::CookieJar;

use super::problem;
use crate::service::Service;

/// Hands a request on with its session.
pub(super) async fn check(
    State(service): State<Arc<Service>>,
    cookies: CookieJar,
    mut request: Request,
    next: Next,
) -> Response {
    let cookie = cookies.get(&service.access.cookie());
    let session = cookie.and_then(|cookie| service.access.session(cookie.value()));
    let Some(session) = session else {
        let text = "you are not signed in: use the link that mozci serve printed; it works once, and a new start prints a new one";
        return match request.uri().path().starts_with("/api/") {
            true => problem::for_programs(StatusCode::UNAUTHORIZED, text),
            false => problem::of(StatusCode::UNAUTHORIZED, text),
        };
    };
    request.extensions_mut().insert(session);
    next.run(request).await
}
