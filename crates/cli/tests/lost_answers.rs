//! Kills and lost answers: nothing lost, nothing doubled that could be proven, and what could not
//! be is shown as uncertain.

use std::process::Stdio;
use std::sync::atomic::Ordering;

use mozci_sim::WorldConfig;

use crate::proxy;
use crate::world::{JOB, Served};

const ACT: [&str; 6] = ["trigger", JOB, "--rev", "1036", "--yes", "--json"];

/// A world whose Taskcluster is behind a proxy.
fn behind_proxy() -> (Served, std::sync::Arc<proxy::Losses>) {
    let served =
        Served::of(WorldConfig { newest_minutes_ago: 600, speed: 1.0, ..WorldConfig::default() });
    let (url, losses) = proxy::start(&served.sim.urls.taskcluster);
    served.write_config(&served.config().replace(&served.sim.urls.taskcluster, &url));
    (served, losses)
}

/// Makes every request in the ledger as old as if it had been an hour ago.
fn an_hour_passes(served: &Served) {
    served.ledger().execute("UPDATE askings SET created = created - 3600", []).unwrap();
}

#[test]
fn a_lost_answer_is_found_in_what_the_hook_fired() {
    let (served, losses) = behind_proxy();
    losses.answers.store(true, Ordering::SeqCst);
    let said = served.run(&ACT);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(said.json()["results"][0]["state"], "sent");
    assert_eq!((served.actions(), losses.seen.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(served.askings("sent"), 1);
}

#[test]
fn what_cannot_be_told_is_uncertain_counts_and_is_asked_again_only_once_its_absence_is_proven() {
    let (served, losses) = behind_proxy();
    losses.triggers.store(true, Ordering::SeqCst);
    losses.fires.store(true, Ordering::SeqCst);
    let said = served.run(&ACT);
    assert_eq!(said.status, 3, "{said:?}");
    assert_eq!(said.json()["results"][0]["state"], "uncertain");
    assert_eq!(served.askings("uncertain"), 1);

    // Whatever comes of it, it is not requested again while nobody can tell.
    losses.triggers.store(false, Ordering::SeqCst);
    let again = served.run(&ACT);
    assert_eq!((again.status, served.actions()), (3, 0), "{again:?}");
    assert!(again.stderr.contains("unconfirmed"), "{again:?}");
    let look = served.run(&["trigger", JOB, "--rev", "1036", "--dry-run"]);
    assert!(look.stdout.contains("1 unconfirmed"), "{look:?}");
    an_hour_passes(&served);
    let again = served.run(&ACT);
    assert!(again.stderr.contains("stays UNCERTAIN"), "{again:?}");
    assert_eq!(served.actions(), 0);

    // The hook's record can be read again and does not have it: now it is proven.
    losses.fires.store(false, Ordering::SeqCst);
    let proven = served.run(&ACT);
    assert!(proven.stderr.contains("it never arrived"), "{proven:?}");
    assert_eq!((proven.status, served.actions()), (0, 1), "{proven:?}");
    assert_eq!((served.askings("uncertain"), served.askings("sent")), (0, 1));
}

#[test]
fn an_answer_that_was_lost_while_nobody_could_look_is_found_later() {
    let (served, losses) = behind_proxy();
    losses.answers.store(true, Ordering::SeqCst);
    losses.fires.store(true, Ordering::SeqCst);
    let said = served.run(&ACT);
    assert_eq!(said.json()["results"][0]["state"], "uncertain", "{said:?}");
    losses.answers.store(false, Ordering::SeqCst);
    losses.fires.store(false, Ordering::SeqCst);
    let again = served.run(&ACT);
    assert!(again.stderr.contains("did arrive"), "{again:?}");
    assert_eq!((served.actions(), served.askings("sent")), (1, 1));
}

#[test]
fn killed_between_recorded_and_marked() {
    // Answers take five seconds on their way back: the request has arrived when it is killed.
    let mut served =
        Served::of(WorldConfig { newest_minutes_ago: 600, speed: 1.0, ..WorldConfig::default() });
    let (url, losses) = proxy::start(&served.sim.urls.taskcluster);
    served.write_config(&served.config().replace(&served.sim.urls.taskcluster, &url));
    for (loses_trigger, actions) in [(false, 1), (true, 2)] {
        let push = if loses_trigger { "1035" } else { "1036" };
        let act = ["trigger", JOB, "--rev", push, "--yes", "--json"];
        // Both ways it is killed while its trigger is under way, before it could mark anything.
        losses.answers.store(!loses_trigger, Ordering::SeqCst);
        losses.triggers.store(loses_trigger, Ordering::SeqCst);
        losses.fires.store(true, Ordering::SeqCst);
        let mut child =
            served.command(&act).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let seen = losses.seen.load(Ordering::SeqCst);
        while losses.seen.load(Ordering::SeqCst) == seen {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it triggered");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Whatever it had time to mark, the state that a kill at that very point leaves is this.
        let reset = "UPDATE askings SET state = 'recorded', task = NULL WHERE state <> 'sent'";
        served.ledger().execute(reset, []).unwrap();

        let again = served.run(&act);
        let before = if loses_trigger { 1 } else { actions };
        assert_eq!((again.status, served.actions()), (3, before), "{again:?}");
        an_hour_passes(&served);
        losses.answers.store(false, Ordering::SeqCst);
        losses.triggers.store(false, Ordering::SeqCst);
        losses.fires.store(false, Ordering::SeqCst);
        if !loses_trigger {
            // The fire is an hour younger now than the ledger's entry, as if clocks differed.
            served.ledger().execute("UPDATE askings SET created = created + 3600", []).unwrap();
        }
        let told = served.run(&act);
        assert_eq!((told.status, served.actions()), (0, actions), "{told:?}");
        assert_eq!(served.askings("recorded") + served.askings("uncertain"), 0, "{told:?}");
    }
    served.home = tempfile::TempDir::new().unwrap();
}
