//! Revisions under either of their names.

use std::collections::HashSet;
use std::path::PathBuf;

use mozci_clients::git::{Git, LocalClone};
use mozci_clients::http::Http;
use mozci_clients::lando::Lando;
use mozci_core::ids::{Revision, Vcs};
use mozci_core::push::Push;
use tokio::sync::OnceCell;

use crate::ci::Ci;
use crate::ci::settings::parse;
use crate::config::{CiConfig, RepoConfig};
use crate::error::Error;
use crate::store::FactKind;

/// Who knows what commits are called elsewhere.
#[derive(Debug)]
pub(crate) struct Names {
    /// Whose revisions the pushes are.
    pub(crate) vcs: Vcs,
    pub(crate) lando: Option<Lando>,
    pub(crate) clone: Option<PathBuf>,
    /// The commits of the branch, as the clone has them; none where it cannot tell.
    on_branch: OnceCell<Option<HashSet<String>>>,
}

/// Commits of a branch that are read, the newest.
const MOST_COMMITS: usize = 200_000;

impl Names {
    /// By the configuration of a CI and a repository; `clone` goes before what that says.
    pub(crate) fn new(
        config: &CiConfig,
        own: &RepoConfig,
        http: &Http,
        clone: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let lando = match (&config.lando_url, &own.lando_repo) {
            (Some(url), Some(repo)) => {
                Some(Lando::new(http.clone(), parse(url, "lando_url")?, repo))
            }
            _ => None,
        };
        let clone = clone.or_else(|| own.clone.clone());
        Ok(Self { vcs: own.vcs(), lando, clone, on_branch: OnceCell::new() })
    }
}

/// What is known of a commit's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// It is called so where the pushes are.
    Here(Revision),
    /// It is this one, and nobody knows what it is called here.
    Elsewhere(Revision),
    /// Nobody knows it.
    Nowhere,
}

impl Ci {
    /// Whose revisions the pushes are.
    pub fn vcs(&self) -> Vcs {
        self.names.vcs
    }

    /// The whole hash of what begins so in the local clone; none where there is none, or no clone.
    ///
    /// # Errors
    /// [`Error::Usage`] where the clone cannot be read, or several commits begin so.
    pub(crate) async fn expanded(&self, hash: &str) -> Result<Option<Revision>, Error> {
        let Some(folder) = &self.names.clone else { return Ok(None) };
        let usage = |error: mozci_clients::git::GitError| Error::Usage(error.to_string());
        let clone = LocalClone::open(folder).map_err(usage)?;
        clone.expand(hash).await.map_err(usage)
    }

    /// The folder of the local clone: the one that was named, else the one that the program runs in.
    pub(crate) fn clone_here(&self) -> Option<PathBuf> {
        let around = || LocalClone::around(&std::env::current_dir().ok()?);
        self.names.clone.clone().or_else(around)
    }

    /// The commits of a branch, as the local clone of Git's has them. None where there is no such clone;
    /// that it cannot tell is noted.
    pub(crate) async fn commits_of(&self, branch: &str) -> Option<&HashSet<String>> {
        let folder = self.names.clone.as_ref().filter(|_| self.names.vcs == Vcs::Git)?;
        let read = async || match Git::at(folder, branch).commits(MOST_COMMITS).await {
            Ok(commits) => Some(commits),
            Err(error) => {
                self.note(format!("the clone does not tell which commits the branch has: {error}"));
                None
            }
        };
        self.names.on_branch.get_or_init(read).await.as_ref()
    }

    /// A commit that pushes do not go by, under the name by which they do: from what was learned
    /// before, the local clone, and Lando.
    ///
    /// # Errors
    /// [`Error::Usage`] where the clone cannot be read. That Lando does not answer is noted.
    pub(crate) async fn named(&self, hash: &str) -> Result<Named, Error> {
        let other = match self.names.vcs {
            Vcs::Hg => Vcs::Git,
            Vcs::Git => Vcs::Hg,
            Vcs::Svn => return Ok(Named::Nowhere),
        };
        let whole = match Revision::new(other, hash) {
            Ok(whole) => Some(whole),
            Err(_) => self.expanded(hash).await?,
        };
        Ok(match whole {
            None => Named::Nowhere,
            Some(whole) if whole.vcs() == self.names.vcs => Named::Here(whole),
            Some(whole) => match self.translated(&whole).await {
                Some(here) => Named::Here(here),
                None => Named::Elsewhere(whole),
            },
        })
    }

    /// Puts to pushes' commits the names in Git that were learned elsewhere, where their own source
    /// tells none.
    pub(crate) fn put_names(&self, pushes: &mut [Push]) {
        if self.names.vcs != Vcs::Hg || self.names.lando.is_none() {
            return;
        }
        for push in pushes {
            for changeset in push.changesets.iter_mut().filter(|c| c.git.is_none()) {
                let known = self.fact::<String>(FactKind::Name, changeset.revision.hash());
                changeset.git = known.and_then(|name| Revision::new(Vcs::Git, &name).ok());
            }
            let head = push.changesets.iter().find(|c| c.revision == push.revision);
            if let (None, Some(head)) = (&push.git, head) {
                push.git = head.git.clone();
            }
        }
    }

    /// What a commit is called here; none where nobody knows, or nobody could be asked.
    pub(crate) async fn translated(&self, revision: &Revision) -> Option<Revision> {
        if let Some(known) = self.fact::<String>(FactKind::Name, revision.hash()) {
            return Revision::new(self.names.vcs, &known).ok();
        }
        let lando = self.names.lando.as_ref()?;
        match lando.other_name(revision).await {
            Ok(Some(here)) => {
                // Both ways: what has a name keeps it.
                let (there, name) = (revision.hash().to_owned(), here.hash().to_owned());
                self.keep(FactKind::Name, [(there.clone(), name.clone()), (name, there)]);
                Some(here)
            }
            Ok(None) => None,
            Err(error) => {
                self.note(format!(
                    "what {} is called in the other version control system cannot be looked up: {error}",
                    revision.short()
                ));
                None
            }
        }
    }
}
