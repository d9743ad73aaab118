//! Following what was asked for, and what was under way already, to its end.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mozci_core::facts::{Build, PushFacts};
use mozci_core::ids::{JobName, PushId, RequestId};
use mozci_core::plan::{LeftOut, LeftOutReason, Plan, Wish, have_n};
use mozci_core::push::{Push, PushRef};
use mozci_engine::Error;
use mozci_engine::events::Ear;
use mozci_engine::flow::{
    AskResult, Awaited, BuildOf, JobHistory, LIMIT, Outcome, SETTLE_SECONDS, listened, pause,
    read_jobs, reconcile, wait,
};
use mozci_engine::store::{AskState, Asking, Ledger};

use super::act::{Act, Acted, all_facts, confirmed, guarded, plan_all, send};
use super::doubts::say_doubts;
use crate::failure;
use crate::show::{Out, plural, show_left_out, show_outcome};

/// Waits until nothing of the job is under way any more on the pushes in question. Pushes whose
/// builds were under way are asked for as they were planned once their builds are there. What turns
/// out never to have arrived is planned anew; `consented` is whether it may be sent without asking.
pub(crate) async fn follow(
    act: &Act<'_>,
    out: &mut Out,
    ledger: &mut Ledger,
    acted: &mut Acted,
    mut consented: bool,
) -> Result<(), Error> {
    let (ci, stop) = (&act.context.ci, &act.interrupt.stop);
    let mut ear = Ear::open(ci, &listened(ci, all_facts(act.histories)).await).await?;
    let told = ear.told_by().map_or(String::new(), |by| format!(", told by {}", by.words()));
    act.context
        .talk(&format!("waiting until everything has ended{told}; Ctrl-C leaves it running there"));
    acted.outcomes = watch(act, out, &acted.results, &mut ear, ledger).await?;
    let Some(first) = act.histories.first() else { return Ok(()) };
    let all: Vec<Push> = first.facts.iter().map(|facts| facts.push.clone()).collect();
    let jobs: Vec<JobName> = act.histories.iter().map(|history| history.job.clone()).collect();
    let builds: Vec<BuildOf> = act.histories.iter().map(|h| h.build.clone()).collect();
    // Each is asked for once: a run that comes to nothing is the user's to ask for again.
    let mut planned: HashMap<(PushId, JobName), u32> = act
        .plan
        .waits_for
        .iter()
        .map(|w| ((w.push.id, w.job.clone()), w.have.saturating_add(w.times)))
        .collect();
    let mut again: HashSet<(PushId, JobName)> = HashSet::new();
    let started = Instant::now();
    let mut failing: Option<(u32, Instant)> = None;
    // Requests of an earlier command that never arrived, and that are wanted still.
    let mut lost: HashSet<(String, JobName)> = HashSet::new();
    while !stop.load(Ordering::Relaxed) && started.elapsed() < LIMIT {
        let settled = reconcile(ci, ledger).await?;
        lost.extend(settled.iter().flat_map(never_arrived));
        say_doubts(act.context, settled);
        let now = match read_jobs(ci, Some(ledger), &all, &jobs, Some(&builds)).await {
            Ok(now) => now,
            Err(error) => {
                let (times, since) = failing.unwrap_or((0, Instant::now()));
                failing = Some((times + 1, since));
                if times + 1 >= FAILURES && since.elapsed() >= ci.patience() {
                    give_up(act, acted, &error);
                    return Ok(());
                }
                act.context.talk(&format!("note: a look failed and is made again: {error}"));
                pause(ci.poll.min(AGAIN), stop).await;
                continue;
            }
        };
        failing = None;
        let mut next = plan_all(&now, act.plan.times, |history| {
            let waits = |facts: &&PushFacts| {
                planned.contains_key(&(facts.push.id, history.job.clone()))
                    && !matches!(facts.build, Build::UnderWay(_))
            };
            let before = act.histories.iter().find(|before| before.job == history.job);
            let past = before.unwrap_or(history).past();
            let plans = history.facts.iter().filter(waits).map(|facts| {
                let want = planned[&(facts.push.id, history.job.clone())];
                have_n([(facts, true)], &history.job, Wish::times(want), &past)
            });
            Plan::join(plans, act.plan.times)
        });
        planned.retain(|(push, job), _| {
            let facts = now.iter().filter(|h| h.job == *job).flat_map(|h| &h.facts);
            let mut facts = facts.filter(|facts| facts.push.id == *push);
            facts.any(|facts| matches!(facts.build, Build::UnderWay(_)))
        });
        // A build that came to nothing meanwhile is asked for once more, and the job waits for it; a
        // second time that is said, and left to the user.
        for waits in &next.waits_for {
            let key = (waits.push.id, waits.job.clone());
            if again.insert(key.clone()) {
                planned.insert(key, waits.have.saturating_add(waits.times));
            } else if !planned.contains_key(&key) {
                acted.left_out.push(LeftOut {
                    push: waits.push.clone(),
                    job: waits.job.clone(),
                    why: LeftOutReason::BuildDead(waits.build.clone()),
                });
            }
        }
        if let Some(wanted) = act.wanted.filter(|_| !lost.is_empty()) {
            let anew = plan_all(&now, act.plan.times, |history| {
                let mut plan = wanted(history);
                let is_lost = |push: &PushRef, job: &JobName| {
                    let asked_now = next.requests.iter().any(|r| r.push == *push && r.job == *job);
                    !asked_now && lost.contains(&(push.revision.hash().to_owned(), job.clone()))
                };
                plan.requests.retain(|request| is_lost(&request.push, &request.job));
                plan.waits_for.retain(|waits| is_lost(&waits.push, &waits.job));
                plan.left_out.retain(|left_out| is_lost(&left_out.push, &left_out.job));
                plan
            });
            lost.clear();
            for waits in &anew.waits_for {
                let key = (waits.push.id, waits.job.clone());
                planned.insert(key, waits.have.saturating_add(waits.times));
            }
            let sends = !anew.requests.is_empty();
            if sends {
                out.line(&format!(
                    "{} never arrived: asking again",
                    plural(anew.runs() as usize, "run")
                ));
            }
            if sends && !consented {
                consented = confirmed(out, "Ask for them?", &[]).await?;
                if !consented {
                    out.line("nothing was sent");
                    return Ok(());
                }
            }
            next = Plan::join([next, anew], act.plan.times);
        }
        show_left_out(out, &next.left_out);
        acted.left_out.extend(next.left_out.iter().cloned());
        if !next.requests.is_empty() {
            let passed = guarded(act.context, ledger, &next, &now, act.interrupt).await?;
            if let Err(refusal) = passed {
                failure::report(&Error::Guard(refusal.clone()), act.context.sent());
                acted.refused = Some(refusal);
                continue;
            }
            let mut round = send(act, out, ledger, &next, &now).await?;
            acted.left_out.append(&mut round.left_out);
            acted.outcomes.extend(watch(act, out, &round.results, &mut ear, ledger).await?);
            acted.results.append(&mut round.results);
            continue;
        }
        let can_settle = started.elapsed() < Duration::from_secs(SETTLE_SECONDS as u64 + 5);
        let waits = |facts: &PushFacts| facts.is_under_way() || (facts.doubtful > 0 && can_settle);
        if planned.is_empty() && !all_facts(&now).any(waits) {
            acted.after = Some(now);
            return Ok(());
        }
        match can_settle && all_facts(&now).any(|facts| facts.doubtful > 0) {
            // Of what is in doubt nobody tells.
            true => pause(ci.poll, stop).await,
            false => {
                ear.next(&at_work(&now), stop).await;
            }
        }
    }
    match read_jobs(ci, Some(ledger), &all, &jobs, Some(&builds)).await {
        Ok(after) => acted.after = Some(after),
        Err(error) => give_up(act, acted, &error),
    }
    Ok(())
}

