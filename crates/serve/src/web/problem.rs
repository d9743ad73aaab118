//! Answers that say what is wrong.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::html;
use mozci_engine::{Error, Kind};
use mozci_pages::plain;

use super::frame;
use crate::error::whole;

/// A page that says what is wrong.
pub(super) fn of(status: StatusCode, text: &str) -> Response {
    let body = html! {
        h1 { (status.canonical_reason().unwrap_or("Something is wrong")) }
        p class="lede wrap" { (plain(text)) }
        @if status != StatusCode::UNAUTHORIZED { p { a href="/" { "To the first page" } } }
    };
    (status, frame::bare("mozci", &body)).into_response()
}

/// The same for programs, as RFC 9457 has it.
pub(super) fn for_programs(status: StatusCode, detail: &str) -> Response {
    let body = serde_json::json!({
        "type": "about:blank", "title": status.canonical_reason(), "status": status.as_u16(), "detail": detail,
    });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

/// Something that is not there.
pub(super) fn not_found(text: &str) -> Response {
    of(StatusCode::NOT_FOUND, text)
}

/// An address that leads nowhere.
pub(super) async fn nowhere() -> Response {
    not_found("there is no such page")
}

/// The status of an error of the engine.
pub(super) fn status(error: &Error) -> StatusCode {
    match error.kind() {
        Kind::Usage => StatusCode::BAD_REQUEST,
        Kind::Service => StatusCode::BAD_GATEWAY,
        Kind::NotAllowed => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Guard => StatusCode::CONFLICT,
        Kind::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// An error of the engine as a page.
pub(super) fn error(error: &Error) -> Response {
    of(status(error), &whole(error))
}
