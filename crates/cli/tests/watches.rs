//! Following jobs, and requesting what does not come as expected.

use std::time::{Duration, Instant};

use mozci_sim::{HuntConfig, SimConfig, WorldConfig};
use serde_json::Value;

use crate::broker::Broker;
use crate::world::{JOB, Said, Served};

/// What was said, a JSON object a line.
fn lines(said: &Said) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    said.stdout.lines().map(parse).collect()
}

fn end(said: &Said) -> Value {
    let last = lines(said).pop().unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!(last["event"], "end", "{said:?}");
    last
}

/// A world whose newest pushes may fail as often as is said.
pub(crate) fn failing(rate: f64, speed: f64) -> SimConfig {
    let world = WorldConfig {
        newest_minutes_ago: 600,
        speed,
        hunt: Some(HuntConfig { suspects: 8, culprit: Some(4), rate, ..HuntConfig::default() }),
        ..WorldConfig::default()
    };
    SimConfig { world, ..SimConfig::default() }
}

#[test]
fn what_failed_is_run_again_and_the_outcome_hides_nothing() {
    let served = Served::start(failing(1.0, 20_000.0));
    let arguments = ["--json", "watch", JOB, "--rev", "tip", "--retry-failed", "2", "--yes"];
    let said = served.run(&arguments);
    assert_eq!(said.status, 0, "{said:?}");
    let end = end(&said);
    assert_eq!(end["summary"], "ended: failed 3 of 3", "{said:?}");
    assert_eq!(served.actions(), 1);
    // Once more: they are there already.
    let again = served.run(&arguments);
    assert_eq!(again.status, 0, "{again:?}");
    assert_eq!(served.actions(), 1);
    let only_look = served.run(&["--exit-status", "watch", JOB, "--rev", "tip"]);
    assert_eq!(only_look.status, 1, "{only_look:?}");
}

