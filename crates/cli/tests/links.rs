//! A job that is given as a link to one of its runs.

use crate::pressing::definition;
use crate::world::{JOB, Said, Served};

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

/// Of a page of several pushes the selected run is meant, and not the newest push.
#[test]
fn the_selected_run_says_which_push_is_meant() {
    let served = Served::settled();
    let task = served.task(3);
    let tip = served.world().autoland.pushes.last().unwrap().id;
    let treeherder = &served.sim.urls.treeherder;
    let pages = [
        format!(
            "fromchange={}&tochange={}&selectedTaskRun={task}.0",
            served.node(9),
            served.node(0)
        ),
        // A link that was put together by hand.
        format!("revision={}&selectedTaskRun={task}.0", served.node(0)),
    ];
    for (page, differs) in pages.iter().zip([false, true]) {
        let link = format!("{treeherder}/jobs?repo=autoland&{page}");
        for (command, place) in [
            ("backfill", "/walk/steps/0/push/id"),
            ("bisect", "/bad/id"),
            ("trigger", "/plan/requests/0/push/id"),
        ] {
            let more: &[&str] = if command == "trigger" { &["--times", "3"] } else { &[] };
            let said = served.run(&[&[command, &link, "--dry-run", "--json"], more].concat());
            assert_eq!(said.json().pointer(place), Some(&(tip - 3).into()), "{page}: {said:?}");
            assert_eq!(said.stderr.contains("which is used"), differs, "{page}: {said:?}");
        }
    }
    let link = format!(
        "{treeherder}/jobs?repo=autoland&fromchange={}&tochange={}&selectedTaskRun={task}.0",
        served.node(9),
        served.node(0)
    );
    let said = served.run(&["pushes", "--rev", &link, "--back-revisions", "0", "--json"]);
    assert_eq!(said.json()["pushes"][0]["id"], tip - 3, "{said:?}");
}

#[test]
fn a_link_to_a_decision_task_is_no_job() {
    let served = Served::settled();
    let taskcluster = &served.sim.urls.taskcluster;
    let task = definition(taskcluster, &served.task(0));
    let decision = task["taskGroupId"].as_str().unwrap();
    let link = format!("{taskcluster}/tasks/{decision}");
    for job in [link.as_str(), decision] {
        for command in [
            &["trigger", job, "--yes"][..],
            &["backfill", job, "--yes"],
            &["bisect", job, "--yes"],
            &["fill", job, "--rev", "tip", "--yes"],
            &["retrigger", job, "--failed", "--rev", "tip", "--yes"],
        ] {
            let said = served.run(command);
            assert_eq!(said.status, 2, "{command:?}: {said:?}");
            assert!(said.stderr.contains("is a decision task"), "{command:?}: {said:?}");
        }
    }
    assert_eq!(served.actions(), 0);
}

#[test]
fn links_come_on_stdin_too() {
    use std::io::Write;
    let served = Served::settled();
    let mut command = served.command(&["trigger", "-", "--times", "3", "--dry-run", "--json"]);
    command.stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", served.task(3)).unwrap();
    let said = Said::new(&child.wait_with_output().unwrap());
    let tip = served.world().autoland.pushes.last().unwrap().id;
    assert_eq!(said.json()["plan"]["requests"][0]["push"]["id"], tip - 3, "{said:?}");
    assert_eq!(said.json()["plan"]["requests"][0]["job"], JOB);
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
    // Each command takes it from there, and checks that the run is of it.
    let elsewhere = format!(
        "{}/jobs?repo=mozilla-central&selectedTaskRun={task}.0",
        served.sim.urls.treeherder
    );
    for command in [
        &["trigger", &elsewhere, "--dry-run"][..],
        &["backfill", &elsewhere, "--dry-run"],
        &["bisect", &elsewhere, "--dry-run"],
        &["jobs", &elsewhere],
        &["flakiness", &elsewhere],
        &["cancel", &elsewhere, "--dry-run"],
        &["fill", &elsewhere, "--rev", "tip", "--dry-run"],
        &["retrigger", &elsewhere, "--failed", "--rev", "tip", "--dry-run"],
        &["trigger", &link, &elsewhere, "--rev", "tip", "--repo", "mozilla-central", "--dry-run"],
        &["trigger", &task, "--rev", "tip", "--repo", "mozilla-central", "--dry-run"],
    ] {
        let said = served.run(command);
        assert_eq!(said.status, 2, "{command:?}: {said:?}");
        let words = format!("the task {task} ran for autoland, and mozilla-central was asked");
        assert!(said.stderr.contains(&words), "{command:?}: {said:?}");
    }
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
        assert!(said.stderr.contains("or a link to a failed run"), "{said:?}");
    }
}
