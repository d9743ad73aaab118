//! A failure: how it stands and why, how often it fails, where.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::html;
use mozci_core::rate::{Rate, runs_to_see};
use mozci_core::standing::Seen;
use mozci_pages::{plain, rate, strip};

use super::broken::{next, standing_words, title};
use super::common::{author, encoded, frame, hash, read, summary};
use crate::access::Session;
use crate::service::Service;
use crate::watch::{Group, Snapshot};
use crate::web::problem;

/// Runs that are listed at the most.
const SHOWN: usize = 60;

/// Failures and runs of the same jobs, by platform.
fn by_platform(read: &Snapshot, group: &Group) -> BTreeMap<String, (u32, u32)> {
    let mut all: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for job in &group.jobs {
        let (_, platform) = read.name(*job);
        let tally = all.entry(platform.to_string()).or_default();
        let failed = group.runs.iter().filter(|(_, of, _)| of == job).count() as u32;
        let passed = (0..read.pushes.len())
            .flat_map(|push| read.runs(push, *job))
            .filter(|run| run.is_good())
            .count();
        tally.0 += failed;
        tally.1 += failed + passed as u32;
    }
    all
}

/// Shows it.
pub(in crate::web) async fn show(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
    Path((repo, signature)): Path<(String, String)>,
) -> Response {
    let (watched, read) = match read(&service, &repo) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    let Some(group) = read.groups.iter().find(|group| group.id == signature) else {
        return problem::not_found(
            "no failure with this signature is in the pushes that are watched",
        );
    };
    let sum = |pick: fn(&Seen) -> u32| group.seen.iter().map(pick).sum::<u32>();
    let (failed, passed) = (sum(|seen| seen.failed), sum(|seen| seen.passed));
    let all = Rate::of(failed, failed + passed);
    let body = html! {
        p class="crumb" { a href={ "/r/" (repo) } { "Broken now" } " › " code { (group.id) } }
        div class="head" { div { h1 class="wrap" { (title(group)) }
            p class="lede wrap" { (plain(group.failure.message.as_deref().unwrap_or_default())) } }
            div class="acts" { (next((&service, &session, &repo), &read, group, true)) } }
        div class="two" { div class="stack" {
            section class="box" {
                h2 { (group.standing.words()) ", " (standing_words(&read, &group.standing)) }
                (strip(&group.seen))
                ul { @for reason in &group.reasons { li { (reason) } } }
            }
            section class="box" {
                h2 { "Where it failed" }
                div class="scroll" role="region" aria-label="Runs" tabindex="0" { table {
                    thead { tr { th scope="col" { "Push" } th scope="col" { "Job" } th scope="col" class="c3" { "Author" } th scope="col" class="c3" { "Change" } } }
                    tbody { @for (push, job, key) in group.runs.iter().take(SHOWN) {
                        @let at = &read.pushes[*push];
                        tr {
                            th scope="row" class="nw" { a href={ "/r/" (repo) "/push/" (at.id) } { (at.id) } " " (hash(watched, at)) }
                            td class="wrap" { a href={ "/r/" (repo) "/run/" (at.id) "/" (encoded(&key.request.to_string())) "/" (key.run) } { (read.name(*job).0) } }
                            td class="c3" { (author(at)) }
                            td class="c3 sumc" { (summary(at)) }
                        }
                    } }
                } }
                @if group.runs.len() > SHOWN { p { "And " (group.runs.len() - SHOWN) " more runs." } }
            }
        }
        aside class="stack" aria-label="Rates" {
            section class="box" {
                h2 { "How often it fails" }
                p class="total" { (mozci_core::rate::percent(all.rate)) }
                p { (rate(&all)) }
                p class="dim" { "Of the runs of these jobs, on " (read.pushes.len()) " pushes; in brackets the 95 % interval." }
                @if let (Some(see), Some(most)) = (runs_to_see(all.rate, 0.99), runs_to_see(all.low, 0.99)) {
                    dl class="kv" {
                        dt { "To see it once" } dd { (see) " runs (at most " (most) ")" }
                        dt { "To trust a fix" } dd { (see) " passes (at most " (most) ")" }
                    }
                }
            }
            section class="box" {
                h2 { "By platform" }
                table { tbody { @for (platform, (failed, runs)) in by_platform(&read, group) {
                    tr { th scope="row" { (platform) } td class="num" { (rate(&Rate::of(failed, runs))) } }
                } } }
            }
        } }
    };
    let mut frame = frame(&service, &session, &repo, "Broken now", title(group));
    frame.is_live = true;
    frame.page(&body).into_response()
}
