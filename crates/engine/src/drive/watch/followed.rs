//! Following an investigation that another process drives: its steps as they are written down.

use std::time::Duration;

use crate::ci::Ci;
use crate::drive::progress::{Observer, Progress};
use crate::drive::watch::progress::WatchProgress;
use crate::error::Error;
use crate::flow::pause;
use crate::store::{Investigation, InvestigationState, Store};
use tokio_util::sync::CancellationToken;

/// How often the steps are read, which are in a file of this machine.
const POLL: Duration = Duration::from_millis(300);

/// Reports each step of an investigation until it has come to its end. How it stands; none where it is open and no
/// process drives it, or where somebody cancelled.
///
/// # Errors
/// [`Error::Store`].
pub async fn follow_steps(
    store: &dyn Store,
    found: &Investigation,
    ci: &Ci,
    observer: &mut dyn Observer,
    cancel: &CancellationToken,
) -> Result<Option<InvestigationState>, Error> {
    observer.on(ci, Progress::InFlight(true));
    let mut shown = 0;
    loop {
        // Asked before the steps are read: what is written after that is read the next time.
        let state =
            store.by_prefix(&found.id).await?.first().map_or(found.state, |found| found.state);
        let driven = store.held(&found.id).await?;
        let steps = store.steps(&found.id).await?;
        for (at, step) in &steps[shown.min(steps.len())..] {
            observer.on(ci, Progress::Watch(WatchProgress::Step { at: *at, step }));
        }
        shown = steps.len();
        if state != InvestigationState::Open {
            observer.on(ci, Progress::Watch(WatchProgress::StepsEnded(state)));
            return Ok(Some(state));
        }
        if driven.is_none() || cancel.is_cancelled() {
            return Ok(None);
        }
        pause(POLL, cancel).await;
    }
}
