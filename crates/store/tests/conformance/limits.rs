//! What guards ask.

use mozci_core::ids::JobName;
use mozci_core::time::At;
use mozci_store::TriggerState;

use crate::on_every_store;
use crate::world::{CI, World, book, request};

on_every_store!(
    pools_count_their_runs,
    a_breaker_opens_and_closes,
    plans_are_listed_by_what_they_used
);

async fn pools_count_their_runs(world: &World) {
    let store = world.open().await;
    let (a, b) = (JobName::new("a"), JobName::new("b"));
    assert_eq!(store.pool(CI, &a).await.unwrap(), None);
    for (job, pool) in [(&a, "old"), (&a, "linux"), (&b, "mac")] {
        store.know_pool(CI, job, pool).await.unwrap();
    }
    assert_eq!(store.pool(CI, &a).await.unwrap().as_deref(), Some("linux"));
    let read = store.cursor(CI).await.unwrap();
    for (plan, job, at) in [("p1", "a", 50), ("p2", "a", 100), ("p3", "b", 100), ("p4", "c", 100)] {
        book(&store, &request(plan, job, at), read).await;
    }
    let refused = request("p5", "a", 100);
    book(&store, &refused, store.cursor(CI).await.unwrap()).await;
    store.mark(&refused.id, &TriggerState::NotSent { detail: String::new() }).await.unwrap();
    assert_eq!(store.runs_in_pool(CI, "linux", At(100)).await.unwrap(), 0);
    assert_eq!(store.runs_in_pool(CI, "linux", At(0)).await.unwrap(), 2);
    assert_eq!(store.runs_in_pool(CI, "mac", At(100)).await.unwrap(), 2);
    assert_eq!(store.runs_in_pool("http://other", "mac", At(0)).await.unwrap(), 0);
}

async fn a_breaker_opens_and_closes(world: &World) {
    let (store, other) = (world.open().await, world.open().await);
    assert_eq!(store.breaker(CI).await.unwrap(), None);
    store.set_breaker(CI, Some((At(5), "it failed"))).await.unwrap();
    store.set_breaker(CI, Some((At(6), "again"))).await.unwrap();
    assert_eq!(other.breaker(CI).await.unwrap(), Some((At(6), "again".to_owned())));
    assert_eq!(other.breaker("http://other").await.unwrap(), None);
    other.set_breaker(CI, None).await.unwrap();
    assert_eq!(store.breaker(CI).await.unwrap(), None);
}

async fn plans_are_listed_by_what_they_used(world: &World) {
    let store = world.open().await;
    let read = store.cursor(CI).await.unwrap();
    let mut large = request("large", "a", 100);
    large.jobs[0].times = 9;
    book(&store, &large, read).await;
    for (plan, at) in [("late", 120), ("early", 110), ("old", 10)] {
        book(&store, &request(plan, plan, at), read).await;
    }
    let spent = store.spent(CI, At(100), 2).await.unwrap();
    assert_eq!((spent.len(), spent[0].plan.as_str(), spent[0].runs), (2, "large", 9));
    assert_eq!(
        (spent[1].plan.as_str(), spent[1].at, &spent[1].investigation),
        ("late", At(120), &None)
    );
}
