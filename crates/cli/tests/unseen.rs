//! What the CI does not show at once, or not where one looks first: it is seen all the same, or said.

use mozci_sim::{Tree, WorldConfig};

use crate::world::{JOB, Said, Served};

#[test]
fn a_record_that_names_fewer_tasks_than_were_asked_for_hides_none() {
    for tree in [Tree::Usual, Tree::MergedRecords] {
        let world = WorldConfig {
            newest_minutes_ago: 600,
            speed: 20_000.0,
            treeherder_lag: 1e9,
            tree,
            ..WorldConfig::default()
        };
        let served = Served::of(world);
        let mut other =
            served.command(&["trigger", JOB, "--rev", "1036", "--times", "2", "--yes", "--wait"]);
        other.env("XDG_STATE_HOME", served.home.path().join("other"));
        assert_eq!(other.output().unwrap().status.code(), Some(0));
        let said =
            served.run(&["trigger", JOB, "--rev", "1036", "--times", "3", "--yes", "--json"]);
        let request = &said.json()["plan"]["requests"][0];
        assert_eq!(
            (&request["have"], &request["times"]),
            (&2.into(), &1.into()),
            "{tree:?}: {said:?}"
        );
    }
}

#[test]
fn what_nobody_waited_for_is_learned_when_the_ledger_is_shown() {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 20_000.0, ..WorldConfig::default() };
    let served = Served::of(world);
    let asked = served.run(&["trigger", JOB, "--rev", "1036", "--times", "2", "--yes"]);
    assert_eq!(asked.status, 0, "{asked:?}");
    let outcomes = || {
        let shown = served.run(&["requests", "--json"]);
        assert_eq!(shown.status, 0, "{shown:?}");
        shown.json()["requests"][0]["outcomes"].clone()
    };
    // The simulated runs take a moment.
    let told = (0..200).map(|_| outcomes()).find(|told| told[0]["outcome"].is_string());
    let told = told.unwrap();
    let truth = ["passed 2 times", "failed 2 times", "failed, passed", "passed, failed"];
    assert!(truth.contains(&told[0]["outcome"].as_str().unwrap()), "{told}");
    // It stands in the ledger from then on.
    let ledger =
        rusqlite::Connection::open(served.home.path().join("state/mozci/ledger.db")).unwrap();
    let kept: String =
        ledger.query_row("SELECT outcome FROM outcomes", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, told[0]["outcome"].as_str().unwrap());
}

#[test]
fn what_waits_is_cancelled_without_treeherder() {
    let world = WorldConfig { newest_minutes_ago: 600, speed: 1.0, ..WorldConfig::default() };
    let served = Served::of(world);
    assert_eq!(served.run(&["trigger", JOB, "--rev", "1036", "--yes"]).status, 0);
    let cancel = ["cancel", JOB, "--rev", "1036", "--yes", "--json"];
    // The action has to have made its task first.
    let until =
        |said: &Said| said.json()["plan"]["requests"].as_array().is_some_and(|r| !r.is_empty());
    let dry = ["cancel", JOB, "--rev", "1036", "--dry-run", "--json"];
    served.sim.world.clock.advance(300_000);
    assert!(until(&served.run(&dry)));
    let config = served.config().replace(&served.sim.urls.treeherder, "http://127.0.0.1:1");
    served.write_config(&config);
    let said = served.run(&cancel);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(
        until(&said) && said.stderr.contains("only the pushes' task groups are read"),
        "{said:?}"
    );
}

#[test]
fn a_job_whose_build_failed_is_waited_for_by_nobody() {
    let served = Served::settled();
    let world = served.world();
    // A push whose build is broken, and a test that was scheduled there and waits for it.
    let failed = |push: u32, build: usize| {
        let ended = world.outcomes(push, build, 0).last().copied();
        world.scheduled(push, build) && ended == Some(mozci_sim::world::Outcome::Failed)
    };
    let pushes = 0..world.autoland.pushes.len() as u32;
    let mut stuck =
        pushes.flat_map(|push| (0..world.catalog.jobs.len()).map(move |job| (push, job)));
    let stuck = stuck.find(|(push, job)| {
        let build = world.catalog.jobs[*job].build;
        build.is_some_and(|build| failed(*push, build)) && world.scheduled(*push, *job)
    });
    let (push, job) = stuck.expect("a broken build in this world");
    let job = world.catalog.jobs[job].label.clone();
    let rev = world.autoland.pushes[push as usize].node().to_owned();
    let said = served.run(&["trigger", &job, "--rev", &rev, "--yes", "--wait"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.stdout.contains("failed: the job cannot run without it"), "{said:?}");
}
