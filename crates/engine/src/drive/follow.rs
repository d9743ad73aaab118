//! Following what was sent, and what was under way already, to its end.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use mozci_core::facts::{Build, PushFacts};
use mozci_core::ids::{JobName, PushId, RequestId};
use mozci_core::plan::{LeftOut, LeftOutReason, Plan, Wish, have_n};
use mozci_core::push::{Push, PushRef};
use tokio::sync::mpsc;

use crate::drive::act::{Act, Acted, all_facts, guarded, plan_all, send};
use crate::drive::progress::{Progress, Question};
use crate::drive::session::Session;
use crate::drive::tally::Tally;
use crate::error::Error;
use crate::events::Subscription;
use crate::flow::{
    Awaited, BuildOf, JobHistory, LIMIT, Outcome, SETTLE_SECONDS, TriggerResult, pause, read_jobs,
    reconcile, wait,
};
use crate::store::{TriggerRequest, TriggerState};

/// How long to back off after a poll that failed, at the most.
const BACK_OFF: Duration = Duration::from_secs(15);

/// Failed polls in a row after which following is given up.
const FAILURES: u32 = 5;

/// The jobs and pushes that are followed.
struct Followed {
    pushes: Vec<Push>,
    jobs: Vec<JobName>,
    builds: Vec<BuildOf>,
}

/// What is still to be sent once something else has happened.
struct Pending {
    /// How many runs are wanted where a build is under way. Each is requested once: a run that comes to
    /// nothing is the user's to request again.
    planned: HashMap<(PushId, JobName), u32>,
    /// Builds that came to nothing once already.
    again: HashSet<(PushId, JobName)>,
    /// Requests of an earlier command that never arrived, and that are still wanted.
    lost: HashSet<(String, JobName)>,
}

/// Waits until nothing of the job is under way any more on the pushes in question. Pushes whose builds were
/// under way get their requests as planned once their builds exist. What turns out never to have arrived is
/// planned anew; `consented` is whether it may be sent without asking.
pub(super) async fn follow(
    act: &Act<'_>,
    session: &mut Session<'_>,
    acted: &mut Acted,
    mut consented: bool,
) -> Result<(), Error> {
    let (ci, cancel) = (session.ci, session.cancel);
    let mut subscription = Subscription::open(ci, all_facts(act.histories).collect(), None).await?;
    session.report(Progress::Waiting { source: subscription.origin() });
    let mut tally = Tally::of(act.histories);
    acted.outcomes = watch(act, session, &acted.results, (&mut subscription, &mut tally)).await?;
    let Some(first) = act.histories.first() else { return Ok(()) };
    let followed = Followed {
        pushes: first.facts.iter().map(|facts| facts.push.clone()).collect(),
        jobs: act.histories.iter().map(|history| history.job.clone()).collect(),
        builds: act.histories.iter().map(|history| history.build.clone()).collect(),
    };
    let waits = act.plan.waits_for.iter();
    let mut pending = Pending {
        planned: waits
            .map(|w| ((w.push.id, w.job.clone()), w.have.saturating_add(w.times)))
            .collect(),
        again: HashSet::new(),
        lost: HashSet::new(),
    };
    let started = Instant::now();
    let mut failing: Option<(u32, Instant)> = None;
    while !cancel.is_cancelled() && started.elapsed() < LIMIT {
        let settled = reconcile(ci, session.ledger).await?;
        pending.lost.extend(settled.iter().flat_map(never_arrived));
        session.report(Progress::Settled(&settled));
        let now = match followed.read(session).await {
            Ok(now) => now,
            Err(error) => {
                let (times, since) = failing.unwrap_or((0, Instant::now()));
                failing = Some((times + 1, since));
                if times + 1 >= FAILURES && since.elapsed() >= ci.patience() {
                    acted.gave_up = true;
                    session.report(Progress::GaveUp(&error));
                    return Ok(());
                }
                session.report(Progress::PollFailed(&error));
                pause(ci.poll.min(BACK_OFF), cancel).await;
                continue;
            }
        };
        failing = None;
        let mut next = pending.with_builds(act, &now, acted);
        if let Some(anew) = pending.lost_anew(act, &now, &next) {
            let sends = !anew.requests.is_empty();
            if sends {
                session.report(Progress::NeverArrived { runs: anew.runs() });
            }
            if sends && !consented {
                consented = session.host.confirm(Question::SendAgain { runs: anew.runs() }).await?;
                if !consented {
                    session.report(Progress::Declined);
                    return Ok(());
                }
            }
            next = Plan::join([next, anew], act.plan.times);
        }
        session.report(Progress::LeftOut(&next.left_out));
        acted.left_out.extend(next.left_out.iter().cloned());
        if !next.requests.is_empty() {
            if let Err(refusal) = guarded(session, &next, &now, true).await? {
                session.report(Progress::Refused { refusal: &refusal, dry_run: false });
                acted.refused = Some(refusal);
                continue;
            }
            let mut round = send(session, &next, &now).await?;
            acted.left_out.append(&mut round.left_out);
            let news = (&mut subscription, &mut tally);
            acted.outcomes.extend(watch(act, session, &round.results, news).await?);
            acted.results.append(&mut round.results);
            continue;
        }
        let can_settle = started.elapsed() < Duration::from_secs(SETTLE_SECONDS as u64 + 5);
        let waits = |facts: &PushFacts| facts.is_under_way() || (facts.doubtful > 0 && can_settle);
        if pending.planned.is_empty() && !all_facts(&now).any(waits) {
            acted.after = Some(now);
            return Ok(());
        }
        if let Some(remaining) = tally.of_pushes(places(&now)) {
            session.report(Progress::Remaining(remaining));
        }
        match can_settle && all_facts(&now).any(|facts| facts.doubtful > 0) {
            // No event tells of what is unconfirmed.
            true => pause(ci.poll, cancel).await,
            false => {
                subscription.next(&at_work(&now), cancel).await;
            }
        }
    }
    match followed.read(session).await {
        Ok(after) => acted.after = Some(after),
        Err(error) => {
            acted.gave_up = true;
            session.report(Progress::GaveUp(&error));
        }
    }
    Ok(())
}

