//! What mozci writes down: every request before it is sent, investigations with their leases, messages on their way.
//!
//! [`Store`] is the seam. [`sqlite`] keeps everything in one file and is the default. [`postgres`] serves several
//! machines. `tests/conformance` holds both to the same suite.

mod booking;
mod database_url;
mod error;
pub mod files;
mod investigation;
mod keeper;
mod ledger;
mod message;
pub mod postgres;
mod request;
pub mod sqlite;
mod traits;
mod words;

pub use booking::{
    Booking, Day, LedgerCursor, LeftOutEntry, NotedOutcome, Recorded, Spent, Writer,
};
pub use database_url::{DatabaseUrl, NoDatabaseUrl};
pub use error::StoreError;
pub use investigation::{FORM, Held, Investigation, InvestigationState, LISTED, Lease};
pub use keeper::Keeper;
pub use ledger::Ledger;
pub use message::{Message, NewMessage};
pub use request::{RequestedJob, TriggerId, TriggerRequest, TriggerState};
pub use traits::{
    Investigations, Leases, Limits, Outbox, Outcomes, Requests, SharedStore, Store, Turn,
};
