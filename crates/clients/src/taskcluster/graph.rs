//! What can run on a push, from its full task graph.

use std::collections::BTreeMap;
use std::fmt;

use mozci_core::chooser::{JobGraph, JobGraphBuilder, NewJob};
use mozci_core::ids::TaskId;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::acts::Taskcluster;
use crate::http::HttpError;

/// The artifact, reduced entry by entry to what is kept of it.
struct FullTaskGraph(JobGraph);

impl<'de> Deserialize<'de> for FullTaskGraph {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByLabel;
        impl<'de> Visitor<'de> for ByLabel {
            type Value = FullTaskGraph;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tasks by their labels")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<FullTaskGraph, M::Error> {
                let mut builder = JobGraphBuilder::default();
                while let Some((label, entry)) = map.next_entry::<String, Entry>()? {
                    builder.add(&entry.job(&label));
                }
                Ok(FullTaskGraph(builder.finish()))
            }
        }
        deserializer.deserialize_map(ByLabel)
    }
}

/// One task of the graph.
#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    kind: Option<String>,
    /// The labels that it depends on, under their edges' names: `build`.
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    task: Task,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    build_platform: Option<String>,
    #[serde(default)]
    build_type: Option<String>,
    #[serde(default)]
    test_platform: Option<String>,
    #[serde(default)]
    unittest_suite: Option<String>,
    #[serde(default)]
    unittest_variant: Option<String>,
    #[serde(default)]
    test_manifests: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
struct Task {
    #[serde(default)]
    extra: Extra,
}

#[derive(Default, Deserialize)]
struct Extra {
    #[serde(default)]
    treeherder: Option<Shown>,
    #[serde(default, rename = "treeherder-platform")]
    platform: Option<String>,
}

#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    tier: Option<u8>,
}

impl Entry {
    fn job<'a>(&'a self, label: &'a str) -> NewJob<'a> {
        let Self { kind, dependencies, attributes, task } = self;
        let platform = attributes.test_platform.as_ref().or(task.extra.platform.as_ref());
        NewJob {
            label,
            role: None,
            kind: kind.as_deref(),
            platform: platform.map(String::as_str),
            build_platform: attributes.build_platform.as_deref(),
            build_type: attributes.build_type.as_deref(),
            suite: attributes.unittest_suite.as_deref(),
            variant: attributes.unittest_variant.as_deref(),
            tier: task.extra.treeherder.as_ref().and_then(|shown| shown.tier),
            build: dependencies.get("build").map(String::as_str),
            dependencies: dependencies.values().map(String::as_str).collect(),
            manifests: attributes
                .test_manifests
                .as_ref()
                .map(|manifests| manifests.iter().map(String::as_str).collect()),
            by_default: None,
        }
    }
}

/// The largest graph that is believed, in bytes after decompression.
const LARGEST: usize = 2 << 30;

impl Taskcluster {
    /// The full task graph of a decision task, reduced to what is kept of it while it comes: on
    /// Firefox CI it is hundreds of megabytes.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn full_task_graph(&self, decision: TaskId) -> Result<JobGraph, HttpError> {
        let url = self.artifact_url(decision, "public/full-task-graph.json")?;
        let graph: FullTaskGraph = self.http.get_streamed(url, LARGEST).await?;
        Ok(graph.0)
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
