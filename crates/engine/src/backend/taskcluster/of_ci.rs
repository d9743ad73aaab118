//! The Taskcluster of a CI that is one.

use std::any::Any;
use std::sync::Arc;

use mozci_clients::taskcluster::{Actions, GroupState, Taskcluster};
use mozci_clients::treeherder::Treeherder;
use mozci_core::ids::TaskId;

use super::backend::TaskclusterBackend;
use super::decided::Failed;
use crate::backend::roles::no_tasks;
use crate::ci::Ci;
use crate::error::Error;

/// What the flows of this folder ask of a CI, which is a Taskcluster.
pub(crate) trait OfTaskcluster {
    /// The backend.
    fn tc(&self) -> Result<&TaskclusterBackend, Error>;

    /// The client.
    fn taskcluster(&self) -> Result<&Taskcluster, Error> {
        Ok(&self.tc()?.taskcluster)
    }

    /// Treeherder.
    ///
    /// # Errors
    /// [`Error::Usage`] where the configuration names none.
    fn treeherder(&self) -> Result<&Treeherder, Error>;

    /// Where the decision task of a push with this head is indexed.
    fn decision_path(&self, revision: &str) -> Result<String, Error> {
        Ok(format!("{}.revision.{revision}.taskgraph.decision", self.tc()?.index))
    }

    /// The actions that a decision task offers.
    fn actions(
        &self,
        decision: TaskId,
    ) -> impl Future<Output = Result<Arc<Actions>, Failed>> + Send;

    /// Whether tasks can be added to a decision task's group.
    fn group_state(
        &self,
        decision: TaskId,
    ) -> impl Future<Output = Result<GroupState, Failed>> + Send;

    /// What scopes stand for.
    fn expanded_scopes(
        &self,
        scopes: &[String],
    ) -> impl Future<Output = Result<Vec<String>, Failed>> + Send;
}

impl OfTaskcluster for Ci {
    fn tc(&self) -> Result<&TaskclusterBackend, Error> {
        let any: &dyn Any = self.backend();
        any.downcast_ref().ok_or_else(|| no_tasks(self))
    }

    fn treeherder(&self) -> Result<&Treeherder, Error> {
        self.tc()?.treeherder.as_ref().ok_or_else(|| without_treeherder(&self.repo))
    }

    async fn actions(&self, decision: TaskId) -> Result<Arc<Actions>, Failed> {
        self.tc()?.actions(decision).await
    }

    async fn group_state(&self, decision: TaskId) -> Result<GroupState, Failed> {
        self.tc()?.group_state(decision, self.now()).await
    }

    async fn expanded_scopes(&self, scopes: &[String]) -> Result<Vec<String>, Failed> {
        self.tc()?.expanded_scopes(scopes).await
    }
}

/// What is wrong with a configuration that tells neither where results are nor where tasks are indexed.
pub(crate) fn without_treeherder(repo: &mozci_core::ids::RepoName) -> Error {
    Error::Usage(format!(
        "the config has neither `treeherder_url` for the CI nor `tasks_index` for the repository {repo}: one of them is needed to find the runs of a push"
    ))
}
