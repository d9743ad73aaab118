//! Killed at every step that is written down, an investigation ends as one that was left alone.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use mozci_sim::{HuntConfig, SimConfig, WorldConfig};
use rusqlite::Connection;
use serde_json::Value;

use crate::broker::Broker;
use crate::tellings::sink;
use crate::world::{JOB, Served};

/// Investigations that are killed. They differ in what is asked, in the world, and in who tells.
const INVESTIGATIONS: u64 = 50;

/// How often one is killed when it has written its end down.
const ENDS: u32 = 2;

/// How long one may take from a step to the next.
const PATIENCE: Duration = Duration::from_secs(90);

fn world(seed: u64) -> SimConfig {
    let suspects = 4 + u32::try_from(seed % 5).unwrap() * 4;
    let hunt = HuntConfig {
        suspects,
        culprit: Some(1 + u32::try_from(seed * 7 % u64::from(suspects)).unwrap()),
        // What a search comes to under noise depends on which runs it requested, and so on when it was
        // killed; how often a push failed does not.
        rate: if seed.is_multiple_of(3) && !searches(seed) { 0.6 } else { 1.0 },
        background: 0.0,
        broken: 0.1,
        ..HuntConfig::default()
    };
    let world = WorldConfig {
        seed: 100 + seed,
        pushes: suspects + 40,
        newest_minutes_ago: 600,
        speed: 20_000.0,
        hunt: Some(hunt),
        ..WorldConfig::default()
    };
    SimConfig { world, ..SimConfig::default() }
}

fn serve(seed: u64, broker: &Broker, hook: &str) -> Served {
    let served = match seed.is_multiple_of(2) {
        true => broker.serve(world(seed)),
        false => Served::start(world(seed)),
    };
    served.write_config(&format!(
        "{}[guards]\nruns_per_plan = 1000\nruns_per_push = 250\nruns_per_day = 100000\n\
         [notify]\nwebhook = \"{hook}\"\nwebhook_allow_private = true\n",
        served.read_config()
    ));
    served
}

/// Whether it is a search, and no watch.
fn searches(seed: u64) -> bool {
    question(seed)[0] == "bisect"
}

fn question(seed: u64) -> Vec<&'static str> {
    let what = match seed % 5 {
        0 | 1 => &["bisect", JOB, "--bad", "tip"][..],
        2 => &["bisect", JOB, "--bad", "tip", "--at-once", "3", "--deterministic"],
        3 => &["watch", JOB, "--rev", "tip", "--retry-failed", "3"],
        _ => &["watch", JOB, "--rev", "tip", "--until-failure", "--batch", "2"],
    };
    [what, &["--yes", "--tell"]].concat()
}

/// The program at work; it ends with the test.
struct Running(Child);

impl Running {
    fn kill(&mut self) {
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(served: &Served, arguments: &[&str]) -> Running {
    let mut command = served.listening(arguments);
    Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
}

/// What the steps say: how many there are, of which investigation, and how it ended.
fn steps(store: &Connection) -> Option<(i64, String, Option<Value>)> {
    let count = "SELECT count(*), max(investigation) FROM steps";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?));
    let (count, id) = store.query_row(count, [], read).ok()?;
    let last = "SELECT step FROM steps ORDER BY number DESC LIMIT 1";
    let last: String = store.query_row(last, [], |row| row.get(0)).ok()?;
    let step: Value = serde_json::from_str(&last).unwrap();
    let end = (step["step"] == "ended").then(|| step["end"].clone());
    Some((count, id?, end))
}

/// What two ends have to agree in.
fn verdict(end: &Value) -> (Value, BTreeSet<String>) {
    match end.get("verdict") {
        None => (end["summary"].clone(), BTreeSet::new()),
        Some(verdict) => {
            let pushes = end["pushes"].as_array().cloned().unwrap_or_default();
            let named = pushes.iter().map(|push| push["revision"].to_string()).collect();
            (verdict.clone(), named)
        }
    }
}

/// Runs one to its end without disturbing it.
fn left_alone(seed: u64, broker: &Broker) -> Value {
    let (hook, _came) = sink(vec![]);
    let served = serve(seed, broker, &hook);
    let mut child = spawn(&served, &question(seed));
    child.0.wait().unwrap();
    steps(&served.ledger()).and_then(|(.., end)| end).unwrap_or_else(|| panic!("{seed}: no end"))
}

