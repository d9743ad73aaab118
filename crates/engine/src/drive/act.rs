//! Carrying out a plan: guards, consent, the ledger, the requests.

use std::collections::BTreeMap;

use mozci_core::facts::PushFacts;
use mozci_core::guard::Refusal;
use mozci_core::merge_plans;
use mozci_core::plan::{LeftOut, Plan};
use mozci_core::push::count_pushes;

use crate::drive::follow::follow;
use crate::drive::progress::{Permission, Progress, Question, Stage};
use crate::drive::session::Session;
use crate::error::Error;
use crate::flow::{
    JobHistory, Outcome, Prepared, TriggerResult, check_plan, guards, prepare, send_requests,
};

/// What an act goes by.
#[derive(Clone, Copy)]
pub struct Act<'a> {
    /// What is to be sent.
    pub plan: &'a Plan,
    /// The jobs in question, on the same pushes.
    pub histories: &'a [JobHistory],
    /// Whether it may be sent.
    pub permission: Permission,
    /// Whether to follow what was sent, and what was under way already, until it has ended.
    pub wait: bool,
    /// What is wanted of a job, planned anew where a request turns out never to have arrived. `None` where
    /// the caller plans anew itself.
    pub wanted: Option<&'a (dyn Fn(&JobHistory) -> Plan + Sync)>,
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ActEnd {
    /// There was nothing to send.
    #[default]
    NothingToSend,
    /// A guard refused before anything was sent.
    Refused,
    /// Nothing of the plan could be sent.
    NothingPossible,
    /// It was a dry run.
    DryRun,
    /// Nobody agreed.
    Declined,
    /// It was sent, and followed where that was requested.
    Done,
}

/// What an act came to.
#[derive(Debug, Default)]
pub struct Acted {
    /// How it ended.
    pub end: ActEnd,
    /// What was left out besides what the plan left out.
    pub left_out: Vec<LeftOut>,
    /// What became of each request.
    pub results: Vec<TriggerResult>,
    /// What came of what was sent, where it was followed.
    pub outcomes: Vec<Outcome>,
    /// The histories as they stand when everything has ended.
    pub after: Option<Vec<JobHistory>>,
    /// Why a guard refused.
    pub refused: Option<Refusal>,
    /// Whether following was given up, since a service failed for long.
    pub gave_up: bool,
}

/// Everything that is known of the jobs on the pushes.
pub fn all_facts(histories: &[JobHistory]) -> impl Iterator<Item = &PushFacts> {
    histories.iter().flat_map(|history| &history.facts)
}

/// One plan for several jobs, each planned by itself.
pub fn plan_all(histories: &[JobHistory], times: u32, each: impl Fn(&JobHistory) -> Plan) -> Plan {
    merge_plans::join(histories.iter().map(|history| (each(history), &history.facts[..])), times)
}

/// Carries a plan out as far as it may be.
///
/// # Errors
/// [`Error`]; what was sent by then stands in the ledger.
pub async fn carry_out(act: &Act<'_>, session: &mut Session<'_>) -> Result<Acted, Error> {
    let Act { plan, histories, permission, .. } = *act;
    let mut acted = Acted::default();
    let ci = session.ci;
    let used = session.used_today().await?;
    session.report(Progress::Planned { histories, plan, used });
    if plan.requests.is_empty() && plan.waits_for.is_empty() {
        let under_way = all_facts(histories).filter(|facts| facts.is_under_way());
        let under_way = count_pushes(under_way.map(|facts| facts.push.id));
        session.report(Progress::NothingToSend { plan, under_way });
        if act.wait && !permission.is_dry_run() && in_play(histories) {
            return follow_on(act, session, acted, permission.is_given()).await;
        }
        return Ok(acted);
    }
    check_plan(ci, plan).await?;
    if let Err(refusal) = guarded(session, plan, histories, true).await? {
        let dry_run = permission.is_dry_run();
        session.report(Progress::Refused { refusal: &refusal, dry_run });
        acted.refused = Some(refusal);
        acted.end = ActEnd::Refused;
        if !dry_run {
            return Ok(acted);
        }
    }
    let mut prepared = prepared(session, plan).await?;
    if prepared.requests.is_empty() && plan.waits_for.is_empty() {
        session.report(Progress::NothingPossible);
        acted.end = ActEnd::NothingPossible;
        acted.left_out = std::mem::take(&mut prepared.left_out);
        return Ok(acted);
    }
    if permission.is_dry_run() {
        acted.end = ActEnd::DryRun;
        acted.left_out = prepared.left_out;
        session.report(Progress::DryRun);
        return Ok(acted);
    }
    if !permission.is_given() && !session.host.confirm(Question::Send(plan)).await? {
        acted.end = ActEnd::Declined;
        session.report(Progress::Declined);
        return Ok(acted);
    }
    session.report(Progress::InFlight(true));
    let mut round = send_prepared(session, plan, histories, prepared).await?;
    acted.left_out.append(&mut round.left_out);
    acted.results.append(&mut round.results);
    if !act.wait {
        if !plan.waits_for.is_empty() {
            session.report(Progress::BuildsUnderWay);
        }
        session.report(Progress::InFlight(false));
        acted.end = ActEnd::Done;
        return Ok(acted);
    }
    follow_on(act, session, acted, true).await
}

