//! What can run on a push, chosen from and passed on.

use std::io::Write;
use std::process::Stdio;

use flate2::{Compression, write::GzEncoder};
use mozci_sim::{SimConfig, WorldConfig};
use serde_json::{Value, json};

use crate::world::{JOB, Said, Served, steady};

/// A world whose pushes have this task graph.
fn with_graph(graph: &Value) -> (Served, tempfile::NamedTempFile) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let mut packer = GzEncoder::new(&mut file, Compression::fast());
    packer.write_all(graph.to_string().as_bytes()).unwrap();
    packer.finish().unwrap();
    let world = WorldConfig {
        newest_minutes_ago: 600,
        task_graph: Some(file.path().to_owned()),
        ..WorldConfig::default()
    };
    (Served::start(SimConfig { world, ..SimConfig::default() }), file)
}

fn ends_well(said: Said) -> Said {
    assert_eq!(said.status, 0, "{said:?}");
    said
}

#[test]
fn what_can_run_is_shown_as_a_tree() {
    let served = Served::settled();
    let said = ends_well(served.run(&["chooser", "--rev", "tip"]));
    steady().bind(|| insta::assert_snapshot!("chooser_tree", said.whole()));
    let narrow = ["chooser", "--rev", "tip", "--suite", "xpcshell", "--platform", "linux"];
    let said = ends_well(served.run(&narrow));
    steady().bind(|| insta::assert_snapshot!("chooser_narrowed", said.whole()));
}

#[test]
fn programs_get_every_job_with_what_is_known_of_it() {
    let served = Served::settled();
    let json = ends_well(served.run(&["chooser", "--rev", "tip", "--json"])).json();
    let jobs = json["jobs"].as_array().unwrap();
    assert_eq!(json["totals"]["jobs"], jobs.len());
    let plain = jobs.iter().find(|job| job["label"] == JOB).unwrap();
    assert_eq!(
        (&plain["build"], &plain["suite"]),
        (&json!("build-linux64/opt"), &json!("mochitest-plain"))
    );
    assert_eq!((&plain["tier"], &plain["by_default"]), (&json!(1), &json!(true)));
    assert!(plain["ran_on"].as_u64().unwrap() > 0 && plain["minutes"].as_u64().unwrap() > 0);
    assert_eq!(json["pushes_read"], 5);
    let platform = &json["platforms"][0];
    assert_eq!(platform["build_type"], "debug");
    assert_eq!(platform["builds"], json!(["build-linux64/debug"]));
}

