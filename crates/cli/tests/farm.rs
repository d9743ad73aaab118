//! A Buildbot farm, as its owner uses the program: held against what was planted in the repository
//! and against what the master itself says.

use std::collections::BTreeSet;
use std::process::Stdio;

use serde_json::Value;

use crate::master::{Master, Version};
use crate::world::Said;

/// Commits that break the build, that break a test (backed out later; for good), and the one whose
/// test fails once.
const BROKEN: [usize; 2] = [10, 11];
const FAILING: [usize; 4] = [14, 15, 16, 17];
const ONCE: usize = 21;
const FOR_GOOD: usize = 35;

/// Commits that land at once, so that the master coalesces their requests.
const BURST: std::ops::RangeInclusive<usize> = 24..=31;

fn ok(said: Said) -> Said {
    assert_eq!(said.status, 0, "{}", said.whole());
    said
}

fn numbers(list: &Value) -> BTreeSet<u64> {
    list.as_array().unwrap().iter().map(|entry| entry["push"]["id"].as_u64().unwrap()).collect()
}

/// The runs of a job on a push, by the commit's number, which is the push's: changes are told of in
/// their order.
fn runs<'a>(jobs: &'a Value, number: usize, job: &str) -> &'a [Value] {
    let pushes = jobs["pushes"].as_array().unwrap();
    let push = pushes.iter().find(|push| push["id"] == number).unwrap();
    push["jobs"][job]["runs"].as_array().map_or(&[], Vec::as_slice)
}

fn states<'a>(jobs: &'a Value, number: usize, job: &str) -> Vec<&'a str> {
    runs(jobs, number, job).iter().map(|run| run["state"].as_str().unwrap()).collect()
}

#[test]
fn a_farm_is_read_filled_and_followed() {
    driven(Version::Four);
}

#[test]
fn a_farm_of_buildbot_3_is_read_filled_and_followed() {
    driven(Version::ThreeEleven);
}

fn driven(version: Version) {
    let Some(mut master) = Master::of(version, "master.cfg", "") else { return };
    master.land_slowly(8..=9);
    master.land_slowly(BROKEN);
    master.land_slowly(12..=22);
    master.land(23..=40);
    master.settle(40);
    // Changes are numbered from one by the master, commits from eight here.
    let first = 7;
    let id = |number: usize| number - first;

    let jobs = ok(master.mozci(&["jobs", "--back-revisions", "32", "--json", "--stats"])).json();
    // Five lists, and once whether the builds that failed had their revision.
    assert_eq!(jobs["stats"]["http_requests"], 6, "{}", jobs["stats"]);
    for number in 8..=22 {
        let (build, test) = (states(&jobs, id(number), "build"), states(&jobs, id(number), "test"));
        if BROKEN.contains(&number) {
            assert_eq!((build, test), (vec!["failed"], vec![]), "{number}");
            continue;
        }
        let fails = FAILING.contains(&number) || number == ONCE;
        let expected = if fails { "failed" } else { "passed" };
        assert_eq!((build, test), (vec!["passed"], vec![expected]), "{number}");
        assert_eq!(states(&jobs, id(number), "smoke"), ["passed"], "{number}");
    }
    coalesced_and_absent(&jobs, &master, id);
    the_master_is_well(&master, version);
    a_range_is_built(&mut master, id);
    a_backfill_fills_the_holes(&master, id);
    an_intermittent_is_mixed(&master, id);
    a_search_finds_what_broke_a_test(&master, id);
    what_cannot_be_forced(&master, id);
    other_ways_to_name_a_push(&master, id);
    a_master_that_dies_loses_nothing(&mut master, id);
    no_environment_is_kept(&master);
}

