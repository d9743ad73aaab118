//! Errors by what a caller does about them.

use mozci_clients::git::GitError;
use mozci_clients::hg::HgError;
use mozci_clients::http::{HttpError, Problem};
use mozci_core::guard::Refusal;

use crate::store::StoreError;

/// What a caller does about an error; each kind has an exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The question was put wrongly.
    Usage,
    /// A service failed, or refused part of what was asked; trying again may help.
    Service,
    /// Credentials or scopes are missing.
    NotAllowed,
    /// What was asked about does not exist.
    NotFound,
    /// A guard refused.
    Guard,
    /// The user stopped it.
    Interrupted,
}

/// Anything that stops a flow.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The question was put wrongly; what to do stands in the text.
    #[error("{0}")]
    Usage(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// Credentials or scopes are missing.
    #[error("{0}")]
    NotAllowed(String),
    /// A guard refused the plan.
    #[error("refused: {0}")]
    Guard(Refusal),
    /// A service failed.
    #[error("{what}")]
    Service {
        /// What was being done.
        what: String,
        /// What went wrong.
        #[source]
        source: Box<HttpError>,
    },
    /// A service answered what cannot be.
    #[error("{0}")]
    Odd(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// What a caller does about it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Usage(_) => Kind::Usage,
            Self::NotFound(_) => Kind::NotFound,
            Self::NotAllowed(_) => Kind::NotAllowed,
            Self::Guard(_) => Kind::Guard,
            Self::Service { source, .. } => match source.problem {
                Problem::Forbidden { .. } => Kind::NotAllowed,
                Problem::NotFound(_) => Kind::NotFound,
                Problem::Refused(_) => Kind::Usage,
                _ => Kind::Service,
            },
            Self::Odd(_) | Self::Store(_) => Kind::Service,
            Self::Interrupted => Kind::Interrupted,
        }
    }

    /// An error of a service, with what was being done.
    pub fn service(what: impl Into<String>) -> impl FnOnce(HttpError) -> Self {
        let what = what.into();
        move |source| Self::Service { what, source: Box::new(source) }
    }
}

impl From<GitError> for Error {
    fn from(error: GitError) -> Self {
        match error {
            unknown @ GitError::Unknown { .. } => Self::NotFound(unknown.to_string()),
            other => Self::Odd(other.to_string()),
        }
    }
}

impl From<HgError> for Error {
    fn from(error: HgError) -> Self {
        match error {
            HgError::Http(source) => Self::service("cannot read the pushlog")(source),
            other => Self::NotFound(other.to_string()),
        }
    }
}