#[test]
fn the_jobs_that_run_a_test_are_found_and_asked_for() {
    let served = Served::settled();
    let test = "dom/group-0/test/test_0_0.html";
    let arguments = ["chooser", "--rev", "tip", "--test", test, "--platform", "linux"];
    let labels = ends_well(served.run(&[&arguments[..], &["--format", "labels"]].concat()));
    let expected =
        "test-linux2404-64/debug-mochitest-plain-1\ntest-linux2404-64/opt-mochitest-plain-1\n";
    assert_eq!(labels.stdout, expected);
    // The same goes into `trigger`.
    let mut command =
        served.command(&["trigger", "-", "--rev", "tip", "--times", "3", "--json", "--dry-run"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(labels.stdout.as_bytes()).unwrap();
    let said = ends_well(Said::new(&child.wait_with_output().unwrap()));
    let requests = said.json()["plan"]["requests"].as_array().unwrap().clone();
    let jobs: Vec<&str> = requests.iter().map(|r| r["job"].as_str().unwrap()).collect();
    assert_eq!(jobs, labels.stdout.lines().collect::<Vec<_>>(), "{said:?}");
    let folder =
        ends_well(served.run(&["chooser", "--rev", "tip", "--test", "dom/group-0", "--json"]));
    assert_eq!(folder.json()["manifests"], json!(["dom/group-0/test/mochitest.toml"]));
    let none = served.run(&["chooser", "--rev", "tip", "--test", "dmo/group-0/test/test_0.html"]);
    assert_eq!(none.status, 5, "{none:?}");
    assert!(none.stderr.contains("the nearest are"), "{none:?}");
}

#[test]
fn a_selection_is_written_for_others() {
    let served = Served::settled();
    let choose = |format: &str| {
        let arguments =
            ["chooser", "--rev", "tip", "--include", "opt-xpcshell-1", "--platform", "win"];
        ends_well(served.run(&[&arguments[..], &["--format", format]].concat()))
    };
    let label = "test-windows11-64-24h2/opt-xpcshell-1";
    assert_eq!(choose("labels").stdout, format!("{label}\n"));
    assert_eq!(
        choose("graphs").json(),
        json!({"opt": {"win64": {"build-win64/opt": [label], "tests": ["xpcshell-1"]}}})
    );
    assert_eq!(
        choose("try-task-config").json(),
        json!({"version": 2, "parameters": {
            "optimize_target_tasks": false,
            "try_task_config": {"env": {"TRY_SELECTOR": "mozci"}, "tasks": [label]},
        }})
    );
    let other = served.run(&["pushes", "--format", "graphs"]);
    assert_eq!(other.status, 2, "{other:?}");
    assert!(other.stderr.contains("only `mozci chooser`"), "{other:?}");
    let nothing = served.run(&["chooser", "--include", "nothing-of-the-kind"]);
    assert_eq!(nothing.status, 5, "{nothing:?}");
}

#[test]
fn a_graph_is_read_once() {
    let served = Served::settled();
    let arguments = ["chooser", "--rev", "tip", "--format", "labels", "--stats"];
    let costs = |said: &Said| -> Value {
        serde_json::from_str(said.stderr.lines().last().unwrap()).unwrap()
    };
    let cold = ends_well(served.run(&arguments));
    let warm = ends_well(served.run(&arguments));
    assert_eq!(cold.stdout, warm.stdout);
    let requests = |said: &Said| costs(said)["http_requests"].as_u64().unwrap();
    assert!(requests(&warm) + 2 <= requests(&cold), "{cold:?} {warm:?}");
    // Whoever chooses by it reads it from disk, too.
    let fill = ends_well(served.run(&["fill", "--rev", "tip", "--dry-run", "--json", "-v"]));
    assert!(!fill.stderr.contains("full-task-graph"), "{fill:?}");
}

#[test]
fn what_is_wrong_with_a_graph_is_said_and_nothing_guessed() {
    let task = |kind: &str, edges: &[(&str, &str)]| {
        let edges: serde_json::Map<String, Value> =
            edges.iter().map(|(name, label)| ((*name).to_owned(), json!(label))).collect();
        json!({"kind": kind, "dependencies": edges,
            "attributes": {"build_platform": "linux64", "build_type": "opt"}})
    };
    let (served, _file) = with_graph(&json!({
        "build-linux64/opt": task("build", &[("toolchain", "toolchain-clang")]),
        "toolchain-clang": task("toolchain", &[("image", "image-a")]),
        "image-a": task("image", &[("parent", "toolchain-clang")]),
        "test-linux64/opt-plain": task("test", &[("build", "build-linux64/opt"), ("x", "lost")]),
        "test-linux64/opt-alone": task("test", &[]),
    }));
    let said = ends_well(served.run(&["chooser", "--rev", "tip"]));
    steady().bind(|| insta::assert_snapshot!("chooser_problems", said.whole()));
    let (served, _file) = with_graph(&json!([1, 2]));
    let said = served.run(&["chooser", "--rev", "tip"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.stderr.contains("full-task-graph.json"), "{said:?}");
}

/// Firefox's tests are of kinds of their own by now.
#[test]
fn tests_of_any_kind_are_tests() {
    let job = |kind: &str, suite: Option<&str>| {
        json!({"kind": kind, "dependencies": if suite.is_some() { json!({"build": "build-linux64/opt"}) } else { json!({}) },
            "attributes": {"build_platform": "linux64", "build_type": "opt", "unittest_suite": suite,
                "test_manifests": suite.map(|_| ["dom/a/mochitest.toml"])}})
    };
    let (served, _file) = with_graph(&json!({
        "build-linux64/opt": job("build", None),
        "test-linux64/opt-mochitest-plain-1": job("mochitest", Some("mochitest-plain")),
        "test-linux64/opt-xpcshell-1": job("test", Some("xpcshell")),
        "lint": job("source-test", None),
    }));
    let labels = |more: &[&str]| {
        let arguments = ["chooser", "--rev", "tip", "--format", "labels"];
        ends_well(served.run(&[&arguments[..], more].concat())).stdout.lines().count()
    };
    assert_eq!(labels(&["--suite", "mochitest-*"]), 1);
    assert_eq!(labels(&["--test", "dom/a/test_1.html"]), 2);
    assert_eq!((labels(&["--tests"]), labels(&["--kind", "mochitest"])), (2, 1));
    assert_eq!((labels(&["--include", "linux64"]), labels(&["--kind", "source-test"])), (3, 1));
    let trigger = ["trigger", "--suite", "mochitest-*", "--rev", "tip", "--dry-run", "--json"];
    let plan = ends_well(served.run(&trigger)).json();
    assert_eq!(plan["plan"]["requests"].as_array().unwrap().len(), 1, "{plan}");
}

#[test]
fn nothing_chosen_is_not_everything() {
    let served = Served::settled();
    let said = served.run(&["trigger", "-", "--platform", "linux", "--rev", "tip", "--dry-run"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("standard input named no job"), "{said:?}");
    let both = served.run(&["--json", "chooser", "--format", "labels"]);
    assert_eq!(both.status, 2, "{both:?}");
}

#[test]
fn two_pushes_are_compared() {
    let served = Served::settled();
    let other = served.node(3);
    let against = ["chooser", "--rev", "tip", "--against", &other];
    let said = ends_well(served.run(&[&against[..], &["--json"]].concat()));
    let json = said.json();
    assert_eq!(
        (&json["added"], &json["gone"], &json["renamed"]),
        (&json!([]), &json!([]), &json!([]))
    );
    assert_eq!(json["against"]["revision"], other);
    assert_eq!(served.run(&[&against[..], &["--format", "labels"]].concat()).status, 2);
}

#[test]
fn a_push_without_a_task_graph_is_not_shown_as_another() {
    let served = Served::settled();
    // The decision task of this one failed.
    let said = served.run(&["chooser", "--rev", "1038"]);
    assert_eq!(said.status, 5, "{said:?}");
    assert!(said.stderr.contains("push 1038 has no task graph"), "{said:?}");
    let named = said.stderr.rsplit_once("(--rev ").unwrap().1;
    let other = named.split(')').next().unwrap();
    assert_eq!(served.run(&["chooser", "--rev", other]).status, 0);
}