impl Followed {
    async fn read(&self, session: &mut Session<'_>) -> Result<Vec<JobHistory>, Error> {
        let (ci, ledger) = (session.ci, Some(&*session.ledger));
        read_jobs(ci, ledger, &self.pushes, &self.jobs, Some(&self.builds)).await
    }
}

impl Pending {
    /// The requests for pushes whose builds are there by now.
    fn with_builds(&mut self, act: &Act<'_>, now: &[JobHistory], acted: &mut Acted) -> Plan {
        let planned = &self.planned;
        let next = plan_all(now, act.plan.times, |history| {
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
        self.planned.retain(|(push, job), _| {
            let facts = now.iter().filter(|h| h.job == *job).flat_map(|h| &h.facts);
            let mut facts = facts.filter(|facts| facts.push.id == *push);
            facts.any(|facts| matches!(facts.build, Build::UnderWay(_)))
        });
        // A build that came to nothing is requested once more, and the job waits for it. A second time
        // it is reported, and left to the user.
        for waits in &next.waits_for {
            let key = (waits.push.id, waits.job.clone());
            if self.again.insert(key.clone()) {
                self.planned.insert(key, waits.have.saturating_add(waits.times));
            } else if !self.planned.contains_key(&key) {
                acted.left_out.push(LeftOut {
                    push: waits.push.clone(),
                    job: waits.job.clone(),
                    why: LeftOutReason::BuildDead(waits.build.clone()),
                });
            }
        }
        next
    }

    /// What never arrived, planned anew; none where all of it did.
    fn lost_anew(&mut self, act: &Act<'_>, now: &[JobHistory], next: &Plan) -> Option<Plan> {
        let wanted = act.wanted.filter(|_| !self.lost.is_empty())?;
        let lost = std::mem::take(&mut self.lost);
        let anew = plan_all(now, act.plan.times, |history| {
            let mut plan = wanted(history);
            let is_lost = |push: &PushRef, job: &JobName| {
                let sent_now = next.requests.iter().any(|r| r.push == *push && r.job == *job);
                !sent_now && lost.contains(&(push.revision.hash().to_owned(), job.clone()))
            };
            plan.requests.retain(|request| is_lost(&request.push, &request.job));
            plan.waits_for.retain(|waits| is_lost(&waits.push, &waits.job));
            plan.left_out.retain(|left_out| is_lost(&left_out.push, &left_out.job));
            plan
        });
        for waits in &anew.waits_for {
            let key = (waits.push.id, waits.job.clone());
            self.planned.insert(key, waits.have.saturating_add(waits.times));
        }
        Some(anew)
    }
}

/// What a request was for that turned out never to have arrived, by the push's head and the job.
fn never_arrived(trigger: &TriggerRequest) -> Vec<(String, JobName)> {
    if !matches!(trigger.state, TriggerState::NotSent { .. }) {
        return Vec::new();
    }
    let wanted = trigger.jobs.iter().filter(|requested| requested.times > 0);
    wanted.map(|requested| (trigger.revision.hash().to_owned(), requested.job.clone())).collect()
}

/// Follows what was sent to its end, and reports each run that has ended.
async fn watch(
    act: &Act<'_>,
    session: &mut Session<'_>,
    results: &[TriggerResult],
    (subscription, tally): (&mut Subscription, &mut Tally),
) -> Result<Vec<Outcome>, Error> {
    let Session { ci, ledger, host, cancel } = session;
    let named = act.histories.len() > 1;
    let mut unwritten = None;
    let awaited = awaited(results);
    tally.note(&awaited.iter().map(Outcome::of).collect::<Vec<_>>());
    if let Some(remaining) = tally.of_requests() {
        host.on(ci, Progress::Remaining(remaining));
    }
    // Each outcome ends once.
    let (ended, mut to_note) = mpsc::channel(awaited.len().max(1));
    let waiting = async {
        let ended = ended;
        let mut on_change = |outcome: &Outcome| {
            if outcome.done {
                host.on(ci, Progress::Ended { outcome, named });
                let _ = ended.try_send(outcome.clone());
            }
            tally.note([outcome]);
            if let Some(remaining) = tally.of_requests() {
                host.on(ci, Progress::Remaining(remaining));
            }
        };
        wait(ci, &awaited, subscription, cancel, &mut on_change).await
    };
    let noting = async {
        while let Some(outcome) = to_note.recv().await {
            let Outcome { action, job, .. } = &outcome;
            let words = words(&outcome);
            let noted = ledger.note_outcome(&ci.root_url, *action, job, &words, ci.now()).await;
            unwritten = unwritten.take().or(noted.err());
        }
    };
    let (outcomes, ()) = tokio::join!(waiting, noting);
    let outcomes = outcomes?;
    match unwritten {
        Some(error) => Err(error.into()),
        None => Ok(outcomes),
    }
}

/// What came of a request, as the ledger keeps it.
fn words(outcome: &Outcome) -> String {
    let runs: Vec<&str> = outcome.runs.iter().map(|run| run.state.word()).collect();
    match (&outcome.blocked_by, runs.is_empty()) {
        (Some(build), _) => format!("blocked by {build}"),
        (None, true) => format!("made nothing: {}", outcome.action_state.word()),
        (None, false) => runs.join(", "),
    }
}

/// The jobs' pushes on which something is under way, or has been since it was requested.
fn places(histories: &[JobHistory]) -> impl Iterator<Item = (&JobName, &PushFacts)> {
    histories
        .iter()
        .flat_map(|history| history.facts.iter().map(move |facts| (&history.job, facts)))
        .filter(|(_, facts)| facts.is_under_way())
}

/// The requests that are waiting or at work.
fn at_work(histories: &[JobHistory]) -> Vec<RequestId> {
    let of_jobs = all_facts(histories).flat_map(|facts| &facts.runs);
    let of_builds = histories.iter().flat_map(|history| history.build_runs.iter().flatten());
    let open = of_jobs.chain(of_builds).filter(|run| run.state.is_waiting());
    open.map(|run| run.key.request).collect()
}

fn awaited(results: &[TriggerResult]) -> Vec<Awaited> {
    let mut awaited: Vec<Awaited> = Vec::new();
    for result in results {
        let TriggerState::Sent { request } = result.state else { continue };
        awaited.extend(result.jobs.iter().map(|requested| Awaited {
            push: result.push.clone(),
            job: requested.job.clone(),
            times: requested.times,
            action: request,
            by_action: result.by_action,
        }));
    }
    awaited
}
