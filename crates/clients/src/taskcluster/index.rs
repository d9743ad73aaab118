//! Reads of the index.

use mozci_core::ids::TaskId;

use super::acts::Taskcluster;
use super::queue::shape;
use super::wire::Indexed;
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
}
