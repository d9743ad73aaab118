//! The broker dies, is cut off, or lies: what is followed ends the same.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;

use mozci_sim::{SimConfig, WorldConfig};
use serde_json::Value;

use crate::broker::{Broker, publish};
use crate::cutting;
use crate::world::{JOB, Served};

/// A world in which runs take some seconds of ordinary time.
fn at_work() -> SimConfig {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 600.0, ..WorldConfig::default() };
    SimConfig { world, ..SimConfig::default() }
}

/// Follows a backfill, and does something once it listens. What it says at its end.
fn follow(served: &Served, meanwhile: impl FnOnce()) -> (Value, String) {
    let arguments = ["backfill", JOB, "--rev", "tip", "--yes", "--wait", "--json"];
    let mut command: Command = served.listening(&arguments);
    let mut child: Child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = String::new();
    for line in lines.by_ref().map_while(Result::ok) {
        said.push_str(&line);
        said.push('\n');
        if line.contains("waiting for the runs to end") {
            break;
        }
    }
    meanwhile();
    // The pipe must not fill up.
    let rest =
        std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
    let output = child.wait_with_output().unwrap();
    said.push_str(&rest.join().unwrap());
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stdout));
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

fn all_ended(json: &Value) {
    let outcomes = json["outcomes"].as_array().unwrap();
    assert!(!outcomes.is_empty());
    for outcome in outcomes {
        assert_eq!(outcome["done"], true, "{json}");
        assert!(!outcome["runs"].as_array().unwrap().is_empty(), "{json}");
    }
}

#[test]
fn a_broker_that_dies_and_comes_back_costs_one_look() {
    let Some(mut broker) = Broker::own() else { return };
    let served = broker.serve(at_work());
    let broker = &mut broker;
    let (json, said) = follow(&served, || {
        broker.kill();
        broker.start();
    });
    all_ended(&json);
    assert!(said.contains("reconnecting"), "{said}");
}

#[test]
fn a_connection_that_is_cut_in_the_middle_of_a_frame_is_made_again() {
    let Some(broker) = Broker::shared() else { return };
    let served = broker.serve(at_work());
    // The handshake has about 1,200 bytes, a message about 2,000.
    let (url, cuts) = cutting::start(&broker.url, vec![700, 6_001, 9_007, 12_345]);
    served.write_config(&served.read_config().replace(&broker.url, &url));
    let (json, said) = follow(&served, || {});
    all_ended(&json);
    assert!(cuts.connections.load(Ordering::Relaxed) > 2, "{said}");
}

#[test]
fn what_nobody_understands_is_kept_aside_and_counted() {
    let Some(broker) = Broker::shared() else { return };
    let served = broker.serve(at_work());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_connection, channel) = runtime.block_on(broker.publisher());
    let groups: Vec<String> = {
        let world = served.world();
        (0..world.config.pushes)
            .map(|push| mozci_sim::world::TaskRef::Decision { push }.id(world.seed()).to_string())
            .collect()
    };
    let (json, _) = follow(&served, || {
        let exchange = "exchange/taskcluster-queue/v1/task-pending";
        for group in &groups {
            let key = format!("primary.x.0._._.gecko-t.t-linux.gecko-level-3.{group}._");
            runtime.block_on(publish(&channel, exchange, &key, b"{\"status\": 7}"));
        }
        let group = groups.last().unwrap();
        let key = format!("primary.x.0._._.gecko-t.t-linux.gecko-level-3.{group}._");
        runtime.block_on(publish(&channel, exchange, &key, &vec![b'x'; 50 << 20]));
    });
    all_ended(&json);
    let events = served.home.path().join("state/mozci/events.db");
    let events = rusqlite::Connection::open(events).unwrap();
    let count = |sql: &str| events.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let aside = count("SELECT count FROM counts WHERE name = 'aside'");
    assert!(aside > 1, "{aside}");
    assert_eq!(count("SELECT count(*) FROM aside"), aside);
    assert_eq!(count("SELECT max(bytes) FROM aside"), 50 << 20);
    assert!(count("SELECT max(length(start)) FROM aside") <= 4096);
    // The doctor tells of it.
    let said = crate::world::Said::new(&served.listening(&["doctor"]).output().unwrap());
    assert!(said.stdout.contains(&format!("{aside} that came were not understood")), "{said:?}");
    // What was told to a listener that is gone is gone with it.
    assert_eq!(count("SELECT count(*) FROM standings"), 0);
}
