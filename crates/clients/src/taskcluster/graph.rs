//! What can run on a push, from its full task graph.

use std::collections::BTreeMap;

use mozci_core::filter::Facets;
use mozci_core::ids::TaskId;
use serde::de::IgnoredAny;
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
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    task: Task,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Attributes {
    #[serde(default)]
    test_platform: Option<String>,
    #[serde(default)]
    unittest_suite: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Task {
    #[serde(default)]
    extra: Extra,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Extra {
    #[serde(default)]
    treeherder: Option<Shown>,
    #[serde(default, rename = "treeherder-platform")]
    platform: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Shown {
    #[serde(default)]
    tier: Option<u8>,
}

impl GraphEntry {
    /// What the graph tells of a label.
    pub fn facets<'a>(&'a self, label: &'a str) -> Facets<'a> {
        let platform = self.attributes.test_platform.as_deref();
        Facets {
            label,
            kind: self.kind.as_deref(),
            platform: platform.or(self.task.extra.platform.as_deref()),
            suite: self.attributes.unittest_suite.as_deref(),
            tier: self.task.extra.treeherder.as_ref().and_then(|shown| shown.tier),
        }
    }

    /// The build that it hangs on: by its edge's name, or by what it depends on.
    pub fn build(&self) -> Option<&str> {
        let edge = self.dependencies.get("build").map(String::as_str);
        edge.or_else(|| pick_build(self.dependencies.values().map(String::as_str)))
    }
}

/// Of several dependencies the build is the one that is called so. There may be others: images,
/// toolchains, the decision task, or the action that created a task.
pub fn pick_build<'a>(labels: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    labels.filter(|label| label.starts_with("build-")).min_by_key(|label| (label.len(), *label))
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

    /// The labels that were chosen for a push, whether they were scheduled or not.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn target_tasks(&self, decision: TaskId) -> Result<Vec<String>, HttpError> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Targets {
            List(Vec<String>),
            // Older trees have a dictionary by label.
            Map(BTreeMap<String, IgnoredAny>),
        }
        Ok(match self.artifact(decision, "public/target-tasks.json").await? {
            Targets::List(labels) => labels,
            Targets::Map(labels) => labels.into_keys().collect(),
        })
    }
}
