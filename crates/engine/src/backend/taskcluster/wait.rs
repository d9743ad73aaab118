//! Following what was requested until it has ended.

use crate::flow::LIMIT;
use crate::flow::Outcome;
use crate::flow::pause;
use crate::flow::wait::FAILURES;
use std::collections::{HashMap, HashSet};
use std::time::Instant;

use mozci_clients::taskcluster::{TaskStatus, Watched};
use mozci_core::event::Standing;
use mozci_core::ids::{JobName, RequestId, TaskId};
use mozci_core::run::State;
use tokio_util::sync::CancellationToken;

use crate::backend::taskcluster::created::created_by;
use crate::backend::taskcluster::history::definition;
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::error::Error;
use crate::events::Subscription;

/// Waits until everything has ended.
pub(crate) async fn wait(
    ci: &Ci,
    outcomes: &mut [Outcome],
    subscription: &mut Subscription,
    stop: &CancellationToken,
    on_change: &mut (dyn FnMut(&Outcome) + Send),
) -> Result<(), Error> {
    let started = Instant::now();
    let mut created = Known::new(outcomes);
    if !created.itself.is_empty() {
        let tasks: Vec<Watched> = created.itself.iter().copied().map(Watched::Task).collect();
        subscription.also(Box::new(tasks)).await;
    }
    let (mut failures, mut seen) = (0, HashSet::new());
    seen.extend(created.open(outcomes));
    while outcomes.iter().any(|outcome| !outcome.done) {
        let looked = look(ci, outcomes, &mut created, subscription, on_change).await;
        let failed = looked.is_err();
        match looked {
            Ok(()) => failures = 0,
            Err(error) if failures + 1 >= FAILURES => return Err(error),
            Err(error) => {
                failures += 1;
                ci.note(format!("a poll failed and was retried: {error}"));
            }
        }
        if stop.is_cancelled() || started.elapsed() > LIMIT {
            break;
        }
        let open = created.open(outcomes);
        // What an action made may have ended before anybody knew that it is waited for: where it
        // stands is read once before it is waited for.
        let before = seen.len();
        seen.extend(open.iter().copied());
        let fresh = seen.len() > before;
        match failed {
            true => pause(ci.poll, stop).await,
            false if open.is_empty() || fresh => {}
            false => {
                subscription.next(&open, stop).await;
            }
        }
    }
    Ok(())
}

/// Looks once, without waiting.
pub(crate) async fn stand(ci: &Ci, outcomes: &mut [Outcome]) -> Result<(), Error> {
    let subscription = Subscription::polling(ci);
    let mut created = Known::new(outcomes);
    // What actions made is known after the first look, and where that stands after the second.
    for _ in 0..2 {
        look(ci, outcomes, &mut created, &subscription, &mut |_| {}).await?;
    }
    Ok(())
}

async fn look(
    ci: &Ci,
    outcomes: &mut [Outcome],
    created: &mut Known,
    subscription: &Subscription,
    on_change: &mut (dyn FnMut(&Outcome) + Send),
) -> Result<(), Error> {
    let statuses = standing(ci, &created.open(outcomes), subscription).await?;
    for outcome in outcomes.iter_mut().filter(|outcome| !outcome.done) {
        let before = (outcome.action_state.clone(), outcome.runs.clone(), outcome.done);
        match created.of(outcome) {
            None => {
                let status = outcome.action.task().and_then(|task| statuses.get(&task));
                let Some(status) = status else { continue };
                look_at_action(ci, outcome, status, created).await?;
            }
            Some(tasks) => look_at_tasks(ci, outcome, &tasks, &statuses).await?,
        }
        if before != (outcome.action_state.clone(), outcome.runs.clone(), outcome.done) {
            on_change(outcome);
        }
    }
    Ok(())
}

/// Where tasks stand: as it was told where somebody tells, read where nobody has yet.
async fn standing(
    ci: &Ci,
    wanted: &[RequestId],
    subscription: &Subscription,
) -> Result<HashMap<TaskId, TaskStatus>, Error> {
    let mut statuses = HashMap::new();
    let mut untold = Vec::new();
    for task in wanted.iter().filter_map(|request| request.task()) {
        match subscription.standing(task.into()) {
            Some(Standing { state, runs, .. }) => {
                statuses.insert(task, TaskStatus { task, state, runs });
            }
            None => untold.push(task),
        }
    }
    if !untold.is_empty() {
        let failed = Error::service("cannot read the states of what was requested");
        let read = ci.taskcluster()?.statuses(&untold).await.map_err(failed)?;
        let learned = read.values().map(|status| Standing {
            request: status.task.into(),
            group: None,
            job: None,
            state: status.state.clone(),
            runs: status.runs.clone(),
        });
        subscription.learned(learned.collect());
        statuses.extend(read);
    }
    Ok(statuses)
}

