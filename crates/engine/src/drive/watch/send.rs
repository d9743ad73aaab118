//! Requesting what does not come as expected: plan, guards, consent, the intent on disk, the requests.

use std::collections::HashMap;
use std::time::Duration;

use mozci_core::guard::Refusal;
use mozci_core::ids::JobName;
use mozci_core::plan::{LeftOut, Plan, Why};
use mozci_core::time::At;
use mozci_core::watch::{Expectations, Next, next, plan};

use crate::ci::Ci;
use crate::drive::act::{guarded, send};
use crate::drive::progress::{Progress, Question};
use crate::drive::search::take;
use crate::drive::step::Step;
use crate::drive::watch::progress::WatchProgress;
use crate::drive::watch::question::WatchQuestion;
use crate::drive::watch::run::WatchContext;
use crate::error::Error;
use crate::flow::{CellIndex, SETTLE_SECONDS, TriggerResult, Watching, check_plan, pause};
use crate::store::{Keeper, Lease, Ledger, TriggerState};

/// What came of wanting more runs.
pub(super) enum RequestOutcome {
    /// What was sent, and what was left out only then.
    Sent(Vec<TriggerResult>, Vec<LeftOut>),
    /// All of it was left out.
    Nothing,
    /// A guard refused.
    Refused(Refusal),
    /// Nobody agreed, or it is a dry run.
    Declined,
}

/// Begins an investigation, and holds it.
pub(super) async fn begin(
    question: &WatchQuestion,
    context: &mut WatchContext<'_>,
) -> Result<Lease, Error> {
    let ci = context.session.ci;
    let question = question.to_value();
    let id = context.store.begin(&ci.root_url, ci.repo.as_str(), &question, ci.now()).await?;
    let lease = take(context.store, &id).await?;
    context.store.step(&lease, &Step::Begun { good: None }.to_value(), ci.now()).await?;
    context.report(WatchProgress::Begun { id: &id });
    context.lease = Some(lease.clone());
    Ok(lease)
}

/// Runs that were requested, by where.
pub(super) type Requested = HashMap<(u64, JobName), u32>;

/// Where runs are wanted: how many in all, and why.
pub(super) type Wanted = Vec<(CellIndex, u32, Why)>;

/// Whether somebody may still tell whether unconfirmed requests arrived. The ledger is read only where one is unconfirmed.
pub(super) async fn settles(
    (ci, ledger): (&Ci, &Ledger),
    watching: &Watching,
    places: &[CellIndex],
) -> Result<bool, Error> {
    if places.iter().all(|place| watching.facts(*place).doubtful == 0) {
        return Ok(false);
    }
    let young = |trigger: &crate::store::TriggerRequest| {
        ci.now().since(trigger.created) <= SETTLE_SECONDS + 5
    };
    Ok(ledger.open_requests(&ci.root_url).await?.iter().any(young))
}

/// What is wanted at some places, and whether something is waited for there. `settles` is whether unconfirmed requests
/// are waited for.
pub(super) fn due(
    watching: &mut Watching,
    now: At,
    places: &[CellIndex],
    expect: &Expectations,
    (requested, settles): (&Requested, bool),
) -> (Wanted, bool) {
    let (mut wanted, mut waits) = (Wanted::new(), false);
    for &place in places {
        let facts = watching.facts(place);
        let key = (facts.push.id.number(), watching.histories[place.0].job.clone());
        match next(facts, expect, requested.get(&key).copied().unwrap_or(0), settles) {
            Next::Wait => waits = true,
            Next::Ended => {}
            Next::Ask { why: Why::NotRun, .. } if watching.still_comes(place, now).is_some() => {
                waits = true;
            }
            Next::Ask { want, why } => wanted.push((place, want, why)),
        }
    }
    (wanted, waits)
}

