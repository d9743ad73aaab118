//! Runs that were requested and that no source shows yet.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use mozci_clients::side_by_side;
use mozci_clients::taskcluster::{JobRequests, TaskStatus};
use mozci_clients::treeherder::JobRow;
use mozci_core::ids::{JobName, RequestId, TaskId, TreeherderPushId};
use mozci_core::push::Push;
use mozci_core::run::{Run, State};

use crate::backend::taskcluster::created::created_by;
use crate::backend::taskcluster::decisions::ACTION_GROUP;
use crate::backend::taskcluster::elsewhere::elsewhere;
use crate::backend::taskcluster::history::{definition, is_unresolved};
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::backend::taskcluster::sends::CREATE;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::{Ledger, TriggerState};

/// What was requested of a job.
#[derive(Debug, Default)]
pub(crate) struct Requested {
    /// Runs requested on a push, by its place, that are not there yet.
    pub(crate) runs: HashMap<usize, u32>,
    /// Of these, the ones of which nobody can tell whether they were sent.
    pub(crate) doubtful: HashMap<usize, u32>,
    /// Runs that Taskcluster knows better, or that Treeherder does not show yet.
    pub(crate) sightings: Vec<(usize, Run)>,
}

/// How long after an action's end Treeherder may not yet show what it created.
const LAG_SECONDS: i64 = 30 * 60;

/// How long the ledger's trigger requests are held against what the CI shows.
pub(crate) const LEDGER_SECONDS: i64 = 24 * 3600;

struct Action {
    push: usize,
    task: TaskId,
    state: State,
    /// What it requests by the ledger, by the jobs' places.
    ours: Vec<(usize, u32)>,
}

/// A job with the rows that Treeherder shows of it.
pub(crate) struct Shown<'a> {
    pub(crate) job: &'a JobName,
    pub(crate) rows: &'a [JobRow],
    /// Its tasks with their pushes' places.
    places: HashMap<TaskId, usize>,
}

impl<'a> Shown<'a> {
    pub(crate) fn new(
        job: &'a JobName,
        rows: &'a [JobRow],
        ids: &HashMap<TreeherderPushId, usize>,
    ) -> Self {
        let place = |row: &JobRow| Some((row.run.key.task()?, *ids.get(&row.push)?));
        Self { job, rows, places: rows.iter().filter_map(place).collect() }
    }
}

