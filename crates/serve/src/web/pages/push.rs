//! A push: what it is, and every job that ran on it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use maud::html;
use mozci_pages::{instant, mark, plain};

use super::common::{frame, hash, plan_button, read, summary};
use crate::access::Session;
use crate::service::Service;
use crate::web::problem;

/// Shows it.
pub(in crate::web) async fn show(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
    Path((repo, id)): Path<(String, u64)>,
) -> Response {
    let (watched, read) = match read(&service, &repo) {
        Ok(read) => read,
        Err(response) => return *response,
    };
    let Some(place) = read.place(id) else {
        return problem::not_found("this push is not among those that are watched");
    };
    let push = &read.pushes[place];
    let mut jobs: Vec<u32> = read.matrix.rows[place].iter().map(|(job, _)| *job).collect();
    jobs.dedup();
    // What failed stands first.
    jobs.sort_by_key(|job| !read.runs(place, *job).any(|run| run.is_bad()));
    let here = (&*service, &session, &*repo);
    let body = html! {
        p class="crumb" { a href={ "/r/" (repo) "/grid" } { "Grid" } " › push " (push.id) }
        div class="head" { div { h1 class="wrap" { "Push " (push.id) ": " (summary(push)) }
            p class="lede" { (hash(watched, push)) " by " (plain(&push.author)) ", " (instant(push.date)) ", " (push.changesets.len()) " commits" } } }
        @if read.matrix.undecided.contains(&place) { p class="note bad" { b { "The decision task failed. " } "No job can run on this push." } }
        section class="box" {
            h2 { (jobs.len()) " jobs ran" }
            div class="scroll" role="region" aria-label="Jobs" tabindex="0" { table {
                thead { tr { th scope="col" { "Job" } th scope="col" { "Runs" } th scope="col" { "Next" } } }
                tbody { @for job in &jobs {
                    @let (name, _) = read.name(*job);
                    @let bad = read.runs(place, *job).any(|run| run.is_bad());
                    tr {
                        th scope="row" class="wrap" { (name) }
                        td { @for run in read.runs(place, *job) {
                            (mark(run, Some(format!("/r/{repo}/run/{id}/{}/{}", super::common::encoded(&run.key.request.to_string()), run.key.run))))
                        } }
                        td { @if bad && !name.is_of_decision() {
                            (plan_button(here, &[("act", "backfill"), ("job", name.as_str()), ("rev", push.revision.hash())], "Plan a backfill", false))
                        } }
                    }
                } }
            } }
            (mozci_pages::legend())
        }
    };
    let mut frame = frame(&service, &session, &repo, "Grid", format!("Push {id} of {repo}"));
    frame.is_live = true;
    frame.page(&body).into_response()
}
