//! A plan: made from a form, shown with its price, confirmed once.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use mozci_core::classify::PushClass;
use mozci_core::plan::Plan;
use mozci_pages::{plain, plural};
use serde::Deserialize;

use super::common::{author, frame, summary};
use crate::access::Session;
use crate::acts::{Planned, State as PlanState, Wanted};
use crate::service::Service;
use crate::web::frame::token;
use crate::web::problem;

/// What a form asks for.
#[derive(Deserialize)]
pub(in crate::web) struct Asked {
    act: String,
    job: String,
    rev: String,
    #[serde(default)]
    test: String,
    #[serde(default)]
    times: Option<u32>,
}

/// Runs of one job on one push that a form may ask for.
const MOST: u32 = 1_000;

/// Characters of the names of a plan's jobs at the most.
pub(super) const LONGEST: usize = 30_000;

/// Makes the plan, and leads to it.
pub(in crate::web) async fn make(
    State(service): State<Arc<Service>>,
    Path(repo): Path<String>,
    Form(asked): Form<Asked>,
) -> Response {
    if !service.repos.contains_key(&repo) {
        return problem::not_found("no such repository is watched");
    }
    if asked.job.len() > LONGEST {
        return problem::of(StatusCode::BAD_REQUEST, "these are too many jobs for one plan");
    }
    let times = asked.times.unwrap_or(1).clamp(1, MOST);
    let test = Some(asked.test).filter(|test| !test.is_empty());
    let wanted = match asked.act.as_str() {
        "backfill" => Wanted::Backfill { job: asked.job, rev: asked.rev, test, times },
        "trigger" => {
            let jobs = asked.job.lines().map(str::trim).filter(|job| !job.is_empty());
            Wanted::Trigger { jobs: jobs.map(str::to_owned).collect(), rev: asked.rev, times }
        }
        other => {
            return problem::of(StatusCode::BAD_REQUEST, &format!("there is no act {other:?}"));
        }
    };
    match service.acts.plan(&repo, wanted).await {
        Ok(planned) => Redirect::to(&format!("/plan/{}", planned.id)).into_response(),
        Err(error) => problem::error(&error),
    }
}

