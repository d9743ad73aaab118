//! What every driver works with.

use tokio_util::sync::CancellationToken;

use crate::ci::Ci;
use crate::drive::progress::{Host, Progress};
use crate::error::Error;
use crate::store::{Keeper, Ledger};

/// What every driver works with.
pub struct Session<'a> {
    /// The CI.
    pub ci: &'a Ci,
    /// The ledger.
    pub ledger: &'a mut Ledger,
    /// Who sees what happens and agrees to what is sent.
    pub host: &'a mut dyn Host,
    /// Ends the driver: what is being sent is finished, nothing new begins.
    pub cancel: &'a CancellationToken,
}

impl Session<'_> {
    /// Reports progress.
    pub fn report(&mut self, progress: Progress<'_>) {
        self.host.on(self.ci, progress);
    }

    /// Reports that a lease could not be renewed, where it could not.
    pub(super) fn report_keeper(&mut self, keeper: Option<&Keeper>) {
        if let Some(problem) = keeper.and_then(Keeper::take_problem) {
            self.report(Progress::NotRenewed(&problem.into()));
        }
    }

    /// Whether somebody cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Runs that were requested in the last 24 hours.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn used_today(&mut self) -> Result<u32, Error> {
        Ok(self.ledger.runs_since(&self.ci.root_url, self.ci.day().since).await?)
    }
}