/// The commit that broke a test for good, searched between one on which it passed and the newest.
fn a_search_finds_what_broke_a_test(master: &Master, id: impl Fn(usize) -> usize) {
    let (good, bad) = (id(22).to_string(), id(40).to_string());
    let args =
        ["bisect", "test", "--good", &good, "--bad", &bad, "--deterministic", "--at-once", "2"];
    let found = ok(master.mozci(&[&args[..], &["--yes", "--json"]].concat())).json();
    assert_eq!(found["end"]["verdict"], "culprit", "{found:#}");
    let named: Vec<u64> = found["end"]["pushes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|push| push["id"].as_u64().unwrap())
        .collect();
    assert_eq!(named, [id(FOR_GOOD) as u64], "{found:#}");
}

/// The burst left coalesced requests, each with the one that was built in its place, and tests that
/// ran where nothing was built.
fn coalesced_and_absent(jobs: &Value, master: &Master, id: impl Fn(usize) -> usize) {
    let mut coalesced = 0;
    let mut absent = 0;
    for number in 23..=40 {
        for run in runs(jobs, id(number), "build").iter().filter(|r| r["state"] == "coalesced") {
            coalesced += 1;
            let request = run["build_request"].as_u64().unwrap();
            let theirs = master.get(&format!("buildrequests/{request}"));
            assert_eq!(theirs["buildrequests"][0]["results"], 3);
            // On a busy machine it cannot always be told.
            let Some(into) = run["coalesced_into"]["build_request"].as_u64() else { continue };
            assert!(into > request);
            let builds = master.get(&format!("builds?buildrequestid={into}"));
            assert_eq!(builds["builds"].as_array().unwrap().len(), 1, "{into} was built");
        }
        let built = states(jobs, id(number), "build").contains(&"passed");
        for run in runs(jobs, id(number), "test").iter().filter(|run| run.get("build").is_some()) {
            assert_eq!(run.get("build_absent").is_some(), !built, "{number}: {run}");
            absent += usize::from(!built);
        }
    }
    assert!(coalesced >= 5, "{coalesced} coalesced");
    assert!(absent >= 1, "{absent} without a build");
    let shown = ok(master.mozci(&["jobs", "build", "--back-revisions", "17"])).stdout;
    assert!(shown.contains("build was coalesced into build request"), "{shown}");
}

fn the_master_is_well(master: &Master, version: Version) {
    let told = ok(master.mozci(&["doctor"])).stdout;
    let version = match version {
        Version::Four => "Buildbot 4.3.0",
        Version::ThreeEleven => "Buildbot 3.11.9",
    };
    for text in [version, "over a WebSocket", "honoured", "none covers docs, smoke"] {
        assert!(told.contains(text), "{text}: {told}");
    }
}

/// Eight neighbouring revisions, most of them coalesced away, end in eight that are built; asked
/// again, nothing is requested.
fn a_range_is_built(master: &mut Master, id: impl Fn(usize) -> usize) {
    // Whoever waits for a look would wait for ten minutes: it has to be told.
    master.configure("poll_seconds = 600");
    let (from, to) = (id(*BURST.start()).to_string(), id(*BURST.end()).to_string());
    let command = ["trigger", "build", "--from-rev", &from, "--rev", &to, "--yes", "--json"];
    let dry = ok(master.mozci(&[&command[..], &["--dry-run"]].concat())).json();
    let before = master.requests();
    assert!(dry["results"].as_array().unwrap().is_empty());
    let sent = ok(master.mozci(&[&command[..], &["--wait"]].concat())).json();
    let results = sent["results"].as_array().unwrap();
    assert!(results.len() >= 4, "{} requested", results.len());
    assert!(results.iter().all(|result| result["state"] == "sent"), "{sent}");
    let jobs = ok(master.mozci(&["jobs", "build", "--from-rev", &from, "--rev", &to, "--json"]));
    let jobs = jobs.json();
    for number in BURST {
        let built = runs(&jobs, id(number), "build").iter().find(|run| run["state"] == "passed");
        let build = built.unwrap_or_else(|| panic!("{number} was not built"))["build"].clone();
        let theirs = master.get(&format!("builds/{build}?property=got_revision"));
        let got = &theirs["builds"][0]["properties"]["got_revision"][0];
        assert_eq!(got, master.revisions[number - 1].as_str());
    }
    // Nothing but what the plan says was made: of builds, since a forced one starts its smoke test.
    let forced = master.get("buildsets?reason__contains=mozci&field=reason&field=bsid");
    let forced = forced["buildsets"].as_array().unwrap().len();
    let again: usize = results.iter().map(|r| r["coalesced"].as_array().map_or(0, Vec::len)).sum();
    assert_eq!(forced, results.len() + again);
    assert!(master.requests() >= before + forced);
    let count = master.requests();
    let second = ok(master.mozci(&command)).json();
    assert_eq!(second["plan"]["requests"], serde_json::json!([]));
    assert_eq!(master.requests(), count);
}

/// From the newest push back to the last good one, builds first where they are missing.
fn a_backfill_fills_the_holes(master: &Master, id: impl Fn(usize) -> usize) {
    let tip = id(40).to_string();
    let command = ["backfill", "test", "--rev", &tip, "--yes", "--json", "--wait"];
    let jobs = ok(master.mozci(&["jobs", "--back-revisions", "32", "--json"])).json();
    let says = |number: &usize| {
        let told = runs(&jobs, id(*number), "test").iter();
        let mut told = told.filter(|run| run.get("build_absent").is_none());
        told.any(|run| ["passed", "failed"].contains(&run["state"].as_str().unwrap()))
    };
    let good = (18..FOR_GOOD).rev().find(says).unwrap();
    let holes: BTreeSet<u64> =
        (good + 1..=40).filter(|number| !says(number)).map(|n| id(n) as u64).collect();
    let sent = ok(master.mozci(&command)).json();
    let mut planned = numbers(&sent["plan"]["requests"]);
    planned.extend(numbers(&sent["plan"]["waits_for"]));
    assert_eq!(planned, holes);
    assert_eq!(sent["hangs_on"][0]["build"], "build");
    assert_eq!(sent["hangs_on"][0]["inferred"], true);
    let edge = (&sent["after"]["last_good"]["id"], &sent["after"]["first_bad"]["id"]);
    assert_eq!(edge, (&id(FOR_GOOD - 1).into(), &id(FOR_GOOD).into()), "{sent}");
    let count = master.requests();
    let second = ok(master.mozci(&command)).json();
    assert_eq!((second["results"].clone(), master.requests()), (serde_json::json!([]), count));
}

fn an_intermittent_is_mixed(master: &Master, id: impl Fn(usize) -> usize) {
    let rev = master.revisions[ONCE - 1].clone();
    ok(master.mozci(&["retrigger", "--failed", "--rev", &rev[..12], "--yes", "--wait"]));
    let jobs = ok(master.mozci(&["jobs", "test", "--rev", &rev, "--json"])).json();
    assert_eq!(states(&jobs, id(ONCE), "test"), ["failed", "passed"]);
    let pushes = jobs["pushes"].as_array().unwrap();
    assert_eq!(pushes[0]["jobs"]["test"]["verdict"], "mixed");
}

fn what_cannot_be_forced(master: &Master, id: impl Fn(usize) -> usize) {
    let hole = BURST.map(id).find(|id| {
        let jobs = ok(master.mozci(&["jobs", "docs", "--rev", &id.to_string(), "--json"])).json();
        states(&jobs, *id, "docs") == ["coalesced"]
    });
    let hole = hole.unwrap().to_string();
    let said = master.mozci(&["trigger", "docs", "--rev", &hole, "--yes"]);
    assert_eq!(said.status, 3, "{}", said.whole());
    assert!(said.stdout.contains("no force scheduler can request it here"), "{}", said.whole());
    // What has a build of its own can be repeated.
    let asked =
        ok(master.mozci(&["trigger", "docs", "--rev", "5", "--times", "2", "--yes"])).stdout;
    assert!(asked.contains("by repeating the pushes' own builds"), "{asked}");
    let said = master.mozci(&["trigger", "release", "--rev", "5", "--yes"]);
    assert_eq!(said.status, 2);
    assert!(said.stderr.contains("force-release needs version"), "{}", said.stderr);
    let release = ["trigger", "release", "--rev", "5", "--yes", "--param"];
    let said = master.mozci(&[&release[..], &["version=one"]].concat());
    assert_eq!(said.status, 2);
    let refusal = "version: 'one' does not match pattern";
    assert!(said.stdout.contains(refusal), "{}", said.whole());
    assert!(said.stderr.contains("the CI refuses their values"), "{}", said.stderr);
    // Nor is it asked again with what it refused, on another push.
    let both =
        ["trigger", "release", "--from-rev", "4", "--rev", "5", "--yes", "--param", "version=one"];
    let said = master.mozci(&both);
    assert_eq!((said.status, said.stdout.matches(refusal).count()), (2, 1), "{}", said.whole());
    assert!(said.stdout.contains("the master refused the values of the one before"));
    let said = master.mozci(&[&release[..], &["version=1.2", "--param", "colour=red"]].concat());
    assert_eq!(said.status, 2);
    assert!(said.stderr.contains("no force scheduler of this plan has such a field"));
    ok(master.mozci(&[&release[..], &["version=1.2", "--wait"]].concat()));
    let said = master.mozci(&["trigger", "tset", "--rev", "5", "--yes"]);
    assert_eq!(said.status, 5);
    assert!(said.stderr.contains("did you mean  test"), "{}", said.stderr);
}

fn other_ways_to_name_a_push(master: &Master, id: impl Fn(usize) -> usize) {
    let jobs = ok(master.mozci(&["jobs", "test", "--rev", "5", "--json"])).json();
    let build = &runs(&jobs, 5, "test")[0]["build"];
    let theirs = master.get(&format!("builds/{build}"));
    let (builder, number) = (&theirs["builds"][0]["builderid"], &theirs["builds"][0]["number"]);
    let request = runs(&jobs, 5, "test")[0]["build_request"].clone();
    let by_request = format!("{}/#/buildrequests/{request}?redirect_to_build=true", master.url);
    let found =
        ok(master.mozci(&["pushes", "--rev", &by_request, "--back-revisions", "0", "--json"]));
    assert_eq!(found.json()["pushes"][0]["id"], 5, "{}", found.whole());
    let failures = master.mozci(&["failures", &by_request, "--json"]);
    assert_eq!(failures.json()["runs"][0]["run"]["build"], *build, "{}", failures.whole());
    let link = format!("{}/#/builders/{builder}/builds/{number}", master.url);
    let push = ok(master.mozci(&["pushes", "--rev", &link, "--back-revisions", "0", "--json"]));
    assert_eq!(push.json()["pushes"][0]["id"], 5);
    // A job, too, is given as the link of its build or request.
    for link in [&link, &by_request] {
        let said = master.mozci(&["trigger", link, "--times", "9", "--dry-run", "--json"]);
        let request = &ok(said).json()["plan"]["requests"][0];
        assert_eq!(
            (&request["job"], &request["push"]["id"]),
            (&"test".into(), &5.into()),
            "{request}"
        );
    }
    let said = master.mozci(&["pushes", "--rev", &"d".repeat(40)]);
    assert_eq!(said.status, 5);
    assert!(said.stderr.contains("never saw a change"), "{}", said.stderr);
    // The same runs where the pushes come from Git, under the branch's own numbers.
    let by_git = |arguments: &[&str]| {
        let mut command = master.command(&[]);
        let mut fresh = std::process::Command::new(command.get_program());
        fresh.arg("--config").arg(master.home.path().join("config.toml"));
        fresh.args(["--repo", "by-git", "jobs", "build", "--json"]).args(arguments);
        for (name, value) in command.envs([("A", "b")]).get_envs() {
            fresh.env(name, value.unwrap_or_default());
        }
        ok(Said::new(&fresh.output().unwrap())).json()
    };
    // One alone whose commit is dated years after its builds.
    let ahead = by_git(&["--rev", "13"]);
    let ours = ok(master.mozci(&["jobs", "build", "--rev", &id(13).to_string(), "--json"])).json();
    assert_eq!(states(&ahead, 13, "build"), ["passed"]);
    assert_eq!(runs(&ahead, 13, "build"), runs(&ours, id(13), "build"));
    let by_git = by_git(&["--rev", "tip", "--back-revisions", "5"]);
    let of_changes = ok(master.mozci(&["jobs", "build", "--back-revisions", "5", "--json"])).json();
    for number in 35..=40 {
        assert_eq!(runs(&by_git, number, "build"), runs(&of_changes, id(number), "build"));
    }
}

/// The master ends in the middle of what is waited for, and comes back: every run is there in the
/// end, and none is requested twice.
fn a_master_that_dies_loses_nothing(master: &mut Master, id: impl Fn(usize) -> usize) {
    master.configure("poll_seconds = 0.2");
    let rev = id(20).to_string();
    let arguments = ["trigger", "test", "--rev", &rev, "--times", "4", "--yes", "--wait", "--json"];
    let mut command = master.command(&arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = |master: &mut Master| {
        let sets = master.get("buildsets?order=-bsid&limit=1");
        let set = &sets["buildsets"][0];
        set["reason"].as_str().unwrap().contains("mozci")
            && set["sourcestamps"][0]["revision"] == master.revisions[19].as_str()
    };
    assert!(master.within(begun), "nothing was requested");
    master.kill();
    std::thread::sleep(std::time::Duration::from_millis(500));
    master.run_again("");
    let said = Said::new(&child.wait_with_output().unwrap());
    let jobs = ok(master.mozci(&["jobs", "test", "--rev", &rev, "--json"])).json();
    let ended: Vec<&str> =
        states(&jobs, id(20), "test").into_iter().filter(|state| *state == "passed").collect();
    // What could not be sent while it was away is told; asked again, the rest is made.
    if said.status == 0 {
        assert_eq!(ended.len(), 4, "{}", said.whole());
    } else {
        assert_eq!(said.status, 3, "{}", said.whole());
        ok(master.mozci(&arguments));
        let jobs = ok(master.mozci(&["jobs", "test", "--rev", &rev, "--json"])).json();
        let states = states(&jobs, id(20), "test");
        assert_eq!(states.iter().filter(|state| **state == "passed").count(), 4, "{states:?}");
    }
}

/// Nothing of a log's header is anywhere in what the program keeps.
fn no_environment_is_kept(master: &Master) {
    let secret = "hunter2-of-the-worker";
    for folder in ["state", "cache"] {
        let mut folders = vec![master.home.path().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = std::fs::read(&path).unwrap();
                    let text = String::from_utf8_lossy(&bytes);
                    assert!(!text.contains(secret), "{}", path.display());
                }
            }
        }
    }
}
