//! Bad input: each a sentence that says what to do, the right exit status, nothing lost.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use mozci_sim::{SimCredentials, WorldConfig};

use crate::world::{JOB, Said, Served, steady};

fn snapshot(name: &str, said: &Said) {
    steady().bind(|| insta::assert_snapshot!(name, said.whole()));
}

#[test]
fn revisions_that_are_none() {
    let served = Served::settled();
    let unknown = "deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
    snapshot("unknown_revision", &served.run(&["pushes", "--rev", unknown]));
    snapshot("no_revision", &served.run(&["pushes", "--rev", "what?"]));
    snapshot("unknown_push_id", &served.run(&["pushes", "--rev", "77"]));
    let elsewhere = served.world().central.pushes[1].node().to_owned();
    snapshot("revision_of_another_repository", &served.run(&["pushes", "--rev", &elsewhere]));
    let link =
        format!("{}/jobs?repo=mozilla-central&revision={elsewhere}", served.sim.urls.treeherder);
    let said = served.run(&["pushes", "--rev", &link, "--json"]);
    assert_eq!(said.json()["repo"], "mozilla-central");
    let said = served.run(&["--repo", "autoland", "pushes", "--rev", &link]);
    assert!(said.status == 2 && said.stderr.contains("--repo mozilla-central"), "{said:?}");
}

#[test]
fn a_short_hash_that_fits_several_pushes() {
    let served = Served::of(WorldConfig { pushes: 900, ..WorldConfig::default() });
    let autoland = &served.world().autoland;
    let prefix = autoland
        .pushes
        .iter()
        .map(|push| push.node()[..4].to_owned())
        .find(|prefix| {
            // Digits alone would be a push id.
            prefix.bytes().any(|b| b.is_ascii_alphabetic()) && autoland.by_prefix(prefix).len() > 1
        })
        .unwrap();
    let said = served.run(&["pushes", "--rev", &prefix]);
    assert_eq!(said.status, 5, "{said:?}");
    for push in autoland.by_prefix(&prefix) {
        let push = &autoland.pushes[push as usize];
        let tip = push.node();
        assert!(said.stderr.contains(&format!("push {}  {}", push.id, &tip[..12])), "{said:?}");
    }
}

#[test]
fn ranges_that_are_none() {
    let served = Served::settled();
    let reversed = ["pushes", "--rev", "1020", "--from-rev", "1030"];
    snapshot("reversed_range", &served.run(&reversed));
    snapshot("empty_range", &served.run(&["pushes", "--since", "2099-01-01"]));
    snapshot("long_range", &served.run(&["pushes", "--back-revisions", "100000"]));
    snapshot("bad_date", &served.run(&["pushes", "--since", "soon"]));
    snapshot(
        "backfill_ahead",
        &served.run(&["backfill", JOB, "--rev", "tip", "--delta", "3", "--dry-run"]),
    );
}

#[test]
fn names_that_are_none() {
    let served = Served::settled();
    let job = "tset-linux2404-64/opt-mochitest-plain-1";
    snapshot("unknown_job", &served.run(&["backfill", job, "--rev", "tip", "--dry-run"]));
    snapshot("unknown_job_look", &served.run(&["jobs", job]));
    snapshot("unknown_repository", &served.run(&["--repo", "autolnad", "pushes"]));
    snapshot("unknown_ci", &served.run(&["--ci", "nope", "pushes"]));
    let zero = served.run(&["backfill", JOB, "--rev", "tip", "--times", "0"]);
    assert!(zero.status == 2 && zero.stderr.contains("--times"), "{zero:?}");
}

#[test]
fn configs_that_are_broken() {
    let served = Served::settled();
    served.write_config(&served.config().replace("poll_seconds", "pol_seconds"));
    snapshot("config_unknown_key", &served.run(&["pushes"]));
    served.write_config("default_ci = \n");
    snapshot("config_broken_line", &served.run(&["pushes"]));
    served.write_config(&served.config().replace("root_url = \"http", "root_url = \"gopher"));
    snapshot("config_bad_url", &served.run(&["pushes"]));
    let missing = Command::new(env!("CARGO_BIN_EXE_mozci"))
        .args(["--config", "/nowhere/config.toml", "pushes"])
        .output()
        .unwrap();
    snapshot("config_missing", &Said::new(&missing));
}

