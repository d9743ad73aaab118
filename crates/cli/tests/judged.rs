//! Runs judged by a test, a group or a failure instead of by how they ended, and `mozci failures`.

use mozci_core::ids::TaskId;
use mozci_sim::WorldConfig;
use mozci_sim::world::{Catalog, TaskRef};

use crate::world::{JOB, Served, planned};

const TEST: &str = "dom/group-0/test/test_0_0.html";
const GROUP: &str = "dom/group-0/test/mochitest.toml";
const OTHER_CHUNK: &str = "test-linux2404-64/opt-mochitest-plain-2";

/// The newest push's task of the job, which fails.
fn bad_run(served: &Served) -> String {
    let world = served.world();
    let (tip, job) = (world.config.pushes - 1, world.catalog.find(JOB).unwrap());
    TaskRef::Job { push: tip, job, n: 0 }.id(world.seed()).to_string()
}

#[test]
fn a_run_says_which_test_failed_and_where_that_was_read() {
    let served = Served::settled();
    let run = bad_run(&served);
    let json = served.run(&["failures", &run, "--json"]).json();
    let failures = json["runs"][0]["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{json:#}");
    assert_eq!((&failures[0]["test"], &failures[0]["group"]), (&TEST.into(), &GROUP.into()));
    assert_eq!(failures[0]["kind"], "unexpected");
    let read = &json["runs"][0]["readings"][0]["evidence"]["format"];
    assert_eq!(read, "errorsummary", "{json:#}");
}

#[test]
fn what_was_read_of_a_run_is_not_read_again() {
    let served = Served::settled();
    let run = bad_run(&served);
    let requests = |args: &[&str]| {
        let json = served.run(args).json();
        json["stats"]["http_requests"].as_u64().unwrap()
    };
    let args = ["failures", run.as_str(), "--json", "--stats"];
    let (first, second) = (requests(&args), requests(&args));
    assert!(second + 2 <= first, "{first} then {second}");
}

#[test]
fn a_backfill_for_a_test_finds_the_planted_push_from_any_chunk() {
    let served = Served::settled();
    let truth = served.world().truth().story.unwrap();
    for subject in [["--test", TEST], ["--group", GROUP]] {
        for job in [JOB, OTHER_CHUNK] {
            let mut args = vec!["backfill", job, "--rev", "tip", "--dry-run", "--json"];
            args.extend(subject);
            let json = served.run(&args).json();
            // By whichever chunk is named the same pushes are asked about, and the one that runs
            // it is what is requested.
            assert_eq!(
                planned(&json),
                [1039, 1036, 1035, 1034, 1033, 1031, 1030],
                "{job} {json:#}"
            );
            let jobs = json["plan"]["requests"].as_array().unwrap();
            assert!(jobs.iter().all(|request| request["job"] == JOB), "{json:#}");
            assert!(jobs.iter().all(|request| request["narrow"]["manifests"][0] == GROUP));
            assert_eq!(json["walk"]["end"], "last-good");
        }
    }
    let args =
        ["backfill", OTHER_CHUNK, "--rev", "tip", "--test", TEST, "--yes", "--wait", "--json"];
    let said = served.run(&args);
    assert_eq!(said.status, 0, "{said:?}");
    let json = said.json();
    assert_eq!(json["after"]["first_bad"]["revision"], truth.culprit.as_str(), "{json:#}");
    // Requested was the manifest alone, by the action that takes one.
    let world = served.world();
    let dynamic = world.dynamic();
    assert_eq!(dynamic.actions.len(), 7);
    for action in &dynamic.actions {
        assert_eq!(action.name(), "backfill-task");
        assert_eq!(action.input()["test_manifests"], serde_json::json!([GROUP]));
    }
    drop(dynamic);
    // The same again has nothing to request, and neither has the chunk's own name.
    for job in [JOB, OTHER_CHUNK] {
        let again = served.run(&["backfill", job, "--rev", "tip", "--group", GROUP, "--yes"]);
        assert!(again.stdout.contains("nothing to request"), "{again:?}");
    }
}