/// What is known of the tasks that were made.
#[derive(Debug, Default)]
struct Known {
    /// What action tasks created of jobs.
    by_action: HashMap<(TaskId, JobName), Vec<TaskId>>,
    /// Tasks that are runs themselves.
    itself: HashSet<TaskId>,
}

impl Known {
    /// What is known before anybody looked.
    fn new(outcomes: &[Outcome]) -> Self {
        let themselves = outcomes.iter().filter(|outcome| !outcome.by_action);
        let itself = themselves.filter_map(|outcome| outcome.action.task()).collect();
        Self { itself, ..Self::default() }
    }

    /// The tasks that are waited for: actions until they have ended, then what they made.
    fn open(&self, outcomes: &[Outcome]) -> Vec<RequestId> {
        let mut open: Vec<TaskId> = Vec::new();
        for outcome in outcomes.iter().filter(|outcome| !outcome.done) {
            match self.of(outcome) {
                Some(tasks) => open.extend(tasks),
                None => open.extend(outcome.action.task()),
            }
        }
        open.sort_unstable();
        open.dedup();
        open.into_iter().map(RequestId::from).collect()
    }

    /// The tasks of an outcome's job; `None` until its action has ended.
    fn of(&self, outcome: &Outcome) -> Option<Vec<TaskId>> {
        let task = outcome.action.task()?;
        if self.itself.contains(&task) {
            return Some(vec![task]);
        }
        self.by_action.get(&(task, outcome.job.clone())).cloned()
    }
}

/// Looks at an action task, and at what it created once it has ended well.
async fn look_at_action(
    ci: &Ci,
    outcome: &mut Outcome,
    status: &TaskStatus,
    known: &mut Known,
) -> Result<(), Error> {
    outcome.action_state = status.state.clone();
    if !status.state.is_good() {
        outcome.done = status.state.is_final();
        return Ok(());
    }
    let created = created_by(ci, status.task, &outcome.job, outcome.times).await?;
    outcome.done = created.is_empty();
    known.by_action.insert((status.task, outcome.job.clone()), created);
    Ok(())
}

/// Looks at the tasks that an action created.
async fn look_at_tasks(
    ci: &Ci,
    outcome: &mut Outcome,
    tasks: &[TaskId],
    statuses: &HashMap<TaskId, TaskStatus>,
) -> Result<(), Error> {
    // Several jobs share an action: what it created may be known since a moment ago.
    outcome.action_state = match outcome.action_state.is_final() {
        true => outcome.action_state.clone(),
        false => State::Passed,
    };
    outcome.done = tasks.is_empty();
    let found: Vec<&TaskStatus> = tasks.iter().filter_map(|task| statuses.get(task)).collect();
    outcome.runs = found.iter().flat_map(|status| status.runs.clone()).collect();
    let mut ended = found.len() == tasks.len();
    for status in found {
        if status.state == State::Unscheduled {
            outcome.blocked_by = blocked_by(ci, status.task).await?;
            ended &= outcome.blocked_by.is_some();
        } else {
            ended &= status.state.is_final();
        }
    }
    outcome.done = ended;
    Ok(())
}

/// The dependency that keeps a task from ever being scheduled, in words.
async fn blocked_by(ci: &Ci, task: TaskId) -> Result<Option<String>, Error> {
    let definition = definition(ci, task).await?;
    let ids: Vec<TaskId> =
        definition.dependencies.iter().filter_map(|id| id.parse().ok()).collect();
    if ids.is_empty() {
        return Ok(None);
    }
    let what = "cannot read the states of a task's dependencies";
    let statuses = ci.taskcluster()?.statuses(&ids).await.map_err(Error::service(what))?;
    let broken = ids
        .iter()
        .filter_map(|id| statuses.get(id))
        .find(|status| status.state.is_final() && !status.state.is_good());
    match broken {
        None => Ok(None),
        Some(status) => {
            let label = self::definition(ci, status.task).await?.label;
            Ok(Some(format!("{label} {} ({})", status.state.word(), status.task)))
        }
    }
}
