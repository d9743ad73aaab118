//! Reads of the index.

use std::collections::HashMap;

use mozci_core::ids::TaskId;
use serde_json::json;

use super::acts::Taskcluster;
use super::pages::{ENTRIES_A_REQUEST, task_id};
use super::queue::shape;
use super::wire::{Indexed, IndexedTasks};
use crate::http::HttpError;

impl Taskcluster {
    /// The task behind an index path; `None` where there is none.
    ///
    /// The index holds completed tasks only: one that runs, waits or failed is never there.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn find_task(&self, path: &str) -> Result<Option<TaskId>, HttpError> {
        let url = self.url("index", &["task", path])?;
        match self.http.get::<Indexed>(url.clone()).await {
            Ok(found) => task_id(&found.task_id).map(Some).map_err(|reason| shape(&url, reason)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The tasks behind many index paths, in as many requests as there are pages. Paths behind
    /// which there is none are not in the answer.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn find_tasks(&self, paths: &[String]) -> Result<HashMap<String, TaskId>, HttpError> {
        let mut found = HashMap::new();
        let url = self.url("index", &["tasks", "indexes"])?;
        for chunk in paths.chunks(ENTRIES_A_REQUEST) {
            self.each_of::<IndexedTasks>(&url, Some(&json!({"indexes": chunk})), |entry| {
                found.insert(entry.namespace, task_id(&entry.task_id)?);
                Ok(())
            })
            .await?;
        }
        Ok(found)
    }
}
