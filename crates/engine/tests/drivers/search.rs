//! Searching a culprit.

use mozci_engine::Error;
use mozci_engine::drive::Permission;
use mozci_engine::drive::search::{
    Ended, SearchContext, SearchOptions, Searched, search, take, take_the_same,
};
use mozci_engine::flow::BisectQuestion;
use mozci_engine::store::{InvestigationState, Lease};

use crate::opened::Nobody;
use crate::world::World;

fn question(bad: u64) -> BisectQuestion {
    BisectQuestion {
        job: "job".into(),
        about: None,
        bad: format!("{bad:040x}"),
        good: None,
        max_revisions: 100,
        delta: 0.01,
        p_min: 0.05,
        deterministic: true,
        budget: 100,
        at_once: 4,
        background: 0,
        priors: true,
        anyway: false,
    }
}

async fn run(
    world: &mut World,
    question: &BisectQuestion,
    lease: Option<Lease>,
    (permission, no_wait): (Permission, bool),
) -> Result<Searched, Error> {
    let World { ci, ledger, store, host, cancel, .. } = world;
    let session = mozci_engine::drive::Session { ci, ledger, host, cancel };
    let options =
        SearchOptions { permission, no_wait, explain: false, mark: false, notifier: None };
    let consented = lease.is_some();
    let mut context = SearchContext { session, store: &**store, repositories: &Nobody, options };
    search(question, lease, consented, &mut context).await
}

#[tokio::test]
async fn a_search_ends_with_the_culprit_and_its_investigation_is_done() {
    let mut world = World::new(40, 17);
    let given = (Permission::Given, false);
    let searched = run(&mut world, &question(40), None, given).await.unwrap();
    assert!(matches!(searched.ended, Ended::Verdict(_)), "{:?}", searched.ended);
    assert_eq!(world.host.ends[0]["pushes"][0]["id"], 17);
    let order = world.host.order();
    assert_eq!(order[..5], ["opened", "outlook", "begun", "round:1", "in-flight:true"]);
    assert_eq!(order[order.len() - 2..], ["finished", "marked"]);
    let found = world.store.by_prefix(&world.host.begun[0]).await.unwrap();
    assert_eq!(found[0].state, InvestigationState::Done);
}

#[tokio::test]
async fn a_dry_run_sends_nothing_and_begins_nothing() {
    let mut world = World::new(40, 17);
    let searched = run(&mut world, &question(40), None, (Permission::DryRun, false)).await.unwrap();
    assert_eq!(searched.ended, Ended::DryRun);
    assert!(world.host.begun.is_empty() && world.host.count("in-flight:true") == 0);
    let requests = run(&mut world, &question(40), None, (Permission::Ask, false)).await.unwrap();
    assert_eq!(requests.ended, Ended::Declined);
    assert!(world.store.by_prefix("").await.unwrap().is_empty());
}

#[tokio::test]
async fn one_that_left_after_a_round_goes_on_in_another_process() {
    let mut world = World::new(40, 17);
    let left = run(&mut world, &question(40), None, (Permission::Given, true)).await.unwrap();
    assert_eq!(left.ended, Ended::Left);
    let id = world.host.begun[0].clone();
    let mut world = world.again();
    let lease = take_the_same(&*world.store, &world.ci, &question(40)).await.unwrap().unwrap();
    assert_eq!(lease.id, id);
    // Nobody else takes it while it is held.
    assert!(
        matches!(take(&*world.store, &id).await, Err(Error::Usage(held)) if held.contains(&id))
    );
    let given = (Permission::Given, false);
    run(&mut world, &question(40), Some(lease), given).await.unwrap();
    assert_eq!(world.host.ends[0]["pushes"][0]["id"], 17);
    assert!(world.host.begun.is_empty(), "it is the same investigation");
}

#[tokio::test]
async fn whoever_was_taken_over_sends_nothing_more() {
    let mut world = World::new(40, 17);
    run(&mut world, &question(40), None, (Permission::Given, true)).await.unwrap();
    let id = world.host.begun[0].clone();
    let mut world = world.again();
    let stale = take(&*world.store, &id).await.unwrap();
    world.store.release(&stale).await.unwrap();
    let newer = take(&*world.store, &id).await.unwrap();
    assert!(newer.fence > stale.fence);
    let before = world.ledger.of_investigation(&id).await.unwrap().len();
    let given = (Permission::Given, false);
    let refused = run(&mut world, &question(40), Some(stale), given).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(world.ledger.of_investigation(&id).await.unwrap().len(), before);
    assert_eq!(world.store.by_prefix(&id).await.unwrap()[0].state, InvestigationState::Open);
}

#[tokio::test]
async fn cancelled_in_each_state_it_stays_open_and_goes_on() {
    for at in ["opened", "begun", "round:1", "sent:sent", "waiting", "ended"] {
        let mut world = World::new(40, 17);
        world.host.cancels_at = Some((at, world.cancel.clone()));
        let given = (Permission::Given, false);
        let ended = run(&mut world, &question(40), None, given).await.unwrap().ended;
        assert!(matches!(ended, Ended::Interrupted | Ended::Service), "{at}: {ended:?}");
        let begun = world.host.begun.first().cloned();
        let mut world = world.again();
        let open = take_the_same(&*world.store, &world.ci, &question(40)).await.unwrap();
        assert_eq!(open.as_ref().map(|lease| lease.id.clone()), begun, "{at}");
        let ended = run(&mut world, &question(40), open, given).await.unwrap().ended;
        assert!(matches!(ended, Ended::Verdict(_)), "{at}: {ended:?}");
        assert_eq!(world.host.ends[0]["pushes"][0]["id"], 17, "{at}");
    }
}
