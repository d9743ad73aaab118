//! What is written down before requests are sent, and what becomes of them.

use mozci_core::ids::JobName;
use mozci_core::time::At;
use serde::Serialize;

use crate::investigation::Lease;

/// The most entries of one plan that are kept of what it left out.
pub(crate) const LEFT_OUT: usize = 1_000;

/// The result of writing one request down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is in the ledger.
    New,
    /// Another process has requested this job on this push since the facts were read.
    AlreadyAsked(JobName),
}

/// A position in the ledger of one CI. A reader at this position has not seen later entries. It does not depend on
/// any clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LedgerCursor(pub(crate) i64);

/// The budget of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// When the day began, by the CI's clock.
    pub since: At,
    /// The most runs that may be requested in it.
    pub limit: u32,
}

/// The result of writing requests down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Booking {
    /// One result a request.
    Booked(Vec<Recorded>),
    /// No request was written: the day's budget would be exceeded.
    OverBudget {
        /// Runs requested so far, also by others since the plan was made.
        used: u32,
    },
    /// No request was written: another process has taken over the investigation.
    TakenOver,
}

/// Who writes requests down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writer {
    /// The command, where it is to be found again.
    pub command: &'static str,
    /// The lease of the investigation that the requests belong to.
    pub lease: Option<Lease>,
}

/// The outcome of a job that was requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotedOutcome {
    /// The job.
    pub job: JobName,
    /// When it was seen, by the CI's clock.
    pub at: At,
    /// What was seen, in words.
    pub outcome: String,
}

/// What a plan did not request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOutEntry {
    /// The plan.
    pub plan: String,
    /// When, by the CI's clock.
    pub at: At,
    /// The push's number.
    pub push: u64,
    /// The job.
    pub job: String,
    /// Why not.
    pub why: String,
}

/// Runs that one plan requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Spent {
    /// The plan.
    pub plan: String,
    /// The investigation that it was for.
    pub investigation: Option<String>,
    /// One of its jobs.
    pub job: String,
    /// When, by the CI's clock.
    pub at: At,
    /// How many runs.
    pub runs: u32,
}
