//! The store as one file: SQLite.

mod database;
mod file;
mod investigations;
mod lease;
mod limits;
mod outbox;
mod outcomes;
mod owners;
mod requests;
mod rows;
mod schema;
mod states;
mod store;
mod turn;

pub use file::{Care, Shared, open};
pub use owners::{lives, this_process};
pub use store::Sqlite;
