//! What a watch loses on its way: its queue, the CI, the time. It ends the same.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use mozci_sim::{Fault, Faults};
use serde_json::Value;

use crate::broker::{Broker, delete};
use crate::watches::failing;
use crate::world::{JOB, Said, Served};

fn begin(served: &Served) -> Child {
    let arguments = ["--json", "watch", JOB, "--rev", "tip", "--retry-failed", "2", "--yes"];
    let mut command = served.listening(&arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until it has requested something.
fn asked(served: &Served) {
    let started = Instant::now();
    while served.actions() == 0 {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn ended(child: Child) -> (Said, Value) {
    let said = Said::new(&child.wait_with_output().unwrap());
    let last = said.stdout.lines().last().unwrap_or_else(|| panic!("{said:?}")).to_owned();
    let end = serde_json::from_str(&last).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    (said, end)
}

#[test]
fn its_queue_is_deleted_and_it_makes_another() {
    let Some(broker) = Broker::shared() else { return };
    let served = broker.serve(failing(1.0, 600.0));
    let child = begin(&served);
    asked(&served);
    let id = "SELECT id FROM investigations";
    let id: String = served.ledger().query_row(id, [], |row| row.get(0)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_connection, channel) = runtime.block_on(broker.publisher());
    runtime.block_on(delete(&channel, &format!("queue/watcher/mozci-{id}")));
    let (said, end) = ended(child);
    assert_eq!(end["summary"], "ended: failed 3 of 3", "{said:?}");
    assert!(said.stderr.contains("reconnecting"), "{said:?}");
    assert_eq!(served.actions(), 1);
}

#[test]
fn the_ci_is_away_for_a_while_and_it_goes_on() {
    let Some(broker) = Broker::shared() else { return };
    let served = broker.serve(failing(1.0, 600.0));
    let kinds = vec![Fault::BadGateway, Fault::ServerError, Fault::Reset];
    let away = Faults { seed: 1, rate: 1.0, kinds, stall: Duration::from_secs(1), retry_after: 1 };
    let child = begin(&served);
    asked(&served);
    served.sim.set_faults(Some(away));
    std::thread::sleep(Duration::from_secs(3));
    served.sim.set_faults(None);
    let (said, end) = ended(child);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(end["summary"], "ended: failed 3 of 3", "{said:?}");
    assert_eq!(served.actions(), 1);
}

#[test]
fn the_servers_clock_is_stepped_and_nothing_is_asked_for_twice() {
    let Some(broker) = Broker::shared() else { return };
    let served = broker.serve(failing(1.0, 600.0));
    let child = begin(&served);
    asked(&served);
    served.world().clock.advance(300_000);
    let (said, end) = ended(child);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(end["summary"], "ended: failed 3 of 3", "{said:?}");
    assert_eq!(served.actions(), 1);
}
