//! Reading pushes. What the server answers is in `wire/pushlog.md` of the project's plan.

use mozci_core::ids::Revision;
use mozci_core::push::Push;
use mozci_core::time::At;
use url::Url;

use super::wire::Pushes;
use crate::http::{Http, HttpError, Problem};

/// One repository's pushlog.
#[derive(Debug, Clone)]
pub struct Pushlog {
    http: Http,
    base: Url,
}

/// A page of pushes, oldest first.
#[derive(Debug, Clone)]
pub struct PushPage {
    /// The newest push's number. One that goes down means that the repository was reset.
    pub last_push_id: u64,
    /// The pushes, in the order of their numbers.
    pub pushes: Vec<Push>,
}

/// What a caller may want to branch on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HgError {
    /// The server knows no such revision in this repository. A shortened hash that fits several
    /// changesets is answered in the same way (seen with Mercurial 7.2).
    #[error("{repository} has no revision {revision}")]
    UnknownRevision {
        /// What was requested.
        revision: String,
        /// The repository's URL.
        repository: String,
    },
    /// There is no repository at this URL.
    #[error("there is no Mercurial repository at {0}: check `url` in the config")]
    NoRepository(String),
    /// Anything else.
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl Pushlog {
    /// The pushlog of the repository at this URL.
    pub fn new(http: Http, repository: Url) -> Self {
        let mut base = repository;
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        Self { http, base }
    }

    /// The repository's URL.
    pub fn repository(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The page of a revision.
    pub fn page_of(&self, revision: &Revision) -> String {
        format!("{}/rev/{}", self.repository(), revision.hash())
    }

    /// The push that contains a changeset, named by its whole or shortened hash or as `tip`.
    ///
    /// An answer whose changesets don't begin with the hash that was requested is refused, since
    /// Mercurial takes a short number for a local revision number.
    ///
    /// # Errors
    /// [`HgError::UnknownRevision`], also for a changeset that no push brought.
    pub async fn push_of(&self, revision: &str) -> Result<(PushPage, Push), HgError> {
        let unknown = || HgError::UnknownRevision {
            revision: revision.to_owned(),
            repository: self.repository().to_owned(),
        };
        let page = self.pushes(&[("changeset", revision)]).await.map_err(|error| match error {
            HgError::Http(error) if error.is_not_found() => unknown(),
            other => other,
        })?;
        let asked = |push: &&Push| {
            revision == "tip"
                || push.revision.hash().starts_with(revision)
                || push.changesets.iter().any(|c| c.revision.hash().starts_with(revision))
        };
        let push = page.pushes.iter().find(asked).cloned().ok_or_else(unknown)?;
        Ok((page, push))
    }

    /// The pushes with numbers over `after`, up to and with `last`.
    ///
    /// # Errors
    /// [`HgError`].
    pub async fn between(&self, after: u64, last: u64) -> Result<PushPage, HgError> {
        let (after, last) = (after.to_string(), last.to_string());
        self.pushes(&[("startID", &after), ("endID", &last)]).await
    }

    /// The pushes since an instant. Dates are not monotonic; what is older is dropped here.
    ///
    /// # Errors
    /// [`HgError`].
    pub async fn since(&self, since: At) -> Result<PushPage, HgError> {
        // Only this form of a date filters; any other is ignored or gives nothing.
        let date = chrono::DateTime::from_timestamp(since.0 - 1, 0).unwrap_or_default();
        let date = date.format("%Y-%m-%d %H:%M:%S UTC").to_string();
        let mut page = self.pushes(&[("startdate", &date)]).await?;
        page.pushes.retain(|push| push.date >= since);
        Ok(page)
    }

    pub(crate) fn http(&self) -> &Http {
        &self.http
    }

    /// The URL of one of the server's pages.
    pub(super) fn url(&self, path: &str) -> Result<Url, HttpError> {
        self.base.join(path).map_err(|error| HttpError {
            problem: Problem::Connect(error.to_string()),
            method: "GET",
            url: self.base.to_string(),
        })
    }

    /// The URL of a question for pushes.
    pub(crate) fn pushes_url(&self, query: &[(&str, &str)]) -> Result<Url, HttpError> {
        let mut url = self.url("json-pushes")?;
        url.query_pairs_mut().append_pair("version", "2").extend_pairs(query);
        Ok(url)
    }

    async fn pushes(&self, query: &[(&str, &str)]) -> Result<PushPage, HgError> {
        let url = self.pushes_url(query)?;
        let answer: Pushes = self.http.get(url.clone()).await.map_err(|error| {
            match &error.problem {
                // An unknown repository is a page in HTML, an unknown revision JSON.
                Problem::Status { status: 404, .. } => {
                    HgError::NoRepository(self.repository().to_owned())
                }
                _ => HgError::Http(error),
            }
        })?;
        let mut pushes = Vec::with_capacity(answer.pushes.len());
        for (id, entry) in &answer.pushes {
            pushes.push(entry.push(id).map_err(|reason| HttpError {
                problem: Problem::Shape(reason),
                method: "GET",
                url: url.to_string(),
            })?);
        }
        pushes.sort_by_key(|push| push.id);
        Ok(PushPage { last_push_id: answer.lastpushid, pushes })
    }
}
