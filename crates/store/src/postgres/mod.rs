//! The store that several machines share: PostgreSQL.

mod connect;
mod investigations;
mod lease;
mod limits;
mod outbox;
mod outcomes;
mod owner;
mod requests;
mod rows;
mod schema;
mod states;

pub use connect::{Options, Postgres};
