//! What is wrong with what runs left.

/// What became of what the runs of tests left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Artifacts {
    /// Everything is there.
    #[default]
    Usual,
    /// Of every four artifacts one was not stored, one is private, and one is gone.
    Troubled,
}

/// What is wrong with an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It stands for an error: the worker could not store it.
    Error,
    /// Nobody may read it without scopes.
    Private,
    /// It is listed, and gone when it is requested.
    Gone,
}
