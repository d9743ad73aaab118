//! Searches: offered with their price, begun, followed, and what they found.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use mozci_engine::Error;
use mozci_engine::store::Investigation;
use mozci_pages::{age, instant, plain};
use serde::Deserialize;
use serde_json::Value;

use super::common::{first_watched, frame};
use crate::access::Session;
use crate::acts::SearchWanted;
use crate::service::Service;
use crate::web::frame::token;
use crate::web::problem;

/// Runs that a search may request unless it is said.
const BUDGET: u32 = 200;

#[derive(Deserialize)]
pub(in crate::web) struct Offered {
    job: String,
    bad: String,
    #[serde(default)]
    test: String,
}

/// Says what a search would do, before it is begun.
pub(in crate::web) async fn offer(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
    Path(repo): Path<String>,
    Query(asked): Query<Offered>,
) -> Response {
    if !service.repos.contains_key(&repo) {
        return problem::not_found("no such repository is watched");
    }
    let what = if asked.test.is_empty() { &asked.job } else { &asked.test };
    let body = html! {
        h1 class="wrap" { "Search for what broke " (plain(what)) }
        p class="lede wrap" { "It runs " code { (plain(&asked.job)) } " on pushes before " code { (asked.bad.get(..12).unwrap_or(&asked.bad)) } ", round by round, until one push is at least 99 % likely or none is." }
        form class="box mt" method="post" action={ "/r/" (repo) "/searches" } {
            (token(&service, &session))
            input type="hidden" name="job" value=(asked.job);
            input type="hidden" name="bad" value=(asked.bad);
            input type="hidden" name="test" value=(asked.test);
            p { label { "At most so many runs: " input name="budget" type="number" min="1" max="1000" value=(BUDGET); } }
            p { "The guards hold for each round: runs a plan, a push and a day." }
            button class="go" { "Begin the search" }
        }
    };
    frame(&service, &session, &repo, "Investigations", "Search for the culprit")
        .page(&body)
        .into_response()
}

#[derive(Deserialize)]
pub(in crate::web) struct Begun {
    job: String,
    bad: String,
    #[serde(default)]
    test: String,
    budget: u32,
}

