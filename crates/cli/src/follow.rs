//! Following what was asked for, and what was under way already, to its end.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mozci_core::facts::{Build, PushFacts};
use mozci_core::ids::PushId;
use mozci_core::plan::have_n;
use mozci_core::push::Push;
use mozci_engine::Error;
use mozci_engine::flow::{
    AskResult, Awaited, LIMIT, Outcome, SETTLE_SECONDS, pause, read_job, reconcile, wait,
};
use mozci_engine::store::{AskState, Ledger};

use crate::act::{Act, Acted, guarded, send, used_today};
use crate::doubts::say_doubts;
use crate::failure;
use crate::show::{Out, show_left_out, show_outcome};

/// Waits until nothing of the job is under way any more on the pushes in question. Pushes whose
/// builds were under way are asked for as they were planned once their builds are there.
pub(crate) async fn follow(
    act: &Act<'_>,
    out: &mut Out,
    ledger: &mut Ledger,
    acted: &mut Acted,
) -> Result<(), Error> {
    let (ci, stop) = (&act.context.ci, &act.interrupt.stop);
    act.context.talk("waiting until everything has ended; Ctrl-C leaves it running there");
    acted.outcomes = watch(act, out, &acted.results).await?;
    let all: Vec<Push> = act.history.facts.iter().map(|facts| facts.push.clone()).collect();
    // Each is asked for once: a run that comes to nothing is the user's to ask for again.
    let mut planned: HashSet<PushId> = act.plan.waits_for.iter().map(|w| w.push.id).collect();
    let started = Instant::now();
    let build = &act.history.build;
    let mut failures = 0;
    while !stop.load(Ordering::Relaxed) && started.elapsed() < LIMIT {
        say_doubts(act.context, reconcile(ci, ledger).await?);
        let now = match read_job(ci, Some(ledger), &all, &act.plan.job, Some(build)).await {
            Ok(now) => now,
            Err(error) => {
                failures += 1;
                if failures == FAILURES {
                    give_up(acted, &error);
                    return Ok(());
                }
                act.context.talk(&format!("note: a look failed and is made again: {error}"));
                pause(ci.poll, stop).await;
                continue;
            }
        };
        failures = 0;
        let ready: Vec<&PushFacts> = now
            .facts
            .iter()
            .filter(|facts| planned.contains(&facts.push.id))
            .filter(|facts| !matches!(facts.build, Build::UnderWay(_)))
            .collect();
        for facts in &ready {
            planned.remove(&facts.push.id);
        }
        let ready = ready.into_iter().map(|facts| (facts, true));
        let next = have_n(ready, &act.plan.job, act.plan.times, &act.history.past());
        show_left_out(out, &next.left_out);
        acted.left_out.extend(next.left_out.iter().cloned());
        if !next.requests.is_empty() {
            let used = used_today(act.context, ledger)?;
            if let Err(refusal) = guarded(act.context, &next, &now, used) {
                failure::report(&Error::Guard(refusal.clone()));
                acted.refused = Some(refusal);
                continue;
            }
            let mut round = send(act, out, ledger, &next, &now).await?;
            acted.left_out.append(&mut round.left_out);
            acted.outcomes.extend(watch(act, out, &round.results).await?);
            acted.results.append(&mut round.results);
            continue;
        }
        let can_settle = started.elapsed() < Duration::from_secs(SETTLE_SECONDS as u64 + 5);
        let waits = |facts: &PushFacts| {
            planned.contains(&facts.push.id)
                || facts.is_under_way()
                || (facts.doubtful > 0 && can_settle)
        };
        if !now.facts.iter().any(waits) {
            acted.after = Some(now);
            return Ok(());
        }
        pause(ci.poll, stop).await;
    }
    match read_job(ci, Some(ledger), &all, &act.plan.job, Some(build)).await {
        Ok(after) => acted.after = Some(after),
        Err(error) => give_up(acted, &error),
    }
    Ok(())
}

/// Failures to read in a row after which following is given up.
const FAILURES: u32 = 5;

/// Gives following up; what was sent is told all the same.
fn give_up(acted: &mut Acted, error: &Error) {
    acted.gave_up = true;
    failure::report(error);
}

/// Follows what was sent to its end, showing each thing that has ended.
async fn watch(act: &Act<'_>, out: &mut Out, results: &[AskResult]) -> Result<Vec<Outcome>, Error> {
    let mut on_change = |outcome: &Outcome| {
        if outcome.done {
            show_outcome(out, outcome);
        }
    };
    wait(&act.context.ci, &awaited(results), &act.interrupt.stop, &mut on_change).await
}

fn awaited(results: &[AskResult]) -> Vec<Awaited> {
    results
        .iter()
        .filter_map(|result| match result.state {
            AskState::Sent { task } => Some(Awaited {
                push: result.push.clone(),
                job: result.job.clone(),
                times: result.times,
                action: task,
            }),
            _ => None,
        })
        .collect()
}
