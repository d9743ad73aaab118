//! The job on which a button was pressed.

use mozci_clients::taskcluster::Pressed;
use mozci_core::ids::JobName;

use super::resolve::task_that_is_there;
use crate::ci::Ci;
use crate::error::Error;

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
    let definition = task_that_is_there(ci, task, "").await?;
    let label = &definition.label;
    let kind = definition.tags.get("kind").map(String::as_str);
    let what = match (kind, &definition.action) {
        (Some("decision-task"), _) => Some("a decision task"),
        (Some("action-callback" | "action"), _) | (_, Some(_)) => Some("an action task"),
        _ if task == pressed.group => Some("a decision task"),
        _ => None,
    };
    if let Some(what) = what {
        return Err(Error::Usage(format!(
            "the task {task} ({label}) is {what}, which no push breaks: select a build or a test"
        )));
    }
    if let Some(group) = definition.group.filter(|group| *group != pressed.group.to_string()) {
        return Err(Error::Usage(format!(
            "the task {task} ({label}) is of the task group {group}, and the action was asked for on {}",
            pressed.group
        )));
    }
    let (project, _) = definition.push.ok_or_else(|| {
        Error::NotFound(format!("the task {task} ({label}) does not say for which push it ran"))
    })?;
    Ok(Selected { job: JobName::new(label), project })
}
