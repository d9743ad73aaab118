//! The kinds of CI. `roles.rs` says what each can do; a kind is a folder, and one line in `list.rs`.

pub(crate) mod buildapi;
pub(crate) mod buildbot;
pub(crate) mod list;
pub mod pushes;
pub(crate) mod roles;
pub mod taskcluster;

pub(crate) use list::{open, open_pushes, results, root_of};
pub use roles::{
    Answer, Backend, Capabilities, EventSource, EvidenceSource, Fallible, FoundRange, HealthCheck,
    HistoryQuestion, JobCatalog, PushSource, RunSource, Trigger,
};
