//! What is kept on disk: the ledger of everything ever asked for, and facts that cannot change.

mod answers;
mod ends;
mod error;
mod facts;
mod investigations;
mod lease;
mod ledger;
mod limits;
mod marks;
mod outbox;
mod owners;
mod place;
mod request;
mod rows;
mod schema;
mod standings;
mod turn;

pub use answers::Answers;
pub use ends::{Came, PassedOver};
pub use error::StoreError;
pub use facts::{FactCount, FactKind, Facts};
pub use investigations::{FORM, Investigation, InvestigationState, Investigations, LISTED};
pub use lease::{Held, Keeper, Lease};
pub use ledger::{Booking, Day, Ledger, LedgerCursor, Recorded};
pub use limits::Spent;
pub use outbox::{Message, Outbox};
pub use place::{CACHE_FILES, Directories};
pub use request::{RequestedJob, TriggerId, TriggerRequest, TriggerState};
pub use standings::{Aside, Standings};
pub use turn::SettlingTurn;
