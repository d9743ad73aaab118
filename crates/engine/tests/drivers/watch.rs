//! Watching jobs on pushes.

use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_core::watch::Expectations;
use mozci_engine::drive::Permission;
use mozci_engine::drive::search::take;
use mozci_engine::drive::watch::{WatchContext, WatchQuestion, Watched, watch, watch_many};
use mozci_engine::flow::read_range;
use mozci_engine::store::InvestigationState;

use crate::world::World;

async fn run(world: &mut World, expect: Expectations, permission: Permission) -> Watched {
    let spec = RangeSpec {
        rev: RevisionSpec::Tip,
        reach: Reach::Back(2),
        every: std::num::NonZeroU32::MIN,
    };
    let pushes: Vec<Push> = read_range(&world.ci, &spec).await.unwrap().pushes;
    let question = WatchQuestion {
        jobs: vec![JobName::new("job")],
        pushes: pushes.iter().map(|push| push.revision.hash().to_owned()).collect(),
        expect,
    };
    let World { ci, ledger, store, host, cancel, .. } = world;
    let session = mozci_engine::drive::Session { ci, ledger, host, cancel };
    let mut context = WatchContext::new(session, &**store, permission, None, None);
    watch(&question, pushes, &mut context).await.unwrap()
}

#[tokio::test]
async fn what_ended_is_told_and_nothing_is_requested() {
    let mut world = World::new(3, 2);
    let expect = Expectations { most: 10, ..Expectations::default() };
    let watched = run(&mut world, expect, Permission::Given).await;
    assert!(watched.is_bad && !watched.interrupted);
    let order = world.host.order();
    assert_eq!(order[..2], ["opened", "in-flight:true"]);
    assert!(order.last().unwrap().starts_with("watch-ended:ended: "), "{order:?}");
    assert!(world.host.begun.is_empty(), "one that requests nothing is no investigation");
}

#[tokio::test]
async fn what_fails_is_run_again_as_often_as_was_said() {
    let mut world = World::new(3, 2);
    let expect = Expectations { retry_failed: 2, most: 10, ..Expectations::default() };
    run(&mut world, expect, Permission::Given).await;
    assert_eq!(world.toy.runs_on(3, "job", false).len(), 3, "one, and two more");
    let found = world.store.by_prefix(&world.host.begun[0]).await.unwrap();
    assert_eq!(found[0].state, InvestigationState::Done);
    assert_eq!(world.ledger.of_investigation(&found[0].id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_dry_run_shows_what_it_would_request() {
    let mut world = World::new(3, 2);
    let expect = Expectations { retry_failed: 2, most: 10, ..Expectations::default() };
    run(&mut world, expect, Permission::DryRun).await;
    assert_eq!(world.host.count("watch-planned"), 1);
    assert_eq!(world.toy.runs_on(3, "job", false).len(), 1);
    assert!(world.store.by_prefix("").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_cancelled_watch_can_be_resumed() {
    let mut world = World::new(3, 2);
    world.host.cancels_at = Some(("begun", world.cancel.clone()));
    let expect = Expectations { retry_failed: 2, most: 10, ..Expectations::default() };
    let watched = run(&mut world, expect, Permission::Given).await;
    assert!(watched.interrupted);
    let found = world.store.by_prefix(&world.host.begun[0]).await.unwrap();
    assert_eq!(found[0].state, InvestigationState::Open);
}

#[tokio::test]
async fn one_watch_whose_service_fails_holds_up_none_of_the_others() {
    let mut world = World::new(3, 2);
    // The newest push cannot be requested a while; the one before it can.
    *world.toy.broken.lock().unwrap() = Some((3, 2));
    world.toy.write_run(2, "job", 1, "failed");
    let spec = RangeSpec {
        rev: RevisionSpec::Tip,
        reach: Reach::Back(1),
        every: std::num::NonZeroU32::MIN,
    };
    let pushes: Vec<Push> = read_range(&world.ci, &spec).await.unwrap().pushes;
    let expect = Expectations { retry_failed: 1, most: 10, ..Expectations::default() };
    let mut watches = Vec::new();
    for push in &pushes {
        let question = WatchQuestion {
            jobs: vec![JobName::new("job")],
            pushes: vec![push.revision.hash().to_owned()],
            expect,
        };
        let (ci, store) = (&world.ci, &*world.store);
        let stored = question.to_value();
        let id = store.begin(&ci.root_url, ci.repo.as_str(), &stored, ci.now()).await.unwrap();
        watches.push((question, take(store, &id).await.unwrap()));
    }
    let World { ci, ledger, store, host, cancel, .. } = &mut world;
    let session = mozci_engine::drive::Session { ci, ledger, host, cancel };
    let mut context = WatchContext::new(session, &**store, Permission::Given, None, None);
    assert_eq!(watch_many(watches, pushes, &mut context).await.unwrap(), None);
    let place = |word: &str| world.host.seen.iter().position(|seen| seen.contains(word)).unwrap();
    assert!(place("member-ended") < world.host.seen.len() - 1);
    let ended = world.host.seen.iter().filter(|seen| *seen == "member-ended").count();
    let retries = world.host.seen.iter().filter(|seen| seen.contains("Retrying")).count();
    assert_eq!((ended, retries), (2, 2));
    assert!(
        place("member-ended")
            < world.host.seen.iter().rposition(|s| s.contains("Retrying")).unwrap()
    );
    assert!([2, 3].iter().all(|push| world.toy.runs_on(*push, "job", false).len() == 2));
}