/// Begins it.
pub(in crate::web) async fn begin(
    State(service): State<Arc<Service>>,
    Path(repo): Path<String>,
    Form(form): Form<Begun>,
) -> Response {
    if !service.repos.contains_key(&repo) {
        return problem::not_found("no such repository is watched");
    }
    let test = Some(form.test).filter(|test| !test.is_empty());
    let wanted =
        SearchWanted { job: form.job, bad: form.bad, test, budget: form.budget.clamp(1, 1_000) };
    // Begun to its end, also where whoever asked goes away meanwhile.
    let own = Arc::clone(&service);
    let beginning = service.acts.tasks.spawn(async move {
        let about = (&*own.options.program, &*own.options.version);
        own.acts.search(&repo, wanted, about).await
    });
    match beginning.await {
        Ok(Ok(id)) => Redirect::to(&format!("/i/{id}")).into_response(),
        Ok(Err(error)) => problem::error(&error),
        Err(error) => problem::of(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// What a stored step says.
fn step_words(step: &Value) -> String {
    match step["step"].as_str() {
        Some("round") => format!("round {} requested", step["round"]),
        Some("widened") => "went further back: the good push failed, too".to_owned(),
        Some("begun") | None => "begun".to_owned(),
        Some(_) => step["end"]["summary"].as_str().unwrap_or("ended").to_owned(),
    }
}

fn state(found: &Investigation) -> String {
    serde_json::to_value(found.state)
        .ok()
        .and_then(|state| Some(state.as_str()?.to_owned()))
        .unwrap_or_default()
}

/// Lists them.
pub(in crate::web) async fn list(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
) -> Response {
    let (repo, watched) = match first_watched(&service) {
        Ok(first) => first,
        Err(response) => return *response,
    };
    let all = match watched.ci.store().await {
        Ok(store) => store.by_prefix("").await,
        Err(error) => return problem::error(&error),
    };
    let all = match all {
        Ok(all) => all,
        Err(error) => return problem::error(&error.into()),
    };
    let now = watched.ci.now();
    let body = html! {
        h1 { "Investigations" }
        @if all.is_empty() { p { "None was begun yet. A failure's page offers to search its culprit." } }
        @else { section class="box mt" { div class="scroll" role="region" aria-label="Investigations" tabindex="0" { table {
            thead { tr { th scope="col" { "Investigation" } th scope="col" { "State" } th scope="col" { "Age" } th scope="col" { "Repository" } th scope="col" { "Job" } } }
            tbody { @for found in &all { tr {
                th scope="row" class="mono" { a href={ "/i/" (found.id) } { (found.id) } }
                td { (state(found)) @if service.acts.live(&found.id).is_some_and(|live| live.ended.lock().is_none()) { " · driven here" } }
                td class="nw" { (age(now, found.created)) }
                td { (found.repo) }
                td class="wrap" { (plain(found.question["job"].as_str().unwrap_or("?"))) }
            } } }
        } } } }
    };
    frame(&service, &session, repo, "Investigations", "Investigations").page(&body).into_response()
}

/// Shows one: what is stored of it, and what happens now if it is driven here.
pub(in crate::web) async fn show(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Response {
    let (repo, watched) = match first_watched(&service) {
        Ok(first) => first,
        Err(response) => return *response,
    };
    let store = match watched.ci.store().await {
        Ok(store) => store,
        Err(error) => return problem::error(&error),
    };
    let found = match store.by_prefix(&id).await {
        Ok(found) => found.into_iter().find(|found| found.id == id),
        Err(error) => return problem::error(&error.into()),
    };
    let Some(found) = found else { return problem::not_found("there is no such investigation") };
    let steps = match store.steps(&id).await {
        Ok(steps) => steps,
        Err(error) => return problem::error(&error.into()),
    };
    let live = service.acts.live(&id);
    let ends = live.as_ref().and_then(|live| live.ended.lock().clone());
    let last = steps.last().map_or_else(String::new, |(_, step)| step_words(step));
    let runs = live.is_some() && ends.is_none();
    let has_report = live.as_ref().is_some_and(|live| live.report.lock().is_some());
    let body = html! {
        p class="crumb" { a href="/investigations" { "Investigations" } " › " code { (id) } }
        div class="head" { div {
            h1 class="verdict wrap" { (plain(found.question["job"].as_str().unwrap_or("?"))) ": " (plain(&last)) }
            p class="lede" { (state(&found)) ", begun " (instant(found.created)) " on " (found.repo)
                @if let Some(live) = &live { @if let Some(test) = &live.wanted.test { ", chasing " (plain(test)) } ", " (live.wanted.budget) " runs at the most" } } }
            div class="acts" {
                @if has_report { a class="btn go" href={ "/i/" (id) "/report" } { "See the report" } }
                @if runs { form method="post" action={ "/i/" (id) "/cancel" } { (token(&service, &session)) button class="stop" { "Stop it" } } }
            } }
        @if let Some(Err(why)) = &ends { p class="note bad wrap" { b { "It stopped: " } (plain(why)) } }
        @if !runs && state(&found) == "open" && found.question["kind"] != "watch" {
            div class="note" {
                p { "Nobody drives it here. What it requested goes on." }
                form method="post" action={ "/i/" (id) "/resume" } { (token(&service, &session)) button { "Go on with it" } }
            }
        }
        section class="box" {
            h2 { "What happened" }
            @if let Some(live) = &live {
                ol { @for (at, text) in live.events.lock().iter().rev() { li class="wrap" { small { (instant(*at)) } " " (plain(text)) } } }
            } @else {
                ol { @for (at, step) in steps.iter().rev() { li class="wrap" { small { (instant(*at)) } " " (plain(&step_words(step))) } } }
            }
        }
    };
    let mut frame =
        frame(&service, &session, repo, "Investigations", format!("Investigation {id}"));
    frame.is_live = runs;
    frame.page(&body).into_response()
}

/// The report of one that ended here.
pub(in crate::web) async fn report(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Response {
    let report = service.acts.live(&id).and_then(|live| live.report.lock().clone());
    match report {
        Some(text) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response(),
        None => problem::not_found(
            "there is no report: the search has not ended, or did so before the service was started",
        ),
    }
}

/// Stops one that is driven here; what it requested goes on.
pub(in crate::web) async fn cancel(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Response {
    match service.acts.live(&id) {
        Some(live) => {
            live.cancel.cancel();
            Redirect::to(&format!("/i/{id}")).into_response()
        }
        None => problem::not_found("this investigation is not driven here"),
    }
}

/// Goes on with one that nobody drives.
pub(in crate::web) async fn resume(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Response {
    let (_, watched) = match first_watched(&service) {
        Ok(first) => first,
        Err(response) => return *response,
    };
    let found = async {
        let found = watched.ci.store().await?.by_prefix(&id).await?;
        let found = found.into_iter().find(|found| found.id == id);
        found.ok_or_else(|| Error::NotFound("there is no such investigation".into()))
    };
    let about = (&*service.options.program, &*service.options.version);
    let resumed = async { service.acts.resume(&found.await?, about).await };
    match resumed.await {
        Ok(()) => Redirect::to(&format!("/i/{id}")).into_response(),
        Err(error) => problem::error(&error),
    }
}
