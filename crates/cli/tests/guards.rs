//! What keeps a CI from being flooded, and what says so.

use std::sync::atomic::Ordering;

use mozci_sim::SimConfig;

use crate::proxy;
use crate::world::{JOB, Served};

const ASK: [&str; 6] = ["trigger", JOB, "--rev", "tip", "--times", "9"];

fn with_guards(served: &Served, guards: &str) {
    served.write_config(&format!("{}[guards]\n{guards}\n", served.config()));
}

#[test]
fn a_closed_tree_is_left_alone_or_waited_for_as_the_config_says() {
    let served = Served::settled();
    let treestatus = format!("treestatus_url = \"{}/treestatus\"", served.sim.urls.treeherder);
    let config =
        served.config().replacen("poll_seconds", &format!("{treestatus}\npoll_seconds"), 1);
    served.write_config(&config);
    served.world().dynamic().closed = Some("bug 1900123, infra".into());
    let arguments = [&ASK[..], &["--yes"]].concat();
    let said = served.run(&arguments);
    assert_eq!(said.status, 6, "{said:?}");
    assert!(said.stderr.contains("the tree autoland is closed (bug 1900123, infra)"), "{said:?}");
    let said = served.run(&["guard", "status"]);
    assert!(said.stdout.contains("tree autoland is closed"), "{said:?}");
    // It opens while it is waited for.
    served.write_config(&format!("{config}[guards]\nclosed_tree = \"wait\"\n"));
    let mut child =
        served.command(&arguments).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let stderr = child.stderr.take().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stderr));
    let waits = lines.find(|line| line.as_ref().unwrap().contains("waiting until it is open"));
    assert!(waits.is_some());
    assert_eq!(served.actions(), 0);
    served.world().dynamic().closed = None;
    assert!(child.wait().unwrap().success());
    assert_eq!(served.actions(), 1);
    served.world().dynamic().closed = Some("again".into());
    served.write_config(&format!("{config}[guards]\nclosed_tree = \"ignore\"\n"));
    assert_eq!(served.run(&["trigger", JOB, "--rev", "tip", "--times", "12", "--yes"]).status, 0);
    // A repository that is no tree nobody closes, and that is said.
    let no_tree = config.replacen("pushlog = ", "tree = \"twig\"\npushlog = ", 1);
    assert_ne!(no_tree, config);
    served.write_config(&no_tree);
    let said = served.run(&["trigger", JOB, "--rev", "tip", "--times", "13", "--yes"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("Treestatus knows no tree twig"), "{said:?}");
    // What cannot be read is not taken for open.
    served.write_config(&config.replace("/treestatus\"", "/nothing\""));
    let said = served.run(&["trigger", JOB, "--rev", "tip", "--times", "15", "--yes"]);
    assert_ne!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("is not taken for open"), "{said:?}");
}

#[test]
fn a_scarce_pool_has_a_budget_of_its_own() {
    let served = Served::settled();
    with_guards(&served, "pools = { t-linux-docker-noscratch-amd = 10 }");
    assert_eq!(served.run(&[&ASK[..], &["--yes"]].concat()).status, 0);
    let used = || served.run(&["guard", "status", "--json"]).json()["budgets"].clone();
    let budgets = used();
    let pool = &budgets["pools"][0];
    let (before, limit) = (pool["used"].as_u64().unwrap(), pool["limit"].as_u64().unwrap());
    assert!(before > 0 && limit == 10, "{budgets}");
    assert_eq!(budgets["day"]["used"], before);
    assert_eq!(budgets["day"]["by"][0]["runs"], before);
    let said = served.run(&["trigger", JOB, "--rev", "tip", "--times", "20", "--yes"]);
    assert_eq!(said.status, 6, "{said:?}");
    assert!(said.stderr.contains("in the pool t-linux-docker-noscratch-amd"), "{said:?}");
    assert_eq!(used()["pools"][0]["used"], before);
}