/// Kills one whenever it has written a step down, and has it go on, until it has ended. Gives its end,
/// and how often it was killed.
fn killed(seed: u64, broker: &Broker) -> (Value, u32) {
    let (hook, came) = sink(vec![]);
    let served = serve(seed, broker, &hook);
    let mut random = fastrand::Rng::with_seed(seed);
    let path = served.home.path().join("state/mozci/ledger.db");
    let mut child = spawn(&served, &question(seed));
    let (mut seen, mut kills, mut finished) = (0, 0, false);
    // An end is written down before it is marked and told: killed there it is written down again.
    let mut ends = 0;
    let mut store: Option<Connection> = None;
    while !finished {
        let started = Instant::now();
        loop {
            if store.is_none() && path.exists() {
                store = Some(served.ledger());
            }
            let found = store.as_ref().and_then(steps);
            if let Some((count, _, end)) = found.filter(|(count, ..)| *count > seen) {
                seen = count;
                ends += u32::from(end.is_some());
                if ends <= ENDS {
                    break;
                }
            }
            if child.0.try_wait().unwrap().is_some() {
                finished = true;
                break;
            }
            assert!(started.elapsed() < PATIENCE, "{seed}: nothing after {seen} steps");
            std::thread::sleep(Duration::from_millis(1));
        }
        if finished {
            break;
        }
        // At the step, or a little later: in the middle of what follows it.
        std::thread::sleep(Duration::from_millis(random.u64(0..60)));
        child.kill();
        kills += 1;
        // What is unconfirmed the hooks' records tell a minute later, which has passed now.
        let store = store.as_ref().unwrap();
        let aged =
            "UPDATE askings SET created = created - 70 WHERE state IN ('recorded', 'uncertain')";
        store.execute(aged, []).unwrap();
        let (_, id, _) = steps(store).unwrap();
        child = spawn(&served, &["investigations", "resume", &id, "--yes", "--tell"]);
    }
    let (_, id, end) = steps(&served.ledger()).unwrap();
    let end = end.unwrap_or_else(|| panic!("{seed}: {id} has no end"));
    served.nothing_lost_and_nothing_doubled(&seed.to_string());
    // What nobody can tell would be shown: here everything could be proven.
    assert_eq!(served.askings("recorded") + served.askings("uncertain"), 0, "{seed}");
    told_once(seed, &served, &came);
    (end, kills)
}

/// Every message that is in the store was taken, and each came under its own id.
fn told_once(seed: u64, served: &Served, came: &std::sync::mpsc::Receiver<crate::tellings::Came>) {
    let ledger = served.ledger();
    // One that was in a hand that was killed is due two minutes later.
    ledger.execute("UPDATE messages SET next_try = 0", []).unwrap();
    assert_eq!(served.run(&["investigations"]).status, 0);
    let count = |sql: &str| ledger.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM messages WHERE delivered IS NULL"), 0, "{seed}");
    let mut ids = BTreeSet::new();
    while let Ok(one) = came.try_recv() {
        ids.insert(one.delivery());
    }
    assert_eq!(i64::try_from(ids.len()).unwrap(), count("SELECT count(*) FROM messages"), "{seed}");
    assert!(!ids.is_empty(), "{seed}: nobody was told");
}

#[test]
fn killed_at_every_step_it_ends_the_same() {
    let Some(broker) = Broker::shared() else { return };
    let mut kills = 0;
    let started = Instant::now();
    for seed in 0..INVESTIGATIONS {
        let alone = left_alone(seed, &broker);
        let (end, times) = killed(seed, &broker);
        assert_eq!(verdict(&end), verdict(&alone), "{seed}: {:?}", question(seed));
        kills += times;
        eprintln!("{seed}: {times} kills, {} ms so far", started.elapsed().as_millis());
    }
    eprintln!("{INVESTIGATIONS} investigations, {kills} kills, {} s", started.elapsed().as_secs());
    assert!(u64::from(kills) > INVESTIGATIONS, "{kills}");
}
