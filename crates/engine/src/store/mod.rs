//! What is kept: the ledger (`mozci-store`), and on each machine facts that cannot change.

mod answers;
mod facts;
mod place;
mod standings;

pub use answers::Answers;
pub use facts::{FactCount, FactKind, Facts};
pub use mozci_store::sqlite::Sqlite;
pub use mozci_store::{
    Booking, DatabaseUrl, Day, FORM, Held, Investigation, InvestigationState, Keeper, LISTED,
    Lease, Ledger, LedgerCursor, LeftOutEntry, Message, NewMessage, NotedOutcome, Recorded,
    RequestedJob, SharedStore, Spent, Store, StoreError, TriggerId, TriggerRequest, TriggerState,
    Turn,
};
pub use place::{CACHE_FILES, Directories};
pub use standings::{Aside, Standings};
