//! A job that is given as a link to one of its runs.

use mozci_core::ids::JobName;
use mozci_core::revision::RevisionSpec;
use mozci_core::run_spec::RunSpec;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::evidence::find_run;

/// What a link to a run stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// The job.
    pub job: JobName,
    /// The push that the run was for.
    pub push: RevisionSpec,
    /// The revision that the run was for, where its task says it.
    pub revision: Option<String>,
}

/// Reads which job a run is of, and for which push it ran.
///
/// # Errors
/// [`Error::NotFound`] for a run that there is not; [`Error::Usage`] for a link to another server, for a run of
/// another repository, and for a task that no push breaks.
pub async fn linked(ci: &Ci, run: &RunSpec) -> Result<Linked, Error> {
    let found = find_run(ci, run).await?;
    let push = match run.clone() {
        RunSpec::Build { host, which } => RevisionSpec::Build { host, which },
        RunSpec::Task { task, host, .. } => {
            ci.backend().check_is_a_job(ci, task).await?;
            RevisionSpec::Task { task, host, repo: None }
        }
    };
    Ok(Linked { job: found.job, push, revision: found.revision })
}
