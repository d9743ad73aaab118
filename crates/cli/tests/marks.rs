//! `bisect --mark`: the culprit, marked in Treeherder.

use mozci_sim::{HuntConfig, SimCredentials, WorldConfig};
use serde_json::{Value, json};

use crate::pressing::{Task, definition};
use crate::world::{JOB, Served};

const SEARCH: [&str; 7] = ["bisect", JOB, "--bad", "tip", "--yes", "--json", "--mark"];

fn hunted() -> Served {
    let hunt =
        HuntConfig { suspects: 12, culprit: Some(5), rate: 1.0, broken: 0.0, ..Default::default() };
    Served::of(WorldConfig {
        seed: 1,
        pushes: hunt.suspects + 60,
        newest_minutes_ago: 600,
        speed: 20_000.0,
        hunt: Some(hunt),
        ..WorldConfig::default()
    })
}

/// The marks that the world has on a push.
fn marks(served: &Served, revision: &str) -> usize {
    let pushes = &served.world().autoland.pushes;
    let push = pushes.iter().position(|push| push.node() == revision).unwrap();
    served.world().dynamic().marks_of(push as u32).len()
}

#[test]
fn the_culprit_is_marked_once() {
    let served = hunted();
    let culprit = served.world().truth().hunt.unwrap().culprit.unwrap();
    let dry = served.run(&["bisect", JOB, "--bad", "tip", "--dry-run", "--json", "--mark"]);
    assert_eq!((dry.status, marks(&served, &culprit)), (0, 0), "{dry:?}");
    let said = served.run(&SEARCH);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(said.json()["end"]["pushes"][0]["revision"], culprit, "{said:?}");
    let mark = &said.json()["mark"];
    assert_eq!(mark["state"], "sent", "{said:?}");
    assert_eq!(marks(&served, &culprit), 1);
    let task = definition(&served.sim.urls.taskcluster, mark["task"].as_str().unwrap());
    assert_eq!(task["taskQueueId"], "built-in/succeed");
    assert_eq!(task["routes"], json!([format!("tc-treeherder.v2.autoland.{culprit}")]));
    assert_eq!(task["extra"]["treeherder"]["symbol"], "mz");
    assert_eq!(task["metadata"]["name"], format!("mozci: this push broke {JOB}"));
    let text = task["metadata"]["description"].as_str().unwrap();
    assert!(text.contains(JOB) && text.contains("culprit") && text.contains('%'), "{text}");
    assert!(text.contains(&served.sim.urls.taskcluster), "a run that failed is linked: {text}");
    // It counts as a run of the day, and as none of the search.
    let runs = said.json()["runs"].as_i64().unwrap();
    let counted = "SELECT sum(times) FROM asked_jobs";
    let counted: i64 = served.ledger().query_row(counted, [], |row| row.get(0)).unwrap();
    assert_eq!(counted, runs + 1);
    // Asked once more: by the ledger, and without one by what Treeherder shows.
    let again = served.run(&[&SEARCH[..], &["--new"]].concat());
    assert_eq!(again.json()["mark"], json!({"state": "there"}), "{again:?}");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = served.command(&SEARCH);
    command.env("XDG_STATE_HOME", elsewhere.path());
    let again: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    assert_eq!(again["mark"], json!({"state": "there"}), "{again:#}");
    assert_eq!(marks(&served, &culprit), 1);
}

#[test]
fn a_search_in_a_task_marks_where_it_is_asked_to() {
    let served = Served::settled();
    let task = Task::on(&served, SimCredentials::sheriff());
    let culprit = served.world().truth().story.unwrap().culprit;
    let asked = [("ACTION_CALLBACK", "mozci-bisect"), ("ACTION_INPUT", r#"{"mark": true}"#)];
    for _ in 0..20 {
        let next = task.again();
        let said = next.press(&asked);
        assert_eq!(said.status, 0, "{said:?}");
        if next.told()["answer"]["end"]["verdict"] == "culprit" {
            assert_eq!(next.told()["answer"]["mark"]["state"], "sent", "{said:?}");
            assert_eq!(marks(&served, &culprit), 1);
            return;
        }
    }
    panic!("no verdict after twenty presses");
}

#[test]
fn where_there_can_be_no_mark_that_is_said_first() {
    let served = Served::settled();
    let urls = &served.sim.urls;
    let config = format!(
        "default_ci = \"old\"\n[ci.old]\nkind = \"buildapi\"\nurl = \"{0}/buildapi/self-serve\"\nbuildjson_url = \"{0}/buildjson\"\nallthethings = \"{0}/allthethings.json\"\nrequests_per_minute = 100000\n[ci.old.repos.autoland]\npushlog = \"hg\"\nurl = \"{1}/integration/autoland\"\n",
        urls.treeherder, urls.hg
    );
    served.write_config(&config);
    let said = served.run(&["bisect", JOB, "--bad", "tip", "--dry-run", "--mark"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("leave --mark out"), "{said:?}");
}

#[test]
fn a_mark_that_is_not_allowed_hides_no_verdict() {
    let served = Served::settled();
    // Until there is a verdict somebody who may requests runs.
    let allowed = served.run(&["bisect", JOB, "--bad", "tip", "--yes", "--json"]);
    assert_eq!(allowed.json()["end"]["verdict"], "culprit", "{allowed:?}");
    let config = served.read_config();
    let reader = json!(SimCredentials::reader()).to_string();
    let sheriff = json!(SimCredentials::sheriff()).to_string();
    let escaped = |text: &str| json!(text).to_string().trim_matches('"').to_owned();
    served.write_config(&config.replace(&escaped(&sheriff), &escaped(&reader)));
    let said = served.run(&[&SEARCH[..], &["--new"]].concat());
    assert_eq!(said.status, 4, "{said:?}");
    assert_eq!(said.json()["end"]["verdict"], "culprit", "{said:?}");
    assert_eq!(said.json()["mark"]["state"], "not-sent", "{said:?}");
}

#[test]
fn a_mark_for_which_the_day_has_no_room_hides_no_verdict() {
    let served = Served::settled();
    let found = served.run(&["bisect", JOB, "--bad", "tip", "--yes", "--json"]);
    assert_eq!(found.json()["end"]["verdict"], "culprit", "{found:?}");
    let config = served.read_config();
    let runs = found.json()["runs"].as_u64().unwrap();
    served.write_config(&format!("{config}[guards]\nruns_per_day = {runs}\n"));
    let report = served.home.path().join("report.html");
    let more = ["--new", "--report", report.to_str().unwrap()];
    let said = served.run(&[&SEARCH[..], &more].concat());
    assert_eq!(said.status, 6, "{said:?}");
    assert_eq!(said.json()["end"]["verdict"], "culprit", "{said:?}");
    assert_eq!(said.json()["mark"]["state"], "not-made", "{said:?}");
    assert!(report.exists());
}
