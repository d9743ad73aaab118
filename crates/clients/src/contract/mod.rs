//! Contracts: what the services' answers are made of, as far as it matters here. They are held
//! against recordings, against the simulator, and by users against the real servers.

mod check;
mod samples;

pub use check::{Contract, Finding, contract};
pub use samples::{Sample, by_columns};
