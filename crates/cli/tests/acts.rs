//! The commands that request jobs.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use mozci_sim::{Tree, WorldConfig};

use crate::world::{JOB, Said, Served, planned, steady};

fn snapshot(name: &str, text: &str) {
    steady().bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn a_backfill_fills_the_holes_and_finds_the_edge() {
    let served = Served::settled();
    let said = served.run(&["backfill", JOB, "--rev", "tip", "--yes", "--wait", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    let json = said.json();
    let truth = served.world().truth().story.unwrap();
    assert_eq!(json["after"]["first_bad"]["revision"], truth.culprit.as_str());
    assert_eq!(json["after"]["walk"]["end"], "last-good");
    assert_eq!(json["results"].as_array().unwrap().len(), 7);
    assert!(json["outcomes"].as_array().unwrap().iter().all(|o| o["done"] == true), "{json}");
    assert_eq!((served.created(), served.askings("sent")), (7, 7));

    // The same command again has nothing to request.
    let again = served.run(&["backfill", JOB, "--rev", "tip", "--yes"]);
    snapshot("backfill_again", &again.whole());
    assert_eq!((served.created(), served.actions()), (7, 7));
}

#[test]
fn what_is_asked_for_counts_before_any_source_shows_it() {
    // Slow: what is requested does not even begin while this runs.
    let world = WorldConfig { newest_minutes_ago: 600, speed: 1.0, ..WorldConfig::default() };
    let served = Served::of(world);
    let first = served.run(&["backfill", JOB, "--rev", "tip", "--yes", "--json"]);
    assert_eq!(first.json()["results"].as_array().unwrap().len(), 7, "{first:?}");
    let again = served.run(&["backfill", JOB, "--rev", "tip", "--yes", "--json"]);
    let json = again.json();
    assert_eq!(json["plan"]["requests"].as_array().unwrap().len(), 0, "{again:?}");
    let asked: u64 = json["walk"]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["asked"].as_u64().unwrap())
        .sum();
    assert_eq!(asked, 7);
    // Not even with a ledger of somebody else's, once Treeherder shows the actions.
    assert_eq!(served.actions(), 7);
}

#[test]
fn a_backfill_of_somebody_elses_counts_in_both_its_stages() {
    // At first slow, so that it is pending; then fast, so that it has run.
    for (speed, waits) in [(1.0, false), (20_000.0, true)] {
        let world = WorldConfig {
            newest_minutes_ago: 600,
            speed,
            treeherder_lag: 0.0,
            ..WorldConfig::default()
        };
        let served = Served::of(world);
        let world = served.world();
        let (tip, job) = (world.config.pushes - 1, world.catalog.find(JOB).unwrap());
        let id = |task: mozci_sim::world::TaskRef| task.id(world.seed()).to_string();
        let payload = serde_json::json!({
            "decision": {"action": {"name": "backfill", "cb_name": "backfill", "title": "Backfill", "symbol": "Bk"}},
            "user": {
                "input": {"depth": 5, "times": 1},
                "taskId": id(mozci_sim::world::TaskRef::Job { push: tip, job, n: 0 }),
                "taskGroupId": id(mozci_sim::world::TaskRef::Decision { push: tip }),
            },
        });
        world.act(tip, "in-tree-action-3-generic/5f1e9a7c20", payload, "somebody");
        if waits {
            while world.dynamic().actions.iter().any(|action| !action.applied) {
                std::thread::yield_now();
            }
        }
        let json = served.run(&["backfill", JOB, "--rev", "tip", "--dry-run", "--json"]).json();
        let asked = planned(&json);
        // It goes five pushes back from 1040: 1039 to 1035 are its own. Once it has run, 1034 and
        // 1035 are bad, and what lies below is still to be requested.
        assert_eq!(asked, [1034, 1033, 1031, 1030], "{waits}: {json:#}");
    }
}

#[test]
fn have_n_counts_what_is_there() {
    let served = Served::settled();
    let said = served.run(&[
        "trigger",
        JOB,
        "--rev",
        "tip",
        "--back-revisions",
        "3",
        "--times",
        "3",
        "--yes",
        "--wait",
    ]);
    assert_eq!(said.status, 0, "{said:?}");
    // Two pushes had one, one had none, and one has no task graph.
    assert_eq!(served.created(), 2 + 3 + 2, "{said:?}");
    let again = served.run(&[
        "trigger",
        JOB,
        "--rev",
        "tip",
        "--back-revisions",
        "3",
        "--times",
        "3",
        "--yes",
    ]);
    assert!(again.stdout.contains("nothing to request"), "{again:?}");
    let wider = served.run(&[
        "trigger",
        JOB,
        "--delta",
        "1",
        "--rev",
        "1039",
        "--times",
        "4",
        "--dry-run",
        "--json",
    ]);
    let json = wider.json();
    let times: Vec<u64> = json["plan"]["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["times"].as_u64().unwrap())
        .collect();
    assert_eq!(times, [1, 1], "{wider:?}");
}

#[test]
fn a_missing_build_is_pulled_in_by_one_request() {
    let world = WorldConfig {
        pushes: 200,
        newest_minutes_ago: 600,
        speed: 20_000.0,
        ..WorldConfig::default()
    };
    let served = Served::of(world);
    let world = served.world();
    let (push, job) = (0..180)
        .flat_map(|push| (7..world.catalog.jobs.len()).map(move |job| (push, job)))
        .find(|(push, job)| {
            let build = world.catalog.jobs[*job].build.unwrap();
            world.decision_outcome(*push).map(|o| o.word()) == Some("completed")
                && !world.scheduled(*push, build)
        })
        .unwrap();
    let label = world.catalog.jobs[job].label.clone();
    let build = world.catalog.jobs[world.catalog.jobs[job].build.unwrap()].label.clone();
    let node = world.autoland.pushes[push as usize].node().to_owned();
    let said = served.run(&[
        "trigger",
        &label,
        "--rev",
        &node,
        "--back-revisions",
        "9",
        "--dry-run",
        "--json",
    ]);
    let json = said.json();
    let request = &json["plan"]["requests"][0];
    assert_eq!(request["builds"], build.as_str(), "{json}");
    assert!(json["plan"]["estimate"]["builds"].as_u64().unwrap() >= 1);
    let said = served.run(&["trigger", &label, "--rev", &node, "--yes", "--wait", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(served.actions(), 1);
}

#[test]
fn builds_under_way_are_waited_for() {
    // Found by looking: a world in which the newest push's build runs when it is asked about.
    let world = WorldConfig { newest_minutes_ago: 12, speed: 3000.0, ..WorldConfig::default() };
    let served = Served::of(world);
    let said = served.run(&[
        "trigger",
        "test-linux2404-64/opt-xpcshell-1",
        "--rev",
        "tip",
        "--times",
        "2",
        "--yes",
        "--wait",
        "--json",
    ]);
    assert_eq!(said.status, 0, "{said:?}");
    let json = said.json();
    assert_eq!(
        json["outcomes"].as_array().unwrap().len(),
        json["results"].as_array().unwrap().len()
    );
    let job = served.world().catalog.find("test-linux2404-64/opt-xpcshell-1").unwrap();
    let dynamic = served.world().dynamic();
    let tip = served.world().config.pushes - 1;
    assert_eq!(served.world().tasks_of_job(tip, job, &dynamic).count(), 2, "{json}");
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_sent() {
    let served = Served::settled();
    let said = served.run(&["backfill", JOB, "--rev", "tip"]);
    snapshot("nobody_to_ask", &said.whole());
    assert_eq!(served.actions(), 0);
}

#[test]
fn guards_refuse_and_say_what_would_pass() {
    let served = Served::settled();
    let said = served.run(&["backfill", JOB, "--rev", "tip", "--yes", "--times", "50"]);
    snapshot("guard_push", &said.whole());
    let said = served.run(&["backfill", JOB, "--rev", "tip", "--yes", "--times", "18"]);
    snapshot("guard_plan", &said.whole());
    let tight = format!("{}\n[guards]\nruns_per_day = 8\n", served.config());
    served.write_config(&tight);
    assert_eq!(served.run(&["backfill", JOB, "--rev", "tip", "--yes"]).status, 0);
    let said = served.run(&["trigger", JOB, "--rev", "tip", "--times", "3", "--yes"]);
    assert_eq!(said.status, 6, "{said:?}");
    assert!(said.stderr.contains("runs_per_day"), "{said:?}");
    // A dry run shows the refusal with the plan.
    let dry = served.run(&["trigger", JOB, "--rev", "tip", "--times", "3", "--dry-run"]);
    assert!(dry.stdout.contains("a guard would refuse this"), "{dry:?}");
    let json = served.run(&["trigger", JOB, "--rev", "tip", "--times", "3", "--yes", "--json"]);
    assert_eq!((json.status, &json.json()["refused"]["guard"]), (6, &"day-budget".into()));
    assert_eq!(served.actions(), 7);
}

#[test]
fn what_the_actions_do_not_offer_is_left_out_with_its_reason() {
    for (tree, kind, reason, status) in [
        (Tree::WithoutAddNewJobs, "no-action", "offers no \"add-new-jobs\"", 3),
        (Tree::WantsReason, "no-action", "\"reason\" is a required property", 3),
        (Tree::WithoutScopes, "not-trusted", "in-tree:hook-action:", 4),
        (Tree::Sealed, "no-action", "its task group is sealed", 3),
    ] {
        let world = WorldConfig { tree, newest_minutes_ago: 600, ..WorldConfig::default() };
        let served = Served::of(world);
        let whole = ["backfill", JOB, "--rev", "tip", "--whole-job", "--yes", "--json"];
        let said = served.run(&whole);
        let json = said.json();
        let left_out = json["plan"]["left_out"].as_array().unwrap();
        let found = left_out.iter().filter(|l| l["why"]["reason"] == kind).count();
        assert_eq!(found, 7, "{tree:?}: {said:?}");
        assert!(said.stdout.contains(&reason.replace('"', "\\\"")), "{tree:?}: {said:?}");
        // What was meant to be asked and could not be is no success.
        assert_eq!((said.status, served.actions()), (status, 0), "{tree:?}: {said:?}");
        // It is known in the dry run, and to the doctor.
        let dry = ["backfill", JOB, "--rev", "tip", "--whole-job", "--dry-run"];
        let dry = served.run(&dry);
        assert!(dry.stdout.contains(reason) && dry.status == status, "{tree:?}: {dry:?}");
        let doctor = served.run(&["doctor"]);
        let told = reason.trim_start_matches('"');
        assert!(
            tree == Tree::WantsReason || doctor.stdout.contains(&told.replace('"', "`")),
            "{doctor:?}"
        );
    }
}

#[test]
fn an_interrupted_wait_leaves_the_ledger_true() {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 1.0, ..WorldConfig::default() };
    let served = Served::of(world);
    let mut child = served
        .command(&["backfill", JOB, "--rev", "tip", "--yes", "--wait"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It says so when it begins to wait.
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("waiting for the runs to end") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it ended before it waited");
    }
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{:?}", Said::new(&output));
    assert_eq!((served.askings("sent"), served.actions()), (7, 7));
    let again = served.run(&["backfill", JOB, "--rev", "tip", "--yes"]);
    assert_eq!((again.status, served.actions()), (0, 7), "{again:?}");
}

#[test]
fn two_commands_at_once_ask_once() {
    let served = Served::settled();
    let start = || {
        served
            .command(&["trigger", JOB, "--rev", "1036", "--yes", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..4).map(|_| start()).collect();
    for child in children {
        let said = Said::new(&child.wait_with_output().unwrap());
        assert_eq!(said.status, 0, "{said:?}");
    }
    assert_eq!(served.actions(), 1);
}

#[test]
fn the_story_of_the_demo_is_told_and_true() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_mozci"))
        .args(["-q", "demo"])
        .output()
        .unwrap();
    let said = Said::new(&output);
    assert_eq!(said.status, 0, "{said:?}");
    let line = |word: &str| {
        let line = said.stdout.lines().find(|line| line.starts_with(word));
        line.unwrap_or_else(|| panic!("no {word}: {said:?}")).to_owned()
    };
    let found = line("first bad");
    let planted = line("planted");
    let revision = planted.split_whitespace().nth(1).unwrap().trim_end_matches(':');
    assert!(found.split_whitespace().any(|word| word == revision), "{found} / {planted}");
}

#[test]
fn wait_follows_what_was_under_way_already() {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 2000.0, ..WorldConfig::default() };
    let served = Served::of(world);
    let first = served.run(&["backfill", JOB, "--rev", "tip", "--yes"]);
    assert_eq!((first.status, served.actions()), (0, 7), "{first:?}");
    let then = served.run(&["backfill", JOB, "--rev", "tip", "--yes", "--wait", "--json"]);
    let json = then.json();
    assert_eq!((then.status, served.actions()), (0, 7), "{then:?}");
    let truth = served.world().truth().story.unwrap();
    assert_eq!(json["after"]["first_bad"]["revision"], truth.culprit.as_str(), "{json:#}");
    assert_eq!(json["results"].as_array().unwrap().len(), 0);
}

#[test]
fn another_name_for_the_same_repository_asks_for_nothing_twice() {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 1.0, ..WorldConfig::default() };
    let served = Served::of(world);
    let push = ["trigger", JOB, "--rev", "1036", "--yes"];
    assert_eq!((served.run(&push).status, served.actions()), (0, 1));
    let node = served.world().autoland.pushes[55].node().to_owned();
    let said = served.run(&["--repo", "bare", "trigger", JOB, "--rev", &node, "--yes"]);
    assert_eq!((said.status, served.actions()), (0, 1), "{said:?}");
    // A link leads to the repository of that very name.
    let link = format!("{}/jobs?repo=autoland&revision={node}", served.sim.urls.treeherder);
    let said = served.run(&["trigger", JOB, "--rev", &link, "--dry-run", "--json"]);
    assert_eq!(said.json()["repo"], "autoland");
    let elsewhere =
        "https://treeherder.example.org/jobs?repo=autoland&revision=".to_owned() + &node;
    let said = served.run(&["trigger", JOB, "--rev", &elsewhere, "--dry-run"]);
    assert!(said.status == 2 && said.stderr.contains("no server of the CI"), "{said:?}");
}

#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let served = Served::settled();
    for json in [&[][..], &["--json"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = served.command(&["pushes"]);
        let output = command.args(json).stdout(full).output().unwrap();
        let said = Said::new(&output);
        assert!(said.status == 3 && said.stderr.contains("could not be written"), "{said:?}");
    }
    let error = served.run(&["--json", "pushes", "--rev", "77"]);
    assert_eq!(error.json()["error"]["status"], 5, "{error:?}");
}

/// A world in which Treeherder shows nothing new while a test runs.
fn blind() -> Served {
    let world = WorldConfig {
        newest_minutes_ago: 600,
        speed: 1.0,
        treeherder_lag: 60.0,
        ..WorldConfig::default()
    };
    Served::of(world)
}

#[test]
fn a_ledger_that_is_gone_makes_nothing_asked_twice() {
    let served = blind();
    let command = ["backfill", JOB, "--rev", "tip", "--yes", "--json"];
    assert_eq!((served.run(&command).status, served.actions()), (0, 7));
    std::fs::remove_dir_all(served.home.path().join("state")).unwrap();
    let again = served.run(&command);
    assert_eq!((again.status, served.actions()), (0, 7), "{again:?}");
    assert_eq!(again.json()["plan"]["requests"].as_array().unwrap().len(), 0, "{again:?}");
}

#[test]
fn what_somebody_else_asks_for_counts_before_treeherder_shows_it() {
    let served = blind();
    // Somebody else: another home, with a ledger of its own.
    let mut other = served.command(&["trigger", JOB, "--rev", "1036", "--times", "2", "--yes"]);
    other.env("XDG_STATE_HOME", served.home.path().join("other"));
    assert_eq!(other.output().unwrap().status.code(), Some(0));
    assert_eq!(served.actions(), 1);
    let said = served.run(&["trigger", JOB, "--rev", "1036", "--times", "3", "--yes", "--json"]);
    let request = &said.json()["plan"]["requests"][0];
    assert_eq!((&request["have"], &request["times"]), (&2.into(), &1.into()), "{said:?}");
    // Nobody who may not read it is told that there is nothing.
    served.without_credentials();
    let said = served.run(&["trigger", JOB, "--rev", "1036", "--times", "9", "--dry-run"]);
    assert!(said.stderr.contains("Treeherder does not show yet cannot be seen"), "{said:?}");
}
