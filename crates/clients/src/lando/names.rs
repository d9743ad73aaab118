//! What a commit is called in the other version control system: `GET …/git2hg/<repository>/<hash>` and
//! `…/hg2git/…` answer `{"git_hash", "hg_hash"}`, to whole hashes only. That a commit has no name (yet)
//! is normal, and answered with 404.

use mozci_core::ids::{Revision, Vcs};
use serde::Deserialize;
use url::Url;

use crate::http::{Http, HttpError, Problem};

/// Lando's names of one repository's commits.
#[derive(Debug, Clone)]
pub struct Lando {
    http: Http,
    base: Url,
    repository: String,
}

#[derive(Deserialize)]
struct Names {
    git_hash: String,
    hg_hash: String,
}

impl Lando {
    /// The service at this URL, asked of the repository that it calls so.
    pub fn new(http: Http, base: Url, repository: impl Into<String>) -> Self {
        Self { http, base, repository: repository.into() }
    }

    /// What a commit is called in the other system; none where it has no name there.
    ///
    /// # Errors
    /// [`HttpError`]; [`Problem::Shape`] for an answer about another commit.
    pub async fn other_name(&self, revision: &Revision) -> Result<Option<Revision>, HttpError> {
        let (question, other) = match revision.vcs() {
            Vcs::Git => ("git2hg", Vcs::Hg),
            Vcs::Hg => ("hg2git", Vcs::Git),
            Vcs::Svn => return Ok(None),
        };
        let mut url = self.base.clone();
        let failed =
            |problem, url: &Url| HttpError { problem, method: "GET", url: url.to_string() };
        match url.path_segments_mut() {
            Ok(mut path) => {
                path.pop_if_empty().extend([question, &self.repository, revision.hash()]);
            }
            Err(()) => {
                let text = "the URL cannot have a path".to_owned();
                return Err(failed(Problem::Connect(text), &self.base));
            }
        }
        let names: Names = match self.http.get(url.clone()).await {
            Ok(names) => names,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let (asked, name) = match other {
            Vcs::Hg => (&names.git_hash, &names.hg_hash),
            Vcs::Git | Vcs::Svn => (&names.hg_hash, &names.git_hash),
        };
        let shape = |text: String| failed(Problem::Shape(text), &url);
        if asked != revision.hash() {
            return Err(shape(format!("it is about {asked}, which was not requested")));
        }
        Revision::new(other, name).map(Some).map_err(|error| shape(error.to_string()))
    }
}
