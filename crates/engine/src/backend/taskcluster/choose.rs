//! Which jobs a filter means on a push: of everything that can run there, or of what was chosen.

use crate::flow::Chosen;
use mozci_core::chooser::{Job, JobGraph};
use mozci_core::facts::Decision;
use mozci_core::filter::JobFilter;
use mozci_core::ids::{JobName, TaskId};
use mozci_core::push::Push;

use crate::backend::taskcluster::builds::{newest_graph, unknown_job};
use crate::backend::taskcluster::decisions::decisions;
use crate::backend::taskcluster::graphs::task_graph;
use crate::backend::taskcluster::history::{group_rows, treeherder_ids};
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::build_of::BuildOf;

/// The jobs which a filter means among everything that can run, by the newest task graph of some
/// pushes. Kinds other than builds and tests are meant only where they are named.
///
/// # Errors
/// [`Error::NotFound`] where no push has a task graph, or none of the jobs is meant.
pub(crate) async fn choose(ci: &Ci, pushes: &[Push], filter: &JobFilter) -> Result<Chosen, Error> {
    let decided = decisions_of(ci, pushes).await?;
    let Some((push, graph)) = newest_graph(ci, pushes, &decided).await? else {
        return Err(Error::NotFound(
            "no push of the range has a task graph, so it is not known which jobs there are; name them".into(),
        ));
    };
    check_named(ci, &graph, push, filter)?;
    any(&graph, push, filter)
}

/// The jobs of a graph that filters mean, where they mean any: nothing at all is a slip as a rule.
fn any(graph: &JobGraph, push: &Push, filter: &JobFilter) -> Result<Chosen, Error> {
    let meant = meant(graph.select(filter, None));
    if meant.jobs.is_empty() {
        return Err(Error::NotFound(format!(
            "none of {} jobs of push {} matches these filters (a glob must match the whole name; kinds other than builds and tests need --kind)",
            graph.len(),
            push.id
        )));
    }
    Ok(meant)
}

/// The jobs that were chosen for a push and that a filter means. With a filter that says more than
/// what to leave out, everything that can run there.
///
/// # Errors
/// [`Error::NotFound`] where the push has no task graph.
pub(crate) async fn chosen(ci: &Ci, push: &Push, filter: &JobFilter) -> Result<Chosen, Error> {
    let pushes = std::slice::from_ref(push);
    let decided = decisions_of(ci, pushes).await?;
    let task: TaskId = match decided.first() {
        Some(Decision::Done(task)) => *task,
        other => {
            let why = match other {
                Some(Decision::UnderWay) => "its decision task has not ended yet",
                Some(Decision::Failed) => "its decision task failed",
                _ => "no decision task is known",
            };
            let id = push.id;
            return Err(Error::NotFound(format!("push {id} has no task graph to fill: {why}")));
        }
    };
    let graph = task_graph(ci, push, task).await?;
    check_named(ci, &graph, push, filter)?;
    match filter.is_given() {
        true => any(&graph, push, filter),
        false if graph.jobs().any(|job| job.by_default().is_none()) => {
            Err(Error::NotFound(format!(
                "it is not known which tasks were chosen for push {}: it has no target-tasks.json (any more); choose some with a filter",
                push.id
            )))
        }
        false => Ok(meant(graph.select(filter, None).filter(|job| job.by_default() == Some(true)))),
    }
}

fn meant<'a>(jobs: impl Iterator<Item = Job<'a>>) -> Chosen {
    let (jobs, builds) =
        jobs.map(|job| (JobName::new(job.label()), BuildOf::by_graph(&job))).unzip();
    Chosen { jobs, builds }
}

/// Every job that is named must be there.
fn check_named(ci: &Ci, graph: &JobGraph, push: &Push, filter: &JobFilter) -> Result<(), Error> {
    match filter.jobs.iter().find(|job| graph.get(job.as_str()).is_none()) {
        None => Ok(()),
        Some(job) => Err(Error::NotFound(unknown_job(ci, job.as_str(), push, graph.labels()))),
    }
}

pub(crate) async fn decisions_of(ci: &Ci, pushes: &[Push]) -> Result<Vec<Decision>, Error> {
    let ids = treeherder_ids(ci, pushes).await?;
    let groups = group_rows(ci, &ids).await?;
    decisions(ci, pushes, &ids, &groups.rows).await
}
