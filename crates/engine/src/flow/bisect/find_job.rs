//! Which job to search with, where only a test or a failure is named.

use mozci_core::filter::JobFilter;
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::run::Says;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::matrix::read_matrix;

/// The job in which what runs are judged by failed on a push: of several the quickest, since it is
/// run often.
///
/// # Errors
/// [`Error::NotFound`] where it failed in none.
pub async fn job_of_failure(ci: &Ci, push: &Push, filter: &JobFilter) -> Result<JobName, Error> {
    let matrix = read_matrix(ci, std::slice::from_ref(push), filter).await?.whole()?;
    let failing = matrix.rows.iter().flatten().filter(|(_, run)| run.is_bad());
    let quickest = failing.min_by_key(|(job, run)| (run.duration, *job));
    if let Some((job, _)) = quickest {
        return Ok(matrix.jobs[*job as usize].0.clone());
    }
    let says = |said: Says| {
        let runs = matrix.rows.iter().flatten();
        runs.filter(|(_, run)| run.proof().is_some_and(|proof| proof.says == said)).count()
    };
    Err(Error::NotFound(format!(
        "it failed in no job of push {}: it passed in {} runs, was not part of {}, and of {} nothing is known; name the job, or a push on which it failed",
        push.id,
        says(Says::Good),
        says(Says::NotRun),
        says(Says::Unknown),
    )))
}
