//! Tasks that somebody names.

use mozci_clients::taskcluster::TaskDefinition;
use mozci_core::ids::TaskId;

use super::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::error::Error;

/// A task's definition. That the task is gone is said, with what may be done `instead`.
pub(crate) async fn task_that_is_there(
    ci: &Ci,
    task: TaskId,
    instead: &str,
) -> Result<TaskDefinition, Error> {
    ci.taskcluster()?.task(task).await.map_err(|error| {
        if error.is_not_found() {
            let text = format!("{} knows no task {task}: it may have expired", ci.root_url);
            return Error::NotFound(format!("{text}{instead}"));
        }
        Error::service(format!("cannot read the task {task}"))(error)
    })
}

pub(crate) async fn revision_of_task(ci: &Ci, task: TaskId) -> Result<String, Error> {
    let instead = "; name the push by its revision instead";
    let definition = task_that_is_there(ci, task, instead).await?;
    of_this_project(ci, task, &definition)?;
    definition.push.map(|(_, revision)| revision).ok_or_else(|| {
        Error::NotFound(format!(
            "the task {task} ({}) does not say for which push it ran; name the push by its revision",
            definition.label
        ))
    })
}

/// Checks that a task did not run for another repository.
///
/// # Errors
/// [`Error::Usage`] with that one's name.
pub(crate) fn of_this_project(
    ci: &Ci,
    task: TaskId,
    definition: &TaskDefinition,
) -> Result<(), Error> {
    match &definition.push {
        Some((project, _)) if *project != ci.project => Err(Error::Usage(format!(
            "the task {task} ran for {project}, and {} was asked about: give `--repo {project}`",
            ci.repo
        ))),
        _ => Ok(()),
    }
}
