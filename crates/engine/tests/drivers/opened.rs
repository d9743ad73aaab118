//! The folder as a CI, and nobody who looks on.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use mozci_core::guard::Budgets;
use mozci_engine::Error;
use mozci_engine::ci::{Ci, Opening};
use mozci_engine::config::{ClosedTree, Config, CredentialSource};
use mozci_engine::drive::search::Repositories;
use mozci_engine::drive::{Consent, Observer, Progress, Question};
use mozci_engine::store::{Directories, SharedStore};

use crate::folder::Toy;

/// A config that names no server: the backend is given to what opens it. It has to say some kind.
const CONFIG: &str = r#"
default_ci = "toy"
[ci.toy]
kind = "buildbot"
url = "http://NAME.invalid/"
poll_seconds = 0.05
[ci.toy.repos.main]
pushlog = "changes"
"#;

/// What is opened.
pub(crate) struct Opened<'a> {
    /// The server's name, by which the ledger tells its requests from those of others.
    pub(crate) name: &'a str,
    pub(crate) toy: &'a Arc<Toy>,
    pub(crate) place: Directories,
    pub(crate) store: Option<SharedStore>,
    pub(crate) budgets: Budgets,
}

impl Opened<'_> {
    /// Opens the CI, by a config that is written to a file.
    pub(crate) fn open(self, config: &Path) -> Ci {
        std::fs::write(config, CONFIG.replace("NAME", self.name)).unwrap();
        let config = Config::load(Some(config)).unwrap();
        let (_, config) = config.ci(None).unwrap();
        let opening = Opening {
            config,
            repo: None,
            clone: None,
            credentials: CredentialSource::Nowhere,
            sandbox: None,
            http: None,
            store: self.store,
            pulse: None,
            budgets: self.budgets,
            closed_tree: ClosedTree::Refuse,
            rules: None,
            runs_read: 100,
            place: self.place,
            user_agent: "test".into(),
        };
        Ci::with(opening, Arc::<Toy>::clone(self.toy), Arc::<Toy>::clone(self.toy)).unwrap()
    }
}

/// Nobody looks on, and everything is agreed to.
pub(crate) struct Nobody;

impl Observer for Nobody {
    fn on(&mut self, _ci: &Ci, _progress: Progress<'_>) {}
}

impl Consent for Nobody {
    fn confirm<'a>(&'a mut self, _question: Question<'a>) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async { Ok(true) })
    }
}

impl Repositories for Nobody {
    fn open(&self, repo: &str) -> Result<Ci, Error> {
        Err(Error::Usage(format!("there is no {repo}")))
    }
}
