//! Task groups: every task of a push, where there is nobody else to ask.

use std::collections::HashMap;

use mozci_core::ids::TaskId;
use mozci_core::time::At;
use serde_json::{Value, json};

use super::acts::Taskcluster;
use super::queue::{TaskDefinition, all_read, shape, translate};
use super::status::{TaskStatus, instant};
use super::wire::{Definitions, GroupPage};
use crate::http::HttpError;

/// A task of a group.
#[derive(Debug, Clone)]
pub struct GroupTask {
    /// Where it stands, with every run it had.
    pub status: TaskStatus,
    /// What it is called, by the rule that was given; nothing where its definition has no such text.
    pub label: Option<String>,
    /// What it waits for.
    pub dependencies: Vec<TaskId>,
    /// When it was created.
    pub created: Option<At>,
}

impl Taskcluster {
    /// The tasks of a group in as many requests as there are pages. `label` is the path of the text
    /// in a definition that tasks are called by, as in `metadata.name`.
    ///
    /// # Errors
    /// [`HttpError`]; not found also means expired.
    pub async fn group(&self, group: TaskId, label: &str) -> Result<Vec<GroupTask>, HttpError> {
        let mut tasks = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..100 {
            let mut url = self.url("queue", &["task-group", &group.to_string(), "list"])?;
            if let Some(token) = &token {
                url.query_pairs_mut().append_pair("continuationToken", token);
            }
            let page: GroupPage = self.http.get(url.clone()).await?;
            for entry in page.tasks {
                let status = TaskStatus::new(&entry.status).map_err(|e| shape(&url, e))?;
                let dependencies = entry.task["dependencies"].as_array();
                let dependencies = dependencies
                    .ok_or_else(|| shape(&url, format!("task {}: no dependencies", status.task)))?;
                let ids = dependencies.iter().filter_map(|id| id.as_str()?.parse().ok());
                tasks.push(GroupTask {
                    label: text_at(&entry.task, label),
                    dependencies: ids.collect(),
                    created: entry.task["created"].as_str().and_then(instant),
                    status,
                });
            }
            token = page.continuation_token;
            if token.is_none() {
                break;
            }
        }
        all_read(self, token)?;
        Ok(tasks)
    }

    /// The definitions of many tasks. Tasks that the queue does not know are not in the answer.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn tasks(
        &self,
        tasks: &[TaskId],
    ) -> Result<HashMap<TaskId, TaskDefinition>, HttpError> {
        let mut found = HashMap::new();
        for chunk in tasks.chunks(1000) {
            let mut token: Option<String> = None;
            for _ in 0..100 {
                let mut url = self.url("queue", &["tasks"])?;
                if let Some(token) = &token {
                    url.query_pairs_mut().append_pair("continuationToken", token);
                }
                let page: Definitions =
                    self.http.ask(url.clone(), &json!({"taskIds": chunk})).await?;
                for entry in page.tasks {
                    let task = entry.task_id.parse();
                    let task = task.map_err(|e| shape(&url, format!("taskId: {e}")))?;
                    found.insert(task, translate(entry.task));
                }
                token = page.continuation_token;
                if token.is_none() {
                    break;
                }
            }
            all_read(self, token)?;
        }
        Ok(found)
    }
}

/// The text at a path of keys in a definition.
fn text_at(definition: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(definition, |value, key| value.get(key))?;
    found.as_str().map(String::from)
}
