//! Asking for what does not come as expected: plan, guards, a yes, the intent, the requests.

use std::collections::HashMap;
use std::time::Duration;

use mozci_core::guard::Refusal;
use mozci_core::ids::JobName;
use mozci_core::plan::{LeftOut, Plan, Why};
use mozci_core::time::At;
use mozci_core::watch::{Expectations, Next, next, plan};
use mozci_engine::Error;
use mozci_engine::flow::{AskResult, WatchPlace, Watching, check_plan, pause};
use mozci_engine::store::{AskState, Keeper, Lease};
use serde_json::json;

use super::drive::Desk;
use super::question::Question;
use crate::acting::{Act, ActArgs, ConfirmArgs, confirmed, guarded, send, used_today};
use crate::commands::bisect::take;
use crate::show::{show_left_out, show_plan_summary};

/// What came of wanting more runs.
pub(super) enum Asking {
    /// What was sent, and what was left out only then.
    Sent(Vec<AskResult>, Vec<LeftOut>),
    /// All of it was left out.
    Nothing,
    Refused(Refusal),
    /// Whoever was asked said no, or it is a dry run.
    Declined,
}

/// Begins an investigation, and holds it.
pub(super) fn begin(question: &Question, desk: &mut Desk<'_>) -> Result<Lease, Error> {
    let ci = &desk.context.ci;
    let id = desk.store.begin(&ci.root_url, ci.repo.as_str(), &question.to_value(), ci.now())?;
    let lease = take(desk.store, &id)?;
    desk.store.step(&lease, &json!({"step": "begun"}), ci.now())?;
    desk.context
        .talk(&format!("investigation {id}: `mozci investigations resume {id}` goes on with it"));
    desk.lease = Some(lease.clone());
    Ok(lease)
}

/// Runs that were asked for, by where.
pub(super) type Asked = HashMap<(u64, JobName), u32>;

/// Where runs are wanted: how many in all, and why.
pub(super) type Wanted = Vec<(WatchPlace, u32, Why)>;

/// What is wanted at some places, and whether something is waited for there.
pub(super) fn due(
    watching: &mut Watching,
    now: At,
    places: impl IntoIterator<Item = WatchPlace>,
    expect: &Expectations,
    asked: &Asked,
) -> (Wanted, bool) {
    let (mut wanted, mut waits) = (Wanted::new(), false);
    for place in places {
        let facts = watching.facts(place);
        let key = (facts.push.id.number(), watching.histories[place.0].job.clone());
        match next(facts, expect, asked.get(&key).copied().unwrap_or(0)) {
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
pub(super) fn count(asked: &mut Asked, results: &[AskResult]) -> bool {
    let mut sent = false;
    let may_be = |result: &&AskResult| !matches!(result.state, AskState::NotSent { .. });
    for result in results.iter().filter(may_be) {
        sent = true;
        for job in &result.jobs {
            *asked.entry((result.push.id.number(), job.job.clone())).or_default() += job.times;
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

/// Pauses before what could not be read is read again, while a service is away for a while.
const AGAIN: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(15),
    Duration::from_secs(60),
];

/// Asks for what a plan says. Services that fail before anything is sent are waited for.
pub(super) async fn ask_for(
    plan: &Plan,
    watching: &Watching,
    confirm: &ConfirmArgs,
    was_confirmed: &mut bool,
    desk: &mut Desk<'_>,
    keeper: &mut Option<Keeper>,
    question: &Question,
) -> Result<Asking, Error> {
    let mut pauses = AGAIN.into_iter();
    loop {
        let asking = try_to(plan, watching, confirm, was_confirmed, desk, keeper, question).await;
        match (asking, pauses.next()) {
            (Err(error @ Error::Service { .. }), Some(time)) => {
                desk.context.talk(&format!("note: {error}; trying again in {} s", time.as_secs()));
                pause(time, &desk.interrupt.stop).await;
            }
            (asking, _) => return asking,
        }
    }
}

async fn try_to(
    plan: &Plan,
    watching: &Watching,
    confirm: &ConfirmArgs,
    was_confirmed: &mut bool,
    desk: &mut Desk<'_>,
    keeper: &mut Option<Keeper>,
    question: &Question,
) -> Result<Asking, Error> {
    let (context, ci) = (desk.context, &desk.context.ci);
    let new = |out: &&LeftOut| !desk.left_out.contains(&(out.push.id, out.job.clone()));
    let left_out: Vec<LeftOut> = plan.left_out.iter().filter(new).cloned().collect();
    show_left_out(desk.out, &left_out);
    desk.left_out.extend(left_out.into_iter().map(|out| (out.push.id, out.job)));
    if plan.requests.is_empty() {
        return Ok(Asking::Nothing);
    }
    check_plan(ci, plan).await?;
    let used = used_today(context, desk.ledger)?;
    let histories = &watching.histories;
    let passed = guarded(context, desk.ledger, plan, histories, desk.interrupt).await?;
    if let Err(refusal) = passed {
        return Ok(Asking::Refused(refusal));
    }
    if confirm.dry_run {
        show_plan_summary(desk.out, plan, (used, ci.budgets.day));
        desk.out.line("dry run: nothing was sent");
        return Ok(Asking::Declined);
    }
    if !*was_confirmed {
        show_plan_summary(desk.out, plan, (used, ci.budgets.day));
        if !confirmed(desk.out, "Ask for them, and for what is missing from here on?", &[]).await? {
            return Ok(Asking::Declined);
        }
        *was_confirmed = true;
    }
    if desk.lease.is_none() {
        let lease = begin(question, desk)?;
        *keeper = Some(Keeper::of(&ci.place.state, vec![lease.clone()])?);
        desk.ledger.under(Some(lease));
    }
    if let Some(lease) = &desk.lease {
        let step = json!({"step": "asking", "runs": plan.runs(), "plan": plan});
        desk.store.step(lease, &step, ci.now())?;
    }
    let args = ActArgs { confirm: confirm.clone(), parameters: Vec::new(), wait: true };
    let histories = watching.histories.as_slice();
    let act =
        Act { context, args: &args, plan, histories, interrupt: desk.interrupt, wanted: None };
    let acted = send(&act, desk.out, desk.ledger, plan, histories).await?;
    Ok(Asking::Sent(acted.results, acted.left_out))
}
