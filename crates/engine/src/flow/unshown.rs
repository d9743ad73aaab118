//! What waits or runs on a push by the queue's own list, whatever Treeherder shows.

use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use mozci_core::facts::Decision;
use mozci_core::filter::{Facets, JobFilter};
use mozci_core::ids::{JobName, TaskId};
use mozci_core::push::Push;
use mozci_core::run::Run;

use super::choose::decisions_of;
use crate::ci::Ci;
use crate::error::Error;

/// Pushes whose groups are read: each is a list of thousands.
const MOST: usize = 20;

/// What waits or runs of the jobs that a filter means and that is not among what is known, by the
/// pushes' places: from the pushes' task groups, since Treeherder may be hours behind.
///
/// # Errors
/// [`Error::Service`].
pub async fn unshown(
    ci: &Ci,
    pushes: &[Push],
    filter: &JobFilter,
    known: &HashSet<TaskId>,
) -> Result<Vec<(usize, JobName, Run)>, Error> {
    if !ci.has_graphs() {
        return Ok(Vec::new());
    }
    if pushes.len() > MOST {
        ci.note(format!(
            "of more than {MOST} pushes only what Treeherder shows is looked at, which may be behind"
        ));
        return Ok(Vec::new());
    }
    let decided = decisions_of(ci, pushes).await?;
    let groups = decided.iter().enumerate().filter_map(|(place, decision)| match decision {
        Decision::Done(task) => Some((place, *task)),
        _ => None,
    });
    let found: Vec<Vec<(usize, JobName, Run)>> = stream::iter(groups)
        .map(|(place, group)| async move {
            let what = format!("cannot read the tasks of push {}", pushes[place].id);
            let tasks = ci.taskcluster.group(group, "metadata.name").await;
            let tasks = tasks.map_err(Error::service(what))?;
            let tasks = tasks.into_iter().filter(|task| !known.contains(&task.status.task));
            let means = |label: &str| filter.keeps(&Facets::of(label));
            let waiting = tasks.filter_map(|task| {
                let label = task.label.filter(|label| means(label))?;
                // Decision and action tasks are left alone unless they are named.
                let named = filter.jobs.iter().any(|job| job.as_str() == label);
                let of_a_job =
                    named || !(label == "Gecko Decision Task" || label.starts_with("Action"));
                let run = task.status.runs.into_iter().find(|run| run.state.is_waiting())?;
                of_a_job.then(|| (place, JobName::new(&label), run))
            });
            Ok::<_, Error>(waiting.collect())
        })
        .buffered(4)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}
