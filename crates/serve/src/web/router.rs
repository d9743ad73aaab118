//! Which address leads where.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;

use super::pages::{
    api, broken, chooser, failure, from, grid, health, investigations, limits, plan, push,
    requests, run, signin,
};
use super::{events, headers, problem, signed_in};
use crate::service::Service;

/// Everything that the service answers.
pub(crate) fn router(service: Arc<Service>) -> Router {
    // Whoever is not signed in gets no further than these.
    let open = Router::new()
        .route("/signin", get(signin::show))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/assets/mozci.css", get(style))
        .route("/assets/icon.svg", get(icon))
        .route("/assets/mozci.js", get(script));
    let signed = Router::new()
        .route("/", get(home))
        .route("/r/{repo}", get(broken::show))
        .route("/r/{repo}/grid", get(grid::show))
        .route("/r/{repo}/push/{id}", get(push::show))
        .route("/r/{repo}/run/{push}/{request}/{run}", get(run::show))
        .route("/r/{repo}/failure/{signature}", get(failure::show))
        .route("/r/{repo}/choose", get(chooser::show))
        .route("/r/{repo}/plans", post(plan::make))
        .route("/r/{repo}/searches", get(investigations::offer).post(investigations::begin))
        .route("/r/{repo}/events", get(events::stream))
        .route("/plan/{id}", get(plan::show))
        .route("/plan/{id}/confirm", post(plan::confirm))
        .route("/i/{id}", get(investigations::show))
        .route("/i/{id}/report", get(investigations::report))
        .route("/i/{id}/cancel", post(investigations::cancel))
        .route("/i/{id}/resume", post(investigations::resume))
        .route("/investigations", get(investigations::list))
        .route("/requests", get(requests::show))
        .route("/limits", get(limits::show))
        .route("/health", get(health::show))
        .route("/q", get(from::query))
        .route("/from", get(from::url))
        .route("/signout", post(signin::out))
        .route("/api/v1/repos", get(api::repos))
        .route("/api/v1/repos/{repo}/failures", get(api::failures))
        .route("/api/v1/repos/{repo}/pushes", get(api::pushes))
        .route("/api/v1/repos/{repo}/plans", post(api::plan))
        .route("/api/v1/plans/{id}", get(api::planned))
        .route("/api/v1/plans/{id}/confirm", post(api::confirm))
        .layer(middleware::from_fn_with_state(Arc::clone(&service), signed_in::check));
    open.merge(signed)
        .fallback(problem::nowhere)
        // A grid is large and repeats itself.
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(Arc::clone(&service), headers::check))
        .with_state(service)
}

async fn home(State(service): State<Arc<Service>>) -> Response {
    match service.options.repos.first() {
        Some(repo) => Redirect::to(&format!("/r/{repo}")).into_response(),
        None => problem::not_found("no repository is watched"),
    }
}

async fn style() -> Response {
    let kind = (header::CONTENT_TYPE, "text/css; charset=utf-8");
    ([kind, (header::CACHE_CONTROL, "max-age=3600")], mozci_pages::STYLE).into_response()
}

/// The bracket: what is suspected, between what failed and what passed.
const ICON: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><path d="M7 2H2v16h5" fill="none" stroke="#b86f00" stroke-width="2"/><path fill="#b0241b" d="M9 1h10v5H9z"/><path fill="#585f67" d="M9 8.5h10v3H9z"/><path fill="#2c6a49" d="M9 14h10v5H9z"/></svg>"##;

async fn icon() -> Response {
    let kind = (header::CONTENT_TYPE, "image/svg+xml");
    ([kind, (header::CACHE_CONTROL, "max-age=86400")], ICON).into_response()
}

async fn script() -> Response {
    let kind = (header::CONTENT_TYPE, "text/javascript; charset=utf-8");
    let text = concat!(include_str!("../../assets/mozci.js"), include_str!("../../assets/live.js"));
    ([kind, (header::CACHE_CONTROL, "max-age=3600")], text).into_response()
}
