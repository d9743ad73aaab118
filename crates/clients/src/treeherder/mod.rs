//! Treeherder: pushes where a repository has no pushlog, and runs for whole ranges.

mod jobs;
mod pushes;
mod wire;

pub use jobs::{JobFilter, JobRow, Rows};
pub use pushes::TreeherderPush;

use mozci_core::ids::{Revision, Vcs};
use url::Url;

use crate::http::{Http, HttpError, Problem};

/// One project of a Treeherder.
#[derive(Debug, Clone)]
pub struct Treeherder {
    http: Http,
    base: Url,
    project: String,
    /// Whose revisions the project's pushes are: Treeherder does not say.
    vcs: Vcs,
}

/// The version is named, since the answers' shapes depend on it.
const ACCEPT: &str = "application/json; version=1.1";

impl Treeherder {
    /// The project of this name on the Treeherder at this URL (without `api/`).
    pub fn new(http: Http, base: Url, project: impl Into<String>) -> Self {
        Self { http, base, project: project.into(), vcs: Vcs::Hg }
    }

    /// The same of a project whose pushes are this system's.
    pub fn of(mut self, vcs: Vcs) -> Self {
        self.vcs = vcs;
        self
    }

    /// The project's name.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The page of a push's jobs.
    pub fn page_of(&self, revision: &Revision) -> String {
        let base = self.base.as_str().trim_end_matches('/');
        format!("{base}/jobs?repo={}&revision={}", self.project, revision.hash())
    }

    /// A URL below `api/`. The trailing slash of the path is mandatory: without it an error page
    /// comes, with status 200 or 500.
    fn url(&self, path: &str, query: &[(&str, String)]) -> Result<Url, HttpError> {
        let base = format!("{}/api/{path}", self.base.as_str().trim_end_matches('/'));
        let mut url = Url::parse(&base).map_err(|error| HttpError {
            problem: Problem::Connect(error.to_string()),
            method: "GET",
            url: base,
        })?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    /// An answer as it comes.
    pub(crate) async fn raw(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<serde_json::Value, HttpError> {
        self.http.get_accepting(self.url(path, query)?, ACCEPT).await
    }
}
