//! A Buildbot master behind something that shuts paths, loses answers and takes filters away.

use crate::gate::{self, Manners};
use crate::master::Master;
use crate::world::Said;

fn ok(said: Said) -> Said {
    assert_eq!(said.status, 0, "{}", said.whole());
    said
}

#[test]
fn what_is_lost_or_not_offered_is_made_up_for() {
    let Some(mut master) = Master::start("") else { return };
    master.land_slowly([1, 2]);
    let (url, manners) = gate::start(&master.url);
    let direct = std::mem::replace(&mut master.url, url);
    // A WebSocket does not come through; ten minutes would pass between two looks.
    master.configure("poll_seconds = 600");
    let behave = |new: Manners| *manners.lock().unwrap() = new;
    let trigger = |times: &str| {
        ["trigger", "build", "--rev", "2", "--yes", "--times", times].map(String::from)
    };
    let run = |master: &Master, times: &str, more: &[&str]| {
        let arguments = trigger(times);
        let arguments: Vec<&str> =
            arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        master.mozci(&arguments)
    };

    behave(Manners { shut: vec!["/ws"], ..Manners::default() });
    let told = ok(run(&master, "3", &["--wait"]));
    assert!(told.stderr.contains("notified by the master (server-sent events)"), "{}", told.stderr);

    behave(Manners { shut: vec!["/ws", "/sse"], ..Manners::default() });
    let doctor = master.mozci(&["doctor"]);
    assert!(
        doctor.stdout.contains("neither WebSocket nor server-sent events"),
        "{}",
        doctor.stdout
    );
    master.configure("poll_seconds = 0.1");
    let told = ok(run(&master, "4", &["--wait"]));
    assert!(!told.stderr.contains("notified by the master"), "{}", told.stderr);
    assert_eq!(builds(&master), 4);

    // The answer is lost, and the newest buildsets show that it arrived.
    behave(Manners { loses: true, shut: vec!["/ws"], ..Manners::default() });
    let told = ok(run(&master, "5", &["--wait"]));
    assert!(told.stdout.contains("requested 1 run: build request"), "{}", told.stdout);
    assert_eq!(builds(&master), 5);

    // Nothing tells now: it stays in doubt, counts as requested, and is settled when it can be.
    behave(Manners {
        loses: true,
        shut: vec!["/api/v2/buildsets?order=-bsid&limit=1000"],
        ..Manners::default()
    });
    let told = run(&master, "6", &[]);
    assert_eq!(told.status, 3, "{}", told.whole());
    assert!(told.stdout.contains("UNCERTAIN"), "{}", told.whole());
    let again = run(&master, "6", &[]);
    assert!(again.stdout.contains("nothing to request"), "{}", again.whole());
    // The handshake of a WebSocket gets through, nothing after it does.
    behave(Manners::default());
    let settled = ok(run(&master, "6", &["--wait"]));
    assert!(settled.stderr.contains("did arrive"), "{}", settled.whole());
    assert_eq!(builds(&master), 6);

    // What a master ignores is found out, and nothing of it is believed.
    behave(Manners { ignores: true, shut: vec!["/ws"], ..Manners::default() });
    let doctor = master.mozci(&["doctor"]);
    assert!(doctor.stdout.contains("filters by time are ignored"), "{}", doctor.stdout);
    assert_eq!(builds(&master), 6);

    // A page that is no Buildbot's.
    behave(Manners { shut: vec!["/api"], ..Manners::default() });
    let told = master.mozci(&["jobs"]);
    assert_eq!(told.status, 3);
    assert!(told.stderr.contains("no Buildbot master answers at"), "{}", told.stderr);
    master.url = direct;
}

/// How many runs `jobs` shows of the build on the second push.
fn builds(master: &Master) -> usize {
    let jobs = ok(master.mozci(&["jobs", "build", "--rev", "2", "--json"])).json();
    let push = jobs["pushes"].as_array().unwrap().iter().find(|push| push["id"] == 2).unwrap();
    push["jobs"]["build"]["runs"].as_array().unwrap().len()
}
