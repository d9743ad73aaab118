//! The ledger: what was requested, by whom, why, and what came of it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::html;
use mozci_engine::store::TriggerState;
use mozci_pages::{age, plain};

use super::common::{first_watched, frame};
use crate::access::Session;
use crate::service::Service;
use crate::web::problem;

/// Requests that are shown.
const SHOWN: u32 = 200;

/// Shows it.
pub(in crate::web) async fn show(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
) -> Response {
    let (repo, watched) = match first_watched(&service) {
        Ok(first) => first,
        Err(response) => return *response,
    };
    let ci = &watched.ci;
    let ledger = match ci.ledger().await {
        Ok(ledger) => ledger,
        Err(error) => return problem::error(&error),
    };
    let all = match ledger.newest(&ci.root_url, SHOWN).await {
        Ok(all) => all,
        Err(error) => return problem::error(&error.into()),
    };
    let now = ci.now();
    let body = html! {
        h1 { "Requests" }
        p class="lede" { "The newest " (all.len()) " from this ledger: " (ledger.location()) }
        section class="box mt" { div class="scroll" role="region" aria-label="Requests" tabindex="0" { table {
            thead { tr { th scope="col" { "Age" } th scope="col" { "State" } th scope="col" { "Push" } th scope="col" class="num" { "Runs" } th scope="col" { "Jobs" } th scope="col" class="c3" { "Who and why" } } }
            tbody { @for request in &all { tr {
                td class="nw" { (age(now, request.created)) }
                td { @match &request.state {
                    TriggerState::Planned => "recorded",
                    TriggerState::Sent { .. } => "sent",
                    TriggerState::NotSent { detail } => { "not sent: " (plain(detail)) },
                    TriggerState::Uncertain { detail } => { b { "uncertain: " } (plain(detail)) },
                } }
                td { (request.push) }
                td class="num" { (request.times()) }
                td class="wrap" { (plain(&request.names())) }
                td class="c3 wrap" { (plain(&request.asker)) ", because: " (plain(request.jobs.first().map_or("", |job| job.why.as_str()))) }
            } } }
        } } }
    };
    frame(&service, &session, repo, "Requests", "Requests").page(&body).into_response()
}
