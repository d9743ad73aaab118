//! The newest push on which a job is red.

use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::run::Run;

use crate::ci::Ci;
use crate::error::Error;

/// The newest of some pushes, newest first, on which runs of a job failed, with the job's runs there.
///
/// # Errors
/// [`Error::Service`]. A job that no push has is red nowhere.
pub async fn newest_red<'a>(
    ci: &Ci,
    pushes: &'a [Push],
    job: &JobName,
) -> Result<Option<(&'a Push, Vec<Run>)>, Error> {
    let runs = match ci.backend().runs(ci, pushes, job).await {
        Ok(runs) => runs,
        Err(Error::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let red = pushes.iter().zip(runs).find(|(_, runs)| runs.iter().any(|run| run.state.is_bad()));
    Ok(red)
}
