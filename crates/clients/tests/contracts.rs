//! The contracts hold for everything that was recorded.

use mozci_clients::contract::{by_columns, contract};
use serde_json::Value;

use crate::serving::recorded;

fn check(service: &str, name: &str, answer: &str) {
    let recording = recorded(service, name);
    assert_eq!(recording.status, 200, "{name}");
    let mut body: Value = serde_json::from_slice(&recording.body).unwrap();
    if answer == "jobs" {
        body = by_columns(body);
    }
    let found = contract(service, answer).unwrap().check(&body);
    assert!(found.is_empty(), "{service}/{name}: {found:?}");
}

#[test]
fn the_pushlogs_answers_keep_their_contract() {
    for name in
        ["default", "tochange-only", "startid-endid", "page2", "startid-beyond-last", "user"]
    {
        check("hg", &format!("json-pushes-v2-{name}"), "json-pushes");
    }
    check("hg", "json-pushes-try-v2-obsolete", "json-pushes");
}

#[test]
fn treeherders_answers_keep_their_contracts() {
    for name in ["jobs-in", "jobs-last-modified", "jobs-default", "jobs-page2"] {
        check("treeherder", name, "jobs");
    }
    for name in ["push-fromchange-tochange", "push-commit-revision"] {
        check("treeherder", name, "push");
    }
}

#[test]
fn buildbots_answers_keep_their_contracts() {
    for name in ["changes", "changes_by_revision"] {
        check("buildbot", name, "changes");
    }
    for name in ["burst_buildsets", "buildsets"] {
        check("buildbot", name, "buildsets");
    }
    for name in ["burst_buildrequests", "buildrequests", "br_retried"] {
        check("buildbot", name, "buildrequests");
    }
    for name in ["burst_builds", "builds", "builds_of_retried_br", "builds_complete_property"] {
        check("buildbot", name, "builds");
    }
    check("buildbot", "builders", "builders");
}

#[test]
fn taskclusters_answers_keep_their_contracts() {
    for name in ["task-build", "task-decision", "task-test"] {
        check("taskcluster", &format!("queue/{name}"), "task");
    }
    for name in [
        "completed",
        "completed-after-retry",
        "exception-canceled",
        "exception-deadline-exceeded",
        "exception-internal-error",
        "failed",
        "pending",
        "running",
        "unscheduled",
    ] {
        check("taskcluster", &format!("queue/status-{name}"), "status");
    }
    // What is answered to an act is a status, too.
    for name in ["createTask", "cancelTask", "rerunTask"] {
        check("taskcluster", &format!("queue/{name}"), "status");
    }
    check("taskcluster", "index/findTask", "indexed");
    check("taskcluster", "decision/actions", "actions");
    check("taskcluster", "hooks/listLastFires", "last-fires");
}
