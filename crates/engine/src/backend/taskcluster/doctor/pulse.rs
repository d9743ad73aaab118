//! The doctor of Pulse: may we listen, and was everything understood.

use std::time::Instant;

use mozci_clients::pulse::{Listening, PulseSettings, QueueKind, QueueName};
use mozci_clients::taskcluster::Watched;
use mozci_core::ids::TaskId;

use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::flow::health::{Check, Health};
use crate::store::Standings;

/// Looks at Pulse where it is configured and there are credentials for it.
pub(crate) async fn checks(ci: &Ci) -> Vec<Check> {
    let Some(settings) = ci.tc().ok().and_then(|tc| tc.pulse.as_ref()) else { return Vec::new() };
    let started = Instant::now();
    let connection = told("connection", started, connection(settings).await);
    let started = Instant::now();
    vec![connection, told("messages", started, aside(ci))]
}

fn told(check: &'static str, started: Instant, (health, detail): (Health, String)) -> Check {
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Check { source: "pulse", check, health, detail, findings: Vec::new(), ms }
}

/// Listens for a moment to a group that nobody has.
async fn connection(settings: &PulseSettings) -> (Health, String) {
    let queue = QueueName::new(&settings.user, &format!("doctor-{}", slugid::nice()));
    let bindings = Watched::Group(TaskId::from_bytes([0; 16])).bindings();
    match Listening::open(settings, queue, QueueKind::Temporary, &bindings).await {
        Ok(listening) => {
            listening.end(false).await;
            (Health::Ok, format!("tells {} what happens", settings.user))
        }
        Err(error) => (Health::Warn, format!("{error}; commands poll instead")),
    }
}

/// What was told on this machine so far and not understood.
fn aside(ci: &Ci) -> (Health, String) {
    match Standings::open(&ci.place.state).and_then(|store| store.aside()) {
        Ok((0, _)) => (Health::Ok, "each that came was understood".to_owned()),
        Ok((count, newest)) => {
            let newest = newest.map_or_else(String::new, |newest| {
                format!(
                    "; the newest, {} bytes of {}: {}",
                    newest.bytes, newest.exchange, newest.reason
                )
            });
            (
                Health::Warn,
                format!("{count} that came were not understood and are kept aside{newest}"),
            )
        }
        Err(error) => (Health::Warn, error.to_string()),
    }
}
