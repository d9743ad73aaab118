//! What runs say of themselves: their artifacts and logs, read once.

mod buildapi;
mod buildbot;
mod find;
mod judge;
mod read;
mod taskcluster;
mod twins;
mod why_red;
mod wish;

pub use find::{AskedRun, RunName, find_run};
pub use judge::{Subjects, judge_by};
pub(crate) use judge::{judge, judge_roughly};
pub use read::{Looked, read_evidence};
pub use why_red::{WhyRed, why_red};
pub use wish::{PassedOver, Reading, RunEvidence, Wish};
