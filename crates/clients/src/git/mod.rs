//! Git: a branch's commits along first parents, from a clone; and whole hashes from a clone of either
//! version control system.

mod local;
mod log;

pub use local::LocalClone;
pub use log::{Git, GitError};
