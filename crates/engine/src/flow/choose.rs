//! Which jobs are meant.

use mozci_core::filter::JobFilter;
use mozci_core::ids::JobName;
use mozci_core::push::Push;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::build_of::BuildOf;

/// Jobs that are meant, and the builds that they depend on by the task graph that told: whoever reads
/// their histories need not read it again.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The jobs.
    pub jobs: Vec<JobName>,
    /// The build of each.
    pub builds: Vec<BuildOf>,
}

/// The jobs which a filter means among everything that can run, as some pushes tell. Kinds other than builds and
/// tests are meant only where they are named.
///
/// # Errors
/// [`Error::NotFound`] where nobody tells what can run, or none of the jobs is meant.
pub async fn choose(ci: &Ci, pushes: &[Push], filter: &JobFilter) -> Result<Chosen, Error> {
    ci.backend().choose(ci, pushes, filter).await
}

/// The jobs that were chosen for a push and that a filter means. With a filter that says more than
/// what to leave out, everything that can run there.
///
/// # Errors
/// [`Error::NotFound`] where nobody tells what was chosen.
pub async fn chosen(ci: &Ci, push: &Push, filter: &JobFilter) -> Result<Chosen, Error> {
    ci.backend().chosen(ci, push, filter).await
}

/// Every how many pushes a job runs, where somebody says that it does not on each.
///
/// # Errors
/// [`Error`] where what says it cannot be read.
pub async fn every(ci: &Ci, job: &JobName) -> Result<Option<u32>, Error> {
    ci.backend().cadence(ci, job).await
}
