//! A command that is killed, and several processes that settle at once what it left in doubt.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use mozci_sim::WorldConfig;

use crate::proxy;
use crate::world::{JOB, Said, Served};

/// Commands that are killed, some after a certain number of triggers, some at any moment.
const KILLS: u64 = 300;

/// Worlds that they are killed in: what was triggered counts there from one to the next.
const A_WORLD: u64 = 10;

/// How long a command may take until it has triggered what it is killed after.
const PATIENCE: Duration = Duration::from_secs(60);

fn world(seed: u64) -> Served {
    let world = WorldConfig {
        seed,
        newest_minutes_ago: 600,
        speed: 1.0,
        // Slow: nothing of what is requested shows while the test runs.
        treeherder_lag: 60.0,
        ..WorldConfig::default()
    };
    let served = Served::of(world);
    let limits = "[guards]\nruns_per_plan = 1000\nruns_per_push = 1000\nruns_per_day = 1000000\n";
    served.write_config(&format!("{}{limits}", served.config()));
    served
}

fn spawn(served: &Served, times: &str) -> Child {
    let arguments = ["trigger", JOB, "--rev", "tip", "--back-revisions", "5", "--times", times];
    let mut command = served.command(&[&arguments[..], &["--yes", "--json"]].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Kills a command once it has triggered so many, or a moment later.
fn killed(served: &Served, times: &str, random: &mut fastrand::Rng) {
    let before = served.actions();
    let after = random.usize(1..=6);
    let mut child = spawn(served, times);
    let started = Instant::now();
    while served.actions() < before + after {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "it triggers nothing");
        std::thread::sleep(Duration::from_micros(200));
    }
    std::thread::sleep(Duration::from_micros(random.u64(0..4000)));
    let _ = child.kill();
    child.wait().unwrap();
    // What is unconfirmed the hook's record tells a minute later, which has passed now.
    let aged = "UPDATE askings SET created = created - 70 WHERE state IN ('recorded', 'uncertain')";
    served.ledger().execute(aged, []).unwrap();
}

#[test]
fn killed_and_settled_by_several_at_once_nothing_is_lost_or_doubled() {
    let (mut kills, mut in_doubt) = (0, 0);
    for seed in 0..KILLS / A_WORLD {
        let served = world(500 + seed);
        let mut random = fastrand::Rng::with_seed(seed);
        for round in 1..=A_WORLD {
            // Each round wants one run more of each push.
            let times = round.to_string();
            killed(&served, &times, &mut random);
            kills += 1;
            in_doubt += served.askings("recorded") + served.askings("uncertain");
            let at_once = random.usize(2..=4);
            let children: Vec<Child> = (0..at_once).map(|_| spawn(&served, &times)).collect();
            for child in children {
                let said = Said::new(&child.wait_with_output().unwrap());
                assert_eq!(said.status, 0, "{seed}/{round}: {said:?}");
            }
            let what = format!("seed {seed}, round {round}, {at_once} at once");
            served.nothing_lost_and_nothing_doubled(&what);
        }
        // Every push has as many runs as were wanted, and not one more.
        let said = served.run(&[
            "trigger",
            JOB,
            "--rev",
            "tip",
            "--back-revisions",
            "5",
            "--times",
            &A_WORLD.to_string(),
            "--dry-run",
            "--json",
        ]);
        let json = said.json();
        assert_eq!(json["plan"]["requests"].as_array().unwrap().len(), 0, "{seed}: {json:#}");
    }
    eprintln!("{kills} kills, {in_doubt} requests left in doubt by them");
    assert!(in_doubt > 0);
}

#[test]
fn a_request_of_ones_own_is_no_strangers() {
    // The record of fires is slow to be read: two processes look at the same request at once.
    let served = Served::settled();
    let (url, losses) = proxy::start(&served.sim.urls.taskcluster);
    let config = served.config().replace(&served.sim.urls.taskcluster, &url);
    served.write_config(&config);
    losses.answers.store(true, std::sync::atomic::Ordering::SeqCst);
    losses.fires.store(true, std::sync::atomic::Ordering::SeqCst);
    let said = served.run(&["trigger", JOB, "--rev", "1036", "--yes"]);
    assert_eq!((said.status, served.askings("uncertain")), (3, 1), "{said:?}");
    losses.answers.store(false, std::sync::atomic::Ordering::SeqCst);
    losses.fires.store(false, std::sync::atomic::Ordering::SeqCst);
    served.ledger().execute("UPDATE askings SET created = created - 70", []).unwrap();
    let again = ["trigger", JOB, "--rev", "1036", "--yes"];
    let children: Vec<Child> = (0..4)
        .map(|_| {
            let mut command = served.command(&again);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let said = Said::new(&child.wait_with_output().unwrap());
        assert_eq!(said.status, 0, "{said:?}");
    }
    assert_eq!((served.actions(), served.askings("sent"), served.askings("not-sent")), (1, 1, 0));
}

#[test]
fn what_never_arrived_is_planned_anew_and_sent_by_the_same_command() {
    let served = Served::settled();
    let (url, losses) = proxy::start(&served.sim.urls.taskcluster);
    served.write_config(&served.config().replace(&served.sim.urls.taskcluster, &url));
    losses.triggers.store(true, std::sync::atomic::Ordering::SeqCst);
    losses.fires.store(true, std::sync::atomic::Ordering::SeqCst);
    let backfill = ["backfill", JOB, "--rev", "tip", "--yes"];
    assert_eq!(served.run(&backfill).status, 3);
    assert_eq!((served.actions(), served.askings("uncertain")), (0, 7));
    losses.triggers.store(false, std::sync::atomic::Ordering::SeqCst);
    losses.fires.store(false, std::sync::atomic::Ordering::SeqCst);
    // The record can tell while the command waits: 50 of the 60 seconds have passed. The breaker of
    // a CI that failed seven times would refuse to ask again at once.
    let later = "UPDATE askings SET created = created - 50; DELETE FROM breakers";
    served.ledger().execute_batch(later).unwrap();
    let said = served.run(&[&backfill[..], &["--wait", "--json"]].concat());
    assert_eq!((said.status, served.actions()), (0, 7), "{said:?}");
    assert_eq!(said.json()["results"].as_array().unwrap().len(), 7, "{said:?}");
    let truth = served.world().truth().story.unwrap();
    assert_eq!(said.json()["after"]["first_bad"]["revision"], truth.culprit.as_str(), "{said:?}");
}

#[test]
fn a_ledger_that_breaks_while_requests_are_under_way_loses_none_of_them() {
    let served = Served::settled();
    // From the second that is sent, the ledger takes no mark: four are under way by then.
    let breaks = "CREATE TRIGGER breaks BEFORE UPDATE ON askings \
        WHEN NEW.state = 'sent' AND (SELECT count(*) FROM askings WHERE state = 'sent') >= 1 \
        BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    assert_eq!(served.run(&["requests"]).status, 0);
    served.ledger().execute_batch(breaks).unwrap();
    let backfill = ["backfill", JOB, "--rev", "tip", "--yes"];
    let said = served.run(&backfill);
    let arrived = served.actions();
    assert!((2..7).contains(&arrived), "{arrived} of 7 were sent: {said:?}");
    assert_ne!(said.status, 0, "{said:?}");
    let shown = said.stdout.lines().filter(|line| line.contains("requested 1 run: ")).count();
    assert_eq!(shown, arrived, "each that arrived is shown: {said:?}");
    let told = format!("{arrived} requests were sent before");
    assert!(said.stderr.contains(&told), "{told}: {said:?}");
    // Once the ledger can be written, the same command finds them and sends only what is still missing:
    // fewer where what was sent has told by then.
    let later =
        "DROP TRIGGER breaks; UPDATE askings SET created = created - 70; DELETE FROM breakers";
    served.ledger().execute_batch(later).unwrap();
    let said = served.run(&[&backfill[..], &["--wait"]].concat());
    assert_eq!(said.status, 0, "{said:?}");
    assert!((arrived..=7).contains(&served.actions()), "{} now: {said:?}", served.actions());
    let doubts = served.askings("recorded") + served.askings("uncertain");
    assert_eq!((doubts, served.askings("sent") as usize), (0, served.actions()), "{said:?}");
    let culprit = served.world().truth().story.unwrap().culprit;
    assert!(said.stdout.contains(&format!("  {}", &culprit[..12])), "{said:?}");
}
