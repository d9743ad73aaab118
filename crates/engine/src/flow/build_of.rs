//! Which build a job depends on.

use mozci_core::chooser::Job;
use mozci_core::ids::JobName;

/// Which build a job depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildOf {
    /// This one.
    Job(JobName),
    /// All of these.
    All(Vec<JobName>),
    /// None.
    Nothing,
    /// It could not be found out.
    Unknown,
}

impl BuildOf {
    /// The builds, as far as they are known.
    pub fn names(&self) -> &[JobName] {
        match self {
            Self::Job(name) => std::slice::from_ref(name),
            Self::All(names) => names,
            Self::Nothing | Self::Unknown => &[],
        }
    }

    /// What a task graph tells of a job.
    pub(crate) fn by_graph(job: &Job<'_>) -> Self {
        job.build().map_or(Self::Nothing, |build| Self::Job(JobName::new(build)))
    }
}
