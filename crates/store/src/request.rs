//! What is asked of a CI, and how a trigger request ends.

use std::sync::Arc;

use mozci_core::ids::{JobName, RepoName, RequestId, Revision, TaskId};
use mozci_core::time::At;
use serde::Serialize;
use serde_json::Value;

/// Actions that name a request that exists already, as a list of SQL. Several entries may name the same one; every
/// other request belongs to exactly one entry.
pub(crate) const NAMES_AN_EXISTING_REQUEST: &str = "('cancelTask', 'stop', 'cancel')";

/// A new id that is short enough to type, of letters and digits alone.
pub(crate) fn short_id() -> String {
    slugid::nice().chars().filter(char::is_ascii_alphanumeric).take(8).collect()
}

/// The id of one trigger request: a slugid of our own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct TriggerId(String);

impl TriggerId {
    /// A new one.
    pub fn new() -> Self {
        Self(slugid::nice())
    }

    /// The id of the task that the trigger request creates, where it creates one itself: the same bytes, so
    /// that sending it again makes no second task.
    pub fn task(&self) -> TaskId {
        // Ours are slugids; anything else that a ledger may hold gets an id that nobody has.
        self.0.parse().unwrap_or_else(|_| TaskId::from_bytes([0; 16]))
    }

    pub(crate) fn from_ledger(id: String) -> Self {
        Self(id)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TriggerId {
    fn default() -> Self {
        Self::new()
    }
}

/// How a trigger request ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum TriggerState {
    /// Written down; whether it was sent is not known if the process is gone.
    #[serde(rename = "recorded")]
    Planned,
    /// Sent, and answered with the request that it made: an action task, a task, a build request.
    Sent {
        /// The request.
        #[serde(flatten)]
        request: RequestId,
    },
    /// Not sent, or refused: nothing happened.
    NotSent {
        /// Why.
        detail: String,
    },
    /// Nobody can tell yet whether it was.
    Uncertain {
        /// What is known.
        detail: String,
    },
}

/// Runs of one job that a trigger request is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestedJob {
    /// The job.
    pub job: JobName,
    /// Runs requested; none where it is taken back.
    pub times: u32,
    /// Why.
    pub why: String,
}

/// One trigger request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerRequest {
    /// Its id.
    pub id: TriggerId,
    /// The plan that it belongs to.
    pub plan: String,
    /// The CI's root URL.
    pub ci: String,
    /// The repository.
    pub repo: RepoName,
    /// The push's number.
    pub push: u64,
    /// The push's head.
    pub revision: Revision,
    /// What is requested.
    pub jobs: Vec<RequestedJob>,
    /// The group that they are requested in: the decision task, or the builder.
    pub group: String,
    /// The action; `createTask` or `cancelTask` where the queue is asked itself; for builders `force`,
    /// `rebuild`, `stop` or `cancel`.
    pub action: String,
    /// Its hook's group; empty where there is no hook.
    pub hook_group: String,
    /// Its hook, or the force scheduler.
    pub hook: String,
    /// The body as it is sent. Shared: one may have millions of elements.
    pub body: Arc<Value>,
    /// When it was written down.
    pub created: At,
    /// How it ended.
    pub state: TriggerState,
    /// The process that wrote it down, by its name in the ledger's folder.
    pub process: String,
    /// Whether that process was there to mark how it ends, when this was read.
    pub in_hand: bool,
    /// Who asks, as the CI knows them; empty where it does not.
    pub asker: String,
    /// The investigation that it is for.
    pub investigation: Option<String>,
}

impl TriggerRequest {
    /// Runs requested, of all its jobs.
    pub fn times(&self) -> u32 {
        self.jobs.iter().map(|requested| requested.times).sum()
    }

    /// Its jobs in one text.
    pub fn names(&self) -> String {
        match self.jobs.as_slice() {
            [one] => one.job.to_string(),
            [first, other] => format!("{} and {}", first.job, other.job),
            [first, rest @ ..] => format!("{} and {} more jobs", first.job, rest.len()),
            [] => "no job".to_owned(),
        }
    }

    /// Whether it is under way in a process that was there when this was read. Looked up with the row,
    /// and never later: a process that ended since has marked it, which only a new row shows.
    pub fn is_in_hand(&self) -> bool {
        self.state == TriggerState::Planned && self.in_hand
    }
}
