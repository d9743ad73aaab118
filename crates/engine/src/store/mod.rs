//! What is kept on disk: the ledger of everything ever asked for, and facts that cannot change.

mod answers;
mod error;
mod facts;
mod ledger;
mod place;

pub use answers::Answers;
pub use error::StoreError;
pub use facts::{FactKind, Facts};
pub use ledger::{AskId, AskState, Asking, Ledger, Recorded, this_process};
pub use place::Place;
