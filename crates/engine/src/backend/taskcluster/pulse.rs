//! Listening to Pulse: what comes is stored, then acknowledged, then told.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use mozci_clients::pulse::{
    Batch, Binding, Listening, PulseError, PulseSettings, QueueKind, QueueName,
};
use mozci_clients::taskcluster::{Watched, event};
use mozci_core::event::{Event, Gap};
use tokio::sync::mpsc;

use crate::events::hub::{Change, Hub, Pauses};
use crate::events::subscription::EventOrigin;
use crate::store::{Aside, Standings, StoreError};

/// A queue, and what comes into it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) settings: PulseSettings,
    pub(crate) queue: QueueName,
    pub(crate) kind: QueueKind,
    pub(crate) bindings: BTreeSet<Binding>,
    pub(crate) changes: mpsc::Receiver<Change>,
    pub(crate) store: Arc<Standings>,
}

impl Source {
    /// Connects.
    pub(crate) async fn open(&self) -> Result<Listening, PulseError> {
        let bindings: Vec<Binding> = self.bindings.iter().cloned().collect();
        Listening::open(&self.settings, self.queue.clone(), self.kind, &bindings).await
    }
}

/// Why listening on a connection ended.
enum Ended {
    /// Nobody listens any more.
    Unwanted,
    /// The connection broke, or what was told cannot be stored.
    Broken(String),
}

/// Listens, and connects anew whenever the connection has ended; a refusal ends it for good, and
/// whoever follows looks for itself from then on.
pub(crate) async fn listen(mut source: Source, mut open: Option<Listening>, hub: Weak<Hub>) {
    let mut pauses = Pauses::new();
    loop {
        if let Some(listening) = open.take() {
            pauses = Pauses::new();
            match hear(&mut source, listening, &hub).await {
                Ended::Unwanted => return,
                Ended::Broken(why) => {
                    tracing::warn!("note: {why}; reconnecting, and polling until then")
                }
            }
        }
        {
            let Some(hub) = hub.upgrade() else { return };
            hub.is(None);
            hub.publish(Event::Silence);
        }
        tokio::time::sleep(pauses.next()).await;
        match source.open().await {
            Ok(listening) => open = Some(listening),
            Err(error) if error.may_pass() => {}
            Err(error) => {
                tracing::warn!("note: {error}; polling instead");
                return;
            }
        }
        let Some(hub) = hub.upgrade() else { return };
        if open.is_some() {
            hub.connected(EventOrigin::Pulse);
            hub.publish(Event::Gap(Gap::Reconnected));
        }
    }
}

async fn hear(source: &mut Source, mut listening: Listening, hub: &Weak<Hub>) -> Ended {
    loop {
        let batch = tokio::select! {
            batch = listening.next() => batch,
            change = source.changes.recv() => {
                let Some(Change::More(more)) = change else {
                    listening.end(source.kind == QueueKind::Durable).await;
                    return Ended::Unwanted;
                };
                let more = more.downcast::<Vec<Watched>>().map_or_else(|_| Vec::new(), |more| *more);
                let new: Vec<Binding> = more.iter().flat_map(Watched::bindings).collect();
                source.bindings.extend(new.iter().cloned());
                if let Err(error) = listening.bind(&new).await {
                    return Ended::Broken(error.to_string());
                }
                // What happened before the binding was there was not told.
                let Some(hub) = hub.upgrade() else { return Ended::Unwanted };
                hub.forget();
                hub.publish(Event::Gap(Gap::Begun));
                continue;
            }
        };
        let batch = match batch {
            Ok(batch) => batch,
            Err(error) => return Ended::Broken(error.to_string()),
        };
        let Some(hub) = hub.upgrade() else { return Ended::Unwanted };
        match keep(&source.store, &batch, hub.session()).await {
            Ok(events) => {
                if let Err(error) = listening.done(&batch).await {
                    return Ended::Broken(error.to_string());
                }
                hub.count.fetch_add(batch.deliveries.len() as u64, Ordering::Relaxed);
                events.into_iter().for_each(|event| hub.publish(event));
            }
            // What is not acknowledged comes again.
            Err(error) => return Ended::Broken(error.to_string()),
        }
    }
}

/// Stores what a batch says, off the threads that wait for the network. What cannot be understood
/// is kept aside.
async fn keep(
    store: &Arc<Standings>,
    batch: &Batch,
    session: i64,
) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::with_capacity(batch.deliveries.len());
    let mut aside = Vec::new();
    for delivery in &batch.deliveries {
        match event(&delivery.exchange, &delivery.body) {
            Ok(Some(event)) => events.push(event),
            Ok(None) => {}
            Err(reason) => aside.push(Aside::new(
                &delivery.exchange,
                &delivery.routing_key,
                &delivery.body,
                reason,
            )),
        }
    }
    let store = Arc::clone(store);
    let kept =
        tokio::task::spawn_blocking(move || store.keep(&events, &aside, session).map(|()| events));
    kept.await.unwrap_or_else(|error| Err(StoreError::broken(&error.to_string())))
}