#[test]
fn a_run_that_was_given_other_manifests_says_nothing() {
    let served = Served::settled();
    let args = ["jobs", JOB, OTHER_CHUNK, "--back-revisions", "12", "--test", TEST, "--json"];
    let json = served.run(&args).json();
    let mut seen = (0, 0);
    for push in json["pushes"].as_array().unwrap() {
        for (job, cell) in push["jobs"].as_object().unwrap() {
            for run in cell["runs"].as_array().unwrap() {
                let says = run["proof"]["says"].as_str();
                match job.as_str() {
                    OTHER_CHUNK => {
                        seen.0 += u32::from(says == Some("not-run"));
                        assert!(says.is_none_or(|says| says == "not-run"), "{run:#}");
                    }
                    _ => seen.1 += u32::from(matches!(says, Some("good" | "bad"))),
                }
            }
        }
    }
    assert!(seen.0 > 0 && seen.1 > 0, "{seen:?}: {json:#}");
}

#[test]
fn the_same_failure_is_told_from_another_one() {
    let served = Served::settled();
    let run = bad_run(&served);
    let base = ["backfill", JOB, "--rev", "tip", "--dry-run", "--json"];
    let mut args = base.to_vec();
    args.extend(["--same-failure-as", run.as_str()]);
    let json = served.run(&args).json();
    assert_eq!(json["judged_by"]["subject"]["test"], TEST, "{json:#}");
    assert_eq!(json["walk"]["steps"][0]["verdict"], "bad");
    assert_eq!(json["walk"]["end"], "last-good");

    let mut args = base.to_vec();
    args.extend(["--same-failure-as", run.as_str(), "--test", "dom/no/such.html"]);
    let said = served.run(&args);
    assert_eq!(said.status, 5, "{said:?}");
    assert!(said.stderr.contains("dom/no/such.html did not fail in"), "{said:?}");
    let mut args = base.to_vec();
    args.extend(["--same-failure-as", "nothing"]);
    let said = served.run(&args);
    assert_eq!(said.status, 2, "{said:?}");
}

#[test]
fn a_manifest_is_followed_when_it_moves_to_another_chunk() {
    let world = WorldConfig { newest_minutes_ago: 600, pushes: 160, ..WorldConfig::default() };
    let served = Served::of(world);
    let world = served.world();
    // A manifest that another chunk runs since the newest deal, of any suite.
    let chunk = |suite, manifest, push| world.catalog.chunk_of(world.seed(), suite, manifest, push);
    let all = (0..5usize).flat_map(|s| (0..world.catalog.manifests()).map(move |m| (s, m)));
    let tip = world.config.pushes - 1;
    let deal = tip / 50 * 50;
    let moved = all.clone().find(|(s, m)| chunk(*s, *m, tip) != chunk(*s, *m, deal - 1));
    let (suite, manifest) = moved.expect("some manifest moves");
    let (group, name) =
        (Catalog::manifest_name(suite, manifest), mozci_sim::world::SUITES[suite].name);
    let label = |push| format!("test-linux2404-64/opt-{name}-{}", chunk(suite, manifest, push));
    let back = (tip - deal + 15).to_string();
    let args = [
        "trigger",
        &label(tip),
        "--back-revisions",
        &back,
        "--group",
        &group,
        "--dry-run",
        "--json",
    ];
    let json = served.run(&args).json();
    let requests = json["plan"]["requests"].as_array().unwrap();
    assert!(!requests.is_empty(), "{json:#}");
    // A push that has a run of the chunk that holds it now is not asked about again.
    let dynamic = world.dynamic();
    for request in requests {
        let id = request["push"]["id"].as_u64().unwrap();
        let push = (0..=tip).find(|p| world.autoland.pushes[*p as usize].id == id).unwrap();
        let job = world.catalog.find(&label(push)).unwrap();
        let done: Vec<TaskId> =
            world.tasks_of_job(push, job, &dynamic).map(|task| task.id(world.seed())).collect();
        let counts =
            world.outcomes(push, job, 0).iter().any(|o| matches!(o.word(), "completed" | "failed"));
        assert!(done.is_empty() || !counts, "push {id} has {done:?}");
    }
}

