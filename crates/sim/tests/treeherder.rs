//! The recorded answers of Treeherder.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::replay::{compare, folder, get, sim};

/// What is not simulated, since nothing in mozci requests it yet: said here, not hidden.
const NOT_SIMULATED: [&str; 10] = [
    // What is inside of failing runs: it comes with the evidence.
    "groupsummary",
    "job-bug-suggestions",
    "job-similar",
    "job-text-log-errors",
    "push-health-summary",
    "failurecount",
    // Runs that go on, of which a settled world has none.
    "pjobs-state-running",
    "pjobs-state-unscheduled",
    // A question that is sent, not requested.
    "note-post-unauth",
    // The description of the whole interface.
    "schema",
];

#[tokio::test]
async fn each_kind_of_request_is_answered_as_it_was_recorded() {
    let sim = sim().await;
    let world = &sim.world;
    let pushes = &world.autoland.pushes;
    // A push with several commits, a finished decision task, and a failed test.
    let fails = |push: u32| {
        (0..world.catalog.jobs.len()).any(|job| {
            world.catalog.jobs[job].label.starts_with("test-")
                && world.scheduled(push, job)
                && world.outcomes(push, job, 0).iter().any(|o| o.word() == "failed")
        })
    };
    let index = (1..pushes.len() as u32 - 5)
        .find(|i| pushes[*i as usize].commits.len() >= 3 && fails(*i))
        .unwrap();
    let push = &pushes[index as usize];
    let ids = get(
        &format!("{}/api/jobs/?push_id={}", sim.urls.treeherder, push.treeherder_id),
        Some("test"),
        "*/*",
    )
    .await;
    let ids: Value = serde_json::from_str(&ids.body).unwrap();
    let job_id = ids["results"][1][1].as_u64().unwrap();
    let parts = [
        ("402a107ebc79c35b604f3215e7ef451e3543ddf6".to_owned(), push.node().to_owned()),
        ("402a107ebc79".to_owned(), push.node()[..12].to_owned()),
        ("c7ba39300d7af01f388f915fb266faf01a9c7911".to_owned(), push.commits[1].node.clone()),
        (
            "9434c8ca78adf94b5d2476ab119921a63f66b397".to_owned(),
            pushes[index as usize].node().to_owned(),
        ),
        (
            "3b45bbac2b34fda6796acabcd14c7dbed9dc8d83".to_owned(),
            pushes[index as usize + 4].node().to_owned(),
        ),
        ("push_id=6".to_owned(), format!("push_id={}", push.treeherder_id)),
        ("job_ids=9".to_owned(), format!("job_ids={job_id}")),
        ("push_id__in=6,7".to_owned(), format!("push_id__in={},7", push.treeherder_id)),
        ("push_ids=6".to_owned(), format!("push_ids={}", push.treeherder_id)),
        ("push/6/".to_owned(), format!("push/{}/", push.treeherder_id)),
        ("jobs/9/".to_owned(), format!("jobs/{job_id}/")),
        ("job_id=9".to_owned(), format!("job_id={job_id}")),
        ("1700003000".to_owned(), (push.date - 3000).to_string()),
        ("1700006000".to_owned(), (push.date + 3000).to_string()),
    ];
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(folder("treeherder")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_meta = path.extension().is_some_and(|e| e == "meta");
        if !is_meta || NOT_SIMULATED.contains(&name.as_str()) {
            continue;
        }
        let meta = std::fs::read_to_string(&path).unwrap();
        let status: u16 = meta.split_whitespace().next().unwrap().parse().unwrap();
        let at = meta.find(" /").unwrap();
        let content_type = meta[3..at].split_whitespace().next().unwrap().to_owned();
        let mut request = meta[at + 1..].trim().to_owned();
        for (theirs, ours) in &parts {
            request = request.replace(theirs, ours);
        }
        let agent = match name.as_str() {
            "ua-blocked-python-requests" => "python-requests/2.31",
            "ua-empty" => "",
            _ => "mozci-tests",
        };
        let accept = match name.as_str() {
            "accept-version-bad" => "application/json; version=9.9",
            _ => "application/json; version=1.1",
        };
        let body = std::fs::read(path.with_extension("json")).unwrap();
        let recorded: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let url = format!("{}{request}", sim.urls.treeherder);
        let answer = get(&url, Some(agent), accept).await;
        compare(&name, status, &content_type, &recorded, &answer, &mut problems);
        let count = |value: &Value| value["results"].as_array().map(Vec::len);
        // Its keys are the results that a push's runs happened to have.
        problems.retain(|problem| !problem.starts_with("push-status: ."));
        let simulated: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        if (count(&simulated) == Some(0)) != (count(&recorded) == Some(0)) {
            problems.push(format!("{name}: {request} holds {:?} rows", count(&simulated)));
        }
        seen.insert(name);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(seen.len() >= 35, "{}", seen.len());
}
