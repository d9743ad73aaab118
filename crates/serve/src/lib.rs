//! mozci as a service: pages that show what is broken on a CI and since when, and acts that people confirm there.
//!
//! One watcher a repository reads the CI, and everybody looks at what it read: fifty people cost as many requests
//! as one. Nothing is sent before somebody confirms a plan, and every act goes through the same guards and ledger
//! as on the command line.

mod access;
mod acts;
mod error;
mod options;
mod service;
mod watch;
mod web;

pub use error::ServeError;
pub use options::Options;
pub use service::{Running, start};
