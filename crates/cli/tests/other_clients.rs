//! The simulator is read by clients that others wrote: `taskcluster` and `treeherder-client` from
//! PyPI see the pushes, tasks and states that we see.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::world::{JOB, Served};

/// The Python with the pinned clients, which `scripts/test` makes.
pub(crate) fn python() -> Option<PathBuf> {
    let python = std::env::var_os("MOZCI_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        eprintln!("skipped: MOZCI_TEST_PYTHON is not set; `scripts/test` makes that Python");
    }
    python
}

#[test]
fn they_see_what_we_see() {
    let Some(python) = python() else { return };
    let served = Served::settled();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/other_clients.py");
    let output = Command::new(python)
        .arg(script)
        .args([&served.sim.urls.treeherder, &served.sim.urls.taskcluster, JOB])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let ours = served.run(&["jobs", JOB, "--back-revisions", "59", "--json"]).json();
    let pushes = ours["pushes"].as_array().unwrap();
    let mut compared = 0;
    for push in pushes {
        let revision = push["revision"].as_str().unwrap();
        let seen = &theirs["pushes"][revision];
        assert!(seen.is_object(), "{revision} is not among theirs");
        assert_eq!(seen["author"], push["author"]);
        let mut runs: Vec<(String, u64, String)> = Vec::new();
        if let Some(job) = push["jobs"].get(JOB) {
            for run in job["runs"].as_array().unwrap() {
                runs.push((
                    run["task"].as_str().unwrap().to_owned(),
                    run["run"].as_u64().unwrap(),
                    run["state"].as_str().unwrap().to_owned(),
                ));
            }
        }
        let mut read: Vec<(String, u64, String)> = seen["runs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| {
                let word = match run["result"].as_str().unwrap() {
                    "success" => "passed",
                    "testfailed" => "failed",
                    "retry" => "retried",
                    "usercancel" => "cancelled",
                    "superseded" => "coalesced",
                    other => other,
                };
                (
                    run["task"].as_str().unwrap().to_owned(),
                    run["run"].as_u64().unwrap(),
                    word.to_owned(),
                )
            })
            .collect();
        runs.sort();
        read.sort();
        assert_eq!(read, runs, "{revision}");
        // And the queue, read by its own client, agrees with both.
        for (task, run, state) in &runs {
            let queue = theirs["queue"][task.as_str()][*run as usize].as_str().unwrap();
            let expected = match state.as_str() {
                "passed" => "completed",
                "failed" | "unscheduled" => state,
                _ => "exception",
            };
            assert_eq!(queue, expected, "{task}/{run}");
            compared += 1;
        }
    }
    assert!(compared >= 10, "{compared}");
    // The newest push's group has the story's job, and its decision task what jobs are asked by.
    assert_eq!(theirs["group_has_job"], true);
    let names = theirs["artifacts"].as_array().unwrap();
    assert!(names.iter().any(|name| name == "public/actions.json"), "{names:?}");
}
