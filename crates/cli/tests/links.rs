//! A job that is given as a link to one of its runs.

use crate::world::{JOB, Served};

#[test]
fn a_link_stands_for_the_job_and_its_push() {
    let served = Served::settled();
    let task = served.task(0);
    let (treeherder, taskcluster) = (&served.sim.urls.treeherder, &served.sim.urls.taskcluster);
    let tip = served.world().autoland.pushes.last().unwrap().id;
    let links = [
        format!(
            "{treeherder}/jobs?repo=autoland&revision={}&selectedTaskRun={task}.0",
            served.node(0)
        ),
        format!("{treeherder}/jobs?repo=autoland&selectedTaskRun={task}.0"),
        format!("{treeherder}/#/jobs?repo=autoland&selectedTaskRun={task}-0"),
        format!("{taskcluster}/tasks/{task}"),
        format!("{taskcluster}/tasks/{task}/runs/0"),
        task.clone(),
    ];
    for link in &links {
        let said = served.run(&["backfill", link, "--dry-run", "--json"]);
        assert_eq!(said.status, 0, "{link}: {said:?}");
        assert_eq!(said.json()["job"], JOB);
        assert_eq!(said.json()["walk"]["steps"][0]["push"]["id"], tip, "{link}");
    }
    let link = links[1].as_str();
    let said = served.run(&["bisect", link, "--dry-run", "--json"]);
    assert_eq!((said.status, &said.json()["bad"]["id"]), (0, &tip.into()), "{said:?}");
    let said = served.run(&["trigger", link, "--times", "3", "--dry-run", "--json"]);
    assert_eq!(said.json()["plan"]["requests"][0]["job"], JOB, "{said:?}");
    let said = served.run(&["flakiness", link, "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    // A push that is named goes before the link's.
    let said = served.run(&[
        "jobs",
        link,
        "--rev",
        &(tip - 3).to_string(),
        "--back-revisions",
        "0",
        "--json",
    ]);
    assert_eq!(said.json()["pushes"][0]["id"], tip - 3, "{said:?}");
    assert!(said.stderr.contains(JOB), "what the link means is said: {said:?}");
}

#[test]
fn a_link_names_its_repository() {
    let served = Served::settled();
    let task = served.task(0);
    // The CI's usual repository would be another one.
    let link =
        format!("{}/jobs?repo=autoland&selectedTaskRun={task}.0", served.sim.urls.treeherder);
    let said = served.run(&["--repo", "mozilla-central", "backfill", &link, "--dry-run"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("autoland"), "{said:?}");
    let said = served.run(&["backfill", &link, "--dry-run", "--json"]);
    assert_eq!(said.json()["repo"], "autoland");
}

#[test]
fn a_link_that_names_no_job_says_what_would() {
    let served = Served::settled();
    let treeherder = &served.sim.urls.treeherder;
    let push = format!("{treeherder}/jobs?repo=autoland&revision={}", served.node(0));
    let elsewhere =
        "https://treeherder.example/jobs?repo=autoland&selectedTaskRun=VG_suAYIRdup9mOBDb6vQw.0";
    for (link, status, words) in [
        (push.as_str(), 2, "names no job"),
        (elsewhere, 2, "treeherder.example"),
        ("VG_suAYIRdup9mOBDb6vQw", 5, "VG_suAYIRdup9mOBDb6vQw"),
    ] {
        for command in ["backfill", "bisect", "trigger"] {
            let said = served.run(&[command, link, "--dry-run"]);
            assert_eq!(said.status, status, "{command} {link}: {said:?}");
            assert!(said.stderr.contains(words), "{command} {link}: {said:?}");
        }
    }
    // Links to two pushes mean neither, unless one is named.
    let two = [served.task(0), served.task(3)];
    let said = served.run(&["trigger", &two[0], &two[1], "--dry-run"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("different pushes"), "{said:?}");
    let said = served.run(&["trigger", &two[0], &two[1], "--rev", "tip", "--dry-run"]);
    assert_eq!(said.status, 0, "{said:?}");
    for command in ["backfill", "bisect"] {
        let said = served.run(&[command, JOB, "--dry-run"]);
        assert_eq!(said.status, 2, "{said:?}");
        assert!(said.stderr.contains("or a link to a run that failed"), "{said:?}");
    }
}
