//! mozci's flows: resolve, read, plan, guard, record, ask, wait; and the store behind them.
//!
//! *Invariant:* only this crate triggers anything, and only what a plan that passed the guards
//! requests and what stands in the ledger.

pub mod backend;
pub mod ci;
pub mod config;
pub mod drive;
pub mod error;
pub mod events;
pub mod flow;
pub mod notify;
pub mod store;

pub use error::{Error, Kind};
