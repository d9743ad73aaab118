//! The recorded answers of the Mercurial server.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::replay::{compare, folder, get, sim};

/// What is not simulated, since nothing in mozci requests it yet: said here, not hidden.
const NOT_SIMULATED: [&str; 9] = [
    // The history of a try server, with its drafts and amended pushes.
    "json-automationrelevance-try",
    "json-automationrelevance-try-hidden",
    "json-pushes-try-tipsonly-obsolete",
    "json-pushes-try-v2-full",
    "json-pushes-try-v2-obsolete",
    "json-rev-hidden",
    // Questions about files' contents.
    "json-headdivergence",
    "raw-file",
    "atom-pushlog",
];

/// These are of a repository whose changesets came without a push, which is not simulated either.
const OF_NO_PUSHLOG: &str = "nopushlog-";

#[tokio::test]
async fn each_kind_of_request_is_answered_as_it_was_recorded() {
    let sim = sim().await;
    let pushes = &sim.world.autoland.pushes;
    let wide = pushes.iter().position(|push| push.commits.len() >= 3).unwrap();
    let merge = pushes.iter().find(|p| p.commits[0].parents.len() == 2).unwrap();
    let backout = pushes.iter().find(|push| push.backs_out.is_some()).unwrap();
    let backed_out = &pushes[backout.backs_out.unwrap() as usize];
    let central = sim.world.central.pushes.last().unwrap();
    // Each recorded revision by one that plays the same part here.
    let parts = [
        ("402a107ebc79c35b604f3215e7ef451e3543ddf6", pushes[wide].node()),
        ("c7ba39300d7af01f388f915fb266faf01a9c7911", &pushes[wide].commits[1].node),
        ("9434c8ca78adf94b5d2476ab119921a63f66b397", pushes[wide + 1].node()),
        ("3b45bbac2b34fda6796acabcd14c7dbed9dc8d83", pushes[wide + 4].node()),
        ("feb3ff009d3d1d9ce67e55f57235f75d58647468", merge.node()),
        ("0e55b8aa9b157eb8bfdc69070866a5c941435a37", backout.node()),
        ("b482f9075e9160d0fb8ee8b3177aad25b7cbde44", backed_out.node()),
        ("2b45dfa157debd07677e5cb4bb03a397db827690", pushes[0].node()),
        ("4d7aab051457a3c0ce31b03e09aad85afbb2bb3d", central.node()),
    ];
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(folder("hg")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_none_or(|e| e != "meta") || name.starts_with(OF_NO_PUSHLOG) {
            continue;
        }
        if NOT_SIMULATED.contains(&name.as_str()) {
            continue;
        }
        let meta = std::fs::read_to_string(&path).unwrap();
        let status: u16 = meta.split_whitespace().next().unwrap().parse().unwrap();
        let at = meta.find(" /").unwrap();
        let content_type = meta[3..at].trim().to_owned();
        let mut request = meta[at + 1..].trim().to_owned();
        // A changeset of autoland that mozilla-central has, too, is looked up where it is.
        if name == "json-pushes-al-cset-known-in-mc" {
            request = request.replace(parts[8].0, parts[0].0);
        }
        // One recorded revision plays two parts: a later push, and a backout.
        if name.contains("backout-cset") || name == "json-rev-backout" {
            request = request.replace(parts[2].0, backout.node());
        }
        request = request.replace("dom/foo.cpp", &pushes[wide].commits[0].files[0]);
        request = request.replace("pushid(3)", &format!("pushid({})", pushes[wide].id));
        for (theirs, ours) in parts {
            request = request.replace(theirs, ours).replace(&theirs[..12], &ours[..12]);
        }
        if name == "json-rev-autoland-cset-in-mc" {
            let merged = &sim.world.central.pushes[0].commits[0].node;
            request = format!("/mozilla-central/json-rev/{merged}");
        }
        for key in ["startID=", "endID="] {
            if let Some(at) = request.find(key) {
                let digits: String =
                    request[at + key.len()..].chars().take_while(char::is_ascii_digit).collect();
                if let Ok(number) = digits.parse::<u64>() {
                    let ours = match name.contains("beyond") {
                        true => 90_000,
                        false if request.starts_with("/mozilla-central") => number,
                        false => number + pushes[wide].id - 2,
                    };
                    request =
                        request.replacen(&format!("{key}{digits}"), &format!("{key}{ours}"), 1);
                }
            }
        }
        request = request.replace("bob@example.com", &pushes[wide].user);
        if name == "json-pushes-v2-startdate-enddate" {
            let format = |date: i64| {
                let date = chrono::DateTime::from_timestamp(date, 0).unwrap();
                date.format("%Y-%m-%d%%20%H:%M:%S").to_string()
            };
            let base = request.split("startdate").next().unwrap().to_owned();
            let (from, until) = (pushes[wide].date - 9000, pushes[wide].date + 9000);
            request = format!("{base}startdate={}&enddate={}", format(from), format(until));
        }
        let body = std::fs::read(path.with_extension("json")).unwrap();
        let recorded: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let answer = get(&format!("{}{request}", sim.urls.hg), None, "*/*").await;
        compare(&name, status, &content_type, &recorded, &answer, &mut problems);
        // Only what Lando landed, and what is mirrored to Git, has their marks: the recorded merge
        // began with a commit from before both.
        problems.retain(|p| {
            let by_commit = p.contains("landing") || p.contains("git_");
            !(by_commit && (p.contains("revert") || p.contains("mc-merge")))
        });
        // An answer that holds nothing where the real one held something shows no keys at all.
        let empty = |value: &Value| value["pushes"].as_object().is_some_and(|p| p.is_empty());
        let simulated: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        if empty(&simulated) != empty(&recorded) {
            problems.push(format!(
                "{name}: {request} holds {} pushes",
                if empty(&simulated) { "no" } else { "some" }
            ));
        }
        seen.insert(name);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(seen.len() >= 50, "{}", seen.len());
}
