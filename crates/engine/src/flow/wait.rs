//! Following what was asked for until it has ended.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use mozci_clients::taskcluster::{TaskStatus, Watched};
use mozci_core::event::Standing;
use mozci_core::ids::{JobName, RequestId, TaskId};
use mozci_core::push::PushRef;
use mozci_core::run::{Run, State};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::created::created_by;
use super::history::definition;
use crate::ci::Ci;
use crate::error::Error;
use crate::events::Ear;

/// Something that was asked for.
#[derive(Debug, Clone)]
pub struct Awaited {
    /// Where.
    pub push: PushRef,
    /// The job.
    pub job: JobName,
    /// Runs asked for.
    pub times: u32,
    /// The task that makes them, or that is the run itself; a build request.
    pub action: RequestId,
    /// Whether it is an action.
    pub by_action: bool,
}

/// What became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Where.
    pub push: PushRef,
    /// The job.
    pub job: JobName,
    /// Runs asked for.
    pub times: u32,
    /// The action task, the task or the build request.
    #[serde(serialize_with = "as_text")]
    pub action: RequestId,
    /// Where the action task stands.
    pub action_state: State,
    /// Every run of the tasks that it made.
    pub runs: Vec<Run>,
    /// What keeps tasks from running, where that will not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// Whether nothing more is to be expected.
    pub done: bool,
}

impl Outcome {
    /// Of what nobody has looked at yet.
    fn of(awaited: &Awaited) -> Self {
        Self {
            push: awaited.push.clone(),
            job: awaited.job.clone(),
            times: awaited.times,
            action: awaited.action,
            action_state: State::Pending,
            runs: Vec::new(),
            blocked_by: None,
            done: false,
        }
    }

    /// Whether the action itself ended, and not well: nothing comes of it.
    pub fn failed(&self) -> bool {
        self.action_state.is_final() && !self.action_state.is_good()
    }

    /// What became of it, in words.
    pub fn words(&self) -> String {
        if self.failed() {
            return format!("{} itself ended {}", self.action, self.action_state.word());
        }
        if let Some(build) = &self.blocked_by {
            return format!("cannot run: {build}");
        }
        if self.runs.is_empty() {
            return if self.done { "nothing came of it" } else { "under way" }.to_owned();
        }
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for run in &self.runs {
            let word = run.state.word();
            match counts.iter_mut().find(|(known, _)| *known == word) {
                Some((_, count)) => *count += 1,
                None => counts.push((word, 1)),
            }
        }
        let each = counts.iter().map(|(word, count)| match count {
            1 => (*word).to_owned(),
            count => format!("{word} {count} times"),
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

fn as_text<S: serde::Serializer>(id: &RequestId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// The longest that anything is waited for.
pub const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Consecutive failures to read after which waiting is given up.
pub(super) const FAILURES: u32 = 5;

/// Waits until everything has ended, looking as often as the configuration says. `on_change` sees
/// an outcome each time that it has changed. `stop` ends the waiting; what was seen is returned.
///
/// # Errors
/// [`Error::Service`] after several failures to read in a row.
pub async fn wait(
    ci: &Ci,
    awaited: &[Awaited],
    ear: &mut Ear,
    stop: &CancellationToken,
    on_change: &mut (dyn FnMut(&Outcome) + Send),
) -> Result<Vec<Outcome>, Error> {
    let started = Instant::now();
    let mut outcomes: Vec<Outcome> = awaited.iter().map(Outcome::of).collect();
    if let Some(farm) = ci.farm() {
        super::buildbot::wait(ci, farm, &mut outcomes, ear, stop, on_change).await?;
        return Ok(outcomes);
    }
    if let Some(api) = ci.buildapi() {
        super::buildapi::wait(ci, api, &mut outcomes, stop, on_change).await?;
        return Ok(outcomes);
    }
    let mut created = Known::new(awaited);
    if !created.itself.is_empty() {
        ear.also(created.itself.iter().copied().map(Watched::Task).collect()).await;
    }
    let (mut failures, mut seen) = (0, HashSet::new());
    seen.extend(created.open(&outcomes));
    while outcomes.iter().any(|outcome| !outcome.done) {
        let looked = look(ci, &mut outcomes, &mut created, ear, on_change).await;
        let failed = looked.is_err();
        match looked {
            Ok(()) => failures = 0,
            Err(error) if failures + 1 >= FAILURES => return Err(error),
            Err(error) => {
                failures += 1;
                ci.note(format!("a look failed and was made again: {error}"));
            }
        }
        if stop.is_cancelled() || started.elapsed() > LIMIT {
            break;
        }
        let open = created.open(&outcomes);
        // What an action made may have ended before anybody knew that it is waited for: where it
        // stands is read once before it is waited for.
        let before = seen.len();
        seen.extend(open.iter().copied());
        let fresh = seen.len() > before;
        match failed {
            true => pause(ci.poll, stop).await,
            false if open.is_empty() || fresh => {}
            false => {
                ear.next(&open, stop).await;
            }
        }
    }
    Ok(outcomes)
}

/// Looks once at what became of what was asked for, without waiting.
///
/// # Errors
/// [`Error::Service`].
pub async fn stand(ci: &Ci, awaited: &[Awaited]) -> Result<Vec<Outcome>, Error> {
    let mut ear = Ear::deaf(ci);
    if ci.farm().is_some() || ci.buildapi().is_some() {
        let once = CancellationToken::new();
        once.cancel();
        return wait(ci, awaited, &mut ear, &once, &mut |_| {}).await;
    }
    let mut outcomes: Vec<Outcome> = awaited.iter().map(Outcome::of).collect();
    let mut created = Known::new(awaited);
    // What actions made is known after the first look, and where that stands after the second.
    for _ in 0..2 {
        look(ci, &mut outcomes, &mut created, &ear, &mut |_| {}).await?;
    }
    Ok(outcomes)
}

/// Sleeps, but not past a stop.
pub async fn pause(time: Duration, stop: &CancellationToken) {
    // That the time ran out and that it was stopped come to the same.
    let _ = tokio::time::timeout(time, stop.cancelled()).await;
}

async fn look(
    ci: &Ci,
    outcomes: &mut [Outcome],
    created: &mut Known,
    ear: &Ear,
    on_change: &mut (dyn FnMut(&Outcome) + Send),
) -> Result<(), Error> {
    let statuses = standing(ci, &created.open(outcomes), ear).await?;
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
    ear: &Ear,
) -> Result<HashMap<TaskId, TaskStatus>, Error> {
    let mut statuses = HashMap::new();
    let mut untold = Vec::new();
    for task in wanted.iter().filter_map(|request| request.task()) {
        match ear.standing(task.into()) {
            Some(Standing { state, runs, .. }) => {
                statuses.insert(task, TaskStatus { task, state, runs });
            }
            None => untold.push(task),
        }
    }
    if !untold.is_empty() {
        let failed = Error::service("cannot read the states of what was asked for");
        let read = ci.taskcluster()?.statuses(&untold).await.map_err(failed)?;
        let learned = read.values().map(|status| Standing {
            request: status.task.into(),
            group: None,
            job: None,
            state: status.state.clone(),
            runs: status.runs.clone(),
        });
        ear.learned(learned.collect());
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
    fn new(awaited: &[Awaited]) -> Self {
        let themselves = awaited.iter().filter(|awaited| !awaited.by_action);
        let itself = themselves.filter_map(|awaited| awaited.action.task()).collect();
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
