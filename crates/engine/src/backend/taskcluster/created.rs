//! What action tasks created: read once, since what one that has ended created does not change.

use std::collections::BTreeMap;

use mozci_clients::taskcluster::GroupTask;
use mozci_core::ids::{JobName, TaskId};
use mozci_core::time::At;

use crate::backend::taskcluster::history::definition;
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::FactKind;

/// Where Gecko's tasks have their label.
const LABEL: &str = "metadata.name";

/// How far apart, in seconds, an action creates tasks of one job.
const TOGETHER: i64 = 120;

/// The tasks of each job that an action created.
type Created = BTreeMap<String, Vec<String>>;

/// The tasks of a job that an action created, which has ended well and was requested so many.
///
/// An action may write one record for all that it created, in which several tasks of a job are one: the
/// last. Where the record names fewer tasks than were requested, the push's task group tells the rest.
///
/// # Errors
/// [`Error::Service`].
pub(crate) async fn created_by(
    ci: &Ci,
    action: TaskId,
    job: &JobName,
    requested: u32,
) -> Result<Vec<TaskId>, Error> {
    let key = action.to_string();
    let known: Option<Created> = ci.fact(FactKind::Created, &key);
    let mut created = match known {
        Some(created) => created,
        None => {
            let what = format!("cannot read what the action task {action} created");
            let found = ci.taskcluster()?.created_by(action).await.map_err(Error::service(what))?;
            let created: Created = found.names().collect();
            // A record that is not there, or not any more, is none that says "nothing".
            if !created.is_empty() {
                ci.keep(FactKind::Created, [(key.clone(), created.clone())]);
            }
            created
        }
    };
    let recorded = created.get(job.as_str()).map_or(0, Vec::len);
    if recorded > 0 && recorded < requested as usize {
        let group = definition(ci, action).await?.group;
        if let Some(group) = group.and_then(|group| group.parse::<TaskId>().ok()) {
            let what = format!(
                "cannot read the task group {group}, which tells what the action task {action} created"
            );
            let tasks =
                ci.taskcluster()?.group(group, LABEL).await.map_err(Error::service(what))?;
            let named = created.entry(job.to_string()).or_default();
            more_of_it(&tasks, job, named);
            if named.len() >= requested as usize {
                ci.keep(FactKind::Created, [(key, created.clone())]);
            }
        }
    }
    let tasks = created.get(job.as_str()).map_or(&[][..], Vec::as_slice);
    Ok(tasks.iter().filter_map(|task| task.parse().ok()).collect())
}

/// Adds to the tasks of a job that an action is known to have made those that were made with them: it makes
/// them within moments, and others are the push's own or somebody else's.
fn more_of_it(group: &[GroupTask], job: &JobName, named: &mut Vec<String>) {
    let of_job: Vec<(String, At)> = group
        .iter()
        .filter(|task| task.label.as_deref() == Some(job.as_str()))
        .filter_map(|task| Some((task.status.task.to_string(), task.created?)))
        .collect();
    let known = of_job.iter().filter(|(task, _)| named.contains(task));
    let at: Vec<At> = known.map(|(_, created)| *created).collect();
    for (task, created) in of_job {
        let near = at.iter().any(|at| created.since(*at).abs() <= TOGETHER);
        if near && !named.contains(&task) {
            named.push(task);
        }
    }
}

#[cfg(test)]
mod tests {
    use mozci_clients::taskcluster::TaskStatus;
    use mozci_core::run::State;

    use super::*;

    #[test]
    fn what_was_made_with_a_recorded_task_is_of_the_same_action() {
        let task = |byte: u8, label: &str, created: i64| GroupTask {
            status: TaskStatus {
                task: TaskId::from_bytes([byte; 16]),
                state: State::Pending,
                runs: vec![],
            },
            label: Some(label.to_owned()),
            kind: None,
            dependencies: vec![],
            created: Some(At(created)),
            created_ms: Some(created * 1000),
        };
        // The push's own, somebody else's an hour later, and the two of this action.
        let group = [
            task(1, "a", 100),
            task(2, "a", 5000),
            task(3, "a", 5004),
            task(4, "a", 8600),
            task(5, "b", 5000),
        ];
        let id = |byte: u8| TaskId::from_bytes([byte; 16]).to_string();
        let mut named = vec![id(3)];
        more_of_it(&group, &JobName::new("a"), &mut named);
        assert_eq!(named, [id(3), id(2)]);
        // A recorded task that the group does not list stays.
        let mut named = vec![id(9)];
        more_of_it(&group, &JobName::new("a"), &mut named);
        assert_eq!(named, [id(9)]);
    }
}
