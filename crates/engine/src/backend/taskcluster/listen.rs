//! Listening to Pulse.

use std::sync::Arc;

use mozci_clients::pulse::{PulseSettings, QueueKind, QueueName};
use mozci_clients::taskcluster::Watched;
use mozci_core::facts::PushFacts;
use tokio::sync::mpsc;

use super::listened::listened;
use super::pulse;
use crate::ci::Ci;
use crate::error::Error;
use crate::events::{EventOrigin, Hub, Subscription};
use crate::store::Standings;

/// Changes of what is listened to that may wait.
const CHANGES: usize = 256;

/// Listens to what happens to these. A broker that cannot be reached is reported, and the CI polled instead.
pub(crate) async fn listen(
    ci: &Ci,
    settings: Option<&PulseSettings>,
    facts: Vec<&PushFacts>,
    instance: Option<&str>,
) -> Result<Subscription, Error> {
    let polling = Subscription::polling(ci);
    let Some(settings) = settings.cloned() else { return Ok(polling) };
    let watched = listened(ci, facts.into_iter()).await;
    let store = match Standings::open(&ci.place.state) {
        Ok(store) => Arc::new(store),
        Err(error) => {
            tracing::warn!("note: {error}; polling instead of listening to Pulse");
            return Ok(polling);
        }
    };
    let (changes, wanted) = mpsc::channel(CHANGES);
    let own = || format!("{}-{}", std::process::id(), slugid::nice());
    let source = pulse::Source {
        queue: QueueName::new(&settings.user, &instance.map_or_else(own, str::to_owned)),
        settings,
        kind: if instance.is_some() { QueueKind::Durable } else { QueueKind::Temporary },
        bindings: watched.iter().flat_map(Watched::bindings).collect(),
        changes: wanted,
        store: Arc::clone(&store),
    };
    let (hub, events_received) = Hub::new(Some(store), Some(changes));
    let first = match source.open().await {
        Ok(first) => {
            hub.connected(EventOrigin::Pulse);
            Some(first)
        }
        Err(error) => {
            tracing::warn!("note: {error}; polling instead");
            if !error.may_pass() {
                return Ok(polling);
            }
            None
        }
    };
    hub.runs(tokio::spawn(pulse::listen(source, first, Arc::downgrade(&hub))));
    Ok(Subscription::on(ci, hub, events_received))
}
