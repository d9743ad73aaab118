//! The doctor, on a CI that is well and on one that ails.

use std::time::Duration;

use mozci_sim::{Fault, Faults, WorldConfig};
use serde_json::Value;

use crate::world::{JOB, Said, Served};

/// The checks as `source check: health detail`.
fn checks(said: &Said) -> Vec<String> {
    let json = said.json();
    let text = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    json["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| {
            format!(
                "{} {}: {} {}",
                text(c, "source"),
                text(c, "check"),
                text(c, "health"),
                text(c, "detail")
            )
        })
        .collect()
}

fn settled() -> Served {
    Served::settled()
}

fn with(served: &Served, kind: Fault) -> Said {
    let stall = Duration::from_secs(600);
    let faults = Faults { seed: 3, rate: 1.0, kinds: vec![kind], stall, retry_after: 0 };
    served.sim.set_faults(Some(faults));
    let said = served.run(&["doctor", "--json"]);
    served.sim.set_faults(None);
    said
}

#[test]
fn the_simulator_keeps_every_contract() {
    let served = settled();
    let said = served.run(&["doctor", "--json", "--stats"]);
    assert_eq!(said.status, 0, "{said:?}");
    let checks = checks(&said);
    assert!(checks.iter().all(|check| check.contains(": ok ")), "{checks:#?}");
    assert!(checks.len() >= 10, "{checks:#?}");
    assert!(said.json()["stats"]["http_requests"].as_u64().unwrap() <= 20, "{said:?}");
}

#[test]
fn what_ails_is_named() {
    let served = settled();
    let fields = checks(&with(&served, Fault::ExtraField)).join("\n");
    assert!(
        fields.contains("results[].moon_phase is new") && !fields.contains(": fail"),
        "{fields}"
    );
    let words = checks(&with(&served, Fault::UnknownWord)).join("\n");
    assert!(words.contains("a new word, \"evaporated\"") && !words.contains(": fail"), "{words}");
    for kind in [Fault::MissingField, Fault::WrongType, Fault::BadGateway, Fault::Reset] {
        let said = with(&served, kind);
        assert_eq!(said.status, 3, "{}: {said:?}", kind.name());
        assert!(checks(&said).iter().any(|check| check.contains(": fail ")), "{}", kind.name());
    }
}

#[test]
fn clocks_scopes_and_sources_that_are_not_there() {
    let world =
        WorldConfig { skew_seconds: 3600, newest_minutes_ago: 600, ..WorldConfig::default() };
    let skewed = Served::of(world);
    let said = skewed.run(&["doctor", "--json"]);
    assert_eq!(said.status, 3);
    let told = checks(&said).join("\n");
    assert!(told.contains("clock skew: fail") && told.contains("Stale timestamp"), "{told}");
    // An act says it as well: its signature was refused for the clock, and not for the scopes.
    let act = skewed.run(&["trigger", JOB, "--rev", "1039", "--yes"]);
    assert!(act.status == 4 && act.stderr.contains("this machine's clock is"), "{act:?}");

    let served = settled();
    let reader = serde_json::json!(mozci_sim::SimCredentials::reader()).to_string();
    let sheriff = serde_json::json!(mozci_sim::SimCredentials::sheriff()).to_string();
    let quoted = |text: &str| serde_json::json!(text).to_string();
    let config = served.config();
    served.write_config(&config.replace(&quoted(&sheriff), &quoted(&reader)));
    let said = served.run(&["doctor", "--json"]);
    let told = checks(&said).join("\n");
    assert!(told.contains("not allowed, for lack of hooks:trigger-hook:"), "{told}");
    assert_eq!(said.status, 0, "reading needs none: {told}");
    let closed = "http://127.0.0.1:1";
    served.write_config(&config.replace(&served.sim.urls.treeherder, closed));
    let said = served.run(&["doctor", "--json"]);
    let told = checks(&said).join("\n");
    assert!(said.status == 3 && told.contains("treeherder push: fail no connection"), "{told}");
    assert!(
        told.contains("pushlog json-pushes: ok"),
        "the others are looked at all the same: {told}"
    );
}

#[test]
fn what_was_read_is_shown_where_the_rest_cannot_be() {
    // Young, so that the queue is requested what is under way; and the queue is not there.
    let world = WorldConfig { newest_minutes_ago: 30, speed: 1.0, ..WorldConfig::default() };
    let served = Served::of(world);
    let closed = served.config().replace(&served.sim.urls.taskcluster, "http://127.0.0.1:1");
    served.write_config(&closed);
    let said = served.run(&["jobs", "--json"]);
    let json = said.json();
    assert_eq!(said.status, 3, "{said:?}");
    assert_eq!(json["pushes"].as_array().unwrap().len(), 8);
    assert!(json["incomplete"].as_str().unwrap().contains("no connection"), "{json}");
    assert!(said.stderr.contains("Treeherder's, which is behind"), "{said:?}");
    // Who acts on it is not content with that.
    let act = served.run(&["cancel", "--all", "--yes"]);
    assert!(act.status == 3 && act.stderr.contains("nothing was sent"), "{act:?}");
}

#[test]
fn a_treeherder_that_shows_nothing_is_not_taken_for_a_ci_without_runs() {
    let world =
        WorldConfig { newest_minutes_ago: 600, treeherder_lag: 1e9, ..WorldConfig::default() };
    let served = Served::of(world);
    let said = served.run(&["jobs", "--rev", "tip"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.stderr.contains("what it does not show is not missing"), "{said:?}");
    let told = checks(&served.run(&["doctor", "--json"]));
    let hidden = told.iter().find(|check| check.contains("shows what is there")).unwrap();
    assert!(hidden.contains("have ended and are not shown"), "{told:#?}");
    assert!(!told.iter().any(|check| check.contains("shows the 0 newest runs")), "{told:#?}");
}