/// Reads what was requested of each of some jobs, and brings unresolved runs up to Taskcluster's
/// knowledge. `others` also looks at what hooks fired, where somebody is about to ask.
pub(crate) async fn read(
    ci: &Ci,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    ids: &HashMap<TreeherderPushId, usize>,
    groups: &[JobRow],
    jobs: &[Shown<'_>],
    others: bool,
) -> Result<Vec<Requested>, Error> {
    let mut requested: Vec<Requested> = jobs.iter().map(|_| Requested::default()).collect();
    let mut actions = shown_actions(ci, ids, groups);
    if let Some(ledger) = ledger.filter(|_| others) {
        let elsewhere = elsewhere(ci, ledger, pushes, ids, groups).await?;
        let action = |(push, task)| Action { push, task, state: State::Pending, ours: Vec::new() };
        actions.extend(elsewhere.into_iter().map(action));
    }
    let mut created: Vec<Vec<(usize, TaskId)>> = vec![Vec::new(); jobs.len()];
    from_ledger(ci, ledger, pushes, groups, jobs, &mut actions, &mut requested, &mut created)
        .await?;

    let unresolved = jobs.iter().flat_map(|shown| shown.rows);
    let unresolved =
        unresolved.filter(|row| is_unresolved(&row.run)).filter_map(|r| r.run.key.task());
    let waiting = actions.iter().filter(|a| !a.state.is_final()).map(|action| action.task);
    let mut wanted: Vec<TaskId> = unresolved.chain(waiting).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let statuses = statuses(ci, &wanted).await?;
    for (shown, requested) in jobs.iter().zip(&mut requested) {
        for (task, push) in &shown.places {
            let runs = statuses.get(task).map_or(&[][..], |status| &status.runs);
            requested.sightings.extend(runs.iter().map(|run| (*push, run.clone())));
        }
    }

    let judged = actions.into_iter().map(|action| classify(ci, action, &statuses, jobs));
    let counted: Vec<_> = side_by_side(judged, 8).try_collect().await?;
    let mut backfills: Vec<Vec<(usize, Backfill)>> = jobs.iter().map(|_| Vec::new()).collect();
    for (push, job, requests) in counted.into_iter().flatten() {
        match requests {
            Still::Runs(runs) => {
                let requested = requested[job].runs.entry(push).or_default();
                *requested = requested.saturating_add(runs);
            }
            Still::Backfill(backfill) => backfills[job].push((push, backfill)),
            Still::Created(tasks) => created[job].extend(tasks.into_iter().map(|t| (push, t))),
        }
    }
    for (job, shown) in jobs.iter().enumerate() {
        let mut seen: Vec<usize> = created[job].iter().map(|(push, _)| *push).collect();
        seen.extend(shown.places.values());
        count_backfills(&mut requested[job], &backfills[job], &seen, pushes.len());
        created[job].retain(|(_, task)| !shown.places.contains_key(task));
    }
    let mut hidden: Vec<TaskId> = created.iter().flatten().map(|(_, task)| *task).collect();
    hidden.sort_unstable();
    hidden.dedup();
    let found = self::statuses(ci, &hidden).await?;
    for (requested, created) in requested.iter_mut().zip(created) {
        for (push, task) in created {
            match found.get(&task) {
                Some(status) => {
                    requested.sightings.extend(status.runs.iter().map(|run| (push, run.clone())));
                }
                // It was created, and the queue does not show it yet.
                None => *requested.runs.entry(push).or_default() += 1,
            }
        }
    }
    Ok(requested)
}

/// Of the action tasks on some pushes those that have not ended yet: those that Treeherder shows,
/// and those that the ledger knows besides.
pub(crate) async fn pending_actions(
    ci: &Ci,
    ledger: &Ledger,
    pushes: &[Push],
    ids: &HashMap<TreeherderPushId, usize>,
    groups: &[JobRow],
) -> Result<Vec<TaskId>, Error> {
    let shown = shown_actions(ci, ids, groups);
    let mut tasks: Vec<TaskId> =
        shown.iter().filter(|action| !action.state.is_final()).map(|action| action.task).collect();
    for trigger in ledger.requests_since(&ci.root_url, ci.now().plus(-LAG_SECONDS)).await? {
        let ours = trigger.times() > 0 && trigger.action != CREATE;
        if let (true, TriggerState::Sent { request: RequestId::Task(task) }) =
            (ours, &trigger.state)
            && pushes.iter().any(|push| push.revision == trigger.revision)
        {
            tasks.push(*task);
        }
    }
    tasks.sort_unstable();
    tasks.dedup();
    let found = statuses(ci, &tasks).await?;
    tasks.retain(|task| found.get(task).is_none_or(|status| !status.state.is_final()));
    Ok(tasks)
}

pub(crate) async fn statuses(
    ci: &Ci,
    tasks: &[TaskId],
) -> Result<HashMap<TaskId, TaskStatus>, Error> {
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let what = "cannot read the states of tasks, and what cannot be seen is not taken for missing";
    ci.taskcluster()?.statuses(tasks).await.map_err(Error::service(what))
}

/// The action tasks that Treeherder shows, those left out which cannot matter any more: failed
/// ones request nothing, and what old ones created is shown itself.
fn shown_actions(
    ci: &Ci,
    ids: &HashMap<TreeherderPushId, usize>,
    groups: &[JobRow],
) -> Vec<Action> {
    let now = ci.now();
    let mut actions: Vec<Action> = Vec::new();
    for row in groups.iter().filter(|row| row.group.as_str() == ACTION_GROUP) {
        let (Some(push), Some(task)) = (ids.get(&row.push), row.run.key.task()) else {
            continue;
        };
        let recent = row.run.seen.is_none_or(|seen| now.since(seen) < LAG_SECONDS);
        let matters = !row.run.state.is_final() || (row.run.state.is_good() && recent);
        if matters {
            let state = row.run.state.clone();
            actions.push(Action { push: *push, task, state, ours: Vec::new() });
        }
    }
    actions
}

/// What the ledger knows: action tasks that Treeherder does not show yet, tasks that were created
/// without an action, and trigger requests of which nobody can tell whether they were sent, which count as
/// sent.
#[expect(clippy::too_many_arguments, reason = "it fills in what `read` puts together")]
async fn from_ledger(
    ci: &Ci,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    groups: &[JobRow],
    jobs: &[Shown<'_>],
    actions: &mut Vec<Action>,
    requested: &mut [Requested],
    created: &mut [Vec<(usize, TaskId)>],
) -> Result<(), Error> {
    let Some(ledger) = ledger else { return Ok(()) };
    let since = ci.now().plus(-LEDGER_SECONDS);
    for trigger in ledger.requests_since(&ci.root_url, since).await? {
        let Some(push) = pushes.iter().position(|push| push.revision == trigger.revision) else {
            continue;
        };
        let ours: Vec<(usize, u32)> = trigger
            .jobs
            .iter()
            .filter_map(|a| Some((jobs.iter().position(|s| *s.job == a.job)?, a.times)))
            .filter(|(_, times)| *times > 0)
            .collect();
        match trigger.state {
            _ if ours.is_empty() => {}
            TriggerState::Sent { request: RequestId::Task(task) } if trigger.action == CREATE => {
                for (job, _) in ours {
                    created[job].push((push, task));
                }
            }
            TriggerState::Sent { request: RequestId::Task(task) } => {
                match actions.iter_mut().find(|action| action.task == task) {
                    Some(known) => known.ours = ours,
                    None if !groups.iter().any(|row| row.run.key.task() == Some(task)) => {
                        actions.push(Action { push, task, state: State::Pending, ours });
                    }
                    None => {}
                }
            }
            TriggerState::Planned | TriggerState::Uncertain { .. } => {
                for (job, times) in ours {
                    *requested[job].runs.entry(push).or_default() += times;
                    if !trigger.is_in_hand() {
                        *requested[job].doubtful.entry(push).or_default() += times;
                    }
                }
            }
            TriggerState::NotSent { .. } | TriggerState::Sent { .. } => {}
        }
    }
    Ok(())
}

/// Counts what other people's backfills request on the pushes below their own.
///
/// Their second stage, an action on each of those pushes, may be counted or have created its runs
/// already: what is requested or shown there is not counted twice.
fn count_backfills(
    requested: &mut Requested,
    backfills: &[(usize, Backfill)],
    shown: &[usize],
    pushes: usize,
) {
    for (push, backfill) in backfills {
        let first = if backfill.inclusive { *push } else { push + 1 };
        for older in first..(push + 1 + backfill.depth as usize).min(pushes) {
            let runs = requested.runs.entry(older).or_default();
            if !backfill.ended || !shown.contains(&older) {
                *runs = (*runs).max(backfill.times);
            }
        }
    }
}

/// A backfill of somebody's, whose own push is known beside it.
struct Backfill {
    depth: u32,
    times: u32,
    inclusive: bool,
    /// Whether its first stage has ended, so that the second one shows or is about to.
    ended: bool,
}

enum Still {
    Runs(u32),
    Backfill(Backfill),
    Created(Vec<TaskId>),
}

/// What an action asks of each of some jobs, by their places.
async fn classify(
    ci: &Ci,
    action: Action,
    statuses: &HashMap<TaskId, TaskStatus>,
    jobs: &[Shown<'_>],
) -> Result<Vec<(usize, usize, Still)>, Error> {
    let state = match (statuses.get(&action.task), action.state.is_final()) {
        (Some(status), _) => status.state.clone(),
        (None, true) => action.state,
        // A task that the queue does not know requests nothing; but one that we sent lately is
        // only not shown yet.
        (None, false) => {
            let still = |(job, times): &(usize, u32)| (action.push, *job, Still::Runs(*times));
            return Ok(action.ours.iter().map(still).collect());
        }
    };
    if state.is_final() && !state.is_good() {
        return Ok(Vec::new());
    }
    if !action.ours.is_empty() {
        // The ledger has what was requested; the task itself need not be read.
        let mut all = Vec::with_capacity(action.ours.len());
        for (place, times) in action.ours {
            let still = match state.is_final() {
                false => Still::Runs(times),
                true => Still::Created(created_by(ci, action.task, jobs[place].job, times).await?),
            };
            all.push((action.push, place, still));
        }
        return Ok(all);
    }
    let definition = definition(ci, action.task).await?;
    if !definition.is_whole() {
        return Err(Error::Odd(format!(
            "the action task {} does not say what it requests, and what cannot be seen is not taken for missing",
            action.task
        )));
    }
    let Some(context) = definition.action else {
        return Ok(Vec::new());
    };
    let mut all = Vec::new();
    for (place, shown) in jobs.iter().enumerate() {
        let is_of_job = |id: &str| id.parse().is_ok_and(|id| shown.places.contains_key(&id));
        let still = match (context.requests(shown.job, is_of_job), state.is_final()) {
            (JobRequests::Nothing, _) => continue,
            (JobRequests::Runs(runs), false) => Still::Runs(runs),
            (JobRequests::Runs(runs), true) => {
                Still::Created(created_by(ci, action.task, shown.job, runs).await?)
            }
            (JobRequests::Backfill { depth, times, inclusive }, ended) => {
                Still::Backfill(Backfill { depth, times, inclusive, ended })
            }
        };
        all.push((action.push, place, still));
    }
    Ok(all)
}
