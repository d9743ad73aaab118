//! Investigations, and who drives them.
//!
//! One driver at a time holds an investigation. A lease carries a number, the fence, that grows with each holder.
//! Whatever an investigation writes is checked against the fence, so that a driver that slept past its lease writes
//! nothing.

use mozci_core::time::At;
use serde_json::Value;

/// The most investigations that are listed at once.
pub const LISTED: usize = 1000;

/// The form in which this version writes questions and steps.
pub const FORM: u32 = 1;

/// The state of an investigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvestigationState {
    /// It can go on.
    Open,
    /// It has ended by itself.
    Done,
    /// Somebody ended it.
    Cancelled,
}

impl InvestigationState {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word; none for one that this version does not know.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Done, Self::Cancelled].into_iter().find(|state| state.word() == text)
    }
}

/// One investigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Investigation {
    /// Its id.
    pub id: String,
    /// The form in which it is written.
    pub form: u32,
    /// The CI's root URL.
    pub ci: String,
    /// The repository.
    pub repo: String,
    /// The question, in its form.
    pub question: Value,
    /// When it began, by the CI's clock.
    pub created: At,
    /// Its state.
    pub state: InvestigationState,
}

/// The right to drive an investigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The investigation.
    pub id: String,
    /// The number of this holder; it grows with each one.
    pub fence: i64,
}

/// An investigation that another process drives, or another task of this process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "investigation {id} is being driven at this moment (process {process}): wait for it, or end that one"
)]
pub struct Held {
    /// The investigation.
    pub id: String,
    /// The process, by its number and, where another machine may hold it, its host.
    pub process: String,
}

impl Held {
    /// An investigation that a holder has, by its name in the store: what a user may see of it, then what makes it
    /// unique.
    pub(crate) fn by(id: &str, holder: &str) -> Self {
        let process = holder.split(' ').next().unwrap_or_default().to_owned();
        Self { id: id.to_owned(), process }
    }
}
