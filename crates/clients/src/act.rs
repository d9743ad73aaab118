//! What can become of an act.

/// Why an act brought no answer, told apart by what may have happened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// The server never got the request: nothing happened.
    #[error("nothing was sent: {0}")]
    NotSent(String),
    /// The server refused it: nothing happened.
    #[error("the server refused it: {0}")]
    Refused(String),
    /// The server refused it for lack of credentials or scopes: nothing happened.
    #[error("not allowed: {0}")]
    Forbidden(String),
    /// Whether it happened is not known.
    #[error("no answer: {0}")]
    Uncertain(String),
}
