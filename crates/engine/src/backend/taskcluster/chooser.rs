//! Everything that can run on a push, and how that ran lately.

use crate::flow::Chooser;

use mozci_core::filter::JobFilter;
use mozci_core::push::Push;

use crate::backend::taskcluster::builds::newest_graph;
use crate::backend::taskcluster::choose::decisions_of;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::matrix::read_matrix;

/// Reads what can run on the newest of some pushes that tells, and, where the past is wanted, what
/// their runs were. With `exact` it is the newest of them that was asked about, and no other will do.
///
/// # Errors
/// [`Error::NotFound`] where no push tells, or not the one that was asked about.
pub(crate) async fn chooser(
    ci: &Ci,
    pushes: &[Push],
    exact: bool,
    with_past: bool,
) -> Result<Chooser, Error> {
    let graph_side = async {
        let decided = decisions_of(ci, pushes).await?;
        newest_graph(ci, pushes, &decided).await
    };
    let past_side = async {
        match with_past {
            true => read_matrix(ci, pushes, &JobFilter::default()).await.map(Some),
            false => Ok(None),
        }
    };
    let (graph, past) = tokio::try_join!(graph_side, past_side)?;
    let Some((push, graph)) = graph else {
        return Err(Error::NotFound(format!(
            "no push of {} that was asked about has a task graph: its decision task is not done, or has failed",
            ci.repo
        )));
    };
    if let Some(requested) = pushes.first().filter(|newest| exact && newest.id != push.id) {
        return Err(Error::NotFound(format!(
            "push {} has no task graph: its decision task is not done, or has failed; the newest before it that has one is push {} (--rev {})",
            requested.id, push.id, push.id
        )));
    }
    if pushes.first().is_some_and(|newest| newest.id != push.id) {
        ci.note(format!("newer pushes have no task graph (yet): this is that of push {}", push.id));
    }
    if let Some(why) = past.as_ref().and_then(|matrix| matrix.incomplete.as_ref()) {
        ci.note(why);
    }
    let past = past.as_ref().map(|matrix| (pushes.len(), matrix));
    Ok(Chooser::new(push, graph, past))
}
