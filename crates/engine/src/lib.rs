//! mozci's flows: resolve, read, plan, guard, record, ask, wait; and the store behind them.
//!
//! *Invariant:* only this crate triggers anything, and only what a plan that passed the guards
//! asks for and what stands in the ledger.

pub mod buildapi;
pub mod ci;
pub mod config;
pub mod drive;
pub mod error;
pub mod events;
pub mod farm;
pub mod flow;
mod lineage;
pub mod notify;
pub mod store;

pub use error::{Error, Kind};
