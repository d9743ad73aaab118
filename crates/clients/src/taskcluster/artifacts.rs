//! Artifacts of a run, and reading one while it comes.

use std::io::Read;
use std::time::Duration;

use mozci_core::ids::TaskId;
use url::Url;

use super::acts::Taskcluster;
use super::wire;
use crate::http::{HttpError, Streamed};

/// An artifact of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its name: `public/logs/live_backing.log`.
    pub name: String,
    /// Whether it stands for an error: the file was not made, or could not be stored.
    pub is_error: bool,
    /// Whether it is another name of an artifact.
    pub is_link: bool,
}

impl Taskcluster {
    /// The artifacts of one run.
    ///
    /// # Errors
    /// [`HttpError`]; not found also means expired.
    pub async fn run_artifacts(&self, task: TaskId, run: u32) -> Result<Vec<Artifact>, HttpError> {
        let (task, run) = (task.to_string(), run.to_string());
        let url = self.url("queue", &["task", &task, "runs", &run, "artifacts"])?;
        let mut artifacts = Vec::new();
        self.each_of::<wire::Artifacts>(&url, None, |artifact| {
            let is = |kind: &str| artifact.storage_type.as_deref() == Some(kind);
            let (is_error, is_link) = (is("error"), is("link"));
            artifacts.push(Artifact { name: artifact.name, is_error, is_link });
            Ok(())
        })
        .await?;
        Ok(artifacts)
    }

    /// Reads an artifact of one run while it comes, for as long as `patience` at the most. The queue answers with where it is stored; one
    /// that stands for an error with 424 and why, a private one with 403.
    ///
    /// # Errors
    /// [`HttpError`] where no content begins.
    pub async fn read_artifact<T: Send + 'static>(
        &self,
        task: TaskId,
        run: u32,
        name: &str,
        patience: Duration,
        read: impl FnOnce(Box<dyn Read + Send>) -> T + Send + 'static,
    ) -> Result<Streamed<T>, HttpError> {
        self.http.get_read(self.run_artifact_url(task, run, name)?, patience, read).await
    }

    /// Where an artifact of one run is.
    ///
    /// # Errors
    /// [`HttpError`] where the root URL takes no paths.
    pub fn run_artifact_url(&self, task: TaskId, run: u32, name: &str) -> Result<Url, HttpError> {
        let (task, run) = (task.to_string(), run.to_string());
        let mut segments = vec!["task", &task, "runs", &run, "artifacts"];
        segments.extend(name.split('/'));
        self.url("queue", &segments)
    }
}
