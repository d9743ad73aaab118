//! What can run on a push, from its full task graph.

use std::collections::BTreeMap;

use mozci_core::ids::TaskId;
use serde::{Deserialize, Serialize};

use super::acts::Taskcluster;
use crate::http::HttpError;

/// The labels of a push's full task graph.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskGraph(pub BTreeMap<String, GraphEntry>);

/// One label of a task graph.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphEntry {
    /// Its kind.
    #[serde(default)]
    pub kind: Option<String>,
    /// The labels that it depends on, under their edges' names: `build`.
    #[serde(default)]
    pub dependencies: BTreeMap<String, String>,
}

/// The largest graph that is believed, in bytes after decompression.
const LARGEST: usize = 2 << 30;

impl Taskcluster {
    /// The full task graph of a decision task, reduced to what is read of it while it comes: on
    /// Firefox CI it is hundreds of megabytes.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn full_task_graph(&self, decision: TaskId) -> Result<TaskGraph, HttpError> {
        let url = self.artifact_url(decision, "public/full-task-graph.json")?;
        self.http.get_streamed(url, LARGEST).await
    }
}
