//! Only who is signed in gets further; and what changes something only with the session's token, so that no other
//! site's page can do it. Every form and every request of the API passes here.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
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
    if !request.method().is_safe() {
        let is_api = request.uri().path().starts_with("/api/");
        let (parts, body) = request.into_parts();
        let Ok(body) = to_bytes(body, LARGEST).await else {
            return problem::of(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the form is too large; nothing was done",
            );
        };
        let token = match is_api {
            true => {
                parts.headers.get(TOKEN).and_then(|token| token.to_str().ok()).map(str::to_owned)
            }
            false => url::form_urlencoded::parse(&body)
                .find(|(name, _)| name == "token")
                .map(|(_, token)| token.into_owned()),
        };
        if !token.is_some_and(|token| service.access.is_form_token(&session, &token)) {
            return not_meant(is_api);
        }
        request = Request::from_parts(parts, Body::from(body));
    }
    request.extensions_mut().insert(session);
    next.run(request).await
}

/// The largest body of a request, in bytes.
const LARGEST: usize = 2 << 20;

/// The header with which programs show that they mean what changes something: no other site's page can set it.
const TOKEN: &str = "x-mozci-token";

/// What changes something and does not carry the session's token.
fn not_meant(is_api: bool) -> Response {
    match is_api {
        true => problem::for_programs(
            StatusCode::FORBIDDEN,
            "the header X-Mozci-Token is missing or not this session's",
        ),
        false => problem::of(
            StatusCode::FORBIDDEN,
            "the form is of an ended session: go back, reload the page, and send it again; nothing was done",
        ),
    }
}
