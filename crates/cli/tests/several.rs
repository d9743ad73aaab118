//! Commands that request several jobs, held against the planted truth.

use std::collections::BTreeSet;

use mozci_sim::WorldConfig;
use mozci_sim::world::{TaskRef, TaskState};
use serde_json::Value;

use crate::world::{JOB, Served, steady};

fn snapshot(name: &str, text: &str) {
    steady().bind(|| insta::assert_snapshot!(name, text));
}

/// What a plan requests: push number and job.
fn asked(json: &Value) -> BTreeSet<(u64, String)> {
    let requests = json["plan"]["requests"].as_array().unwrap().iter();
    let pair =
        |r: &Value| (r["push"]["id"].as_u64().unwrap(), r["job"].as_str().unwrap().to_owned());
    requests.map(pair).collect()
}

/// A push on which everything is scheduled, by its number.
fn full_push(served: &Served) -> (u32, u64) {
    let world = served.world();
    let full = world.config.full_every;
    (full, world.autoland.pushes[full as usize].id)
}

#[test]
fn several_jobs_of_a_push_go_in_one_asking() {
    let served = Served::settled();
    let (place, _) = full_push(&served);
    let world = served.world();
    // One push after the full one, on which about a quarter is scheduled.
    let (push, id) = (place + 1, world.autoland.pushes[place as usize + 1].id);
    let arguments =
        ["trigger", "--rev", &id.to_string(), "--suite", "reftest", "--suite", "xpcshell"];
    let said = served.run(&[&arguments[..], &["--yes", "--wait", "--json"]].concat());
    assert_eq!(said.status, 0, "{said:?}");
    let json = said.json();
    let expected: BTreeSet<(u64, String)> = world
        .catalog
        .jobs
        .iter()
        .enumerate()
        .filter(|(_, job)| job.label.contains("reftest") || job.label.contains("xpcshell"))
        .filter(|(i, _)| {
            let outcomes = world.outcomes(push, *i, 0);
            let counts = outcomes.iter().any(|o| ["completed", "failed"].contains(&o.word()));
            !(world.scheduled(push, *i) && counts)
        })
        .map(|(_, job)| (id, job.label.clone()))
        .collect();
    assert!(expected.len() > 3, "{expected:?}");
    let left_out = json["plan"]["left_out"].as_array().unwrap().len();
    let mut found = asked(&json);
    found.extend(
        json["plan"]["left_out"]
            .as_array()
            .unwrap()
            .iter()
            .map(|l| (l["push"]["id"].as_u64().unwrap(), l["job"].as_str().unwrap().to_owned())),
    );
    assert_eq!(found, expected);
    assert_eq!(served.actions(), 1, "one action for all of them");
    let results = json["results"].as_array().unwrap();
    assert_eq!(results[0]["jobs"].as_array().unwrap().len(), expected.len() - left_out);
    assert_eq!(json["outcomes"].as_array().unwrap().len(), expected.len() - left_out);
    // A second time there is nothing to request.
    let again = served.run(&[&arguments[..], &["--yes", "--json"]].concat());
    assert!(asked(&again.json()).is_empty(), "{again:?}");
    assert_eq!(served.actions(), 1);
}

#[test]
fn a_plan_for_several_jobs_reads_well() {
    let served = Served::settled();
    let (_, id) = full_push(&served);
    let range = ["--rev", &(id + 3).to_string(), "--back-revisions", "2"];
    let filter = ["--include", "*-xpcshell-?", "--platform", "linux*", "--times", "2"];
    let said = served.run(&[&["trigger"], &range[..], &filter, &["--dry-run"]].concat());
    snapshot("trigger_several", &said.whole());
}

