//! A real Buildbot master with the forms, schedulers and workers of public farms: what the master can do is
//! done, and what it cannot is said.

use serde_json::{Value, json};

use crate::master::Master;
use crate::world::Said;

/// Commits that land, in their order; the change's number is the place here, from one. The build is broken
/// on the first, the test fails from the fourth on, and some builders only run on 12 and 15 by themselves.
const LANDED: [usize; 5] = [10, 12, 13, 14, 15];

pub(crate) fn ok(said: Said) -> Said {
    assert_eq!(said.status, 0, "{}", said.whole());
    said
}

pub(crate) fn states(master: &Master, job: &str, push: usize) -> Vec<String> {
    let jobs = ok(master.mozci(&["jobs", job, "--rev", &push.to_string(), "--json"])).json();
    let runs = jobs["pushes"][0]["jobs"][job]["runs"].as_array().cloned().unwrap_or_default();
    runs.iter().map(|run| run["state"].as_str().unwrap().to_owned()).collect()
}

fn first_bad(said: &Said) -> Value {
    said.json()["after"]["first_bad"]["id"].clone()
}

#[test]
fn public_farms_shapes_are_driven() {
    let Some(mut master) = Master::shaped("shapes.cfg", "") else { return };
    master.land(LANDED);
    master.settle(15);
    a_revision_that_cannot_be_told(&master);
    reasons_that_are_not_ours(&master);
    a_test_of_two_builds(&master);
    a_parent_that_waits(&master);
    nobody_to_build_it(&mut master);
    let told = master.mozci(&["doctor"]).stdout;
    for text in [
        "none can be told what to build of python (the force scheduler newest-python cannot be told a revision",
        "none takes builds of lonely now",
    ] {
        assert!(told.contains(text), "{text}: {told}");
    }
}

fn a_revision_that_cannot_be_told(master: &Master) {
    assert_eq!(states(master, "python", 5), ["failed"]);
    // A hole cannot be filled, which is said and is no success; what was run can be repeated.
    let said = master.mozci(&["backfill", "python", "--rev", "tip", "--yes"]);
    assert_eq!(said.status, 3, "{}", said.whole());
    assert!(said.stderr.contains("cannot be told a revision"), "{}", said.whole());
    ok(master.mozci(&["retrigger", "python", "--failed", "--rev", "5", "--yes", "--wait"]));
    assert_eq!(states(master, "python", 5), ["failed", "failed"]);
    // Of two force schedulers the one that can is used.
    let said =
        ok(master.mozci(&["backfill", "several", "--rev", "tip", "--yes", "--wait", "--json"]));
    assert_eq!(first_bad(&said), 4, "{}", said.whole());
}

fn reasons_that_are_not_ours(master: &Master) {
    for (job, reason) in [("llvm", "Build a particular revision"), ("quiet", "asked for by")] {
        let question = ["bisect", job, "--bad", "tip", "--deterministic", "--yes", "--json"];
        let said = ok(master.mozci(&question)).json();
        assert_eq!(said["culprits"][0]["id"], 4, "{said}");
        let sets = master.get("buildsets?order=-bsid&limit=1");
        let theirs = sets["buildsets"][0]["reason"].as_str().unwrap();
        assert!(theirs.contains(reason) && !theirs.contains("mozci"), "{theirs}");
        // Nothing is unconfirmed, and nothing is requested twice.
        let count = master.requests();
        let again = ok(master.mozci(&["backfill", job, "--rev", "tip", "--yes", "--json"])).json();
        assert_eq!(again["walk"]["push"]["id"], 3, "{again}");
        assert_eq!(master.requests(), count, "{again}");
    }
}

fn a_test_of_two_builds(master: &Master) {
    let said = ok(master
        .mozci(&["trigger", "both", "--rev", "3", "--times", "2", "--yes", "--wait", "--json"]));
    let tie = &said.json()["hangs_on"][0];
    let mut builds: Vec<&str> =
        tie["builds"].as_array().unwrap().iter().map(|build| build.as_str().unwrap()).collect();
    builds.sort_unstable();
    assert_eq!(builds, ["build-a", "build-b"], "{tie}");
    assert_eq!(states(master, "both", 3), ["passed", "passed"]);
    // One of the two failed.
    let said = master.mozci(&["trigger", "both", "--rev", "1", "--yes"]);
    assert!(
        said.stdout.contains("build-a failed: the job cannot run without it"),
        "{}",
        said.whole()
    );
    assert_eq!(said.status, 3, "{}", said.whole());
    assert_eq!(states(master, "both", 1), [""; 0]);
}

