//! What can run on a push, chosen by text or by a test, and what that takes.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use maud::html;
use mozci_core::chooser::Job;
use mozci_core::filter::JobFilter;
use mozci_engine::flow::chooser;
use mozci_pages::plural;
use serde::Deserialize;

use super::common::{frame, plan_button, read, summary};
use crate::access::Session;
use crate::service::Service;
use crate::web::problem;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::web) struct Wanted {
    text: String,
    platform: String,
    suite: String,
}

/// Jobs that are listed at the most.
const SHOWN: usize = 300;

/// Jobs that one plan may be made of from here.
const PLANNED: usize = 100;

/// Shows it.
pub(in crate::web) async fn show(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
    Path(repo): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let (watched, read) = match read(&service, &repo) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    let pushes: Vec<_> = read.pushes.iter().take(5).cloned().collect();
    let found = match chooser(&watched.ci, &pushes, false, true).await {
        Ok(found) => found,
        Err(error) => return problem::error(&error),
    };
    let patterns = |text: &str| {
        text.split([',', ' ']).filter_map(|part| part.parse().ok()).collect::<Vec<_>>()
    };
    let filter = JobFilter {
        include: patterns(&wanted.text),
        platform: patterns(&wanted.platform),
        suite: patterns(&wanted.suite),
        any_kind: !watched.ci.backend().capabilities().graphs,
        ..JobFilter::default()
    };
    let jobs: Vec<Job<'_>> = found.graph.select(&filter, None).collect();
    let minutes: u64 = jobs
        .iter()
        .filter_map(|job| found.past(job.label())?.minutes)
        .map(|minutes| u64::from(minutes.0))
        .sum();
    let labels = jobs.iter().map(Job::label).collect::<Vec<_>>().join("\n");
    let push = &found.push;
    let body = html! {
        h1 { "Choose jobs of push " (push.id) }
        p class="lede" { (summary(push)) }
        form class="filters" method="get" {
            label class="grow" { "Names" input name="text" type="search" size="24" value=(wanted.text) placeholder="mochitest-plain, test-*xpcshell*"; }
            label { "Platform" input name="platform" size="12" value=(wanted.platform) placeholder="linux*"; }
            label { "Suite" input name="suite" size="14" value=(wanted.suite); }
            button { "Apply" }
        }
        div class="two" { section class="box" {
            h2 { (plural(jobs.len(), "job")) " of " (found.graph.len()) }
            div class="scroll" role="region" aria-label="Jobs" tabindex="0" { table {
                thead { tr { th scope="col" { "Job" } th scope="col" class="num" { "Ran on" } th scope="col" class="num" { "Minutes" } } }
                tbody { @for job in jobs.iter().take(SHOWN) {
                    @let past = found.past(job.label());
                    tr { th scope="row" class="wrap" { (job.label()) }
                        td class="num" { (past.map_or(0, |past| past.pushes)) " of " (found.pushes) }
                        td class="num" { @if let Some(minutes) = past.and_then(|past| past.minutes) { (minutes.0) } } }
                } }
            } }
            @if jobs.len() > SHOWN { p { "And " (jobs.len() - SHOWN) " more." } }
        }
        aside class="stack" aria-label="What it takes" { section class="box" {
            h2 { "Once each" }
            p class="total" { (minutes / 60) " h " (minutes % 60) " min" }
            p class="dim" { "Medians of the last " (found.pushes) " pushes; jobs that did not run there are not counted." }
            @if jobs.is_empty() { p { "No job fits." } }
            @else if jobs.len() > PLANNED { p { "Choose at most " (PLANNED) " jobs to plan runs of them." } }
            @else { (plan_button((&service, &session, &repo), &[("act", "trigger"), ("job", &labels), ("rev", push.revision.hash())], &format!("Plan {} on push {}", plural(jobs.len(), "job"), push.id), true)) }
        } } }
    };
    frame(&service, &session, &repo, "Choose jobs", "Choose jobs").page(&body).into_response()
}
