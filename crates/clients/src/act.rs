//! What can become of an act.

use mozci_core::harmless::harmless_line;

use crate::http::without_secrets;

/// Why an act brought no answer, told apart by what may have happened. As text it comes without
/// secrets and without anything that a terminal obeys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// The server never got the request: nothing happened.
    #[error("this request was not sent: {}", clean(.0))]
    NotSent(String),
    /// The server refused it: nothing happened.
    #[error("the server refused it: {}", clean(.0))]
    Refused(String),
    /// The server refused it for lack of credentials or scopes: nothing happened.
    #[error("not allowed: {}", clean(.0))]
    Forbidden(String),
    /// It came too late: what it was to act on has ended for good, so that nothing happened.
    #[error("there is nothing left to cancel: {}", clean(.0))]
    Over(String),
    /// Whether it happened is not known.
    #[error("no answer: {}", clean(.0))]
    Uncertain(String),
}

impl ActError {
    /// What the server or the library said, as errors show it.
    pub fn words(&self) -> String {
        let (Self::NotSent(words)
        | Self::Refused(words)
        | Self::Forbidden(words)
        | Self::Over(words)
        | Self::Uncertain(words)) = self;
        clean(words)
    }
}

fn clean(words: &str) -> String {
    harmless_line(&without_secrets(words)).into_owned()
}
