//! What every kind of CI has to keep, written once: have N, nothing twice, a kill, lost answers, an end to waiting.
//!
//! A new backend adds an `impl Kind` and one test. How a driver reports it is in engine's own tests.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mozci_sim::{Fault, Faults};
use rusqlite::Connection;
use serde_json::Value;

use crate::era;
use crate::master::Master;
use crate::plain;
use crate::world::{JOB, Said, Served};

/// A kind of CI, with a job and some pushes that it can be requested on.
trait Kind {
    /// The program, asked about this CI.
    fn command(&self, arguments: &[&str]) -> Command;
    /// The job.
    fn job(&self) -> &'static str;
    /// Where the ledger is.
    fn ledger(&self) -> PathBuf;
    /// Has answers get lost from here on, or no longer. Whether that can be done here.
    fn lose_answers(&self, _lost: bool) -> bool {
        false
    }
    /// Whether a request in doubt can be found again. Where it cannot, it counts as sent for good.
    fn tells_what_arrived(&self) -> bool {
        true
    }
    /// Who reports events, in the program's words; none where the CI is polled.
    fn events(&self) -> Option<&'static str> {
        None
    }
}

/// The pushes that everything is asked about.
const RANGE: [&str; 4] = ["--rev", "tip", "--back-revisions", "6"];

fn run(kind: &dyn Kind, arguments: &[&str]) -> Said {
    Said::new(&kind.command(arguments).output().unwrap())
}

/// Runs that count, by push; and those that still wait.
fn runs(kind: &dyn Kind) -> (BTreeMap<u64, usize>, usize) {
    let arguments = [&["jobs", kind.job(), "--json"][..], &RANGE].concat();
    let said = run(kind, &arguments);
    assert_eq!(said.status, 0, "{said:?}");
    let (mut counts, mut waiting) = (BTreeMap::new(), 0);
    for push in said.json()["pushes"].as_array().unwrap() {
        let all = push["jobs"][kind.job()]["runs"].as_array().cloned().unwrap_or_default();
        let is = |run: &&Value, words: &[&str]| words.contains(&run["state"].as_str().unwrap());
        let ended = ["passed", "failed", "busted", "warnings"];
        counts.insert(push["id"].as_u64().unwrap(), all.iter().filter(|r| is(r, &ended)).count());
        waiting += all.iter().filter(|r| is(r, &["pending", "running", "unscheduled"])).count();
    }
    (counts, waiting)
}

fn trigger(kind: &dyn Kind, times: usize, more: &[&str]) -> Said {
    let times = times.to_string();
    let what = ["trigger", kind.job(), "--times", &times, "--json"];
    run(kind, &[&what[..], &RANGE, more].concat())
}

/// Requests in the ledger, all of them or those in a state.
fn written(kind: &dyn Kind, state: &str) -> i64 {
    let Ok(ledger) = Connection::open(kind.ledger()) else { return 0 };
    let count = "SELECT coalesce(sum(times), 0) FROM askings JOIN asked_jobs ON asking = id
                 WHERE state LIKE ?";
    ledger.query_row(count, [state], |row| row.get(0)).unwrap_or(0)
}

/// Has what is unconfirmed be older than it takes until somebody can tell.
fn a_minute_later(kind: &dyn Kind) {
    let ledger = Connection::open(kind.ledger()).unwrap();
    let aged = "UPDATE askings SET created = created - 70 WHERE state IN ('recorded', 'uncertain')";
    ledger.execute(aged, []).unwrap();
}

/// Asks again until all is there. Then each push has as many runs as were wanted, or as it had, and none more.
fn ends_with(kind: &dyn Kind, want: usize, before: &BTreeMap<u64, usize>, what: &str) {
    for _ in 0..6 {
        a_minute_later(kind);
        // What nobody can tell is waited for, for as long as somebody might.
        let waits = kind.tells_what_arrived().then_some("--wait");
        let said = trigger(kind, want, &["--yes"].into_iter().chain(waits).collect::<Vec<_>>());
        let rest = said.json()["plan"]["requests"].as_array().map_or(1, Vec::len);
        if rest == 0 && runs(kind).1 == 0 {
            break;
        }
    }
    let (after, waiting) = runs(kind);
    assert_eq!(waiting, 0, "{what}: waiting ends when everything has ended");
    let doubtful = usize::try_from(written(kind, "uncertain")).unwrap();
    let wanted = |push: &u64| want.max(before[push]);
    // A push that no request can be sent for (a build that failed, no task to repeat) is said to be one.
    let said = trigger(kind, want, &["--dry-run"]).json();
    let left_out = said["plan"]["left_out"].as_array().unwrap().iter();
    let left_out: Vec<u64> = left_out.map(|one| one["push"]["id"].as_u64().unwrap()).collect();
    let can: Vec<_> = after.iter().filter(|(push, _)| !left_out.contains(push)).collect();
    assert!(!can.is_empty(), "{what}: {said}");
    let missing: usize = can.iter().map(|(push, runs)| wanted(push).saturating_sub(**runs)).sum();
    for (push, runs) in &after {
        assert!(*runs <= wanted(push), "{what}: push {push} has {runs} runs, wanted {want}");
    }
    match kind.tells_what_arrived() {
        true => assert_eq!(missing, 0, "{what}: {after:?}, {doubtful} unconfirmed"),
        // What nobody can tell counts as sent, and is said.
        false => assert!(missing <= doubtful, "{what}: {after:?}, {doubtful} unconfirmed"),
    }
}

