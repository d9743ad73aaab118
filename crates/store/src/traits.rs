//! What every store does. The methods speak of the domain, not of SQL.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use mozci_core::ids::{JobName, RequestId};
use mozci_core::plan::LeftOut;
use mozci_core::time::At;
use serde_json::Value;

use crate::booking::{Booking, Day, LedgerCursor, LeftOutEntry, NotedOutcome, Spent, Writer};
use crate::error::StoreError;
use crate::investigation::{Held, Investigation, InvestigationState, Lease};
use crate::message::{Message, NewMessage};
use crate::request::{TriggerId, TriggerRequest, TriggerState};

type Result<T> = std::result::Result<T, StoreError>;

/// A store that tasks share.
pub type SharedStore = Arc<dyn Store>;

/// The turn to settle a CI's unconfirmed requests. It ends when this is dropped, or with the process.
pub type Turn = Box<dyn std::any::Any + Send + Sync>;

/// Everything that mozci writes down.
///
/// # Errors
/// Each method fails with a [`StoreError`] where the store cannot be reached, read or written.
#[async_trait]
pub trait Store: Requests + Outcomes + Limits + Investigations + Leases + Outbox {
    /// Where the store is, as a user may see it: a path, or a URL without password.
    fn location(&self) -> String;

    /// The name of this process in what is written down. The process counts as alive from here on until it ends.
    async fn process(&self) -> Result<String>;

    /// Gives back everything that this process holds. Called before a process ends.
    async fn leave(&self);
}

/// Requests: each is written down before it is sent.
///
/// Two kinds of callers write states. The sender sees the answer: its word is a fact. A process that settles a request
/// in doubt later may be out of date by the time it writes, so that it compares and sets in one statement.
#[async_trait]
pub trait Requests: Debug + Send + Sync {
    /// The present end of the ledger of a CI.
    async fn cursor(&self, ci: &str) -> Result<LedgerCursor>;

    /// Writes requests of one CI down in one transaction, before any of them is sent. A request is not written if
    /// somebody else requested one of its jobs on the same push after `read`. None is written if the day's budget
    /// would be exceeded, or if the writer's lease does not hold any more.
    ///
    /// # Errors
    /// [`StoreError`]; then none is written.
    async fn book(
        &self,
        requests: &[TriggerRequest],
        read: LedgerCursor,
        day: Day,
        writer: &Writer,
    ) -> Result<Booking>;

    /// Notes that a request is sent at this instant, before it is. False if it must not be sent any more: somebody
    /// else gave it up, or took over the investigation that it belongs to.
    ///
    /// # Errors
    /// [`StoreError`]; then it must not be sent.
    async fn sending(&self, id: &TriggerId, now: At) -> Result<bool>;

    /// Writes what the sender learned. `Sent` always wins, and takes the CI's request away from an entry that a
    /// settling process gave it to by mistake. Anything else never replaces `Sent`.
    async fn mark(&self, id: &TriggerId, state: &TriggerState) -> Result<()>;

    /// Takes back that a request was sent: the server accepted it and then ran another one in its place. Only for the
    /// process that sends it.
    async fn mark_again(&self, id: &TriggerId, state: &TriggerState) -> Result<()>;

    /// Writes what a settling process concluded of a request in doubt. False, and nothing changes, if the entry is no
    /// longer as it was read, or if the CI's request belongs to another entry.
    async fn settle(&self, read: &TriggerRequest, state: &TriggerState) -> Result<bool>;

    /// The entry, other than `except`, that a CI's request belongs to.
    async fn owner(
        &self,
        ci: &str,
        request: RequestId,
        except: Option<&TriggerId>,
    ) -> Result<Option<TriggerId>>;

    /// Takes the turn to settle a CI's unconfirmed requests; none if somebody else has it, be it in this process.
    async fn take_turn(&self, ci: &str) -> Result<Option<Turn>>;

    /// The requests of a CI of which nobody knows yet whether they were sent, oldest first.
    async fn open_requests(&self, ci: &str) -> Result<Vec<TriggerRequest>>;

    /// The requests of a CI since an instant, whatever their state and repository, oldest first.
    async fn requests_since(&self, ci: &str, since: At) -> Result<Vec<TriggerRequest>>;

    /// The newest requests of a CI, newest first.
    async fn newest(&self, ci: &str, most: u32) -> Result<Vec<TriggerRequest>>;

    /// When the oldest of the newest requests was made.
    async fn oldest_of_newest(&self, ci: &str, most: u32) -> Result<Option<At>>;

    /// The requests of an investigation that may have been sent, oldest first.
    async fn of_investigation(&self, id: &str) -> Result<Vec<TriggerRequest>>;

    /// The request of this id, or the one that a self-serve server accepted under this number (`self-serve/17`).
    async fn find(&self, ci: &str, id: &str) -> Result<Option<TriggerRequest>>;

    /// Runs of a job on a push that a command ever requested.
    async fn made_by(&self, command: &str, ci: &str, revision: &str, job: &JobName) -> Result<u32>;

    /// The hooks that were triggered, newest first: each hook's group and the hook.
    async fn hooks(&self, ci: &str, most: usize) -> Result<Vec<(String, String)>>;
}

/// What became of requests, and what plans left out.
#[async_trait]
pub trait Outcomes: Debug + Send + Sync {
    /// Notes the outcome of what a CI's request ran; nothing if the ledger does not know the request.
    async fn note_outcome(
        &self,
        ci: &str,
        request: RequestId,
        job: &JobName,
        outcome: &str,
        now: At,
    ) -> Result<()>;

