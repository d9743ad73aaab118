//! What goes on besides what is shown.

use std::collections::HashSet;

use mozci_core::filter::JobFilter;
use mozci_core::ids::{JobName, TaskId};
use mozci_core::push::Push;
use mozci_core::run::Run;

use crate::ci::Ci;
use crate::error::Error;
use crate::store::Ledger;

/// Pushes whose groups are read: each is a list of thousands.
pub(crate) const MOST_GROUPS: usize = 20;

/// What goes on besides what is known.
#[derive(Debug, Clone, Default)]
pub struct AtWork {
    /// What waits or runs of the jobs that a filter means, by the pushes' places: from the pushes'
    /// task groups.
    pub runs: Vec<(usize, JobName, Run)>,
    /// Action tasks that have not ended yet, so that they may still make runs.
    pub actions: Vec<TaskId>,
}

/// Reads what goes on besides the tasks that are known already.
///
/// # Errors
/// [`Error::Service`], [`Error::Store`].
pub(crate) async fn at_work(
    ci: &Ci,
    ledger: &Ledger,
    pushes: &[Push],
    filter: &JobFilter,
    known: &HashSet<TaskId>,
) -> Result<AtWork, Error> {
    ci.backend().at_work(ci, ledger, pushes, filter, known).await
}