fn a_parent_that_waits(master: &Master) {
    assert_eq!([states(master, "parent", 4), states(master, "child", 4)], [["failed"], ["failed"]]);
    // The parent failed since the child did.
    ok(master.mozci(&["trigger", "child", "--rev", "4", "--times", "2", "--yes", "--wait"]));
    assert_eq!(states(master, "child", 4), ["failed", "failed"]);
    // Here it failed by itself, and the child never ran.
    let said = master.mozci(&["trigger", "child", "--rev", "1", "--yes"]);
    assert!(
        said.stdout.contains("parent failed: the job cannot run without it"),
        "{}",
        said.whole()
    );
    let said = ok(master.mozci(&["backfill", "child", "--rev", "tip", "--dry-run", "--json"]));
    let steps = said.json()["walk"]["steps"].clone();
    let of = |push: u64| {
        steps.as_array().unwrap().iter().find(|s| s["push"]["id"] == push).unwrap().clone()
    };
    assert_eq!((&of(4)["verdict"], &of(3)["verdict"]), (&"bad".into(), &"good".into()), "{steps}");
}

fn nobody_to_build_it(master: &mut Master) {
    let said = ok(master.mozci(&["trigger", "lonely", "--rev", "tip", "--dry-run"]));
    assert!(said.stderr.contains("no worker takes builds of lonely now"), "{}", said.whole());
    // Somebody requests whatever is newest: until it is built that is the newest push.
    let builders = master.get("builders");
    let mut all = builders["builders"].as_array().unwrap().iter();
    let lonely = all.find(|builder| builder["name"] == "lonely").unwrap()["builderid"].clone();
    master.act("forceschedulers/plain", "force", &json!({ "builderid": lonely }));
    assert_eq!(states(master, "lonely", 5), ["pending"]);
    assert_eq!(states(master, "lonely", 4), [""; 0]);
    ok(master.mozci(&["cancel", "lonely", "--rev", "tip", "--yes"]));
    // It was never built, and so is of no push.
    assert_eq!(states(master, "lonely", 5), [""; 0]);
    let left = master.get("buildrequests?complete=false");
    assert_eq!(left["buildrequests"], json!([]));
}

#[test]
fn a_farm_of_two_codebases_is_read_and_forced_on_both() {
    let Some(mut master) = Master::shaped("codebases.cfg", "") else { return };
    // Changes of one codebase alone tell which is meant; what was started is of both.
    master.land([12, 13, 14, 15]);
    master.settle(15);
    assert_eq!(states(&master, "check", 1), ["passed"]);
    assert_eq!(states(&master, "check", 4), ["failed"]);
    let count = master.requests();
    let said = ok(master.mozci(&["trigger", "check", "--rev", "4", "--yes"]));
    assert!(said.stdout.contains("nothing to request"), "{}", said.whole());
    assert_eq!(master.requests(), count);

    // With changes of two somebody has to say which, and is told how.
    let lib = "1".repeat(40);
    master.tell(&lib, "repository=/src/lib");
    master.land([35]);
    let said = master.mozci(&["jobs", "check", "--rev", "tip"]);
    assert!(
        said.status == 2 && said.stderr.contains("`codebase` in the config"),
        "{}",
        said.whole()
    );
    let config = master.home.path().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let ours = text.replace("[ci.farm.repos.main]\n", "[ci.farm.repos.main]\ncodebase = \"app\"\n");
    std::fs::write(&config, ours).unwrap();
    ok(master.mozci(&["trigger", "check", "--rev", "6", "--yes", "--wait"]));
    let sets = master.get("buildsets?order=-bsid&limit=1");
    let stamps = sets["buildsets"][0]["sourcestamps"].as_array().unwrap().clone();
    let of = |codebase: &str| {
        let stamp = stamps.iter().find(|stamp| stamp["codebase"] == codebase).unwrap();
        stamp["revision"].as_str().unwrap().to_owned()
    };
    assert_eq!((of("app"), of("lib")), (master.revisions[34].clone(), lib));
    let said = ok(master.mozci(&["backfill", "check", "--rev", "4", "--yes", "--wait", "--json"]));
    assert_eq!(first_bad(&said), 3, "{}", said.whole());
    // What somebody starts on whatever is newest is of the push that its checkout found.
    let builders = master.get("builders");
    let id = builders["builders"][0]["builderid"].clone();
    let before = states(&master, "check", 6).len();
    master.act("forceschedulers/by-hand", "force", &json!({ "builderid": id }));
    let ended = |master: &mut Master| {
        let open = master.get("buildrequests?complete=false");
        open["buildrequests"] == json!([])
    };
    assert!(master.within(ended));
    let builds = master.get("builds?order=-buildid&limit=1&property=got_revision");
    let found = &builds["builds"][0]["properties"]["got_revision"][0]["app"];
    // The branch's head in the repository, of which no change has told.
    assert_eq!(found, master.revisions[39].as_str());
    assert_eq!(states(&master, "check", 6).len(), before);
}
