//! A run by whatever names it.

use mozci_core::ids::{BuildId, JobName};
use mozci_core::run::{Run, RunKey};
use mozci_core::run_spec::RunSpec;
use serde::Serialize;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::resolve::check_host;

/// A run that is asked about.
#[derive(Debug, Clone)]
pub struct AskedRun {
    /// The run itself.
    pub run: Run,
    /// Of which job.
    pub job: JobName,
    /// On which push, where that is known.
    pub revision: Option<String>,
}

impl AskedRun {
    /// Its build, where it has one.
    pub(crate) fn build(&self) -> Option<BuildId> {
        self.run.more.as_ref().and_then(|more| more.build)
    }
}

/// A run's name as outputs have it.
#[derive(Debug, Clone, Serialize)]
pub struct RunName {
    /// Which.
    #[serde(flatten)]
    pub key: RunKey,
    /// Where it can be looked at.
    pub link: Option<String>,
}

/// Finds a run by what a user typed.
///
/// # Errors
/// [`Error::NotFound`] for a run that there is not, [`Error::Usage`] for a link to elsewhere.
pub async fn find_run(ci: &Ci, spec: &RunSpec) -> Result<AskedRun, Error> {
    let host = match spec {
        RunSpec::Task { host, .. } => host.as_deref(),
        RunSpec::Build { host, .. } => Some(host.as_str()),
    };
    check_host(ci, host)?;
    ci.backend().find_run(ci, spec).await
}
