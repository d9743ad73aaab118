//! Git: a branch's commits along first parents, from a clone.

mod log;

pub use log::{Git, GitError};
