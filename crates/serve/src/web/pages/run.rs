//! A run: what failed in it, and where that was read.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::html;
use mozci_engine::flow::{AskedRun, EvidenceWish, read_evidence};
use mozci_pages::plain;

use super::common::{frame, plan_button, read};
use crate::access::Session;
use crate::service::Service;
use crate::web::problem;

/// Failures that are shown at the most.
const SHOWN: usize = 50;

/// Lines of the log around each.
const LINES: usize = 12;

/// Shows it.
pub(in crate::web) async fn show(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
    Path((repo, id, request, number)): Path<(String, u64, String, u32)>,
) -> Response {
    let (watched, read) = match read(&service, &repo) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    let found = read.place(id).and_then(|place| {
        let mut runs = read.matrix.rows[place].iter();
        let is_it = |run: &mozci_core::run::Run| {
            run.key.run == number && run.key.request.to_string() == request
        };
        let (job, run) = runs.find(|(_, run)| is_it(run))?;
        Some((place, *job, run.clone()))
    });
    let Some((place, job, run)) = found else {
        return problem::not_found("this run is not among those that are watched");
    };
    let (push, (name, _)) = (&read.pushes[place], read.name(job));
    let asked = AskedRun {
        run: run.clone(),
        job: name.clone(),
        revision: Some(push.revision.hash().to_owned()),
    };
    // The log's own lines are read when somebody looks.
    let wish = EvidenceWish { context: LINES, ..EvidenceWish::default() };
    let looked = read_evidence(&watched.ci, &[asked], &wish)
        .await
        .pop()
        .map(|looked| looked.evidence)
        .unwrap_or_default();
    let failures: Vec<_> = looked.certain().collect();
    // Runs are wanted in all, and those that are there count.
    let times = (read.runs(place, job).count() + 1).to_string();
    let body = html! {
        p class="crumb" { a href={ "/r/" (repo) "/push/" (id) } { "Push " (id) } " › " (name) }
        div class="head" { div { h1 class="wrap" { (name) " on push " (id) ": " (run.state.word()) }
            @if let Some(link) = watched.ci.link(run.key.request) { p class="lede" { a href=(link) { "See it on the CI" } } } }
            div class="acts" {
                (plan_button((&service, &session, &repo), &[("act", "trigger"), ("job", name.as_str()), ("rev", push.revision.hash()), ("times", &times)], "Plan another run", false))
            } }
        @if let Some(why) = &looked.failed { p class="note" { "Nothing is known of it: " (plain(why)) } }
        @if failures.is_empty() && looked.failed.is_none() { p { "No failure was found in what it left behind." } }
        @for failure in failures.iter().take(SHOWN) {
            section class="box mt" {
                h2 class="wrap" { (plain(failure.test.as_deref().unwrap_or(failure.kind.word()))) }
                p class="wrap" { (plain(failure.message.as_deref().unwrap_or_default())) }
                p { a class="tag mono" href={ "/r/" (repo) "/failure/" (failure.signature.id()) } { (failure.signature.id()) } }
                @if !failure.before.is_empty() || !failure.after.is_empty() {
                    pre tabindex="0" { @for line in &failure.before { (plain(line)) "\n" } mark { "line " (failure.at.line) "\n" } @for line in &failure.after { (plain(line)) "\n" } }
                }
            }
        }
        @if failures.len() > SHOWN { p { "And " (failures.len() - SHOWN) " more." } }
        p class="dim mt" { "Read: " @for reading in &looked.readings { (plain(&reading.source)) " (" (reading.evidence.format.name()) ") " } }
    };
    frame(&service, &session, &repo, "Grid", format!("{name} on push {id}"))
        .page(&body)
        .into_response()
}
