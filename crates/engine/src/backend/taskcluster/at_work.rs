//! What Treeherder does not show of what goes on: it may be hours behind.

use crate::flow::AtWork;
use crate::flow::at_work::MOST_GROUPS;
use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt;
use mozci_clients::side_by_side;
use mozci_core::facts::Decision;
use mozci_core::filter::{Facets, JobFilter};
use mozci_core::ids::{JobName, TaskId};
use mozci_core::push::Push;
use mozci_core::run::Run;

use crate::backend::taskcluster::decisions::decisions;
use crate::backend::taskcluster::history::{group_rows, treeherder_ids};
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::backend::taskcluster::requested::pending_actions;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::Ledger;

/// The kinds of the tasks that make the others.
const MAKERS: [&str; 2] = ["decision-task", "action-callback"];

/// Reads what goes on besides the tasks that are known already.
///
/// # Errors
/// [`Error::Service`], [`Error::Store`].
pub(crate) async fn at_work(
    ci: &Ci,
    ledger: &Ledger,
    pushes: &[Push],
    filter: &JobFilter,
    known: &HashSet<TaskId>,
) -> Result<AtWork, Error> {
    // Without Treeherder the index knows the decision tasks that have ended well.
    let shown = async {
        let ids = treeherder_ids(ci, pushes).await?;
        let rows = group_rows(ci, &ids).await?.rows;
        Ok::<_, Error>((ids, rows))
    };
    let (ids, groups) = match shown.await {
        Ok(shown) => shown,
        // Of so many pushes the groups are not read, and then nobody would have looked at all.
        Err(error) if pushes.len() > MOST_GROUPS => return Err(error),
        Err(error) => {
            ci.note(format!("what Treeherder shows cannot be read; only the pushes' task groups are read: {error}"));
            (HashMap::new(), Vec::new())
        }
    };
    let mut groups_of = Vec::new();
    if pushes.len() > MOST_GROUPS {
        ci.note(format!(
            "of more than {MOST_GROUPS} pushes only what Treeherder shows is looked at, which may be behind"
        ));
    } else {
        let decided = decisions(ci, pushes, &ids, &groups).await?;
        let done = decided.iter().filter(|decision| matches!(decision, Decision::Done(_))).count();
        if groups.is_empty() && done < pushes.len() {
            return Err(Error::Odd(format!(
                "neither Treeherder nor the index lists the tasks of {} of {} pushes: what goes on there cannot be seen",
                pushes.len() - done,
                pushes.len()
            )));
        }
        groups_of.extend(decided.into_iter().enumerate().filter_map(|(place, decision)| {
            match decision {
                Decision::Done(task) => Some((place, task)),
                _ => None,
            }
        }));
    }
    let found: Vec<Vec<(usize, JobName, Run)>> = {
        let each = groups_of
            .into_iter()
            .map(|(place, group)| of_group(ci, &pushes[place], place, group, filter, known));
        side_by_side(each, 4).try_collect().await?
    };
    let actions = pending_actions(ci, ledger, pushes, &ids, &groups).await?;
    Ok(AtWork { runs: found.into_iter().flatten().collect(), actions })
}

async fn of_group(
    ci: &Ci,
    push: &Push,
    place: usize,
    group: TaskId,
    filter: &JobFilter,
    known: &HashSet<TaskId>,
) -> Result<Vec<(usize, JobName, Run)>, Error> {
    let what = format!("cannot read the tasks of push {}", push.id);
    let tasks =
        ci.taskcluster()?.group(group, "metadata.name").await.map_err(Error::service(what))?;
    let unknown = tasks.into_iter().filter(|task| !known.contains(&task.status.task));
    let waiting = unknown.filter_map(|task| {
        let label = task.label?;
        let kind = task.kind.as_deref();
        let named = filter.jobs.iter().any(|job| job.as_str() == label);
        // Without its decision task a push would have nothing at all.
        let is_maker = kind.is_some_and(|kind| MAKERS.contains(&kind));
        let meant = filter.keeps(&Facets { kind, ..Facets::of(&label) }) && (named || !is_maker);
        let run = task.status.runs.into_iter().find(|run| run.state.is_waiting())?;
        meant.then(|| (place, JobName::new(&label), run))
    });
    Ok(waiting.collect())
}
