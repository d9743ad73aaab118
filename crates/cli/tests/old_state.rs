//! What an earlier version wrote goes on: `state/ledger.db` is of the program before the drivers moved into engine
//! (commit 8e8d968). It has a search after its first round and a watch. `MOZCI_OLD` names such a program to make it
//! anew.

use std::path::Path;
use std::process::Command;

use mozci_sim::{HuntConfig, SimConfig, WorldConfig};

use crate::world::{JOB, Said, Served};

fn served() -> Served {
    let hunt = HuntConfig { suspects: 24, culprit: Some(9), ..HuntConfig::default() };
    let world = WorldConfig {
        pushes: 60,
        newest_minutes_ago: 600,
        speed: 20_000.0,
        hunt: Some(hunt),
        ..WorldConfig::default()
    };
    Served::start(SimConfig { world, ..SimConfig::default() })
}

fn fixture() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/state/ledger.db")
}

#[test]
#[ignore = "makes the file anew, with the earlier program that MOZCI_OLD names"]
fn an_old_program_makes_the_state_anew() {
    let old = std::env::var_os("MOZCI_OLD").unwrap();
    let served = served();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&old);
        command.arg("--config").arg(served.config_path()).args(arguments).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", served.home.path());
        command.env("XDG_STATE_HOME", served.home.path().join("state"));
        command.env("XDG_CACHE_HOME", served.home.path().join("cache"));
        Said::new(&command.output().unwrap())
    };
    let begun = run(&["bisect", JOB, "--bad", "tip", "--at-once", "2", "--yes", "--no-wait"]);
    assert_eq!(begun.status, 0, "{begun:?}");
    let watch = run(&["watch", JOB, "--rev", "tip", "--retry-failed", "2", "--yes"]);
    assert_eq!(watch.status, 0, "{watch:?}");
    let ledger = served.ledger();
    ledger.execute("UPDATE investigations SET ci = 'CI', state = 'open'", []).unwrap();
    ledger.execute("UPDATE askings SET ci = 'CI'", []).unwrap();
    ledger.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    std::fs::create_dir_all(fixture().parent().unwrap()).unwrap();
    std::fs::copy(served.home.path().join("state/mozci/ledger.db"), fixture()).unwrap();
}

#[test]
fn a_search_and_a_watch_of_an_earlier_version_go_on() {
    let served = served();
    let folder = served.home.path().join("state/mozci");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(fixture(), folder.join("ledger.db")).unwrap();
    let root = &served.sim.urls.taskcluster;
    for table in ["investigations", "askings"] {
        let moved = format!("UPDATE {table} SET ci = ?");
        assert!(served.ledger().execute(&moved, [root.trim_end_matches('/')]).unwrap() > 0);
    }
    // The world that took these requests is gone: they are of days ago.
    let aged = "UPDATE askings SET created = created - 200000";
    served.ledger().execute(aged, []).unwrap();
    let requests = served.run(&["requests", "--json"]).json();
    assert!(requests["requests"].as_array().unwrap().len() > 2, "{requests}");
    let listed = served.run(&["investigations", "list", "--json"]).json();
    let listed = listed["investigations"].as_array().unwrap().clone();
    let id = |kind: &str| {
        let of =
            |one: &&serde_json::Value| one["question"]["kind"].as_str().unwrap_or("bisect") == kind;
        listed.iter().find(of).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let shown = served.run(&["investigations", "show", &id("bisect")]);
    assert!(shown.stdout.contains("round 1 requested"), "{shown:?}");
    let said = served.run(&["investigations", "resume", &id("bisect"), "--yes", "--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    let found = said.json();
    let culprit = served.world().truth().hunt.unwrap().culprit.unwrap();
    assert_eq!(found["investigation"], id("bisect"));
    assert_eq!(found["end"]["pushes"][0]["revision"], culprit.as_str(), "{}", found["end"]);
    // The rounds of both versions count.
    assert!(found["rounds"].as_u64().unwrap() > 1);
    let said = served.run(&["investigations", "resume", &id("watch"), "--yes"]);
    assert_eq!(said.status, 0, "{said:?}");
}
