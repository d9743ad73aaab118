//! What every answer carries, and what no request gets past: other hosts' names, other sites' forms.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::problem;
use crate::service::Service;

/// Nothing from elsewhere, no inline script or style, no frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The report is one file with its style within it, and no script.
const REPORT_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// Checks the host and, of what changes something, the origin; adds the headers.
pub(super) async fn check(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Response {
    let host = text_of(&request, &header::HOST).unwrap_or_default();
    let origin = text_of(&request, &header::ORIGIN);
    let is_report = request.uri().path().ends_with("/report");
    let mut response = if !service.access.is_host(&host) {
        problem::of(StatusCode::MISDIRECTED_REQUEST, "this address is not the service's own")
    } else if request.method() != Method::GET
        && request.method() != Method::HEAD
        && origin.is_some_and(|origin| !service.access.is_origin(&origin))
    {
        problem::of(StatusCode::FORBIDDEN, "the form came from another site")
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    let policy = if is_report { REPORT_POLICY } else { POLICY };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer` browsers send `Origin: null` with forms of our own.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A header's text.
fn text_of(request: &Request, name: &header::HeaderName) -> Option<String> {
    request.headers().get(name)?.to_str().ok().map(str::to_owned)
}