#[test]
fn a_push_is_filled_with_what_was_chosen_and_did_not_run() {
    // Every push has some coalesced jobs somewhere: the first that has is taken.
    let served = Served::settled();
    let world = served.world();
    let coalesced = |push: u32| -> BTreeSet<String> {
        let jobs = world.catalog.jobs.iter().enumerate();
        jobs.filter(|(i, job)| job.chunk.is_some() && world.scheduled(push, *i))
            .filter(|(i, _)| world.outcomes(push, *i, 0).iter().all(|o| o.word() == "superseded"))
            .filter(|(_, job)| {
                let built = TaskRef::Job { push, job: job.build.unwrap(), n: 0 };
                let life = world.life(built, &world.dynamic());
                let end = life.and_then(|life| life.end());
                end.is_some_and(|(_, outcome)| outcome.word() == "completed")
            })
            .map(|(_, job)| job.label.clone())
            .collect()
    };
    let push = (0..world.config.pushes).find(|push| !coalesced(*push).is_empty()).unwrap();
    let id = world.autoland.pushes[push as usize].id.to_string();
    let said = served.run(&["fill", "--rev", &id, "--dry-run", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    let found: BTreeSet<String> = asked(&said.json()).into_iter().map(|(_, job)| job).collect();
    assert_eq!(found, coalesced(push));
    // `retrigger --coalesced` means the same ones.
    let again = served.run(&["retrigger", "--rev", &id, "--coalesced", "--yes", "--json"]);
    let again: BTreeSet<String> = asked(&again.json()).into_iter().map(|(_, job)| job).collect();
    assert_eq!(again, found);
    let after = served.run(&["fill", "--rev", &id, "--dry-run", "--json"]);
    assert!(asked(&after.json()).is_empty(), "{after:?}");
    // With a filter anything that can run is meant, other kinds only where they are named.
    let more = served.run(&["fill", "--rev", &id, "--include", "lint", "--dry-run", "--json"]);
    assert!(more.status == 5 && more.stderr.contains("--kind"), "{more:?}");
    let more = served.run(&["fill", "--rev", &id, "--kind", "source-test", "--dry-run", "--json"]);
    assert_eq!(more.json()["jobs"].as_array().unwrap().len(), 2, "{more:?}");
}

#[test]
fn failed_jobs_are_run_again_once() {
    let served = Served::settled();
    let said = served.run(&["retrigger", "--rev", "tip", "--failed", "--tests", "--yes", "--json"]);
    let json = said.json();
    assert!(asked(&json).iter().any(|(_, job)| job == JOB), "{said:?}");
    assert!(json["plan"]["requests"].as_array().unwrap().iter().all(|r| r["times"] == 1));
    let actions = served.actions();
    assert_eq!(actions, 1);
    let whole =
        served.run(&["retrigger", "--rev", "tip", "--failed", "--tests", "--wait", "--yes"]);
    assert_eq!(whole.status, 0, "{whole:?}");
}

#[test]
fn what_waits_is_cancelled_and_nothing_else() {
    // Slow and young, so that much is under way, and Treeherder is behind.
    let world = WorldConfig {
        newest_minutes_ago: 30,
        speed: 1.0,
        treeherder_lag: 10.0,
        ..WorldConfig::default()
    };
    let served = Served::of(world);
    let world = served.world();
    let tip = world.config.pushes - 1;
    let waiting = || -> BTreeSet<String> {
        let dynamic = world.dynamic();
        let tasks = world.tasks_of_push(tip, &dynamic).into_iter();
        let now = world.clock.now();
        tasks
            .filter(|task| matches!(task, TaskRef::Job { .. }))
            .filter(|task| {
                let life = world.life(*task, &dynamic).unwrap();
                !matches!(life.state_at(now), TaskState::Resolved(_))
            })
            .map(|task| dynamic.id_of(world.seed(), task).to_string())
            .collect()
    };
    let before = waiting();
    assert!(before.len() > 3, "{before:?}");
    let refused = served.run(&["cancel", "--rev", "tip"]);
    assert_eq!(refused.status, 2, "{refused:?}");
    let dry = served.run(&["cancel", "--rev", "tip", "--all", "--dry-run", "--json"]);
    let listed: BTreeSet<String> = dry.json()["plan"]["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request["task"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(listed, before);
    assert_eq!(waiting(), before, "a dry run takes nothing back");
    let said = served.run(&["cancel", "--rev", "tip", "--all", "--yes", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(waiting().is_empty());
    assert_eq!(served.askings("sent") as usize, before.len());
    // What was cancelled is no run that counts, and can be requested again.
    let again = served.run(&["cancel", "--rev", "tip", "--all", "--yes"]);
    snapshot("cancel_again", &again.whole());
}
