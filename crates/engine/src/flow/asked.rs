//! Runs that were asked for and that no source shows yet.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use mozci_clients::taskcluster::{Asks, TaskStatus};
use mozci_clients::treeherder::JobRow;
use mozci_core::ids::{JobName, TaskId, TreeherderPushId};
use mozci_core::push::Push;
use mozci_core::run::{Run, State};

use super::decisions::ACTION_GROUP;
use super::history::{definition, is_unresolved};
use crate::ci::Ci;
use crate::error::Error;
use crate::store::{AskState, Ledger};

/// What actions asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// Runs asked for on a push, by its place, that are not there yet.
    pub(crate) runs: HashMap<usize, u32>,
    /// Of these, the ones of which nobody can tell whether they were sent.
    pub(crate) doubtful: HashMap<usize, u32>,
    /// Runs that Taskcluster knows better, or that Treeherder does not show yet.
    pub(crate) sightings: Vec<(usize, Run)>,
}

/// How long after an action's end Treeherder may not yet show what it created.
const LAG_SECONDS: i64 = 30 * 60;

/// How long the ledger's askings are held against what the CI shows.
const LEDGER_SECONDS: i64 = 24 * 3600;

struct Action {
    push: usize,
    task: TaskId,
    state: State,
}

/// Reads what was asked for, and brings unresolved runs up to Taskcluster's knowledge.
pub(crate) async fn read(
    ci: &Ci,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    ids: &HashMap<TreeherderPushId, usize>,
    groups: &[JobRow],
    rows: &[JobRow],
    job: &JobName,
) -> Result<Asked, Error> {
    let mut asked = Asked::default();
    let mut actions = shown_actions(ci, ids, groups);
    from_ledger(ci, ledger, pushes, job, groups, &mut actions, &mut asked)?;

    let place_of: HashMap<TaskId, usize> =
        rows.iter().filter_map(|row| Some((row.run.key.task, *ids.get(&row.push)?))).collect();
    let unresolved = rows.iter().filter(|row| is_unresolved(&row.run)).map(|r| r.run.key.task);
    let waiting = actions.iter().filter(|a| !a.state.is_final()).map(|action| action.task);
    let mut wanted: Vec<TaskId> = unresolved.chain(waiting).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let statuses = statuses(ci, &wanted).await?;
    for (task, status) in &statuses {
        if let Some(push) = place_of.get(task) {
            asked.sightings.extend(status.runs.iter().map(|run| (*push, run.clone())));
        }
    }

    let is_of_job = |id: &str| id.parse().is_ok_and(|id: TaskId| place_of.contains_key(&id));
    let counted = stream::iter(actions)
        .map(|action| judge(ci, action, &statuses, job, &is_of_job))
        .buffered(8)
        .try_collect::<Vec<_>>()
        .await?;
    let mut created: Vec<(usize, TaskId)> = Vec::new();
    let mut backfills = Vec::new();
    for (push, asks) in counted.into_iter().flatten() {
        match asks {
            Still::Runs(runs) => *asked.runs.entry(push).or_default() += runs,
            Still::Backfill(backfill) => backfills.push((push, backfill)),
            Still::Created(tasks) => created.extend(tasks.into_iter().map(|task| (push, task))),
        }
    }
    let mut shown: Vec<usize> = created.iter().map(|(push, _)| *push).collect();
    shown.extend(place_of.values());
    count_backfills(&mut asked, &backfills, &shown, pushes.len());
    let hidden: Vec<(usize, TaskId)> =
        created.into_iter().filter(|(_, task)| !place_of.contains_key(task)).collect();
    let hidden_ids: Vec<TaskId> = hidden.iter().map(|(_, task)| *task).collect();
    let found = self::statuses(ci, &hidden_ids).await?;
    for (push, task) in hidden {
        let runs = found.get(&task).map(|status| status.runs.clone()).unwrap_or_default();
        asked.sightings.extend(runs.into_iter().map(|run| (push, run)));
    }
    Ok(asked)
}