#[test]
fn what_cannot_be_read_is_said_and_stops_no_other_run() {
    let artifacts = mozci_sim::Artifacts::Troubled;
    let served =
        Served::of(WorldConfig { newest_minutes_ago: 600, artifacts, ..WorldConfig::default() });
    let args = ["failures", "--rev", "tip", "--back-revisions", "30", "--json"];
    let said = served.run(&args);
    let json = said.json();
    let runs = json["runs"].as_array().unwrap();
    let mut whys: std::collections::BTreeMap<String, u32> = Default::default();
    let (mut read, mut nothing) = (0, 0);
    for run in runs {
        for passed in run["passed_over"].as_array().unwrap() {
            *whys.entry(passed["why"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        match run["readings"].as_array().unwrap().is_empty() {
            // Of these all three sources are in trouble, and each says which.
            true => {
                nothing += 1;
                assert!(run["passed_over"].as_array().unwrap().len() >= 3, "{run:#}");
            }
            false => read += 1,
        }
    }
    assert!(read > 0 && nothing > 0, "{read} {nothing}");
    for why in [
        "it stands for an error: it was not stored",
        "it is private: not readable without scopes",
        "it is not there (any more)",
    ] {
        assert!(whys.contains_key(why), "{why}: {whys:#?}");
    }
    // Part of what was asked could not be told, which the exit status says.
    assert_eq!(said.status, 3, "{}", said.stderr);
    // A run of which nothing can be read is unknown, and neither good nor bad.
    let args = ["jobs", JOB, "--back-revisions", "59", "--test", TEST, "--json"];
    let judged = served.run(&args).json();
    let all = judged["pushes"].as_array().unwrap().iter();
    let all: Vec<_> =
        all.filter_map(|push| push["jobs"][JOB]["runs"].as_array()).flatten().collect();
    let says = |word: &str| all.iter().filter(|run| run["proof"]["says"] == word).count();
    assert!(says("unknown") > 0 && says("good") + says("bad") > 0, "{judged:#}");
}

#[test]
fn no_more_runs_are_read_than_the_config_says() {
    let served = Served::settled();
    served.write_config(&format!("{}[guards]\nruns_read = 2\n", served.config()));
    let args = ["jobs", JOB, "--back-revisions", "40", "--test", TEST, "--json"];
    let said = served.run(&args);
    let json = said.json();
    let all = json["pushes"].as_array().unwrap().iter();
    let proofs: Vec<_> = all
        .filter_map(|push| push["jobs"][JOB]["runs"].as_array())
        .flatten()
        .filter(|run| run["proof"].is_object())
        .map(|run| (run["proof"]["says"].as_str().unwrap(), run["proof"]["why"].as_str().unwrap()))
        .collect();
    let unread = "it was not read: only 2 runs are in one command";
    let told = proofs.iter().filter(|(says, _)| matches!(*says, "good" | "bad")).count();
    assert_eq!(told, 2, "{proofs:?}");
    assert!(proofs.contains(&("unknown", unread)), "{proofs:?}");
    assert!(said.stderr.contains("nothing could be read"), "{}", said.stderr);
}

#[test]
fn failures_that_people_classified_as_intermittent_are_known() {
    let world = WorldConfig { newest_minutes_ago: 600, full_every: 2, ..WorldConfig::default() };
    let served = Served::of(world);
    let args = ["failures", "--rev", "tip", "--back-revisions", "59", "--group", "--json"];
    let json = served.run(&args).json();
    let groups = json["groups"].as_array().unwrap();
    let known = groups.iter().filter(|group| group["known_intermittent"] == true);
    let by_people = known.filter(|group| {
        group["classified"].as_array().unwrap().iter().any(|said| said["as"] == "intermittent")
    });
    assert!(by_people.count() > 0, "{groups:#?}");
    // A regression that was backed out is said to be fixed, and is not known to come and go.
    let fixed = groups.iter().find(|group| {
        let said = group["classified"].as_array().unwrap();
        !said.is_empty() && said.iter().all(|said| said["as"] == "fixed-by-commit")
    });
    assert_eq!(fixed.expect("one is fixed")["known_intermittent"], false);
    let args = ["failures", "--rev", "tip", "--back-revisions", "59", "--group"];
    let table = served.run(&args).stdout;
    assert!(table.contains("classified as intermittent in "), "{table}");
}