/// Counts what was sent, or may have been. Says whether anything was.
pub(super) fn count(requested: &mut Requested, results: &[TriggerResult]) -> bool {
    let mut sent = false;
    let may_be = |result: &&TriggerResult| !matches!(result.state, TriggerState::NotSent { .. });
    for result in results.iter().filter(may_be) {
        sent = true;
        for job in &result.jobs {
            *requested.entry((result.push.id.number(), job.job.clone())).or_default() += job.times;
        }
    }
    sent
}

/// One plan of everything that is wanted.
pub(super) fn join(watching: &Watching, wanted: Wanted) -> Plan {
    let times = wanted.iter().map(|(_, want, _)| *want).max().unwrap_or(1);
    let plans = wanted.into_iter().map(|(place, want, why)| {
        let history = &watching.histories[place.0];
        plan(watching.facts(place), &history.job, (want, why), &history.past())
    });
    Plan::join(plans, times)
}

/// Pauses before a retry while a service is away for a while.
const RETRIES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(15),
    Duration::from_secs(60),
];

/// How long to pause before a try that is the so-manieth in a row; none where it is given up.
pub(super) fn pause_before(tries: usize) -> Option<Duration> {
    RETRIES.get(tries).copied()
}

/// Sends what a plan says. A service that fails before anything is sent is tried again.
pub(super) async fn ask_for(
    plan: &Plan,
    watching: &Watching,
    context: &mut WatchContext<'_>,
    keeper: &mut Option<Keeper>,
    question: &WatchQuestion,
) -> Result<RequestOutcome, Error> {
    let mut tries = 0;
    loop {
        let trigger = try_to(plan, watching, context, keeper, (question, true)).await;
        match (trigger, pause_before(tries)) {
            (Err(error @ Error::Service { .. }), Some(time)) => {
                let seconds = time.as_secs();
                context.report(WatchProgress::Retrying { error: &error, seconds });
                pause(time, context.session.cancel).await;
                tries += 1;
            }
            (trigger, _) => return trigger,
        }
    }
}

/// Sends what a plan says, once. `waits` is whether a closed tree is waited for here.
pub(super) async fn try_to(
    plan: &Plan,
    watching: &Watching,
    context: &mut WatchContext<'_>,
    keeper: &mut Option<Keeper>,
    (question, waits): (&WatchQuestion, bool),
) -> Result<RequestOutcome, Error> {
    let ci = context.session.ci;
    let new = |out: &&LeftOut| !context.left_out.contains(&(out.push.id, out.job.clone()));
    let left_out: Vec<LeftOut> = plan.left_out.iter().filter(new).cloned().collect();
    context.session.report(Progress::LeftOut(&left_out));
    context.left_out.extend(left_out.into_iter().map(|out| (out.push.id, out.job)));
    if plan.requests.is_empty() {
        return Ok(RequestOutcome::Nothing);
    }
    check_plan(ci, plan).await?;
    let used = context.session.used_today().await?;
    let histories = &watching.histories;
    if let Err(refusal) = guarded(&mut context.session, plan, histories, waits).await? {
        return Ok(RequestOutcome::Refused(refusal));
    }
    if context.permission.is_dry_run() {
        context.report(WatchProgress::Planned { plan, used });
        context.session.report(Progress::DryRun);
        return Ok(RequestOutcome::Declined);
    }
    if !context.consented {
        context.report(WatchProgress::Planned { plan, used });
        if !context.session.host.confirm(Question::Watch).await? {
            return Ok(RequestOutcome::Declined);
        }
        context.consented = true;
    }
    if context.lease.is_none() {
        let lease = begin(question, context).await?;
        *keeper = Some(Keeper::of(ci.store().await?, vec![lease.clone()]));
        context.session.ledger.under(Some(lease));
    }
    if let Some(lease) = &context.lease {
        let step = Step::Requests { runs: plan.runs(), plan };
        context.store.step(lease, &step.to_value(), ci.now()).await?;
    }
    let acted = send(&mut context.session, plan, &watching.histories).await?;
    Ok(RequestOutcome::Sent(acted.results, acted.left_out))
}
