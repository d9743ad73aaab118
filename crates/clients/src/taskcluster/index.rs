//! Reads of the index.

use std::collections::HashMap;

use mozci_core::ids::TaskId;
use serde_json::json;

use super::acts::Taskcluster;
use super::queue::{all_read, shape};
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
            Ok(found) => {
                found.task_id.parse().map(Some).map_err(|e| shape(&url, format!("taskId: {e}")))
            }
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
        for chunk in paths.chunks(PATHS_A_REQUEST) {
            let mut token: Option<String> = None;
            for _ in 0..100 {
                let mut url = self.url("index", &["tasks", "indexes"])?;
                if let Some(token) = &token {
                    url.query_pairs_mut().append_pair("continuationToken", token);
                }
                let page: IndexedTasks =
                    self.http.ask(url.clone(), &json!({"indexes": chunk})).await?;
                for entry in page.tasks {
                    let task = entry.task_id.parse();
                    let task = task.map_err(|e| shape(&url, format!("taskId: {e}")))?;
                    found.insert(entry.namespace, task);
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

/// Paths in one bulk question; the index gives at most 1000 rows a page.
const PATHS_A_REQUEST: usize = 1000;
