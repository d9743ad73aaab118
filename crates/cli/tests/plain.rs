//! A Taskcluster without task graphs and Treeherder: runs from task groups, repeated by clones.

use std::time::Duration;

use mozci_sim::world::TaskRef;
use mozci_sim::{Fault, Faults, WorldConfig};
use serde_json::Value;

use crate::world::{JOB, Served, steady};

fn snapshot(name: &str, text: &str) {
    steady().bind(|| insta::assert_snapshot!(name, text));
}

/// The simulated CI, known only as index, groups and tasks.
fn plain(world: WorldConfig) -> Served {
    let served = Served::of(world);
    served.write_config(&config(&served));
    served
}

/// Its config.
pub(crate) fn config(served: &Served) -> String {
    served
        .config()
        .lines()
        .filter(|line| !line.starts_with("treeherder_url"))
        .take_while(|line| !line.contains("[ci.sim.repos.bare]"))
        .map(|line| match line {
            "[ci.sim.repos.autoland]" => format!(
                "{line}\ntasks_index = \"gecko.v2.autoland.revision.{{revision}}.taskgraph.decision\"\nlabel = \"metadata.name\""
            ),
            "[ci.sim.repos.mozilla-central]" => format!("{line}\ntasks_index = \"x.{{revision}}\""),
            "poll_seconds = 0.05" => format!("{line}\nretry_seconds = 0.01"),
            line => line.to_owned(),
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

fn settled() -> WorldConfig {
    WorldConfig { newest_minutes_ago: 600, speed: 20_000.0, ..WorldConfig::default() }
}

/// By push and task the states of the runs, in words that the queue has.
fn runs(json: &Value, job: &str) -> Vec<(u64, String, String)> {
    let mut all = Vec::new();
    for push in json["pushes"].as_array().unwrap() {
        for run in push["jobs"][job]["runs"].as_array().into_iter().flatten() {
            let text = |key: &str| run[key].as_str().unwrap().to_owned();
            all.push((push["id"].as_u64().unwrap(), text("task"), text("state")));
        }
    }
    all.sort();
    all
}

#[test]
fn groups_show_the_same_runs_as_treeherder() {
    let with = Served::of(settled());
    let without = plain(settled());
    let ask = |served: &Served| {
        let said = served.run(&["jobs", JOB, "--back-revisions", "59", "--json"]);
        assert_eq!(said.status, 0, "{said:?}");
        said.json()
    };
    let (with, without) = (runs(&ask(&with), JOB), runs(&ask(&without), JOB));
    assert!(with.len() > 10);
    assert_eq!(with, without);
}

#[test]
fn a_run_is_repeated_by_a_clone_and_a_hole_elsewhere_is_left_out() {
    let served = plain(settled());
    let range = ["trigger", JOB, "--rev", "tip", "--back-revisions", "6", "--times", "2"];
    let dry = served.run(&[&range[..], &["--dry-run"]].concat());
    snapshot("clone_plan", &dry.whole());
    let said = served.run(&[&range[..], &["--yes", "--wait", "--json"]].concat());
    let json = said.json();
    assert_eq!(said.status, 0, "{said:?}");
    let results = json["results"].as_array().unwrap();
    let runs = json["plan"]["estimate"]["runs"].as_u64().unwrap() as usize;
    assert_eq!((results.len(), served.created()), (runs, runs));
    let world = served.world();
    let job = world.catalog.find(JOB).unwrap();
    for result in results {
        // The task's id is the trigger request's own, so that sending it again makes no second task.
        assert_eq!(result["id"], result["task"], "{result}");
        let dynamic = world.dynamic();
        let id = result["task"].as_str().unwrap().parse().unwrap();
        let task = dynamic.task_of(world.seed(), id).unwrap();
        assert!(matches!(task, TaskRef::Job { job: of, .. } if of == job));
        let routes = dynamic.definition_of(task).unwrap()["routes"].to_string();
        assert!(routes.contains("tc-treeherder") && !routes.contains("index."), "{routes}");
    }
    for outcome in json["outcomes"].as_array().unwrap() {
        assert_eq!(outcome["done"], true, "{outcome}");
    }
    // A second time there is nothing to request.
    let again = served.run(&[&range[..], &["--yes", "--json"]].concat());
    assert_eq!(again.json()["plan"]["requests"].as_array().unwrap().len(), 0, "{again:?}");
    assert_eq!(served.created(), runs);
}

#[test]
fn answers_that_are_lost_make_no_second_task() {
    let served = plain(settled());
    let range = ["trigger", JOB, "--rev", "tip", "--back-revisions", "30", "--times", "2"];
    let dry = served.run(&[&range[..], &["--dry-run", "--json"]].concat());
    let wanted = dry.json()["plan"]["estimate"]["runs"].as_u64().unwrap() as usize;
    assert!(wanted > 5, "{dry:?}");
    let mut rounds = 0;
    while served.created() < wanted {
        rounds += 1;
        assert!(rounds < 20, "{} of {wanted}", served.created());
        served.sim.set_faults(Some(Faults {
            seed: rounds,
            rate: 0.3,
            kinds: vec![Fault::Reset, Fault::BadGateway, Fault::HalfBody],
            stall: Duration::ZERO,
            retry_after: 0,
        }));
        let said = served.run(&[&range[..], &["--yes"]].concat());
        assert!([0, 3].contains(&said.status), "{said:?}");
        assert!(served.created() <= wanted, "{said:?}");
    }
    served.sim.set_faults(None);
    let last = served.run(&[&range[..], &["--yes", "--json"]].concat());
    assert_eq!(last.json()["plan"]["requests"].as_array().unwrap().len(), 0, "{last:?}");
    assert_eq!(served.created(), wanted);
}

#[test]
fn what_lay_in_the_ledger_past_its_deadline_gets_a_new_body_and_a_new_id() {
    let served = plain(settled());
    assert_eq!(served.run(&["requests"]).status, 0);
    let world = served.world();
    let push = &world.autoland.pushes[world.autoland.pushes.len() - 1];
    let (old, long_ago) = ("EGAPpvNuTjeoiVLEnvgbWg", world.clock.wall() / 1000 - 7200);
    served
        .ledger()
        .execute(
            "INSERT INTO askings (id, plan, ci, repo, push, vcs, revision, task_group, action, hook_group,
                 hook, body, created, state, task, detail, process) VALUES (?1, 'p', ?2, 'autoland', ?3, 'hg', ?4, 'g', 'createTask',
                 '', '', '{\"deadline\": \"2026-01-01T00:00:00.000Z\"}', ?5, 'recorded', NULL, '',
                 '999999 gone 1')",
            rusqlite::params![
                old,
                served.sim.urls.taskcluster,
                push.id as i64,
                push.node(),
                long_ago
            ],
        )
        .unwrap();
    served
        .ledger()
        .execute("INSERT INTO asked_jobs VALUES (?1, ?2, 1, 'not run')", [old, JOB])
        .unwrap();
    let said = served.run(&["trigger", JOB, "--rev", "tip", "--times", "2", "--yes", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("whose deadline is 2026-01-01"), "{said:?}");
    assert!(said.stderr.contains("gets a new body and a new id"), "{said:?}");
    assert_eq!((served.created(), served.askings("sent"), served.askings("not-sent")), (1, 1, 1));
    assert_ne!(said.json()["results"][0]["task"], old);
}

#[test]
fn the_doctor_knows_groups() {
    let served = plain(settled());
    let said = served.run(&["doctor", "--json"]);
    let json = said.json();
    let checks = json["checks"].as_array().unwrap();
    let fine = |check: &&Value| check["health"] == "ok" || check["health"] == "skipped";
    assert!(said.status == 0 && checks.iter().all(|check| fine(&check)), "{said:?}");
    assert!(checks.iter().any(|check| check["check"] == "index" && check["health"] == "ok"));
}

#[test]
fn what_only_task_graphs_can_tell_is_said() {
    let served = plain(settled());
    let said = served.run(&["fill", "--rev", "tip", "--dry-run"]);
    assert!(said.status == 2 && said.stderr.contains("no task graphs"), "{said:?}");
    let slip = served.run(&["trigger", "tset-linux2404-64/opt-mochitest-plain-1", "--dry-run"]);
    assert!(slip.status == 5 && slip.stderr.contains(JOB), "{slip:?}");
    // A CI with neither Treeherder nor groups cannot be read.
    let config = std::fs::read_to_string(served.config_path()).unwrap();
    let bare: String = config
        .lines()
        .filter(|line| !line.starts_with("tasks_index"))
        .map(|line| format!("{line}\n"))
        .collect();
    served.write_config(&bare);
    let said = served.run(&["jobs"]);
    assert!(said.status == 2 && said.stderr.contains("tasks_index"), "{said:?}");
}
