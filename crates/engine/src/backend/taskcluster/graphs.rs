//! The task graphs of pushes, read once and kept.

use mozci_core::chooser::JobGraph;
use mozci_core::ids::TaskId;
use mozci_core::push::Push;

use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::FactKind;

/// The task graph of a push whose decision task is done, with what was chosen for the push: from disk
/// where it is known.
pub(crate) async fn task_graph(ci: &Ci, push: &Push, decision: TaskId) -> Result<JobGraph, Error> {
    let key = decision.to_string();
    if let Some(known) = ci.large_fact(FactKind::Graph, &key) {
        return Ok(known);
    }
    let what = |what: &str| Error::service(format!("cannot read {what} of push {}", push.id));
    let taskcluster = ci.taskcluster()?;
    let (graph, chosen) =
        tokio::join!(taskcluster.full_task_graph(decision), taskcluster.target_tasks(decision));
    let mut graph = graph.map_err(what("the task graph"))?;
    match chosen {
        Ok(chosen) => graph.note_chosen(&chosen),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(what("the chosen tasks")(error)),
    }
    ci.keep_large(FactKind::Graph, &key, &graph);
    Ok(graph)
}