    /// The outcomes of a request, as far as anybody followed it.
    async fn outcomes(&self, id: &TriggerId) -> Result<Vec<NotedOutcome>>;

    /// Notes what a plan left out, and why; of one plan up to 1,000 entries.
    async fn note_left_out(
        &self,
        ci: &str,
        plan: &str,
        left_out: &[LeftOut],
        now: At,
    ) -> Result<()>;

    /// What was left out since an instant, newest first.
    async fn left_out_since(&self, ci: &str, since: At, most: u32) -> Result<Vec<LeftOutEntry>>;
}

/// What guards ask: who used how much, which pool a job runs in, whether a CI fails.
#[async_trait]
pub trait Limits: Debug + Send + Sync {
    /// Runs requested of a CI since an instant, also those of which nobody knows whether they were sent.
    async fn runs_since(&self, ci: &str, since: At) -> Result<u32>;

    /// Runs requested in a pool since an instant.
    async fn runs_in_pool(&self, ci: &str, pool: &str, since: At) -> Result<u32>;

    /// The plans that used the most since an instant.
    async fn spent(&self, ci: &str, since: At, most: u32) -> Result<Vec<Spent>>;

    /// The pool that a job runs in, as far as it is known.
    async fn pool(&self, ci: &str, job: &JobName) -> Result<Option<String>>;

    /// Notes the pool that a job runs in.
    async fn know_pool(&self, ci: &str, job: &JobName, pool: &str) -> Result<()>;

    /// Since when and why nothing is sent to a CI; none if it accepts requests.
    async fn breaker(&self, ci: &str) -> Result<Option<(At, String)>>;

    /// Opens the breaker of a CI, or closes it.
    async fn set_breaker(&self, ci: &str, open: Option<(At, &str)>) -> Result<()>;
}

/// Investigations and their steps.
#[async_trait]
pub trait Investigations: Debug + Send + Sync {
    /// Begins one; returns its id. Whoever [claims](Leases::claim) it drives it.
    async fn begin(&self, ci: &str, repo: &str, question: &Value, now: At) -> Result<String>;

    /// Writes a step down that is about to be taken.
    ///
    /// # Errors
    /// [`StoreError::TakenOver`] if the lease does not hold any more: the step must not be taken then.
    async fn step(&self, lease: &Lease, step: &Value, now: At) -> Result<()>;

    /// Writes the last step down and sets the state to done, both or neither: nobody ends it a second time.
    ///
    /// # Errors
    /// [`StoreError::TakenOver`] if the lease does not hold any more.
    async fn finish(&self, lease: &Lease, step: &Value, now: At) -> Result<()>;

    /// Changes the question of an investigation that is held.
    ///
    /// # Errors
    /// [`StoreError::TakenOver`] if the lease does not hold any more.
    async fn change_question(&self, lease: &Lease, question: &Value) -> Result<()>;

    /// Sets the state: whoever drives an investigation that is not open does nothing more.
    async fn set_state(&self, id: &str, state: InvestigationState) -> Result<()>;

    /// The open ones of a CI and repository, oldest first.
    async fn open_investigations(&self, ci: &str, repo: &str) -> Result<Vec<Investigation>>;

    /// Those whose ids begin so, newest first, up to [`LISTED`](crate::LISTED); all of them for an empty text.
    async fn by_prefix(&self, prefix: &str) -> Result<Vec<Investigation>>;

    /// The steps of one in their order, each with when it was written down.
    async fn steps(&self, id: &str) -> Result<Vec<(At, Value)>>;

    /// The last step of one, if it has any.
    async fn last_step(&self, id: &str) -> Result<Option<Value>>;
}

/// Leases on investigations. They expire by the store's own clock.
#[async_trait]
pub trait Leases: Debug + Send + Sync {
    /// Claims investigations in one transaction: a lease for each that nobody holds.
    ///
    /// # Errors
    /// [`StoreError`]; then none is claimed.
    async fn claim(&self, ids: &[&str]) -> Result<Vec<std::result::Result<Lease, Held>>>;

    /// Claims up to `most` open investigations of a CI that nobody holds, the oldest first. Those that another process
    /// claims at this moment are passed over.
    async fn claim_open(&self, ci: &str, repo: &str, most: u32) -> Result<Vec<Lease>>;

    /// Who drives it, if anybody does.
    async fn held(&self, id: &str) -> Result<Option<Held>>;

    /// Extends leases. Those that were taken over stay lost.
    async fn renew(&self, leases: &[Lease]) -> Result<()>;

    /// Gives a lease back, so that somebody else may drive the investigation at once.
    async fn release(&self, lease: &Lease) -> Result<()>;
}

/// Messages until they are delivered.
#[async_trait]
pub trait Outbox: Debug + Send + Sync {
    /// Puts a message in, unless this channel got one of the same investigation and question. Returns whether it is
    /// new.
    async fn post(&self, message: &NewMessage) -> Result<bool>;

    /// Takes the messages that are due: nobody else gets them for two minutes.
    async fn take_due(&self) -> Result<Vec<Message>>;

    /// Notes that a message was delivered.
    async fn delivered(&self, id: &str) -> Result<()>;

    /// Notes why a message was not delivered; it is retried later.
    async fn not_delivered(&self, message: &Message, problem: &str) -> Result<()>;

    /// How many messages wait, and the problem of the last of them.
    async fn waiting(&self) -> Result<(u32, String)>;
}
