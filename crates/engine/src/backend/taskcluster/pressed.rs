//! The job on which a button was pressed.

use std::time::{Duration, Instant};

use mozci_clients::taskcluster::{CALLBACKS, Pressed};
use mozci_core::ids::{JobName, TaskId};
use tokio_util::sync::CancellationToken;

use crate::backend::taskcluster::history::definition;
use crate::backend::taskcluster::linked::job_that_is_there;
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::pause;

/// What was selected when a button was pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The job.
    pub job: JobName,
    /// The repository that it ran for, by Treeherder's name.
    pub project: String,
}

/// Reads the selected task, and checks that there is something to be done about it.
///
/// # Errors
/// [`Error::NotFound`] where it is gone, or does not say for which push it ran; [`Error::Usage`] for a decision or an
/// action task, and for one of another group.
pub async fn selected(ci: &Ci, pressed: &Pressed) -> Result<Selected, Error> {
    let task = pressed.task;
    let definition = job_that_is_there(ci, task, pressed.group).await?;
    let label = &definition.label;
    if let Some(group) = definition.group.filter(|group| *group != pressed.group.to_string()) {
        return Err(Error::Usage(format!(
            "the task {task} ({label}) is of the task group {group}, and the action was requested on {}",
            pressed.group
        )));
    }
    let (project, _) = definition.push.ok_or_else(|| {
        Error::NotFound(format!("the task {task} ({label}) does not say for which push it ran"))
    })?;
    Ok(Selected { job: JobName::new(label), project })
}

/// Where the callbacks of action tasks stand in their definitions.
const CALLBACK: &str = "payload.env.ACTION_CALLBACK";

/// How long earlier presses are waited for: hooks give their tasks 1,800 s.
const PATIENCE: Duration = Duration::from_secs(600);

/// Waits until earlier presses on the same job have ended, so that what they sent is seen; `on_wait` is told of the first.
/// Returns the press that has not ended when the patience or somebody ends the waiting, and the seconds waited.
///
/// # Errors
/// [`Error::Service`] and [`Error::NotFound`] where the queue does not tell.
pub async fn earlier_presses(
    ci: &Ci,
    pressed: &Pressed,
    own: TaskId,
    job: &JobName,
    stop: &CancellationToken,
    on_wait: &mut (dyn FnMut(TaskId) + Send),
) -> Result<Option<(TaskId, u64)>, Error> {
    let started = Instant::now();
    let mut is_told = false;
    while let Some(earlier) = earlier_press(ci, pressed, own, job).await? {
        if !std::mem::replace(&mut is_told, true) {
            on_wait(earlier);
        }
        if started.elapsed() > PATIENCE || stop.is_cancelled() {
            return Ok(Some((earlier, started.elapsed().as_secs())));
        }
        pause(ci.poll, stop).await;
    }
    Ok(None)
}

/// Another task of the same group that acts on the same job for mozci, was made before our `own`, and has not ended.
/// Of several presses at one moment each waits for those before it, and sees what they sent.
///
/// # Errors
/// [`Error::Service`] where the queue does not tell.
async fn earlier_press(
    ci: &Ci,
    pressed: &Pressed,
    own: TaskId,
    job: &JobName,
) -> Result<Option<TaskId>, Error> {
    let what = format!("cannot read the task group {}", pressed.group);
    let tasks = ci.taskcluster()?.group(pressed.group, CALLBACK).await;
    let tasks = tasks.map_err(Error::service(what))?;
    let ours = tasks.iter().find(|task| task.status.task == own).ok_or_else(|| {
        Error::NotFound(format!("the task group {} does not list this task, {own}", pressed.group))
    })?;
    let is_ours = |label: &Option<String>| {
        label.as_deref().is_some_and(|callback| CALLBACKS.contains(&callback))
    };
    let mut earlier: Vec<_> = tasks
        .iter()
        .filter(|task| is_ours(&task.label) && !task.status.state.is_final())
        .filter(|task| (task.created_ms, task.status.task) < (ours.created_ms, own))
        .collect();
    earlier.sort_by_key(|task| (task.created_ms, task.status.task));
    for task in earlier {
        let action = definition(ci, task.status.task).await?.action;
        let Some(selected) = action.and_then(|action| action.task?.parse().ok()) else { continue };
        if definition(ci, selected).await?.label == job.as_str() {
            return Ok(Some(task.status.task));
        }
    }
    Ok(None)
}
