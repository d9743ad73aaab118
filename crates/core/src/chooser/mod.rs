//! What can be run on a push: builds, the tests that depend on them, and what is known of each, compact
//! enough to be kept whole.

mod checks;
mod compare;
mod graph;
mod making;
mod tree;
mod words;

#[cfg(test)]
mod tests;

pub use checks::Problem;
pub use compare::{Comparison, Renamed, compare};
pub use graph::{Job, JobGraph, Role};
pub use making::{JobGraphBuilder, NewJob, pick_build};
pub use tree::{Platform, Tree};