/// What a request was for that turned out never to have arrived, by the push's head and the job.
fn never_arrived(asking: &Asking) -> Vec<(String, JobName)> {
    if !matches!(asking.state, AskState::NotSent { .. }) {
        return Vec::new();
    }
    let wanted = asking.jobs.iter().filter(|asked| asked.times > 0);
    wanted.map(|asked| (asking.revision.hash().to_owned(), asked.job.clone())).collect()
}

/// How long a look that failed is rested from at the most.
const AGAIN: Duration = Duration::from_secs(15);

/// Failures to read in a row after which following is given up.
const FAILURES: u32 = 5;

/// Gives following up; what was sent is told all the same.
fn give_up(act: &Act<'_>, acted: &mut Acted, error: &Error) {
    acted.gave_up = true;
    failure::report(error, act.context.sent());
}

/// Follows what was sent to its end, showing each thing that has ended.
async fn watch(
    act: &Act<'_>,
    out: &mut Out,
    results: &[AskResult],
    ear: &mut Ear,
    ledger: &Ledger,
) -> Result<Vec<Outcome>, Error> {
    let ci = &act.context.ci;
    let mut unwritten = None;
    let mut on_change = |outcome: &Outcome| {
        if outcome.done {
            show_outcome(out, outcome, act.histories.len() > 1);
            let words = words(outcome);
            let came = ledger.came(&ci.root_url, outcome.action, &outcome.job, &words, ci.now());
            unwritten = unwritten.take().or(came.err());
        }
    };
    let outcomes = wait(ci, &awaited(results), ear, &act.interrupt.stop, &mut on_change).await?;
    match unwritten {
        Some(error) => Err(error.into()),
        None => Ok(outcomes),
    }
}

/// What came of something that was asked for, as the ledger keeps it.
fn words(outcome: &Outcome) -> String {
    let runs: Vec<&str> = outcome.runs.iter().map(|run| run.state.word()).collect();
    match (&outcome.blocked_by, runs.is_empty()) {
        (Some(build), _) => format!("blocked by {build}"),
        (None, true) => format!("made nothing: {}", outcome.action_state.word()),
        (None, false) => runs.join(", "),
    }
}

/// The requests that are waiting or at work.
fn at_work(histories: &[JobHistory]) -> Vec<RequestId> {
    let of_jobs = all_facts(histories).flat_map(|facts| &facts.runs);
    let of_builds = histories.iter().flat_map(|history| history.build_runs.iter().flatten());
    let open = of_jobs.chain(of_builds).filter(|run| run.state.is_waiting());
    open.map(|run| run.key.request).collect()
}

fn awaited(results: &[AskResult]) -> Vec<Awaited> {
    let mut awaited: Vec<Awaited> = Vec::new();
    for result in results {
        let AskState::Sent { request } = result.state else { continue };
        awaited.extend(result.jobs.iter().map(|asked| Awaited {
            push: result.push.clone(),
            job: asked.job.clone(),
            times: asked.times,
            action: request,
            by_action: result.by_action,
        }));
    }
    awaited
}
