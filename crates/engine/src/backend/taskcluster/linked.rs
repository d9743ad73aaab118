//! A job that is given as a link to one of its runs, or as a task's id.

use mozci_clients::taskcluster::TaskDefinition;
use mozci_core::ids::TaskId;

use crate::backend::taskcluster::history::definition;
use crate::backend::taskcluster::tasks::{of_this_project, task_that_is_there};
use crate::ci::Ci;
use crate::error::Error;

/// Checks that a task is a job of this repository.
pub(crate) async fn check_is_a_job(ci: &Ci, task: TaskId) -> Result<(), Error> {
    let definition = definition(ci, task).await?;
    is_a_job(&definition, task, None)?;
    of_this_project(ci, task, &definition)
}

/// A task's definition, if the task is there and is a job.
///
/// # Errors
/// [`Error::NotFound`] where it is gone, and those of [`is_a_job`].
pub(crate) async fn job_that_is_there(
    ci: &Ci,
    task: TaskId,
    decision: TaskId,
) -> Result<TaskDefinition, Error> {
    let definition = task_that_is_there(ci, task, "").await?;
    is_a_job(&definition, task, Some(decision))?;
    Ok(definition)
}

/// Checks that a task is a job: what a push can break. `decision` is the push's decision task, where it is known.
///
/// # Errors
/// [`Error::Usage`] for a decision and an action task.
fn is_a_job(
    definition: &TaskDefinition,
    task: TaskId,
    decision: Option<TaskId>,
) -> Result<(), Error> {
    let kind = definition.tags.get("kind").map(String::as_str);
    // A decision task is the first of its own group, and gives that its name.
    let begins_its_group = definition.group.as_deref() == Some(task.to_string().as_str());
    let what = match (kind, &definition.action) {
        (Some("decision-task"), _) => "a decision task",
        (Some("action-callback" | "action"), _) | (_, Some(_)) => "an action task",
        _ if begins_its_group || decision == Some(task) => "a decision task",
        _ => return Ok(()),
    };
    Err(Error::Usage(format!(
        "the task {task} ({}) is {what}, which no push breaks: select a build or a test",
        definition.label
    )))
}