/// Shows it.
pub(in crate::web) async fn show(
    State(service): State<Arc<Service>>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Response {
    let Some(planned) = service.acts.planned(&id) else {
        return problem::not_found(
            "this plan is gone: plans are kept until the service ends, 500 of them; make it again",
        );
    };
    let title = match &planned.wanted {
        Wanted::Backfill { job, rev, .. } => format!("Backfill {job} from {}", short(rev)),
        Wanted::Trigger { jobs, rev, .. } => match jobs.as_slice() {
            [job] => format!("Run {job} on {}", short(rev)),
            jobs => format!("Run {} jobs on {}", jobs.len(), short(rev)),
        },
    };
    let plan = &planned.plan;
    let body = html! {
        p class="crumb" { a href={ "/r/" (planned.repo) } { (planned.repo) } " › plan " code { (planned.id) } }
        div class="head" { div { h1 class="wrap" { (title) }
            p class="lede" { (lede(&planned)) }
            @if !planned.judged.is_empty() { p class="dim wrap" { (plain(&planned.judged)) } } } }
        div class="two" { div class="stack" {
            @if planned.steps.is_empty() { (requests(plan)) } @else { (walk(&planned)) }
            @if !plan.left_out.is_empty() { (left_out(plan)) }
        }
        aside class="stack" aria-label="Price and confirmation" {
            (price(&planned))
            (state(&service, &session, &planned))
        } }
    };
    frame(&service, &session, &planned.repo, "", title).page(&body).into_response()
}

fn short(rev: &str) -> &str {
    rev.get(..12).unwrap_or(rev)
}

fn lede(planned: &Planned) -> String {
    match (&*planned.state.lock(), planned.plan.requests.is_empty()) {
        (PlanState::Open, true) => nothing(&planned.plan),
        (PlanState::Open, false) => "Nothing has been sent.".to_owned(),
        (PlanState::Sending, _) => "It is being sent.".to_owned(),
        (PlanState::Done(_), _) => "It was carried out.".to_owned(),
        (PlanState::Refused(_), _) => "It was refused, and nothing was sent.".to_owned(),
        (PlanState::Changed(_), _) => {
            "Nothing was sent: what is there has changed since.".to_owned()
        }
        (PlanState::Failed(_), _) => "It could not be carried out.".to_owned(),
    }
}

/// Why nothing is requested.
fn nothing(plan: &Plan) -> String {
    match (plan.left_out.len(), plan.waits_for.len()) {
        (0, 0) => "There is nothing to request: every run that is wanted is there, or under way."
            .to_owned(),
        (left_out, 0) => format!(
            "There is nothing to request: {left_out} of what is wanted cannot be requested."
        ),
        (_, waits) => format!(
            "Nothing can be requested yet: {} for builds that are under way. Make the plan again when they have ended.",
            if waits == 1 { "1 job waits".to_owned() } else { format!("{waits} jobs wait") }
        ),
    }
}

/// The pushes of a backfill, with what each gets.
fn walk(planned: &Planned) -> Markup {
    html! {
        section class="box" {
            h2 { "From the bad push back to the last good one" }
            div class="scroll" role="region" aria-label="The walk" tabindex="0" { table class="walk" {
                thead { tr { th scope="col" { "Push" } th scope="col" { "So far" } th scope="col" { "This plan" } th scope="col" class="c3" { "Author" } th scope="col" class="c3" { "Change" } } }
                tbody { @for step in &planned.steps {
                    @let push = planned.pushes.iter().find(|push| push.id == step.push.id);
                    tr {
                        th scope="row" class="nw" { (step.push.id) }
                        td class="nw" { (class_words(step.push_class)) }
                        td { (fate(&planned.plan, step)) }
                        td class="c3" { @if let Some(push) = push { (author(push)) } }
                        td class="c3 sumc" { @if let Some(push) = push { (summary(push)) } }
                    }
                } }
            } }
        }
    }
}

fn class_words(class: PushClass) -> String {
    match class {
        PushClass::Good { passed } => format!("passed {passed} of {passed}"),
        PushClass::Bad { failed } => format!("failed {failed} of {failed}"),
        PushClass::Mixed { passed, failed } => format!("failed {failed} of {}", passed + failed),
        PushClass::Waiting => "under way".to_owned(),
        PushClass::NoEvidence => "no evidence".to_owned(),
        PushClass::NotRun => "not run".to_owned(),
    }
}

fn fate(plan: &Plan, step: &mozci_core::backfill::Step) -> Markup {
    let times: u32 = plan
        .requests
        .iter()
        .filter(|request| request.push == step.push)
        .map(|request| request.times)
        .sum();
    let left_out = plan.left_out.iter().find(|one| one.push == step.push);
    let waits = plan.waits_for.iter().find(|one| one.push == step.push);
    html! {
        @if times > 0 { b class="t-act" { (plural(times as usize, "run")) } }
        @else if let Some(one) = left_out { b { "left out: " } (plain(&one.why.to_string())) }
        @else if let Some(one) = waits { "waits for " (one.build) }
        @else { "nothing" }
    }
}

fn requests(plan: &Plan) -> Markup {
    html! {
        section class="box" {
            h2 { "What would be requested" }
            table {
                thead { tr { th scope="col" { "Push" } th scope="col" { "Job" } th scope="col" class="num" { "Runs" } } }
                tbody { @for request in &plan.requests {
                    tr { th scope="row" { (request.push.id) } td class="wrap" { (request.job) } td class="num" { (request.times) } }
                } }
            }
        }
    }
}

fn left_out(plan: &Plan) -> Markup {
    html! {
        section class="box" {
            h2 { "Left out" }
            ul { @for one in &plan.left_out { li { "Push " (one.push.id) ", " (one.job) ": " (plain(&one.why.to_string())) } } }
        }
    }
}

fn price(planned: &Planned) -> Markup {
    let estimate = &planned.plan.estimate;
    let (used, limit) = planned.used;
    html! {
        section class="box" {
            h2 { "What it takes" }
            p class="total" { (plural(planned.plan.runs() as usize, "run")) }
            p {
                @match estimate.machine_minutes {
                    Some(minutes) => { "about " (minutes / 60) " h " (minutes % 60) " min of machine time (median of " (plural(estimate.samples, "run")) ")" },
                    None => "machine time unknown: no such run has ended yet",
                }
            }
            @if *planned.state.lock() == PlanState::Open { p { (used) " of " (limit) " runs a day requested so far" } }
        }
    }
}

/// What can be done with it, or what came of it.
fn state(service: &Service, session: &Session, planned: &Planned) -> Markup {
    html! {
        section class="box" {
            @match &*planned.state.lock() {
                PlanState::Open if planned.plan.requests.is_empty() => { h2 { "Nothing to send" } },
                PlanState::Open => {
                    h2 { "Confirm" }
                    form method="post" action={ "/plan/" (planned.id) "/confirm" } {
                        (token(service, session))
                        input type="hidden" name="digest" value=(planned.digest());
                        button class="go big" { "Trigger " (plural(planned.plan.runs() as usize, "run")) }
                    }
                    p class="dim" { "The guards are checked when you confirm. If what is there has changed by then, nothing is sent." }
                },
                PlanState::Sending => { h2 { "Being sent" } p { a href={ "/plan/" (planned.id) } { "Reload" } " to see what came of it." } },
                PlanState::Done(lines) => {
                    h2 { "What came of it" }
                    ul { @for line in lines { li class="wrap" { (plain(line)) } } }
                    p { a href="/requests" { "All requests" } }
                },
                PlanState::Refused(lines) => {
                    h2 { "Nothing was sent" }
                    ul { @for line in lines { li class="wrap" { (plain(line)) } } }
                },
                PlanState::Changed(id) => {
                    h2 { "The plan changed" }
                    p { a class="btn" href={ "/plan/" (id) } { "See the plan as it is now" } }
                },
                PlanState::Failed(why) => { h2 { "It went no further" } p class="note bad wrap" { (plain(why)) } },
            }
        }
    }
}

/// A confirmation.
#[derive(Deserialize)]
pub(in crate::web) struct Confirmed {
    #[serde(default)]
    digest: String,
}

/// Carries it out, and leads back to it.
pub(in crate::web) async fn confirm(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Form(form): Form<Confirmed>,
) -> Response {
    let Some(planned) = service.acts.planned(&id) else {
        return problem::not_found("this plan is gone: make it again; nothing was sent");
    };
    if form.digest != planned.digest() {
        return problem::of(
            StatusCode::CONFLICT,
            "that was another plan: reload it; nothing was sent",
        );
    }
    carried_out(&service, planned).await;
    Redirect::to(&format!("/plan/{id}")).into_response()
}

/// Carries a plan out to its end, also where whoever confirmed it goes away meanwhile.
pub(super) async fn carried_out(service: &Arc<Service>, planned: Arc<Planned>) {
    let (own, plan) = (Arc::clone(service), Arc::clone(&planned));
    let sending = service.acts.tasks.spawn(async move { own.acts.confirm(&plan).await });
    if let Err(error) = sending.await {
        *planned.state.lock() = PlanState::Failed(format!(
            "it broke off: {error}; `mozci requests` shows what was sent"
        ));
    }
}
