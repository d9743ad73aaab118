//! What runs say of themselves: their artifacts and logs, read once.

pub(crate) mod classify;
pub(crate) mod files;
pub(crate) mod find;
pub(crate) mod given;
pub(crate) mod read;
pub(crate) mod signatures;
pub(crate) mod twins;
pub(crate) mod why_red;
pub(crate) mod wish;

pub use classify::{SameAs, Subjects, judge_by};
pub(crate) use classify::{classify, classify_roughly};
pub use files::{FileEvidence, FilesRead, read_files};
pub use find::{AskedRun, RunName, find_run};
pub use given::Given;
pub use read::{Looked, Read, read_evidence};
pub use why_red::{WhyRed, why_red};
pub use wish::{PassedOver, Reading, RunEvidence, Wish};
