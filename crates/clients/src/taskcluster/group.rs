//! Task groups: every task of a push, where there is nobody else to ask.

use std::collections::HashMap;

use mozci_core::ids::TaskId;
use mozci_core::time::At;
use serde_json::{Value, json};

use super::acts::Taskcluster;
use super::pages::{ENTRIES_A_REQUEST, task_id};
use super::queue::{TaskDefinition, translate};
use super::status::{TaskStatus, instant, milliseconds};
use super::wire::{Definitions, GroupHead, GroupPage};
use crate::http::HttpError;

/// A task of a group.
#[derive(Debug, Clone)]
pub struct GroupTask {
    /// Where it stands, with every run it had.
    pub status: TaskStatus,
    /// What it is called, by the rule that was given; nothing where its definition has no such text.
    pub label: Option<String>,
    /// Its kind, where its tags tell: `test`, `decision-task`, `action-callback`.
    pub kind: Option<String>,
    /// What it waits for.
    pub dependencies: Vec<TaskId>,
    /// When it was created.
    pub created: Option<At>,
    /// The same in milliseconds since 1970, by which tasks of one second are put in order.
    pub created_ms: Option<i64>,
}

/// Whether tasks can still be added to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    /// They can.
    Open,
    /// Somebody sealed it: nobody can add a task any more.
    Sealed,
    /// Its time is over, and its tasks are being forgotten.
    Expired,
    /// The queue does not say: it does not know the group, or is too old to tell.
    Untold,
}

impl Taskcluster {
    /// Whether tasks can be added to a group at an instant.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn group_state(&self, group: TaskId, now: At) -> Result<GroupState, HttpError> {
        let url = self.url("queue", &["task-group", &group.to_string()])?;
        let head: GroupHead = match self.http.get(url).await {
            Ok(head) => head,
            Err(error) if error.is_not_found() => return Ok(GroupState::Untold),
            Err(error) => return Err(error),
        };
        let expires = head.expires.as_deref().and_then(instant);
        Ok(match head.sealed {
            Some(_) => GroupState::Sealed,
            None if expires.is_some_and(|expires| expires < now) => GroupState::Expired,
            None => GroupState::Open,
        })
    }

    /// The tasks of a group in as many requests as there are pages. `label` is the path of the text
    /// in a definition that tasks are called by, as in `metadata.name`.
    ///
    /// # Errors
    /// [`HttpError`]; not found also means expired.
    pub async fn group(&self, group: TaskId, label: &str) -> Result<Vec<GroupTask>, HttpError> {
        let mut tasks = Vec::new();
        let url = self.url("queue", &["task-group", &group.to_string(), "list"])?;
        self.each_of::<GroupPage>(&url, None, |entry| {
            let status = TaskStatus::new(&entry.status)?;
            let dependencies = entry.task["dependencies"].as_array();
            let dependencies =
                dependencies.ok_or_else(|| format!("task {}: no dependencies", status.task))?;
            let ids = dependencies.iter().filter_map(|id| id.as_str()?.parse().ok());
            tasks.push(GroupTask {
                label: text_at(&entry.task, label),
                kind: text_at(&entry.task, "tags.kind"),
                dependencies: ids.collect(),
                created: entry.task["created"].as_str().and_then(instant),
                created_ms: entry.task["created"].as_str().and_then(milliseconds),
                status,
            });
            Ok(())
        })
        .await?;
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
        let url = self.url("queue", &["tasks"])?;
        for chunk in tasks.chunks(ENTRIES_A_REQUEST) {
            self.each_of::<Definitions>(&url, Some(&json!({"taskIds": chunk})), |entry| {
                found.insert(task_id(&entry.task_id)?, translate(entry.task));
                Ok(())
            })
            .await?;
        }
        Ok(found)
    }
}

/// The text at a path of keys in a definition.
fn text_at(definition: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(definition, |value, key| value.get(key))?;
    found.as_str().map(String::from)
}
