//! Following jobs on a real Buildbot master.

use serde_json::Value;

use crate::master::Master;

/// A commit whose test passes, and the one after it, whose test fails.
const GOOD: usize = 13;
const FAILING: usize = 14;

#[test]
fn what_fails_on_a_farm_is_run_again_and_followed() {
    let Some(mut master) = Master::start("") else { return };
    master.land_slowly([GOOD, FAILING]);
    // Two commits alone don't tell which build the test depends on.
    master.configure("poll_seconds = 600");
    let config = master.home.path().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let hangs = "pushlog = \"changes\"\nbuild_of = { test = \"build\" }";
    std::fs::write(&config, text.replace("pushlog = \"changes\"", hangs)).unwrap();
    let arguments = ["--json", "watch", "test", "--rev", "tip", "--retry-failed", "2", "--yes"];
    let said = master.mozci(&arguments);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("notified by the master"), "{said:?}");
    let last: Value = serde_json::from_str(said.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["summary"], "ended: failed 3 of 3", "{said:?}");
    let requests = master.requests();
    // Once more: it has what was wanted.
    let again = master.mozci(&arguments);
    assert_eq!((again.status, master.requests()), (0, requests), "{again:?}");
    // What passes is left alone.
    let both = ["--json", "watch", "test", "--rev", "tip", "--back-revisions", "1"];
    let both = master.mozci(&[&both[..], &["--retry-failed", "2", "--yes"]].concat());
    assert_eq!((both.status, master.requests()), (0, requests), "{both:?}");
    let last: Value = serde_json::from_str(both.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["summary"], "ended: 1 failed 3 of 3 · 1 passed", "{both:?}");
    // What can run there at all.
    let choice = master.mozci(&["chooser", "--rev", "tip", "--json"]);
    assert_eq!(choice.status, 0, "{choice:?}");
    let jobs = choice.json()["jobs"].as_array().unwrap().clone();
    let find = |label: &str| jobs.iter().find(|job| job["label"] == label).unwrap().clone();
    let (build, test) = (find("build"), find("test"));
    assert_eq!((&build["role"], &test["role"]), (&"build".into(), &"test".into()), "{choice:?}");
    assert_eq!((&test["build"], &test["by_default"]), (&"build".into(), &true.into()));
    assert_eq!(test["ran_on"], 2, "{choice:?}");
}
