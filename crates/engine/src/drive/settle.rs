//! Requests of which nobody could tell whether they were sent.

use crate::ci::Ci;
use crate::drive::progress::{Observer, Progress};
use crate::error::Error;
use crate::flow::SETTLE_SECONDS;
use crate::flow::reconcile;
use crate::store::{Ledger, TriggerRequest};

/// Settles what can be told by now. That it cannot be read is reported, and no error.
pub async fn settle(ci: &Ci, ledger: &Ledger, observer: &mut dyn Observer) {
    match reconcile(ci, ledger).await {
        Ok(changed) => observer.on(ci, Progress::Settled(&changed)),
        Err(error) => observer.on(ci, Progress::CannotSettle(&error)),
    }
}

/// Opens the ledger, settles what can be told by now of unconfirmed requests, and reports what is still open.
///
/// # Errors
/// [`Error::Store`], [`Error::Service`].
pub async fn open_ledger(ci: &Ci, observer: &mut dyn Observer) -> Result<Ledger, Error> {
    let ledger = ci.ledger().await?;
    let changed = reconcile(ci, &ledger).await?;
    observer.on(ci, Progress::Settled(&changed));
    let now = ci.now();
    let mut open = ledger.open_requests(&ci.root_url).await?;
    open.retain(|trigger| !trigger.is_in_hand());
    let (old, young): (Vec<TriggerRequest>, Vec<TriggerRequest>) =
        open.into_iter().partition(|trigger| now.since(trigger.created) > SETTLE_SECONDS);
    if let Some(newest) = young.iter().map(|trigger| trigger.created).max() {
        let seconds = (SETTLE_SECONDS + 1 - now.since(newest)).max(1);
        observer.on(ci, Progress::Unconfirmed { requests: young.len(), seconds });
    }
    observer.on(ci, Progress::Settled(&old));
    Ok(ledger)
}