pub(super) async fn statuses(
    ci: &Ci,
    tasks: &[TaskId],
) -> Result<HashMap<TaskId, TaskStatus>, Error> {
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let what = "cannot read the states of tasks, and what cannot be seen is not taken for missing";
    ci.taskcluster.statuses(tasks).await.map_err(Error::service(what))
}

/// The action tasks that Treeherder shows, those left out which cannot matter any more: failed
/// ones ask for nothing, and what old ones created is shown itself.
fn shown_actions(
    ci: &Ci,
    ids: &HashMap<TreeherderPushId, usize>,
    groups: &[JobRow],
) -> Vec<Action> {
    let now = ci.now();
    let mut actions: Vec<Action> = Vec::new();
    for row in groups.iter().filter(|row| row.group.as_str() == ACTION_GROUP) {
        let Some(push) = ids.get(&row.push) else {
            continue;
        };
        let recent = row.run.seen.is_none_or(|seen| now.since(seen) < LAG_SECONDS);
        let matters = !row.run.state.is_final() || (row.run.state.is_good() && recent);
        if matters {
            let state = row.run.state.clone();
            actions.push(Action { push: *push, task: row.run.key.task, state });
        }
    }
    actions
}

/// What the ledger knows: action tasks that Treeherder does not show yet, and askings of which
/// nobody can tell whether they were sent, which count as sent.
fn from_ledger(
    ci: &Ci,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    job: &JobName,
    groups: &[JobRow],
    actions: &mut Vec<Action>,
    asked: &mut Asked,
) -> Result<(), Error> {
    let Some(ledger) = ledger else { return Ok(()) };
    let since = ci.now().plus(-LEDGER_SECONDS);
    for asking in ledger.askings_of(&ci.root_url, job, since)? {
        let Some(push) = pushes.iter().position(|push| push.revision == asking.revision) else {
            continue;
        };
        match asking.state {
            AskState::Sent { task } => {
                if !groups.iter().any(|row| row.run.key.task == task) {
                    actions.push(Action { push, task, state: State::Pending });
                }
            }
            AskState::Recorded | AskState::Uncertain { .. } => {
                *asked.runs.entry(push).or_default() += asking.times;
                if !asking.is_in_hand() {
                    *asked.doubtful.entry(push).or_default() += asking.times;
                }
            }
            AskState::NotSent { .. } => {}
        }
    }
    Ok(())
}

/// Counts what other people's backfills ask for on the pushes below their own.
///
/// Their second stage, an action on each of those pushes, may be counted or have created its runs
/// already: what is asked for or shown there is not counted twice.
fn count_backfills(
    asked: &mut Asked,
    backfills: &[(usize, Backfill)],
    shown: &[usize],
    pushes: usize,
) {
    for (push, backfill) in backfills {
        let first = if backfill.inclusive { *push } else { push + 1 };
        for older in first..(push + 1 + backfill.depth as usize).min(pushes) {
            let runs = asked.runs.entry(older).or_default();
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

async fn judge(
    ci: &Ci,
    action: Action,
    statuses: &HashMap<TaskId, TaskStatus>,
    job: &JobName,
    is_of_job: &impl Fn(&str) -> bool,
) -> Result<Option<(usize, Still)>, Error> {
    let state = match (statuses.get(&action.task), action.state.is_final()) {
        (Some(status), _) => status.state.clone(),
        (None, true) => action.state,
        // A task that the queue does not know asks for nothing.
        (None, false) => return Ok(None),
    };
    if state.is_final() && !state.is_good() {
        return Ok(None);
    }
    let definition = definition(ci, action.task).await?;
    let Some(context) = definition.action else {
        return Ok(None);
    };
    let still = match (context.asks(job, is_of_job), state.is_final()) {
        (Asks::Nothing, _) => return Ok(None),
        (Asks::Runs(runs), false) => Still::Runs(runs),
        (Asks::Runs(_), true) => {
            let what = format!("cannot read what the action task {} created", action.task);
            let created = ci.taskcluster.created_by(action.task, job.as_str()).await;
            Still::Created(created.map_err(Error::service(what))?)
        }
        (Asks::Backfill { depth, times, inclusive }, ended) => {
            Still::Backfill(Backfill { depth, times, inclusive, ended })
        }
    };
    Ok(Some((action.push, still)))
}
