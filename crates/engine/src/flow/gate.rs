//! Sending what stands in the ledger: what keeps a request back, and each result written down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use mozci_clients::side_by_side;
use mozci_core::time::At;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use tracing::instrument::Instrumented;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::prepare::ReadyRequest;
use crate::flow::send::{Refused, TriggerResult};
use crate::store::{Ledger, StoreError, TriggerRequest, TriggerState};

/// Requests under way at once.
const AT_ONCE: usize = 4;

/// What keeps the requests of a command back, once one before them came to something bad.
pub(crate) struct Gate<'a> {
    stop: &'a CancellationToken,
    halted: Arc<AtomicBool>,
    forbidden: AtomicBool,
}

impl<'a> Gate<'a> {
    /// An open one.
    pub(crate) fn new(stop: &'a CancellationToken, written: &Written<'_>) -> Self {
        let halted = Arc::clone(&written.halted);
        Self { stop, halted, forbidden: AtomicBool::new(false) }
    }

    /// Closes it where the CI did not allow a request: it allows none of the others.
    pub(crate) fn heed(&self, refusal: Option<Refused>) {
        if refusal == Some(Refused::NotAllowed) {
            self.forbidden.store(true, Ordering::Relaxed);
        }
    }

    /// Why nothing more is sent; none where something may be.
    pub(crate) fn closed(&self) -> Option<&'static str> {
        if self.stop.is_cancelled() {
            Some("interrupted before it was sent")
        } else if self.halted.load(Ordering::Relaxed) {
            Some("not sent, since the ledger could not be written")
        } else if self.forbidden.load(Ordering::Relaxed) {
            Some("not sent, since a request before it was not allowed")
        } else {
            None
        }
    }

    /// Why a request is not sent now; none where it may be, which the ledger then knows.
    pub(crate) async fn refusal(
        &self,
        ledger: &Ledger,
        trigger: &TriggerRequest,
        now: At,
    ) -> Option<String> {
        match self.closed() {
            Some(why) => Some(why.to_owned()),
            None => not_ours(ledger, trigger, now).await,
        }
    }
}

/// Sends the first request alone, so that a refusal shows on it, then several at once. Writes down what became of
/// each.
pub(crate) async fn first_alone<'s, F>(
    to_send: &'s [(TriggerRequest, ReadyRequest)],
    gate: &Gate<'_>,
    written: &mut Written<'_>,
    on_result: &mut (dyn FnMut(&TriggerResult) + Send),
    send: impl Fn(&'s TriggerRequest, &'s ReadyRequest) -> F,
) where
    F: Future<Output = TriggerResult> + Send + 's,
{
    let (first, rest) = to_send.split_at(to_send.len().min(1));
    for batch in [first, rest] {
        let mut sent = side_by_side(
            batch.iter().map(|(trigger, ready)| in_span(trigger, send(trigger, ready))),
            AT_ONCE,
        );
        while let Some(result) = sent.next().await {
            gate.heed(result.refusal);
            written.result(result, on_result).await;
        }
    }
}

/// Sends a request in a span of its own, with which its log lines begin.
pub(crate) fn in_span<F: Future>(trigger: &TriggerRequest, sending: F) -> Instrumented<F> {
    sending.instrument(tracing::debug_span!(
        "request",
        id = trigger.id.as_str(),
        push = trigger.push
    ))
}

/// Results as they are written to the ledger. Where it cannot be written nothing more is sent, but
/// what is under way is waited for and shown.
pub(crate) struct Written<'a> {
    ci: &'a Ci,
    ledger: &'a Ledger,
    /// Set where nothing more may be sent.
    pub(crate) halted: Arc<AtomicBool>,
    pub(crate) results: Vec<TriggerResult>,
    broken: Option<StoreError>,
}

impl<'a> Written<'a> {
    pub(crate) fn new(ci: &'a Ci, ledger: &'a Ledger) -> Self {
        Self { ci, ledger, halted: Arc::default(), results: Vec::new(), broken: None }
    }

    /// Shows a result and writes it down.
    pub(crate) async fn result(
        &mut self,
        result: TriggerResult,
        on_result: &mut (dyn FnMut(&TriggerResult) + Send),
    ) {
        tracing::debug!(id = result.id.as_str(), state = ?result.state, "a request has its result");
        if let Err(error) = self.ledger.mark(&result.id, &result.state).await {
            self.broken(error);
        }
        self.add(result, on_result);
    }

    /// Shows a result that is written down already.
    pub(crate) fn add(
        &mut self,
        result: TriggerResult,
        on_result: &mut (dyn FnMut(&TriggerResult) + Send),
    ) {
        if matches!(result.state, TriggerState::Sent { .. } | TriggerState::Uncertain { .. }) {
            self.ci.http().meter().sent();
        }
        on_result(&result);
        self.results.push(result);
    }

    /// Keeps the first error of the ledger, and sends nothing more.
    pub(crate) fn broken(&mut self, error: StoreError) {
        self.halted.store(true, Ordering::Relaxed);
        self.broken.get_or_insert(error);
    }

    /// The results, or why the ledger could not be written.
    pub(crate) fn end(self) -> Result<Vec<TriggerResult>, Error> {
        match self.broken {
            Some(error) => Err(error.into()),
            None => Ok(self.results),
        }
    }
}

/// Why a trigger request that is about to be sent must not be.
pub(crate) async fn not_ours(ledger: &Ledger, trigger: &TriggerRequest, now: At) -> Option<String> {
    match ledger.sending(&trigger.id, now).await {
        Ok(true) => None,
        Ok(false) => Some("another command gave it up in the meantime".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}