/// Whether anything goes on, or may, on the pushes in question.
fn in_play(histories: &[JobHistory]) -> bool {
    all_facts(histories).any(|facts| facts.is_under_way() || facts.doubtful > 0)
}

async fn follow_on(
    act: &Act<'_>,
    session: &mut Session<'_>,
    mut acted: Acted,
    consented: bool,
) -> Result<Acted, Error> {
    session.report(Progress::InFlight(true));
    follow(act, session, &mut acted, consented).await?;
    session.report(Progress::InFlight(false));
    acted.end = ActEnd::Done;
    Ok(acted)
}

/// Holds a plan against the guards. `waits` is whether a closed tree is waited for.
///
/// # Errors
/// Where what they go by cannot be read.
pub(super) async fn guarded(
    session: &mut Session<'_>,
    plan: &Plan,
    histories: &[JobHistory],
    waits: bool,
) -> Result<Result<(), Refusal>, Error> {
    let waits = waits.then_some(session.cancel);
    match guards(session.ci, session.ledger, plan, histories, waits).await {
        Ok(()) => Ok(Ok(())),
        Err(Error::Guard(refusal)) => Ok(Err(refusal)),
        Err(error) => Err(error),
    }
}

/// Sends a plan's requests and reports what became of each.
pub(super) async fn send(
    session: &mut Session<'_>,
    plan: &Plan,
    histories: &[JobHistory],
) -> Result<Acted, Error> {
    let prepared = prepared(session, plan).await?;
    send_prepared(session, plan, histories, prepared).await
}

/// What would be sent, and what cannot be, which is reported.
async fn prepared(session: &mut Session<'_>, plan: &Plan) -> Result<Prepared, Error> {
    session.report(Progress::Stage(Stage::Preparing));
    let mut prepared = prepare(session.ci, plan).await?;
    prepared.passed_over = plan.left_out.clone();
    session.report(Progress::LeftOut(&prepared.left_out));
    Ok(prepared)
}

/// Writes down and sends what was prepared.
async fn send_prepared(
    session: &mut Session<'_>,
    plan: &Plan,
    histories: &[JobHistory],
    prepared: Prepared,
) -> Result<Acted, Error> {
    let read_at = histories.iter().map(|history| history.read_at).min().unwrap_or_default();
    let mut left_out = prepared.left_out.clone();
    let named = histories.len() > 1
        || plan.requests.iter().any(|request| request.is_needed() || request.narrow.is_some());
    report_pace(session, &prepared);
    let Session { ci, ledger, host, cancel } = session;
    let mut on_result = |result: &TriggerResult| host.on(ci, Progress::Sent { result, named });
    let sent = send_requests(ci, ledger, prepared, read_at, cancel, &mut on_result);
    let (results, more) = sent.await?;
    session.report(Progress::LeftOut(&more));
    left_out.extend(more);
    Ok(Acted { left_out, results, ..Acted::default() })
}

/// Reports why sending takes as long as it does, where it does.
fn report_pace(session: &mut Session<'_>, prepared: &Prepared) {
    if !session.ci.backend().capabilities().coalesces {
        return;
    }
    let mut builders: BTreeMap<&str, usize> = BTreeMap::new();
    for ready in &prepared.requests {
        *builders.entry(&ready.group).or_default() += 1;
    }
    for (builder, requests) in builders.into_iter().filter(|(_, count)| *count > 1) {
        session.report(Progress::OneByOne { builder, requests });
    }
}
