//! What the service is started with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mozci_engine::drive::search::Repositories;

/// What the service is started with.
#[derive(Clone)]
pub struct Options {
    /// Where it listens. Only an address of this machine alone, as long as nobody can sign in.
    pub listen: SocketAddr,
    /// The CI's name in the config.
    pub ci: String,
    /// The repositories that are watched, by their names in the config; the first is shown first.
    pub repos: Vec<String>,
    /// Opens a repository of the CI.
    pub open: Arc<dyn Repositories>,
    /// Pushes that are watched, the newest.
    pub pushes: u32,
    /// How often the CI is read.
    pub every: Duration,
    /// The program's version.
    pub version: String,
    /// How a command begins that asks the same CI.
    pub program: String,
}
