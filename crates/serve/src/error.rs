//! What can go wrong with the service itself.

use std::net::SocketAddr;

/// Why the service cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {source}; `--listen` names another address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// An address that others can reach, without anything that tells people apart.
    #[error(
        "{0} can be reached from other machines, and there is no way to sign in yet: listen on 127.0.0.1 and put a proxy with its own sign-in before it"
    )]
    NotLoopback(SocketAddr),
    /// The system gives no random numbers, which tokens are made of.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// The CI, its config or its store.
    #[error(transparent)]
    Engine(#[from] mozci_engine::Error),
    /// Serving ended.
    #[error("serving ended: {0}")]
    Serving(#[from] std::io::Error),
}

/// An error of the engine with what caused it, on one line.
pub(crate) fn whole(error: &mozci_engine::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(", because {cause}"));
        source = cause.source();
    }
    text
}