#[test]
fn who_only_watches_needs_no_credentials_and_asks_for_nothing() {
    let served = Served::start(failing(1.0, 20_000.0));
    let config = served.read_config();
    let without: Vec<&str> =
        config.lines().filter(|line| !line.starts_with("credentials_command")).collect();
    served.write_config(&(without.join("\n") + "\n"));
    let said = served.run(&["--json", "watch", "--include", "opt-mochitest-plain", "--rev", "tip"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(served.actions(), 0);
    let said =
        served.run(&["--json", "watch", JOB, "--rev", "tip", "--retry-failed", "1", "--yes"]);
    assert_eq!(said.status, 4, "{said:?}");
}

#[test]
fn it_is_run_until_it_fails() {
    let served = Served::start(failing(0.2, 20_000.0));
    // The newest push fails now and then.
    let arguments =
        ["--json", "watch", JOB, "--rev", "tip", "--until-failure", "--batch", "3", "--yes"];
    let said = served.run(&arguments);
    assert_eq!(said.status, 0, "{said:?}");
    let end = end(&said);
    let runs = end["outcomes"][0]["runs"].as_array().unwrap();
    let bad = |run: &&Value| run["state"] == "failed";
    assert!(runs.iter().filter(bad).count() >= 1 || runs.len() == 20, "{said:?}");
    // It failed in the last batch, and so nothing was requested after it.
    let first = runs.iter().position(|run| bad(&run)).unwrap_or(runs.len());
    assert!(runs.len() <= first + 3 || runs.len() == 20, "{said:?}");
}

#[test]
fn a_killed_watch_goes_on_and_asks_for_nothing_twice() {
    let Some(broker) = Broker::shared() else { return };
    let served = broker.serve(failing(1.0, 600.0));
    let arguments = ["--json", "watch", JOB, "--rev", "tip", "--retry-failed", "3", "--yes"];
    let mut command = served.listening(&arguments);
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while served.actions() == 0 {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let listed = served.run(&["investigations", "--json"]).json();
    let id = listed["investigations"][0]["id"].as_str().unwrap().to_owned();
    let looked = served.run(&["--json", "watch", &id]);
    assert_eq!(looked.status, 3, "{looked:?}");
    assert!(looked.stderr.contains("no process drives it"), "{looked:?}");
    let mut command = served.listening(&["--json", "investigations", "resume", &id, "--yes"]);
    let said = Said::new(&command.output().unwrap());
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(end(&said)["summary"], "ended: failed 4 of 4", "{said:?}");
    assert_eq!(served.actions(), 1);
    assert_eq!(served.created(), 3);
    let followed = served.run(&["--json", "watch", &id]);
    assert_eq!(followed.status, 0, "{followed:?}");
}

#[test]
fn a_request_is_followed_by_its_id_or_the_ledgers() {
    let served = Served::start(failing(1.0, 2_000.0));
    let asked = served.run(&["trigger", JOB, "--rev", "tip", "--times", "2", "--yes", "--json"]);
    let json = asked.json();
    let id = json["results"][0]["id"].as_str().unwrap().to_owned();
    let said = served.run(&["--json", "watch", &id]);
    assert_eq!(said.status, 0, "{said:?}");
    let end = end(&said);
    assert_eq!(end["outcomes"][0]["done"], true, "{said:?}");
    let task = end["outcomes"][0]["runs"][0]["task"].as_str().unwrap().to_owned();
    let said = served.run(&["--exit-status", "watch", &task]);
    assert_eq!(said.status, 1, "{said:?}");
    let nothing = served.run(&["--json", "watch", "AAAAAAAAQAAAAAAAAAAAAA"]);
    assert_eq!(nothing.status, 5, "{nothing:?}");
}

#[test]
fn two_never_drive_the_same() {
    let served = Served::start(failing(1.0, 100.0));
    let arguments = ["--json", "watch", JOB, "--rev", "tip", "--retry-failed", "1", "--yes"];
    let mut child = served.command(&arguments).stdout(std::process::Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while served.actions() == 0 {
        assert!(started.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    let listed = served.run(&["investigations", "--json"]).json();
    let id = listed["investigations"][0]["id"].as_str().unwrap().to_owned();
    let said = served.run(&["--json", "investigations", "resume", &id, "--yes"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.stderr.contains("being driven at this moment"), "{said:?}");
    // Somebody ends it: whoever drives it requests nothing more.
    assert_eq!(served.run(&["investigations", "cancel", &id]).status, 0);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn all_open_investigations_go_on_in_one_process() {
    let Some(broker) = Broker::shared() else { return };
    let served = broker.serve(failing(1.0, 600.0));
    let jobs = [JOB, "test-linux2404-64/opt-mochitest-plain-2", "test-linux2404-64/opt-xpcshell-1"];
    let open = |count: i64| {
        let started = Instant::now();
        while count_of("SELECT count(*) FROM steps WHERE step LIKE '%begun%'", &served) < count {
            assert!(started.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    let watch = |job| vec!["--json", "watch", job, "--rev", "tip", "--retry-failed", "2", "--yes"];
    let search = vec!["bisect", JOB, "--bad", "tip", "--yes"];
    let all = jobs.into_iter().map(watch).chain([search]);
    for (n, arguments) in all.enumerate() {
        let mut command = served.command(&arguments);
        let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        open(n as i64 + 1);
        child.kill().unwrap();
        child.wait().unwrap();
        let aged = "UPDATE askings SET created = created - 70 WHERE state = 'recorded'";
        served.ledger().execute(aged, []).unwrap();
    }
    let mut command = served.listening(&["investigations", "resume", "--all", "--yes", "--json"]);
    let said = Said::new(&command.output().unwrap());
    assert_eq!(said.status, 0, "{said:?}");
    let ended: Vec<Value> =
        lines(&said).into_iter().filter(|line| line["event"] == "ended").collect();
    assert_eq!(ended.len(), 4, "{said:?}");
    let summaries: Vec<&str> = ended.iter().map(|line| line["summary"].as_str().unwrap()).collect();
    let failed = |summary: &&str| summary.starts_with("ended: failed ");
    let asked = served.run(&["requests", "--json"]).stdout;
    assert!(summaries.iter().any(failed), "{said:?}\n{asked}");
    assert!(summaries.iter().any(|summary| summary.starts_with("culprit")), "{said:?}");
    let open = served.run(&["investigations", "--json"]).json();
    let states = open["investigations"].as_array().unwrap().iter().map(|one| one["state"].clone());
    assert!(states.into_iter().all(|state| state == "done"), "{open}");
    let again = served.run(&["investigations", "resume", "--all", "--yes"]);
    assert!(again.stderr.contains("no investigation is open"), "{again:?}");
}

fn count_of(sql: &str, served: &Served) -> i64 {
    let path = served.home.path().join("state/mozci/ledger.db");
    if !path.exists() {
        return 0;
    }
    served.ledger().query_row(sql, [], |row| row.get(0)).unwrap_or(0)
}

/// Many task groups are heard through their scheduler: nobody looks within the time of a test.
#[test]
fn a_range_of_many_pushes_is_listened_to_as_a_whole() {
    let Some(broker) = Broker::shared() else { return };
    let mut config = failing(1.0, 600.0);
    config.world.pushes = 260;
    let served = broker.serve(config);
    let asked = served.run(&["trigger", JOB, "--rev", "tip", "--times", "2", "--yes"]);
    assert_eq!(asked.status, 0, "{asked:?}");
    let arguments = ["--json", "watch", JOB, "--rev", "tip", "--back-revisions", "250"];
    let said = Said::new(&served.listening(&arguments).output().unwrap());
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.stderr.contains("notified by Pulse"), "{said:?}");
    assert!(!said.stderr.contains("not to be found out"), "{said:?}");
    let end = end(&said);
    let runs = end["outcomes"][0]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "{said:?}");
    assert!(runs.iter().all(|run| run["state"] == "failed"), "{said:?}");
    // What is told need not be looked for: it is read when it begins, and once more when it listens.
    assert_eq!(end["looks"], 2, "{said:?}");
}
