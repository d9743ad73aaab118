//! What the queue publishes.

use std::path::Path;

use mozci_clients::taskcluster::{Watched, event};
use mozci_core::event::{Event, Standing};
use mozci_core::run::State;
use serde_json::Value;

use crate::serving::folder;

const DEFINED: &str = "exchange/taskcluster-queue/v1/task-defined";

fn recorded(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder().join(path)).unwrap()).unwrap()
}

fn told(name: &str) -> Standing {
    let message = recorded(&format!("taskcluster/pulse/{name}.json"));
    let exchange = message["exchange"].as_str().unwrap();
    match event(exchange, message["payload"].to_string().as_bytes()) {
        Ok(Some(Event::Stands(standing))) => standing,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn every_recorded_message_says_where_its_task_stands() {
    let cases = [
        ("task-defined", State::Unscheduled),
        ("task-pending", State::Pending),
        ("task-running", State::Running),
        ("task-completed", State::Passed),
        ("task-failed", State::Failed),
        ("task-exception", State::Cancelled),
    ];
    for (name, state) in cases {
        let standing = told(name);
        assert_eq!(standing.state, state, "{name}");
        assert_eq!(standing.runs.len(), 1, "{name}");
        assert!(standing.group.is_some() && standing.job.is_some(), "{name}");
    }
    assert_eq!(
        told("task-failed").job.unwrap().as_str(),
        "test-linux2404-64/opt-mochitest-plain-2"
    );
    let message = recorded("taskcluster/pulse/task-group-resolved.json");
    let resolved =
        event(message["exchange"].as_str().unwrap(), message["payload"].to_string().as_bytes());
    let Ok(Some(Event::GroupEnded(group))) = resolved else { panic!("{resolved:?}") };
    assert_eq!(group.to_string(), "K2M13_HXTA2_uy0Azq6mJg");
    let message = recorded("taskcluster/pulse/artifact-created.json");
    let other =
        event(message["exchange"].as_str().unwrap(), message["payload"].to_string().as_bytes());
    assert_eq!(other, Ok(None));
}

#[test]
fn what_is_none_is_told_in_words() {
    let wrong = |body: &[u8]| event(DEFINED, body).unwrap_err();
    assert!(wrong(b"<html>").contains("no message of the queue"));
    assert!(wrong(b"{}").contains("status"));
    assert!(
        wrong(
            br#"{"status": {"taskId": "x", "taskGroupId": "y", "state": "pending", "runs": []}}"#
        )
        .contains("task")
    );
    assert!(wrong(&vec![b' '; 50 << 20]).contains("52428800 bytes"));
    assert!(event("exchange/other/v1/x", b"{}").unwrap_err().contains("none of the queue's"));
    // A word that nobody knows yet is kept as it is.
    let mut message = recorded("taskcluster/pulse/task-running.json")["payload"].clone();
    message["status"]["runs"][0]["state"] = "hibernating".into();
    let Ok(Some(Event::Stands(odd))) = event(DEFINED, message.to_string().as_bytes()) else {
        panic!("not read");
    };
    assert_eq!(odd.state, State::Unknown("hibernating".into()));
}

/// Whether a routing key fits a pattern, by the rules of topic exchanges.
fn fits(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern.first(), key.first()) {
        (None, None) => true,
        (Some(&"#"), _) => {
            fits(&pattern[1..], key) || (!key.is_empty() && fits(pattern, &key[1..]))
        }
        (Some(word), Some(said)) if *word == "*" || word == said => fits(&pattern[1..], &key[1..]),
        _ => false,
    }
}

#[test]
fn what_is_watched_is_bound_and_nothing_else() {
    let brings = |watched: &Watched, name: &str| {
        let message = recorded(&format!("taskcluster/pulse/{name}.json"));
        let key: Vec<&str> = message["routingKey"].as_str().unwrap().split('.').collect();
        watched.bindings().iter().any(|binding| {
            let pattern: Vec<&str> = binding.routing_key.split('.').collect();
            message["exchange"] == binding.exchange.as_str() && fits(&pattern, &key)
        })
    };
    let group = |id: &str| Watched::Group(id.parse().unwrap());
    let own = group("ElYTlGDVRui7j4JtKcd8-Q");
    assert!(brings(&own, "task-failed") && brings(&own, "task-defined"));
    assert!(!brings(&group("K2M13_HXTA2_uy0Azq6mJg"), "task-failed"));
    assert!(brings(&group("K2M13_HXTA2_uy0Azq6mJg"), "task-group-resolved"));
    let task = |id: &str| Watched::Task(id.parse().unwrap());
    assert!(brings(&task("VYjh07KlS-OB582X6vxFUQ"), "task-failed"));
    assert!(!brings(&task("VYjh07KlS-OB582X6vxFUQ"), "task-completed"));
    let worker = Watched::WorkerType("b-linux-amd".into());
    assert!(brings(&worker, "task-completed") && !brings(&worker, "task-failed"));
    let scheduler = Watched::Scheduler("gecko-level-3".into());
    assert!(brings(&scheduler, "task-failed") && brings(&scheduler, "task-group-resolved"));
    assert!(!brings(&Watched::Scheduler("other".into()), "task-failed"));
}

#[test]
fn real_messages_are_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/pulse/taskcluster_pulse_messages.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return;
    };
    let all: serde_json::Map<String, Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(all.len(), 91);
    for (task, message) in &all {
        let exchange = message["exchange"].as_str().unwrap();
        let told = event(exchange, message["payload"].to_string().as_bytes());
        let Ok(Some(Event::Stands(standing))) = told else { panic!("{task}: {told:?}") };
        assert_eq!(&standing.request.to_string(), task);
        assert!(!matches!(standing.state, State::Unknown(_)));
    }
}
