//! Pushes of a Git repository.

use mozci_clients::git::Git;
use mozci_core::ids::RepoName;

use crate::config::RepoConfig;
use crate::error::Error;
use crate::store::Directories;

/// A Git repository that pushes are read from.
#[derive(Debug)]
pub struct GitPushes {
    /// A clone's folder, or where to clone from.
    url: String,
    branch: String,
    cache: std::path::PathBuf,
    open: tokio::sync::OnceCell<Git>,
}

impl GitPushes {
    /// By the configuration of a repository.
    pub(crate) fn new(
        repo: &RepoName,
        own: &RepoConfig,
        place: &Directories,
    ) -> Result<Self, Error> {
        let url = own.url.clone().ok_or_else(|| {
            Error::Usage(format!(
                "the repository {repo} has pushlog = \"git\" and no `url` in the config: a clone's folder, or where to clone from"
            ))
        })?;
        let branch = own.branch.clone().unwrap_or_else(|| repo.to_string());
        let (cache, open) = (place.cache.join("git"), tokio::sync::OnceCell::new());
        Ok(Self { url, branch, cache, open })
    }

    /// The clone, made or brought up to date once a command where it is our own.
    pub(crate) async fn git(&self) -> Result<&Git, Error> {
        let open = async || {
            let folder = std::path::Path::new(&self.url);
            match folder.is_dir() {
                true => Ok(Git::at(folder, &self.branch)),
                false => Git::cloned(&self.url, &self.cache, &self.branch).await,
            }
        };
        Ok(self.open.get_or_try_init(open).await?)
    }
}
