//! Requests of which nobody could tell whether they were sent.

use std::time::{Duration, Instant};

use crate::ci::Ci;
use crate::error::Error;
use crate::store::{Ledger, TriggerRequest, TriggerState, Turn};

/// How long a request that was sent may take to show among a hook's fires: the request's own
/// timeout and as much again.
pub const SETTLE_SECONDS: i64 = 60;

/// How far a fire's time may lie before the trigger request's, for clocks that differ.
pub(crate) const SKEW_SECONDS: i64 = 60;

/// How often a request in doubt is looked for again where what was found belongs to another one.
pub(crate) const TRIES: u32 = 3;

/// The unconfirmed requests. A command at work marks its own, so that these are left out.
pub(crate) async fn unconfirmed(ci: &Ci, ledger: &Ledger) -> Result<Vec<TriggerRequest>, Error> {
    let mut open = ledger.open_requests(&ci.root_url).await?;
    open.retain(|trigger| !trigger.is_in_hand());
    Ok(open)
}

/// Waits for the turn to settle the CI's unconfirmed requests: one process at a time does. `None`
/// where nothing is unconfirmed, or where another process takes too long: then it settles them.
pub(crate) async fn turn(ci: &Ci, ledger: &Ledger) -> Result<Option<Turn>, Error> {
    let started = Instant::now();
    let mut told = false;
    while !unconfirmed(ci, ledger).await?.is_empty() {
        if let Some(turn) = ledger.take_turn(&ci.root_url).await? {
            return Ok(Some(turn));
        }
        if started.elapsed() > LONGEST_TURN {
            ci.note("another mozci process is checking unconfirmed requests and takes long: they count as sent here");
            return Ok(None);
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(
                "another mozci process is checking unconfirmed requests: waiting for it"
            );
        }
        tokio::time::sleep(TURN_POLL).await;
    }
    Ok(None)
}

/// How long to wait for another process that settles unconfirmed requests.
const LONGEST_TURN: Duration = Duration::from_secs(120);

/// How often to request the turn.
const TURN_POLL: Duration = Duration::from_millis(50);

/// Writes what was concluded of a request in doubt, unless that is what stands there. False where
/// it has to be looked for again, since what was found belongs to another request.
pub(crate) async fn record_end(
    ledger: &Ledger,
    trigger: &TriggerRequest,
    state: TriggerState,
    changed: &mut Vec<TriggerRequest>,
) -> Result<bool, Error> {
    if state == trigger.state {
        return Ok(true);
    }
    if ledger.settle(trigger, &state).await? {
        changed.push(TriggerRequest { state, ..trigger.clone() });
        return Ok(true);
    }
    // Somebody else settled it, or its sender came back: their word stands.
    let now = ledger.find(&trigger.ci, trigger.id.as_str()).await?;
    Ok(now.is_none_or(|now| now.state != trigger.state || now.created != trigger.created))
}

pub(crate) fn with_source(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Looks at every request in doubt of the CI and marks what can be told now.
///
/// # Errors
/// [`Error::Store`]. What cannot be read leaves a request as it is.
pub async fn reconcile(ci: &Ci, ledger: &Ledger) -> Result<Vec<TriggerRequest>, Error> {
    ci.backend().settle(ci, ledger).await
}
