//! Answers that are requested so as to be held against their contracts.

use mozci_core::ids::{TaskId, TreeherderPushId};
use serde_json::{Map, Value, json};

use super::check::{Finding, contract};
use crate::buildbot::Master;
use crate::hg::Pushlog;
use crate::http::HttpError;
use crate::taskcluster::Taskcluster;
use crate::treeherder::Treeherder;

/// One kind of answer, as it came.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The kind, by its contract's name.
    pub answer: &'static str,
    /// The body.
    pub body: Value,
    /// Where it departs from the contract.
    pub findings: Vec<Finding>,
}

impl Sample {
    fn new(service: &str, answer: &'static str, body: Value) -> Self {
        let contract = contract(service, answer);
        let findings = contract.map(|contract| contract.check(&body)).unwrap_or_default();
        Self { answer, body, findings }
    }
}

impl Pushlog {
    /// The newest push, as the server has it.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn sample(&self) -> Result<Sample, HttpError> {
        let url = self.pushes_url(&[("changeset", "tip")])?;
        Ok(Sample::new("hg", "json-pushes", self.http().get(url).await?))
    }
}

impl Treeherder {
    /// The newest push, as Treeherder has it.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn sample_push(&self) -> Result<Sample, HttpError> {
        let path = format!("project/{}/push/", self.project());
        let body = self.raw(&path, &[("count", "5".to_owned())]).await?;
        Ok(Sample::new("treeherder", "push", body))
    }

    /// Some runs of a push, as Treeherder has them.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn sample_jobs(&self, push: TreeherderPushId) -> Result<Sample, HttpError> {
        let query = [("push_id__in", push.to_string()), ("count", "500".to_owned())];
        let body = self.raw("jobs/", &query).await?;
        Ok(Sample::new("treeherder", "jobs", by_columns(body)))
    }
}

impl Master {
    /// Some rows of each of the lists that a range is put together from.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn samples(&self) -> Result<Vec<Sample>, HttpError> {
        let mut samples = Vec::new();
        for answer in ["changes", "builders", "buildsets", "buildrequests", "builds"] {
            let body = self.get(&[answer], &[("limit", "20".to_owned())]).await?;
            samples.push(Sample::new("buildbot", answer, body));
        }
        Ok(samples)
    }
}

/// The rows of `jobs/` as records under their columns' names.
pub fn by_columns(mut body: Value) -> Value {
    let names: Vec<String> = body["job_property_names"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(String::from))
        .collect();
    for row in body["results"].as_array_mut().into_iter().flatten() {
        if let Some(cells) = row.as_array_mut() {
            let cells = std::mem::take(cells);
            let record: Map<String, Value> = names.iter().cloned().zip(cells).collect();
            *row = Value::Object(record);
        }
    }
    body
}

impl Taskcluster {
    /// The task behind an index path.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn sample_indexed(&self, path: &str) -> Result<Sample, HttpError> {
        self.sample("indexed", "index", &["task", path]).await
    }

    /// A task's definition.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn sample_task(&self, task: TaskId) -> Result<Sample, HttpError> {
        self.sample("task", "queue", &["task", &task.to_string()]).await
    }

    /// The statuses of some tasks, each under `status`.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn sample_statuses(&self, tasks: &[TaskId]) -> Result<Vec<Sample>, HttpError> {
        let url = self.url("queue", &["tasks", "status"])?;
        let body: Value = self.http.ask(url, &json!({"taskIds": tasks})).await?;
        let entries = body["statuses"].as_array().cloned().unwrap_or_default();
        let bare = entries.into_iter().map(|entry| json!({"status": entry["status"]}));
        Ok(bare.map(|body| Sample::new("taskcluster", "status", body)).collect())
    }

    /// A decision task's actions.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn sample_actions(&self, decision: TaskId) -> Result<Sample, HttpError> {
        let body = self.artifact(decision, "public/actions.json").await?;
        Ok(Sample::new("taskcluster", "actions", body))
    }

    async fn sample(
        &self,
        answer: &'static str,
        service: &str,
        path: &[&str],
    ) -> Result<Sample, HttpError> {
        let body = self.http.get(self.url(service, path)?).await?;
        Ok(Sample::new("taskcluster", answer, body))
    }
}
