//! Which CI and which repository of the configuration are meant.

use mozci_core::ids::RepoName;
use mozci_core::nearest::nearest;

use crate::config::credentials::same_root;
use crate::config::file::{CiConfig, CiKind, Config, RepoConfig};
use crate::error::Error;
use crate::store::DatabaseUrl;

/// The variable that names the database.
const DATABASE_URL: &str = "MOZCI_DATABASE_URL";

impl Config {
    /// The CI of this name, or the default one.
    ///
    /// # Errors
    /// [`Error::Usage`] with the names there are.
    pub fn ci(&self, name: Option<&str>) -> Result<(&str, &CiConfig), Error> {
        let name = name.or(self.default_ci.as_deref()).unwrap_or("firefox");
        self.ci.get_key_value(name).map(|(name, ci)| (name.as_str(), ci)).ok_or_else(|| {
            let names: Vec<&str> = self.ci.keys().map(String::as_str).collect();
            let near = nearest(name, names.iter().copied().chain(["demo"]), 1);
            let hint = near.first().map_or(String::new(), |near| format!("did you mean {near}? "));
            Error::Usage(format!(
                "no CI is called {name:?}; {hint}the config has {}, and `demo` is always there",
                names.join(", ")
            ))
        })
    }

    /// The database that has the ledger: that of `MOZCI_DATABASE_URL`, else that of the config. None where a file of
    /// this machine has it. `get` reads the environment.
    ///
    /// # Errors
    /// [`Error::Usage`] for a URL that is none.
    pub fn database(
        &self,
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<DatabaseUrl>, Error> {
        let variable = get(DATABASE_URL).filter(|url| !url.is_empty());
        let (source, url) = match (variable, &self.database_url) {
            (Some(url), _) => (DATABASE_URL, url),
            (None, Some(url)) => ("`database_url` in the config", url.clone()),
            (None, None) => return Ok(None),
        };
        let parsed = DatabaseUrl::parse(&url);
        parsed.map(Some).map_err(|error| Error::Usage(format!("{source}: {error}")))
    }

    /// The name of the Taskcluster at a root URL.
    ///
    /// # Errors
    /// [`Error::NotFound`] with what has to be written into the config.
    pub fn ci_at(&self, root: &str) -> Result<&str, Error> {
        let mut cis = self.ci.iter();
        let found =
            cis.find(|(_, ci)| ci.kind == CiKind::Taskcluster && same_root(&ci.root_url, root));
        found.map(|(name, _)| name.as_str()).ok_or_else(|| {
            Error::NotFound(format!(
                "no CI in the config has root_url = {root:?}, which TASKCLUSTER_ROOT_URL names: give the config with --config"
            ))
        })
    }
}

impl CiConfig {
    /// A repository's name where its results are shown.
    pub(crate) fn project(&self, own: &RepoConfig, repo: &RepoName) -> String {
        own.treeherder_project.as_deref().unwrap_or(repo.as_str()).to_owned()
    }

    /// The repository of this name; the only one, or `autoland` (on Buildbot `main`), where none is
    /// named.
    ///
    /// # Errors
    /// [`Error::NotFound`] with the nearest names.
    pub fn repo(&self, name: Option<&str>) -> Result<(RepoName, &RepoConfig), Error> {
        let name = match (name, self.repos.len()) {
            (Some(name), _) => name,
            (None, 1) => self.repos.keys().next().map_or("", String::as_str),
            (None, _) if self.kind == CiKind::Buildbot => "main",
            (None, _) => "autoland",
        };
        if let Some(repo) = self.repos.get(name) {
            return Ok((RepoName::new(name), repo));
        }
        let names: Vec<&str> = self.repos.keys().map(String::as_str).collect();
        let meant = nearest(name, names.iter().copied(), 1);
        let hint = match meant.first() {
            Some(meant) => format!("did you mean {meant}? "),
            None => String::new(),
        };
        Err(Error::NotFound(format!(
            "no repository is called {name:?}; {hint}the config has {}",
            names.join(", ")
        )))
    }
}