#[test]
fn a_ci_that_takes_nothing_is_left_alone_and_tried_with_one() {
    let served = Served::start(SimConfig::default());
    let (url, losses) = proxy::start(&served.sim.urls.taskcluster);
    let config = served.config().replace(&served.sim.urls.taskcluster, &url);
    served.write_config(&config);
    losses.triggers.store(true, Ordering::Relaxed);
    losses.fires.store(true, Ordering::Relaxed);
    let three = ["trigger", JOB, "--rev", "tip", "--back-revisions", "9", "--times", "5", "--yes"];
    let said = served.run(&three);
    assert_eq!(said.status, 3, "{said:?}");
    losses.triggers.store(false, Ordering::Relaxed);
    losses.fires.store(false, Ordering::Relaxed);
    let said = served.run(&["trigger", JOB, "--rev", "tip", "--times", "12", "--yes"]);
    assert_eq!(said.status, 6, "{said:?}");
    assert!(said.stderr.contains("did not take the last requests"), "{said:?}");
    let json = served.run(&["guard", "status", "--json"]).json();
    assert!(json["service"]["why"].is_string(), "{json}");
    // Half an hour later one is tried, and where that gets through, all is well.
    served.ledger().execute("UPDATE breakers SET opened = opened - 1800", []).unwrap();
    let said = served.run(&["trigger", JOB, "--rev", "tip", "--times", "12", "--yes"]);
    assert!(said.stdout.contains("requested 7 runs: action task"), "{said:?}");
    assert!(served.run(&["guard", "status", "--json"]).json()["service"].is_null());
}

#[test]
fn the_ledger_says_who_asked_for_what_why_and_what_came_of_it() {
    let served = Served::settled();
    let arguments = ["backfill", JOB, "--rev", "tip", "--yes", "--wait", "--json"];
    let acted = served.run(&arguments).json();
    let json = served.run(&["requests", "--since", "2020-01-01", "--json"]).json();
    let requests = json["requests"].as_array().unwrap();
    assert_eq!(requests.len(), acted["results"].as_array().unwrap().len());
    for request in requests {
        assert_eq!(request["asker"], "sim/sheriff", "{request}");
        assert_eq!(request["jobs"][0]["why"], "not run", "{request}");
        assert_eq!(request["plan"], requests[0]["plan"]);
        let outcome = request["outcomes"][0]["outcome"].as_str().unwrap();
        assert!(["passed", "failed"].contains(&outcome), "{request}");
        assert!(request["link"].as_str().unwrap().contains("/tasks/"), "{request}");
    }
    let left_out = json["left_out"].as_array().unwrap();
    let planned = acted["plan"]["left_out"].as_array().unwrap();
    assert_eq!(left_out.len(), planned.len(), "{json}");
    let said = served.run(&["requests"]);
    assert!(said.stdout.contains("plan ") && said.stdout.contains("not run"), "{said:?}");
    assert_eq!(
        served.run(&["requests", "--since", "2120-01-01", "--json"]).json()["requests"],
        serde_json::json!([])
    );
}

#[test]
fn no_backfill_is_begun_from_a_run_that_a_backfill_made() {
    let served = Served::settled();
    let acted = served.run(&["backfill", JOB, "--rev", "tip", "--yes", "--wait", "--json"]).json();
    let filled = acted["plan"]["requests"][0]["push"]["revision"].as_str().unwrap().to_owned();
    let before = served.actions();
    let said = served.run(&["backfill", JOB, "--rev", &filled, "--yes"]);
    assert_eq!((said.status, served.actions()), (6, before), "{said:?}");
    assert!(said.stderr.contains("were made by a backfill"), "{said:?}");
    let said = served.run(&["backfill", JOB, "--rev", &filled, "--yes", "--anyway"]);
    assert_ne!(said.status, 6, "{said:?}");
    // From the push that failed first of itself it is begun as often as anybody likes.
    assert_eq!(served.run(&["backfill", JOB, "--rev", "tip", "--yes"]).status, 0);
}

#[test]
fn every_limit_is_shown() {
    let served = Served::settled();
    let said = served.run(&["guard", "status", JOB]);
    assert_eq!(said.status, 0, "{said:?}");
    let row = |name: &str| {
        let line = said.stdout.lines().find(|line| line.trim().starts_with(name));
        let cells = line.unwrap_or_else(|| panic!("no {name}: {said:?}")).trim();
        cells[name.len()..].split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("runs requested in 24 hours"), ["0", "400", "runs_per_day"]);
    assert_eq!(row("runs of one plan"), ["·", "100", "runs_per_plan"]);
    assert_eq!(row("runs of a job on a push"), ["·", "20", "runs_per_push"]);
    assert!(said.stdout.contains("may be requested"), "{said:?}");
}
