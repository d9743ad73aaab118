//! The guards: what may be requested, and what has used it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use mozci_engine::Error;
use mozci_engine::flow::tree_status;
use mozci_pages::{age, plain};

use super::common::{first_watched, frame};
use crate::access::Session;
use crate::service::Service;
use crate::watch::Watched;
use crate::web::problem;

/// Plans that are named as having used the day's budget.
const PLANS: u32 = 20;

/// Shows them.
pub(in crate::web) async fn show(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
) -> Response {
    let (repo, watched) = match first_watched(&service) {
        Ok(first) => first,
        Err(response) => return *response,
    };
    match limits(watched).await {
        Ok(body) => frame(&service, &session, repo, "Limits", "Limits").page(&body).into_response(),
        Err(error) => problem::error(&error),
    }
}

async fn limits(watched: &Watched) -> Result<Markup, Error> {
    let ci = &watched.ci;
    let ledger = ci.ledger().await?;
    let (budgets, since, now) = (&ci.budgets, ci.day().since, ci.now());
    let used = ledger.runs_since(&ci.root_url, since).await?;
    let spent = ledger.spent(&ci.root_url, since, PLANS).await?;
    let service = ledger.breaker(&ci.root_url).await?;
    let tree = tree_status(ci).await?;
    let share = f64::from(used) / f64::from(budgets.day.max(1));
    Ok(html! {
        h1 { "Limits" }
        section class="box mt" {
            h2 { "Runs requested in 24 hours" }
            p class="total" { (used) " of " (budgets.day) }
            div class="meter" { svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                rect class="bg" width="100" height="8" {} rect class="u" width=(format!("{:.1}", share.min(1.0) * 100.0)) height="8" {}
            } }
            p { "At most " (budgets.plan) " in one plan, " (budgets.push) " of a job on a push." }
        }
        section class="box mt" {
            h2 { "The CI" }
            @match service {
                None => p { "It accepts requests." },
                Some((at, why)) => p { "No requests since " (age(now, at)) " ago: " (plain(&why)) },
            }
            @if let Some(tree) = tree { p { "The tree " (ci.tree()) " is " (tree.state.word()) ". " (plain(&tree.reason)) } }
        }
        section class="box mt" {
            h2 { "Plans that used them" }
            @if spent.is_empty() { p { "None in the last 24 hours." } } @else { table {
                thead { tr { th scope="col" class="num" { "Runs" } th scope="col" { "Age" } th scope="col" { "Plan" } th scope="col" { "Job" } } }
                tbody { @for one in &spent { tr {
                    td class="num" { (one.runs) } td { (age(now, one.at)) } td class="mono" { (one.plan) } td class="wrap" { (one.job) }
                } } }
            } }
        }
    })
}
