//! What a farm's own requests have to fear of ours: nothing.

use crate::master::Master;

#[test]
fn the_farms_own_requests_are_not_run_over_and_builders_of_hand_are_left_alone() {
    let Some(mut master) = Master::start("") else { return };
    master.land_slowly([1, 2]);
    // Forced by hand once, and nowhere else: not what belongs to a push.
    let release = ["trigger", "release", "--rev", "1", "--yes", "--wait", "--param", "version=1.2"];
    let said = master.mozci(&release);
    assert_eq!(said.status, 0, "{}", said.whole());
    let said = master.mozci(&["fill", "--exclude", "test", "--rev", "2", "--dry-run"]);
    assert_eq!(said.status, 0, "{}", said.whole());
    assert!(
        said.stderr.contains("only ran where somebody requested them: release"),
        "{}",
        said.whole()
    );
    // Named it is meant, and what it has to be told is said, the rest planned all the same.
    let said = master.mozci(&["fill", "release", "smoke", "--rev", "2", "--dry-run"]);
    assert_eq!(said.status, 0, "{}", said.whole());
    assert!(said.stdout.contains("force-release needs version"), "{}", said.whole());
    let said =
        master.mozci(&[&release[..6], &["--times", "2", "--param", "revision=abc"]].concat());
    assert_eq!(said.status, 2, "{}", said.whole());
    assert!(said.stderr.contains("is filled in by mozci itself"), "{}", said.stderr);

    master.kill();
    master.pause("5");
    master.run_again("");
    master.land([3]);
    let building = |master: &mut Master| {
        let builds = master.get("builds?complete=false");
        !builds["builds"].as_array().unwrap().is_empty()
    };
    assert!(master.within(building));
    // This one waits for the worker, and would be coalesced by whatever is requested now.
    master.land([4]);
    let waiting = |master: &mut Master| {
        let waits = master.get("buildrequests?complete=false&claimed=false");
        !waits["buildrequests"].as_array().unwrap().is_empty()
    };
    assert!(master.within(waiting));
    let said = master.mozci(&["trigger", "build", "--rev", "1", "--times", "2", "--yes"]);
    assert_eq!(said.status, 0, "{}", said.whole());
    assert!(said.stderr.contains("waits to be built already"), "{}", said.whole());
    master.settle(4);
    let jobs = master.mozci(&["jobs", "build", "--rev", "4", "--json"]).json();
    let runs = jobs["pushes"][0]["jobs"]["build"]["runs"].as_array().unwrap();
    let states: Vec<&str> = runs.iter().map(|run| run["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["passed"], "{jobs:#}");
}
