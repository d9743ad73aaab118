//! Where pushes come from: an axis of its own, beside the kind of CI.

pub(crate) mod details;
pub(crate) mod git;
pub(crate) mod known;
pub(crate) mod merges;
pub(crate) mod range;
pub(crate) mod resolve;
pub(crate) mod source;
pub(crate) mod summaries;

pub use source::Pushes;
