//! Listening to a real broker, as a user of Pulse may.

use std::time::Duration;

use mozci_clients::pulse::{
    Binding, Listening, PulseError, PulseSettings, QueueKind, QueueName, Secret,
};
use mozci_sim::{PulseFaults, SimConfig, WorldConfig};

use crate::broker::{Broker, delete, publish};
use crate::world::{JOB, Said};

const EXCHANGE: &str = "exchange/taskcluster-queue/v1/task-completed";

fn settings(broker: &Broker, user: &str) -> PulseSettings {
    let url = broker.url.parse().unwrap();
    PulseSettings::new(url, user, Secret::new(format!("{user}-password")))
}

fn binding(exchange: &str, key: &str) -> Binding {
    Binding { exchange: exchange.into(), routing_key: key.into() }
}

async fn refused(
    settings: &PulseSettings,
    queue: QueueName,
    kind: QueueKind,
    exchange: &str,
) -> PulseError {
    let bindings = [binding(exchange, "primary.#")];
    Listening::open(settings, queue, kind, &bindings).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acknowledged_comes_again() {
    let Some(broker) = Broker::shared() else { return };
    let (_connection, channel) = broker.publisher().await;
    let settings = settings(&broker, "watcher");
    let queue = || QueueName::new("watcher", "again");
    let bindings = [binding(EXCHANGE, "primary.again.#")];
    let open = || Listening::open(&settings, queue(), QueueKind::Durable, &bindings);
    let mut listening = open().await.unwrap();
    for n in 0..5 {
        publish(&channel, EXCHANGE, "primary.again.x", format!("{n}").as_bytes()).await;
    }
    publish(&channel, EXCHANGE, "primary.other.x", b"not ours").await;
    let mut seen = 0;
    while seen < 5 {
        let batch = listening.next().await.unwrap();
        // The first are acknowledged, the last are not.
        if seen == 0 {
            listening.done(&batch).await.unwrap();
            seen = batch.deliveries.len();
            if seen < 5 {
                continue;
            }
            publish(&channel, EXCHANGE, "primary.again.x", b"late").await;
            listening.next().await.unwrap();
        }
        break;
    }
    listening.end(false).await;
    let mut listening = open().await.unwrap();
    let batch = listening.next().await.unwrap();
    assert!(!batch.deliveries.is_empty());
    assert!(batch.deliveries.iter().all(|delivery| delivery.body != b"not ours"));
    // Nobody else gets at it meanwhile.
    let second = open().await.unwrap_err();
    assert!(matches!(second, PulseError::InUse { .. }), "{second}");
    assert!(second.may_pass());
    delete(&channel, queue().as_str()).await;
    let gone = loop {
        match listening.next().await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(gone, PulseError::Lost { .. }), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_was_refused_and_shows_no_password() {
    let Some(broker) = Broker::shared() else { return };
    let watcher = settings(&broker, "watcher");
    let own = || QueueName::new("watcher", "refusals");
    let wrong = PulseSettings { password: Secret::new("hunter2"), ..watcher.clone() };
    let error = refused(&wrong, own(), QueueKind::Temporary, EXCHANGE).await;
    assert!(matches!(error, PulseError::Credentials { .. }), "{error}");
    assert!(!format!("{error:?} {error} {wrong:?}").contains("hunter2"));

    let others = QueueName::new("other", "refusals");
    let error = refused(&watcher, others, QueueKind::Temporary, EXCHANGE).await;
    assert!(
        matches!(&error, PulseError::Queue { queue, .. } if queue == "queue/other/mozci-refusals")
    );
    assert!(error.to_string().contains("queue/<user>/"), "{error}");

    let error = refused(&watcher, own(), QueueKind::Temporary, "exchange/hidden").await;
    assert!(
        matches!(&error, PulseError::Binding { exchange, .. } if exchange == "exchange/hidden"),
        "{error}"
    );
    assert!(!error.may_pass());
    let error = refused(&watcher, own(), QueueKind::Temporary, "exchange/none").await;
    assert!(error.to_string().contains("no exchange"), "{error}");

    // Where TLS is expected and there is none, and where nobody is.
    for url in [broker.url.replacen("amqp", "amqps", 1), "amqp://127.0.0.1:1".to_owned()] {
        let elsewhere = PulseSettings {
            url: url.parse().unwrap(),
            timeout: Duration::from_secs(5),
            ..watcher.clone()
        };
        let error = refused(&elsewhere, own(), QueueKind::Temporary, EXCHANGE).await;
        assert!(matches!(error, PulseError::Unreachable { .. }), "{error}");
        assert!(error.may_pass());
    }
}

/// A world in which what is requested takes a moment, so that it has to be waited for.
fn at_work() -> SimConfig {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 2_000.0, ..WorldConfig::default() };
    SimConfig { world, ..SimConfig::default() }
}

#[test]
fn what_is_told_need_not_be_looked_for() {
    let Some(broker) = Broker::shared() else { return };
    let served = broker.serve(at_work());
    let arguments = ["backfill", JOB, "--rev", "tip", "--yes", "--wait", "--json", "--stats"];
    let output = served.listening(&arguments).output().unwrap();
    let said = Said::new(&output);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("notified by Pulse"), "{said:?}");
    let outcomes = said.json()["outcomes"].as_array().unwrap().clone();
    assert!(!outcomes.is_empty());
    assert!(outcomes.iter().all(|outcome| outcome["done"] == true), "{said:?}");
}

#[test]
fn twice_late_and_lost_it_ends_the_same() {
    let Some(broker) = Broker::shared() else { return };
    for seed in 0..3 {
        let faults = PulseFaults {
            seed,
            twice: 0.5,
            late: 0.5,
            delay: Duration::from_millis(300),
            lost: 0.0,
        };
        let served = broker.serve(SimConfig { pulse: broker.pulse(Some(faults)), ..at_work() });
        let arguments = ["backfill", JOB, "--rev", "tip", "--yes", "--wait", "--json"];
        let output = served.listening(&arguments).output().unwrap();
        let said = Said::new(&output);
        assert_eq!(said.status, 0, "{said:?}");
        let outcomes = said.json()["outcomes"].as_array().unwrap().clone();
        let ended = |outcome: &serde_json::Value| {
            let runs = outcome["runs"].as_array().unwrap();
            !runs.is_empty() && runs.iter().all(|run| run["state"] != "running")
        };
        assert!(outcomes.iter().all(ended), "{said:?}");
    }
}

#[test]
fn it_listens_over_tls_to_whom_it_can_trust() {
    let Some((broker, certificate)) = Broker::own_with_tls() else { return };
    let served = broker.serve(at_work());
    let tls = broker.tls_url().unwrap();
    served.write_config(&served.read_config().replace(&broker.url, &tls));
    let check = |command: &mut std::process::Command| {
        let said = Said::new(&command.output().unwrap());
        let checks = said.json()["checks"].as_array().unwrap().clone();
        let found = checks.into_iter().find(|check| check["check"] == "connection").unwrap();
        (found["health"].as_str().unwrap().to_owned(), found["detail"].to_string())
    };
    // A certificate that nobody vouches for is no broker's.
    let (health, detail) = check(&mut served.listening(&["doctor", "--json"]));
    assert_eq!(health, "warn", "{detail}");
    assert!(detail.contains("cannot be reached"), "{detail}");
    let mut trusting = served.listening(&["doctor", "--json"]);
    let (health, detail) = check(trusting.env("SSL_CERT_FILE", &certificate));
    assert_eq!((health.as_str(), detail.as_str()), ("ok", "\"tells watcher what happens\""));
    let mut watch = served.listening(&["backfill", JOB, "--rev", "tip", "--yes", "--wait"]);
    let said = Said::new(&watch.env("SSL_CERT_FILE", &certificate).output().unwrap());
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("notified by Pulse"), "{said:?}");
}

