//! Modern mozci (2.4.8 from PyPI), its hosts pointed at the simulator, sees the same tasks and the
//! same results.
//!
//! Where it differs: it leaves decision tasks out; of a task that was retried it has the last run
//! alone; the queue's words are its own (it reads no Treeherder for results), so that a busted
//! build is a failed one. Its `.parent` is the push with the number before and gives up at a gap,
//! over which the script helps it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::other_clients::python;
use crate::world::Served;

const PUSHES: usize = 40;

#[test]
fn modern_mozci_sees_the_same_tasks_and_results() {
    let Some(python) = python() else { return };
    let served = Served::settled();
    let urls = &served.sim.urls;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/modern_mozci.py");
    let output = Command::new(python)
        .arg(script)
        .args([&urls.hg, &urls.treeherder, &urls.taskcluster, &PUSHES.to_string()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let back = (PUSHES - 1).to_string();
    let ours = served.run(&["jobs", "--back-revisions", &back, "--json", "--stats"]).json();
    let mut compared = BTreeMap::<(String, String), usize>::new();
    for push in ours["pushes"].as_array().unwrap() {
        let revision = push["revision"].as_str().unwrap();
        let seen = &theirs["pushes"][revision];
        assert_eq!(seen["pushid"], push["id"], "{revision}");
        let seen = seen["tasks"].as_array().unwrap();
        let mut seen: BTreeMap<&str, &Value> =
            seen.iter().map(|task| (task["id"].as_str().unwrap(), task)).collect();
        for (label, job) in push["jobs"].as_object().unwrap() {
            let mut last: BTreeMap<&str, &Value> = BTreeMap::new();
            for run in job["runs"].as_array().unwrap() {
                last.insert(run["task"].as_str().unwrap(), run);
            }
            for (task, run) in last {
                let theirs = seen.remove(task);
                if label == "Gecko Decision Task" {
                    assert!(theirs.is_none(), "{task}");
                    continue;
                }
                let theirs = theirs.unwrap_or_else(|| panic!("{label} {task} on {revision}"));
                assert_eq!(theirs["label"], label.as_str());
                let text = |key: &str| theirs[key].as_str().unwrap_or("").to_owned();
                let state = run["state"].as_str().unwrap();
                let same = match state {
                    "passed" => text("result") == "passed",
                    "failed" | "busted" => text("result") == "failed",
                    "cancelled" => text("result") == "canceled",
                    "coalesced" => text("result") == "superseded",
                    "exception" => text("state") == "exception",
                    "unscheduled" => text("state") == "unscheduled",
                    _ => false,
                };
                assert!(same, "{label} {task}: {state} and {theirs}");
                *compared.entry((state.to_owned(), text("result"))).or_default() += 1;
            }
        }
        assert!(seen.is_empty(), "only theirs on {revision}: {seen:?}");
    }
    assert!(compared.values().sum::<usize>() > 500, "{compared:?}");
    assert!(compared.len() >= 5, "{compared:?}");
    let requests = |value: &Value| value.as_u64().unwrap();
    let (modern, own) = (requests(&theirs["requests"]), requests(&ours["stats"]["http_requests"]));
    assert!(own * 10 < modern, "{own} requests, and {modern} of modern mozci's");
}
