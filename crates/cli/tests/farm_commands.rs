//! Every shape of a public farm, on a real Buildbot master, driven by each command that reads or acts.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::farm_shapes::{ok, states};
use crate::master::Master;

/// Makes builds wait for as long as it stands there.
struct Hold(PathBuf);

impl Hold {
    fn new(master: &Master) -> Self {
        let file = master.home.path().join("hold");
        std::fs::write(&file, "").unwrap();
        Self(file)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

/// Waits until nothing is requested any more.
fn come_to_rest(master: &mut Master, job: &str) {
    let ended = |master: &mut Master| {
        master.get("buildrequests?complete=false")["buildrequests"] == json!([])
    };
    assert!(master.within(ended), "{job}");
}

/// Has a job whose test fails from push 4 on, and that can be run on push 3, do everything that there is.
fn drive(master: &mut Master, job: &str) {
    // trigger: what is there counts, and a second time requests nothing.
    let three = ["trigger", job, "--rev", "3", "--times", "2", "--yes", "--wait", "--json"];
    ok(master.mozci(&three));
    assert_eq!(states(master, job, 3), ["passed", "passed"], "{job}");
    let count = master.requests();
    ok(master.mozci(&three));
    assert_eq!(master.requests(), count, "{job}");

    let question = ["backfill", job, "--rev", "tip", "--yes", "--wait", "--json"];
    let filled = ok(master.mozci(&question)).json();
    // Where nothing was missing, the walk itself ends there.
    let found = match &filled["after"] {
        Value::Null => filled["walk"]["push"]["id"].as_u64().map(|good| good + 1),
        after => after["first_bad"]["id"].as_u64(),
    };
    assert_eq!(found, Some(4), "{job}: {filled}");

    let question = ["bisect", job, "--bad", "tip", "--deterministic", "--yes", "--json"];
    let found = ok(master.mozci(&question)).json();
    assert_eq!(found["culprits"][0]["id"], 4, "{job}: {found}");

    // retrigger: one more of what failed.
    let before = states(master, job, 4).len();
    ok(master.mozci(&["retrigger", job, "--failed", "--rev", "4", "--yes", "--wait"]));
    assert_eq!(states(master, job, 4), vec!["failed"; before + 1], "{job}");

    // cancel: what waits or runs.
    let hold = Hold::new(master);
    let more = (states(master, job, 3).len() + 1).to_string();
    ok(master.mozci(&["trigger", job, "--rev", "3", "--times", &more, "--yes"]));
    let under_way = |states: &[String]| {
        states.iter().filter(|state| matches!(state.as_str(), "pending" | "running")).count()
    };
    assert_eq!(under_way(&states(master, job, 3)), 1, "{job}");
    ok(master.mozci(&["cancel", job, "--rev", "3", "--yes"]));
    drop(hold);
    come_to_rest(master, job);
    let left = states(master, job, 3);
    let passed = left.iter().filter(|state| *state == "passed").count();
    assert_eq!((under_way(&left), passed), (0, 2), "{job}: {left:?}");
}

#[test]
fn every_command_drives_every_shape() {
    let Some(mut master) = Master::shaped("shapes.cfg", "") else { return };
    master.land([10, 12, 13, 14, 15]);
    master.settle(15);
    for job in ["several", "llvm", "quiet", "both", "child"] {
        drive(&mut master, job);
    }
    // It cannot be told a revision: what has a run is repeated and cancelled, the rest is left out and said.
    assert_eq!(states(&master, "python", 5), ["failed"]);
    for request in [
        &["trigger", "python", "--rev", "3", "--yes"][..],
        &["backfill", "python", "--rev", "tip", "--yes"],
    ] {
        let said = master.mozci(request);
        assert_eq!(said.status, 3, "{}", said.whole());
        assert!(said.stderr.contains("cannot be told a revision"), "{}", said.whole());
    }
    // What cannot be run is told apart by nothing: all that may be it are named.
    let question = ["bisect", "python", "--bad", "tip", "--deterministic", "--yes", "--json"];
    let found = ok(master.mozci(&question)).json();
    let named: Vec<&Value> =
        found["culprits"].as_array().unwrap().iter().map(|push| &push["id"]).collect();
    assert_eq!(named, [3, 4, 5], "{found}");
    let failed = states(&master, "python", 5).len();
    let hold = Hold::new(&master);
    ok(master.mozci(&["retrigger", "python", "--failed", "--rev", "5", "--yes"]));
    ok(master.mozci(&["cancel", "python", "--rev", "5", "--yes"]));
    drop(hold);
    come_to_rest(&mut master, "python");
    assert_eq!(states(&master, "python", 5).iter().filter(|s| *s == "failed").count(), failed);
}

#[test]
fn every_command_drives_a_farm_of_two_codebases() {
    let Some(mut master) = Master::shaped("codebases.cfg", "") else { return };
    master.land([11, 12, 13, 14, 15]);
    master.settle(15);
    drive(&mut master, "check");
}
