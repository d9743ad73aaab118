//! A mark on the push that a search found.

use mozci_core::ids::{JobName, TaskId};
use mozci_core::push::Push;
use tokio_util::sync::CancellationToken;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::send::TriggerResult;
use crate::store::Ledger;

/// What is to be marked.
#[derive(Debug, Clone, Copy)]
pub struct MarkOf<'a> {
    /// The push.
    pub push: &'a Push,
    /// The job that it broke.
    pub job: &'a JobName,
    /// What is said of it, in Markdown.
    pub text: &'a str,
    /// A task of the same project, whose way to where results are shown the mark takes.
    pub like: TaskId,
}

/// What became of a mark.
#[derive(Debug)]
pub enum Marked {
    /// It was requested.
    Requested(Box<TriggerResult>),
    /// The push has one for this job.
    There,
}

/// Whether a CI can have marks.
pub fn can_mark(ci: &Ci) -> bool {
    ci.backend().can_mark()
}

/// Puts a mark on a push, unless the push has one for the same job. It counts as one run of the day's budget.
///
/// # Errors
/// [`Error::Usage`] where the push cannot be marked; [`Error::Guard`] where the day has seen enough;
/// [`Error::Service`]; nothing was sent then.
pub async fn mark(
    ci: &Ci,
    ledger: &mut Ledger,
    of: &MarkOf<'_>,
    stop: &CancellationToken,
) -> Result<Marked, Error> {
    ci.backend().mark(ci, ledger, of, stop).await
}
