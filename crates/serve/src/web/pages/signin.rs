//! Signing in by the link that the service printed, and out.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Deserialize;

use crate::access::Session;
use crate::service::Service;
use crate::web::problem;

#[derive(Deserialize)]
pub(in crate::web) struct Link {
    #[serde(default)]
    token: String,
}

/// Uses the link's token up.
pub(in crate::web) async fn show(
    State(service): State<Arc<Service>>,
    cookies: CookieJar,
    Query(link): Query<Link>,
) -> Response {
    let wrong = || {
        problem::of(
            StatusCode::UNAUTHORIZED,
            "this link was used already, or is another start's: a new start of `mozci serve` prints a new one",
        )
    };
    match service.access.sign_in(&link.token) {
        Ok(Some(id)) => {
            let cookie = Cookie::build((service.access.cookie(), id))
                .http_only(true)
                // A link on a page of the CI's leads here signed in; what changes something is a form with a token.
                .same_site(SameSite::Lax)
                .path("/");
            // The token does not stay in the address.
            (cookies.add(cookie), Redirect::to("/")).into_response()
        }
        // Whoever is signed in already comes back by an old link.
        Ok(None) => match cookies
            .get(&service.access.cookie())
            .and_then(|id| service.access.session(id.value()))
        {
            Some(_) => Redirect::to("/").into_response(),
            None => wrong(),
        },
        Err(error) => problem::of(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// Signs out.
pub(in crate::web) async fn out(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
) -> Response {
    service.access.sign_out(&session);
    problem::of(StatusCode::OK, "you are signed out")
}
