//! Several people with one ledger: the program over a PostgreSQL database.

use std::process::Command;

use crate::world::{JOB, Said, Served};

/// A new database, as its users name it: with a password, which loopback does not request.
fn database() -> Option<String> {
    let Ok(server) = std::env::var("MOZCI_TEST_POSTGRES") else {
        eprintln!("skipped: MOZCI_TEST_POSTGRES names no server");
        return None;
    };
    let name = format!("team_{}_{}", std::process::id(), fastrand::u32(..));
    let made = Command::new("psql")
        .args([&server, "-qc", &format!("CREATE DATABASE {name}")])
        .status()
        .unwrap();
    assert!(made.success());
    let at = server.rfind('/').unwrap();
    Some(format!("{}/{name}", &server[..at]).replace("mozci@", "mozci:hunter2@"))
}

/// Runs the program as one of the team, on a machine of their own.
fn run(served: &Served, who: &str, database: &str, arguments: &[&str]) -> Said {
    let home = served.home.path().join(who);
    let mut command = served.command(arguments);
    command
        .env("MOZCI_DATABASE_URL", database)
        .env("XDG_STATE_HOME", home.join("state"))
        .env("XDG_CACHE_HOME", home.join("cache"));
    let said = Said::new(&command.output().unwrap());
    assert!(!said.whole().contains("hunter2"), "{said:?}");
    said
}

#[test]
fn a_team_shares_requests_budget_and_investigations() {
    let Some(database) = database() else { return };
    let served = Served::settled();
    let trigger = ["trigger", JOB, "--rev", "1036", "--times", "3", "--yes", "--json"];
    let said = run(&served, "one", &database, &trigger);
    assert_eq!(said.status, 0, "{said:?}");
    let actions = served.world().dynamic().actions.len();
    assert!(actions > 0);
    let said = run(&served, "two", &database, &trigger);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(served.world().dynamic().actions.len(), actions, "the second requests nothing");
    let list = |who: &str| run(&served, who, &database, &["requests", "--json"]).json();
    assert_eq!(list("one")["requests"], list("two")["requests"]);
    assert_eq!(list("two")["requests"].as_array().unwrap().len(), actions);
    let used = |who: &str| run(&served, who, &database, &["guard", "status", "--json"]).json();
    assert_eq!(used("one")["day"]["used"], used("two")["day"]["used"]);
    // One leaves a search after its first round; another one resumes it at once.
    let bisect = ["bisect", JOB, "--bad", "tip", "--yes", "--no-wait"];
    let said = run(&served, "one", &database, &bisect);
    let listed = run(&served, "two", &database, &["investigations", "--json"]).json();
    let id = listed["investigations"][0]["id"].as_str().unwrap_or_else(|| panic!("{said:?}"));
    let said = run(&served, "two", &database, &["investigations", "resume", id, "--yes"]);
    assert!(said.stdout.contains("culprit"), "{said:?}");
    for who in ["one", "two"] {
        let ledger = served.home.path().join(who).join("state/mozci/ledger.db");
        assert!(!ledger.exists(), "nothing is on the machine of {who}");
    }
}

#[test]
fn a_database_that_cannot_be_used_is_named_without_its_password() {
    let served = Served::settled();
    let requests = ["requests"];
    let said = run(&served, "one", "postgres://mozci:hunter2@127.0.0.1:1/ledger", &requests);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.stderr.contains("postgres://127.0.0.1:1/ledger cannot be reached"), "{said:?}");
    let said = run(&served, "one", "mysql://mozci:hunter2@127.0.0.1/ledger", &requests);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("MOZCI_DATABASE_URL: only PostgreSQL is known"), "{said:?}");
}
