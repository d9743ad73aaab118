//! What a CI is opened with.

use mozci_clients::http::Http;
use mozci_clients::pulse::PulseSettings;
use mozci_core::guard::Budgets;

use crate::config::{CiConfig, ClosedTree, CredentialSource};
use crate::store::{Directories, SharedStore};

/// What opens a [`Ci`](crate::ci::Ci).
#[derive(Debug)]
pub struct Opening<'a> {
    /// The CI's configuration.
    pub config: &'a CiConfig,
    /// The repository's name; the CI's own default where there is none.
    pub repo: Option<&'a str>,
    /// Credentials to act with.
    pub credentials: CredentialSource,
    /// Another repository's way to the servers, whose pace and counters are shared.
    pub http: Option<Http>,
    /// Another repository's store, which is shared.
    pub store: Option<SharedStore>,
    /// Pulse, where there is one to listen to.
    pub pulse: Option<PulseSettings>,
    /// The folder of a clone in which short hashes are looked up, instead of the configured one.
    pub clone: Option<std::path::PathBuf>,
    /// The limits.
    pub budgets: Budgets,
    /// What is done while the tree is closed.
    pub closed_tree: ClosedTree,
    /// Runs that one command reads to judge them by a test, a group or a failure.
    pub runs_read: usize,
    /// Rules of text logs, where the config has some of its own.
    pub rules: Option<std::sync::Arc<mozci_evidence::Rules>>,
    /// Where the files are.
    pub place: Directories,
    /// The program that renders what an action's file computes, in a process of its own: itself, where
    /// it takes that argument. Without one an action that computes is left out.
    pub sandbox: Option<std::path::PathBuf>,
    /// Who asks.
    pub user_agent: String,
}