fn conforms(kind: &dyn Kind) {
    let (before, _) = runs(kind);
    let mut want = before.values().max().unwrap() + 1;

    let dry = trigger(kind, want, &["--dry-run"]);
    assert_eq!((dry.status, written(kind, "%")), (0, 0), "a dry run: {dry:?}");
    assert!(!dry.json()["plan"]["requests"].as_array().unwrap().is_empty(), "{dry:?}");

    let said = trigger(kind, want, &["--yes", "--wait"]);
    assert_eq!(said.status, 0, "have {want}: {said:?}");
    ends_with(kind, want, &before, "have N");

    let (sent, had) = (written(kind, "%"), runs(kind).0);
    let again = trigger(kind, want, &["--yes", "--wait"]);
    // Where no request can be sent for some pushes, that is no success.
    let nothing = again.json()["plan"]["left_out"].as_array().unwrap().is_empty();
    assert!(again.status == 0 || (again.status == 3 && !nothing), "the same again: {again:?}");
    assert_eq!(written(kind, "%"), sent, "the same again: {again:?}");
    assert_eq!(runs(kind).0, had, "the same command again makes nothing");

    let before = runs(kind).0;
    want += 2;
    killed(kind, want);
    ends_with(kind, want, &before, "killed");

    let before = runs(kind).0;
    if kind.lose_answers(true) {
        want += 2;
        for _ in 0..3 {
            let said = trigger(kind, want, &["--yes"]);
            assert!([0, 3].contains(&said.status), "lost answers: {said:?}");
        }
        kind.lose_answers(false);
        ends_with(kind, want, &before, "lost answers");
    }

    let watch = run(kind, &["watch", kind.job(), "--rev", "tip"]);
    assert_eq!(watch.status, 0, "{watch:?}");
    let told = match kind.events() {
        Some(by) => format!("notified by {by}"),
        None => "polled every".to_owned(),
    };
    assert!(watch.stderr.contains(&told), "{watch:?}");
}

/// Kills the program with signal 9 once it has sent something, or is about to.
fn killed(kind: &dyn Kind, want: usize) {
    let times = want.to_string();
    let what = ["trigger", kind.job(), "--times", &times, "--yes", "--wait"];
    let mut command = kind.command(&[&what[..], &RANGE].concat());
    let before = written(kind, "%");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while written(kind, "%") == before && child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < Duration::from_secs(60), "nothing is ever written down");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A Taskcluster, with task graphs or without.
struct Taskcluster(Served);

impl Kind for Taskcluster {
    fn command(&self, arguments: &[&str]) -> Command {
        self.0.command(arguments)
    }

    fn job(&self) -> &'static str {
        JOB
    }

    fn ledger(&self) -> PathBuf {
        self.0.home.path().join("state/mozci/ledger.db")
    }

    fn lose_answers(&self, lost: bool) -> bool {
        lose(&self.0, lost);
        true
    }
}

fn lose(served: &Served, lost: bool) {
    let faults = Faults {
        seed: 7,
        rate: 0.2,
        kinds: vec![Fault::Reset, Fault::BadGateway, Fault::HalfBody],
        stall: Duration::ZERO,
        retry_after: 0,
    };
    served.sim.set_faults(lost.then_some(faults));
}

#[test]
fn taskcluster_with_task_graphs() {
    conforms(&Taskcluster(Served::settled()));
}

#[test]
fn taskcluster_without_task_graphs() {
    let served = Served::settled();
    served.write_config(&plain::config(&served));
    conforms(&Taskcluster(served));
}

/// The farm of 2011 to 2017.
struct BuildApi(Served);

impl Kind for BuildApi {
    fn command(&self, arguments: &[&str]) -> Command {
        self.0.command(&[&["--ci", "era", "--repo", "autoland"], arguments].concat())
    }

    fn job(&self) -> &'static str {
        era::BUILDER
    }

    fn ledger(&self) -> PathBuf {
        self.0.home.path().join("state/mozci/ledger.db")
    }

    fn lose_answers(&self, lost: bool) -> bool {
        lose(&self.0, lost);
        true
    }

    fn tells_what_arrived(&self) -> bool {
        false
    }
}

#[test]
fn buildapi() {
    conforms(&BuildApi(era::farm()));
}

/// A real Buildbot master.
struct Buildbot(Master);

impl Kind for Buildbot {
    fn command(&self, arguments: &[&str]) -> Command {
        self.0.command(arguments)
    }

    fn job(&self) -> &'static str {
        "test"
    }

    fn ledger(&self) -> PathBuf {
        self.0.home.path().join("state/mozci/ledger.db")
    }

    fn events(&self) -> Option<&'static str> {
        Some("the master (WebSocket)")
    }
}

#[test]
fn a_real_buildbot_master() {
    let Some(mut master) = Master::start("") else { return };
    let config = master.home.path().join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let ties = "pushlog = \"changes\"\nbuild_of = { test = \"build\" }";
    std::fs::write(&config, text.replace("pushlog = \"changes\"", ties)).unwrap();
    master.land_slowly(18..=20);
    conforms(&Buildbot(master));
}