#[test]
fn credentials_that_do_not_do() {
    let served = Served::settled();
    served.without_credentials();
    let act = ["backfill", JOB, "--rev", "tip", "--yes"];
    snapshot("no_credentials", &served.run(&act));
    // Looking and planning need none.
    assert_eq!(served.run(&["backfill", JOB, "--rev", "tip", "--dry-run"]).status, 0);
    let with = |pairs: &[(&str, &str)]| {
        let mut command = served.command(&act);
        command.envs(pairs.iter().copied());
        Said::new(&command.output().unwrap())
    };
    snapshot("half_credentials", &with(&[("TASKCLUSTER_CLIENT_ID", "me")]));
    let reader = SimCredentials::reader();
    let said = with(&[
        ("TASKCLUSTER_CLIENT_ID", reader.client_id),
        ("TASKCLUSTER_ACCESS_TOKEN", reader.access_token),
    ]);
    snapshot("missing_scope", &said);
    assert!(!said.whole().contains(reader.access_token));
    let wrong = with(&[
        ("TASKCLUSTER_CLIENT_ID", reader.client_id),
        ("TASKCLUSTER_ACCESS_TOKEN", "wr0ng-t0ken"),
    ]);
    assert!(wrong.status == 4 && !wrong.whole().contains("wr0ng-t0ken"), "{wrong:?}");
    assert_eq!((served.actions(), served.askings("sent")), (0, 0));
    // A missing scope shows on the first trigger; a wrong token before anything is written down.
    assert_eq!(served.askings("not-sent"), 7);
}

#[test]
fn a_task_that_has_expired() {
    let served = Served::settled();
    snapshot("expired_task", &served.run(&["pushes", "--rev", "b7Dg7Jw_RsWEU6dewKOL_A"]));
}

/// A server that says the same to everybody.
fn odd_server(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let Ok(mut socket) = socket else { continue };
            let mut request = [0u8; 8192];
            let _ = socket.read(&mut request);
            let _ = socket.write_all(bytes);
        }
    });
    url
}

#[test]
fn servers_that_answer_something_else() {
    let html = odd_server(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 21\r\n\r\n<html>sign in</html>\n");
    let nothing = odd_server(b"");
    let half = odd_server(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{\"count\": 1, \"resu");
    for (name, url) in [("html", html), ("nothing", nothing), ("half", half)] {
        let served = Served::settled();
        let with = |theirs: &str| served.config().replace(theirs, &url);
        served.write_config(&with(&served.sim.urls.treeherder));
        let said = served.run(&["backfill", JOB, "--rev", "tip", "--yes"]);
        snapshot(&format!("treeherder_{name}"), &said);
        served.write_config(&with(&served.sim.urls.hg));
        let said = served.run(&["pushes"]);
        assert_eq!(said.status, 3, "{name}: {said:?}");
        served.write_config(&with(&served.sim.urls.taskcluster));
        let said = served.run(&["backfill", JOB, "--rev", "tip", "--dry-run"]);
        assert_eq!(said.status, 3, "{name}: {said:?}");
        assert_eq!(served.actions(), 0);
    }
}

#[test]
fn a_ledger_that_another_process_holds() {
    let served = Served::settled();
    served.run(&["backfill", JOB, "--rev", "tip", "--dry-run"]);
    let ledger = served.ledger();
    ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let said = served.run(&["backfill", JOB, "--rev", "tip", "--yes"]);
    snapshot("ledger_held", &said);
    ledger.execute_batch("ROLLBACK").unwrap();
    assert_eq!((served.actions(), served.askings("recorded")), (0, 0));
}

#[test]
fn a_full_disk() {
    let served = Served::settled();
    let state = served.home.path().join("state");
    std::fs::create_dir_all(&state).unwrap();
    // Room for a small ledger, and then for none: a filler takes the rest.
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=800k", "tmpfs"])
        .arg(&state)
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        eprintln!("skipped: a small file system cannot be mounted here");
        return;
    }
    served.run(&["backfill", JOB, "--rev", "tip", "--dry-run"]);
    let fill = vec![0u8; 1 << 20];
    let _ = std::fs::write(state.join("filler"), &fill);
    let said = served.run(&["backfill", JOB, "--rev", "tip", "--yes"]);
    let actions = served.actions();
    std::fs::remove_file(state.join("filler")).unwrap();
    let after = served.run(&["backfill", JOB, "--rev", "tip", "--yes", "--json"]);
    let _ = Command::new("umount").arg(&state).output();
    assert!(said.status == 3 && said.stderr.contains("the disk is full"), "{said:?}");
    assert_eq!(actions, 0);
    // With room again it goes on as if nothing had been.
    assert_eq!(after.status, 0, "{after:?}");
    assert_eq!(served.actions(), 7);
}