#[test]
fn half_a_set_of_credentials_is_said_and_the_ci_looked_at() {
    let Some(broker) = Broker::shared() else { return };
    let served = broker.serve(SimConfig::default());
    let mut command = served.command(&["pushes"]);
    let output = command.env("PULSE_USER", "watcher").output().unwrap();
    let said = Said::new(&output);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("PULSE_USER is set and PULSE_PASSWORD is not"), "{said:?}");
}

/// The paths of everything in a message; which tags a task has differs.
fn paths(value: &serde_json::Value, path: &str, found: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) if !path.ends_with(".tags") => {
            map.iter().for_each(|(key, inner)| paths(inner, &format!("{path}.{key}"), found));
        }
        serde_json::Value::Array(list) => {
            list.iter().for_each(|inner| paths(inner, &format!("{path}[]"), found));
        }
        _ => drop(found.insert(path.to_owned())),
    }
}

#[test]
fn what_the_simulator_publishes_is_what_a_real_queue_published() {
    let Some(broker) = Broker::shared() else { return };
    let served = broker.serve(at_work());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let names = ["defined", "pending", "running", "completed"];
    let exchange = |name: &str| format!("exchange/taskcluster-queue/v1/task-{name}");
    let bindings: Vec<Binding> = {
        let world = served.world();
        let groups = (0..world.config.pushes)
            .map(|push| mozci_sim::world::TaskRef::Decision { push }.id(world.seed()));
        groups
            .flat_map(|group| {
                let key = format!("primary.*.*.*.*.*.*.*.{group}._");
                names.map(|name| binding(&exchange(name), &key))
            })
            .collect()
    };
    let watcher = settings(&broker, "watcher");
    let queue = QueueName::new("watcher", "shapes");
    let open = Listening::open(&watcher, queue, QueueKind::Temporary, &bindings);
    let mut listening = runtime.block_on(open).unwrap();
    assert_eq!(served.run(&["backfill", JOB, "--rev", "tip", "--yes"]).status, 0);
    let mut missing: Vec<&str> = names.to_vec();
    while !missing.is_empty() {
        let batch = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(60), listening.next()).await.unwrap().unwrap()
        });
        for delivery in &batch.deliveries {
            let Some(place) = missing.iter().position(|name| delivery.exchange == exchange(name))
            else {
                continue;
            };
            let name = missing.remove(place);
            let recorded = format!(
                "{}/../clients/tests/recorded/taskcluster/pulse/task-{name}.json",
                env!("CARGO_MANIFEST_DIR")
            );
            let recorded: serde_json::Value =
                serde_json::from_slice(&std::fs::read(recorded).unwrap()).unwrap();
            let words = |key: &str| key.split('.').count();
            assert_eq!(
                words(&delivery.routing_key),
                words(recorded["routingKey"].as_str().unwrap())
            );
            let (mut real, mut ours) = Default::default();
            paths(&recorded["payload"], "", &mut real);
            paths(&serde_json::from_slice(&delivery.body).unwrap(), "", &mut ours);
            assert_eq!(ours, real, "{name}");
        }
    }
}
