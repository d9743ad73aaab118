//! What must not happen by the way: credentials that are fetched for nothing, a second search for the
//! same culprit, a command that depends on a file that is none.

use std::process::Stdio;
use std::time::{Duration, Instant};

use mozci_sim::{HuntConfig, SimConfig, SimCredentials, WorldConfig};

use crate::world::{JOB, Said, Served};

#[test]
fn credentials_are_fetched_once_something_is_sent_or_a_read_is_refused() {
    let served = Served::settled();
    let ran = served.home.path().join("ran");
    let print = format!(
        "echo x >> {}; echo '{}'",
        ran.display(),
        serde_json::json!(SimCredentials::sheriff())
    );
    let config: String = served
        .config()
        .lines()
        .map(|line| match line.starts_with("credentials_command") {
            true => format!("credentials_command = {}\n", serde_json::json!(["sh", "-c", print])),
            false => format!("{line}\n"),
        })
        .collect();
    served.write_config(&config);
    let times = || std::fs::read_to_string(&ran).map_or(0, |text| text.lines().count());
    for reading in [&["pushes"][..], &["jobs", JOB], &["chooser"], &["failures", JOB]] {
        assert_eq!(served.run(reading).status, 0, "{reading:?}");
        assert_eq!(times(), 0, "{reading:?}");
    }
    // What hooks fired lately is not for everybody here: that read is refused without.
    let dry = served.run(&["backfill", JOB, "--rev", "tip", "--dry-run"]);
    assert_eq!((dry.status, times()), (0, 1), "{dry:?}");
    let said = served.run(&["backfill", JOB, "--rev", "tip", "--yes"]);
    assert_eq!((said.status, times(), served.actions()), (0, 2, 7), "{said:?}");
    // One that fails is said, and nothing is sent.
    served.write_config(&config.replace("echo x >>", "exit 7; echo x >>"));
    let said = served.run(&["trigger", JOB, "--rev", "1034", "--times", "5", "--yes"]);
    assert_eq!((said.status, served.actions()), (4, 7), "{said:?}");
    assert!(said.stderr.contains("`credentials_command` (sh) gave no credentials"), "{said:?}");
    assert!(!said.stderr.contains(SimCredentials::sheriff().access_token), "{said:?}");
}

#[test]
fn the_same_search_goes_on_where_it_was_killed() {
    let hunt = HuntConfig { suspects: 24, culprit: Some(9), ..HuntConfig::default() };
    let world = WorldConfig {
        pushes: 60,
        newest_minutes_ago: 600,
        speed: 20_000.0,
        hunt: Some(hunt),
        ..WorldConfig::default()
    };
    let served = Served::start(SimConfig { world, ..SimConfig::default() });
    let search = ["bisect", JOB, "--bad", "tip", "--at-once", "2", "--yes"];
    let mut child =
        served.command(&search).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let path = served.home.path().join("state/mozci/ledger.db");
    let count = |what: &str| {
        let sql = format!("SELECT count(*) FROM {what}");
        served.ledger().query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap_or(0)
    };
    let started = Instant::now();
    while !path.exists() || count("steps") < 2 {
        assert!(started.elapsed() < Duration::from_secs(60), "it never begins");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What is unconfirmed can be told a minute later.
    let aged = "UPDATE askings SET created = created - 70 WHERE state IN ('recorded', 'uncertain')";
    served.ledger().execute(aged, []).unwrap();
    // Looking only begins nothing and takes nothing over.
    let dry = [&search[..6], &["--dry-run"]].concat();
    assert_eq!(served.run(&dry).status, 0);
    let said = served.run(&search);
    assert_eq!((said.status, count("investigations")), (0, 1), "{said:?}");
    assert!(said.stderr.contains("going on with investigation"), "{said:?}");
    let spent = served.actions();
    // It has ended: the same question is a new one, which the runs that are there answer.
    let said = served.run(&search);
    assert_eq!((said.status, served.actions()), (0, spent), "{said:?}");
    assert!(!said.stderr.contains("going on with"), "{said:?}");
    // Another budget is the same question; `--new` is not.
    let open = "UPDATE investigations SET state = 'open'";
    served.ledger().execute(open, []).unwrap();
    let before = count("investigations");
    let more = served.run(&[&search[..], &["--budget", "300"]].concat());
    assert!(more.stderr.contains("going on with investigation"), "{more:?}");
    served.ledger().execute(open, []).unwrap();
    let new = served.run(&[&search[..], &["--new"]].concat());
    assert_eq!(new.status, 0, "{new:?}");
    assert!(!new.stderr.contains("going on with"), "{new:?}");
    assert!(count("investigations") >= before);
}

#[test]
fn a_file_that_is_none_is_said_and_holds_nobody_up() {
    let served = Served::settled();
    let pipe = served.home.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let pipe = pipe.to_str().unwrap();
    for (file, words) in [
        ("/dev/urandom", "a device"),
        ("/dev/zero", "a device"),
        ("/", "a folder"),
        (pipe, "nobody writes"),
    ] {
        // A folder stands for the logs in it.
        if file != "/" {
            let said = served.run(&["failures", "--file", file]);
            assert!(said.status == 2 && said.stderr.contains(words), "{said:?}");
        }
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_mozci"));
        let output = command.args(["--config", file, "pushes"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && text.contains(words), "{file}: {text}");
    }
}

#[test]
fn a_deployment_that_shows_strangers_nothing_is_read_with_credentials() {
    let served = Served::settled();
    served.world().dynamic().private = true;
    let said = served.run(&["backfill", JOB, "--rev", "tip", "--yes", "--wait", "--json"]);
    assert_eq!((said.status, served.actions()), (0, 7), "{said:?}");
    let truth = served.world().truth().story.unwrap();
    assert_eq!(said.json()["after"]["first_bad"]["revision"], truth.culprit.as_str(), "{said:?}");
    // Without any, the scope that is missing stands on one line.
    served.without_credentials();
    std::fs::remove_dir_all(served.home.path().join("cache")).unwrap();
    let said = served.run(&["chooser", "--rev", "tip"]);
    assert_eq!(said.status, 4, "{said:?}");
    let line = "refuses with 403: missing scope queue:get-task:gecko-level-3/sim";
    assert!(said.stderr.contains(line), "{said:?}");
}

#[test]
fn twenty_processes_open_a_fresh_ledger_at_once() {
    let served = Served::settled();
    for round in 0..3 {
        let home = tempfile::TempDir::new().unwrap();
        let commands: Vec<_> = (0..20)
            .map(|_| {
                let mut command = served.command(&["requests"]);
                command.env("XDG_STATE_HOME", home.path().join("state"));
                command.env("XDG_CACHE_HOME", home.path().join("cache"));
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for child in commands {
            let said = Said::new(&child.wait_with_output().unwrap());
            assert_eq!(said.status, 0, "{round}: {said:?}");
        }
    }
}
