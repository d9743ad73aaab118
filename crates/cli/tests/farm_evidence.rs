//! What builds of a real Buildbot master say of their failures.

use crate::master::Master;
use crate::world::Said;

/// A commit whose test fails, and the one before it, whose test passes.
const GOOD: usize = 13;
const FAILING: usize = 14;

#[test]
fn a_build_says_what_failed_and_nothing_of_the_workers_environment() {
    let Some(mut master) = Master::start("") else { return };
    master.land_slowly([GOOD, FAILING]);
    let ok = |said: Said| {
        assert_eq!(said.status, 0, "{}", said.whole());
        assert!(!said.whole().contains("hunter2"), "{}", said.whole());
        said
    };
    let json = ok(master.mozci(&["failures", "test", "--back-revisions", "1", "--json"])).json();
    let runs = json["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "only the failed one: {json:#}");
    let reading = &runs[0]["readings"][0];
    assert_eq!(reading["evidence"]["format"], "text", "{json:#}");
    assert!(reading["source"].as_str().unwrap().contains("check"), "{json:#}");
    let failures = runs[0]["failures"].as_array().unwrap();
    assert!(failures.iter().any(|f| f.to_string().contains("test_paint")), "{json:#}");

    // The same by the build's link, and what the log has is searched without its header.
    let number = format!("{}/#/builds/{}", master.url, runs[0]["run"]["build"]);
    let again = ok(master.mozci(&["failures", &number, "--json"])).json();
    assert_eq!(again["runs"][0]["failures"], runs[0]["failures"], "{again:#}");
    let found = |pattern: &str| {
        let said = ok(master.mozci(&["failures", &number, "--pattern", pattern, "--json"]));
        said.json()["runs"][0]["readings"].to_string().matches("AssertionError: 3 != 4").count()
    };
    assert!(found("FAIL: ") > 0);
    ok(master.mozci(&["failures", &number, "--pattern", "FARM_SECRET", "--context", "5"]));

    // Judged by the failure that it has.
    let args = ["jobs", "test", "--back-revisions", "1", "--same-failure-as", &number, "--json"];
    let judged = ok(master.mozci(&args)).json();
    assert_eq!(judged["pushes"][0]["jobs"]["test"]["verdict"], "bad", "{judged:#}");
    assert_ne!(judged["pushes"][1]["jobs"]["test"]["verdict"], "bad", "{judged:#}");
}
