//! Pushes by jobs.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use mozci_core::filter::Pattern;
use mozci_pages::age;
use serde::Deserialize;

use super::common::{author, encoded, frame, read, summary};
use crate::access::Session;
use crate::service::Service;
use crate::watch::{Snapshot, Watched};
use crate::web::marks;

#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::web) struct Wanted {
    include: String,
    show: String,
    n: Option<usize>,
    author: String,
}

/// Jobs that have a column each at the most.
const MOST: usize = 400;

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
    let patterns: Vec<Pattern> =
        wanted.include.split(',').filter_map(|text| text.trim().parse().ok()).collect();
    let all = wanted.show == "all" || !patterns.is_empty();
    let fits =
        |name: &str| patterns.is_empty() || patterns.iter().any(|pattern| pattern.fits(name));
    let jobs: Vec<u32> = (0..read.matrix.jobs.len() as u32)
        .filter(|job| fits(read.name(*job).0.as_str()) && (all || read.is_bad(*job)))
        .take(MOST)
        .collect();
    let by = wanted.author.to_lowercase();
    let pushes: Vec<usize> = (0..read.pushes.len())
        .filter(|push| read.pushes[*push].author.to_lowercase().contains(&by))
        .take(wanted.n.unwrap_or(40).clamp(1, 500))
        .collect();
    let bad = (0..read.matrix.jobs.len() as u32).filter(|job| read.is_bad(*job)).count();
    let body = html! {
        div class="head" { div { h1 { (pushes.len()) " pushes by " (jobs.len()) " jobs" } } }
        form class="filters" method="get" {
            label class="grow" { "Jobs" input name="include" type="search" size="26" placeholder="mochitest-plain, test-linux*" value=(wanted.include); }
            label { "Show" select name="show" {
                option value="" selected[!all] { "jobs that are bad now (" (bad) ")" }
                option value="all" selected[all] { "all jobs (" (read.matrix.jobs.len()) ")" }
            } }
            label { "Pushes" input name="n" type="number" min="1" max="500" value=(wanted.n.unwrap_or(40)); }
            label { "Pushes by" input name="author" size="10" placeholder="anyone" value=(wanted.author); }
            button { "Apply" }
        }
        @if jobs.is_empty() || pushes.is_empty() {
            p { @if !all && patterns.is_empty() { "No job is bad now. " a href="?show=all" { "Show all jobs" } } @else { "Nothing fits these filters." } }
        } @else {
            div class="gscroll" role="region" aria-label="Pushes by jobs" tabindex="0" { (table(&repo, watched, &read, &pushes, &jobs)) }
        }
    };
    let mut frame = frame(&service, &session, &repo, "Grid", format!("Grid of {repo}"));
    (frame.is_live, frame.is_wide) = (true, true);
    frame.page(&body).into_response()
}

/// Jobs in a row that share something, with how many there are.
fn runs_of<'a>(jobs: &[u32], of: impl Fn(u32) -> &'a str) -> Vec<(&'a str, usize)> {
    let mut runs: Vec<(&str, usize)> = Vec::new();
    for job in jobs {
        let name = of(*job);
        match runs.last_mut() {
            Some((last, count)) if *last == name => *count += 1,
            _ => runs.push((name, 1)),
        }
    }
    runs
}

fn table(repo: &str, watched: &Watched, read: &Snapshot, pushes: &[usize], jobs: &[u32]) -> Markup {
    let now = watched.ci.now();
    let platform = |job: u32| read.name(job).1.as_str();
    html! {
        table class="grid" {
            caption class="vh" { (pushes.len()) " pushes, newest first, by " (jobs.len()) " jobs. A mark is a run; an empty cell was not run." }
            thead {
                tr {
                    th class="pu" rowspan="2" scope="col" { div { span { "Push" } } }
                    @for (name, count) in runs_of(jobs, platform) { th class="pf" colspan=(count) scope="colgroup" { span { (name) } } }
                }
                tr { @for (column, job) in jobs.iter().enumerate() {
                    @let (name, platform) = read.name(*job);
                    @let short = name.as_str().strip_prefix(&format!("test-{platform}-")).unwrap_or(name.as_str());
                    th class={ "ch" @if read.is_bad(*job) { " alert" } } data-k=(column + 1) scope="col" { span title=(name) { (short) } }
                } }
            }
            tbody { @for place in pushes {
                @let push = &read.pushes[*place];
                tr id={ "r" (push.id) } {
                    th class="pu" scope="row" { div {
                        a href={ "/r/" (repo) "/push/" (push.id) } { (push.id) }
                        span class="ago" { (age(now, push.date)) }
                        span class="au" { (author(push)) }
                        span class="sum" title=(summary(push)) { (summary(push)) }
                    } }
                    @if read.matrix.undecided.contains(place) {
                        td class="nograph" colspan=(jobs.len()) { span { b { "decision task failed" } ": no job can run on this push" } }
                    } @else {
                        @for job in jobs { (cell(repo, read, *place, *job)) }
                    }
                }
            } }
        }
    }
}

fn cell(repo: &str, read: &Snapshot, push: usize, job: u32) -> Markup {
    let Some((class, mark, word)) = marks::cell(read.runs(push, job)) else {
        return html! { td {} };
    };
    // Only what has something to say has a link: a grid is large.
    let told =
        read.runs(push, job).find(|run| run.is_bad()).or_else(|| read.runs(push, job).last());
    html! {
        td class=(class) {
            @match told.filter(|_| class != "p") {
                Some(run) => a href={ "/r/" (repo) "/run/" (read.pushes[push].id) "/" (encoded(&run.key.request.to_string())) "/" (run.key.run) } title=(word) { (mark) },
                None => (mark),
            }
        }
    }
}
