//! mozci's clients, one folder an outside system.
//!
//! *Invariant:* a client translates and never decides. A service's shapes (`wire.rs`) don't leave
//! its folder. A client takes a base URL, credentials and the shared HTTP settings; no host stands
//! in code.

pub mod act;
mod allowance;
pub mod buildapi;
pub mod buildbot;
pub mod contract;
pub mod files;
pub mod git;
pub mod hg;
pub mod http;
pub mod lando;
pub mod notify;
pub mod pulse;
mod side_by_side;
pub mod taskcluster;
pub mod treeherder;
pub mod treestatus;

pub use side_by_side::side_by_side;
