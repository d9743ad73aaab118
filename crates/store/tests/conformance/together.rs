//! Many at once.

use std::collections::BTreeSet;

use mozci_core::time::At;
use mozci_store::{Booking, Day, Recorded, Writer};
use serde_json::json;

use crate::on_every_store;
use crate::world::{CI, ENOUGH, World, book, request, sent};

on_every_store!(
    many_open_a_fresh_store,
    a_job_is_requested_once_however_many_want_it,
    a_budget_holds_however_many_spend_it,
    an_investigation_has_one_holder_however_many_claim_it,
    a_task_belongs_to_one_entry_however_many_settle_it,
    one_at_a_time_settles,
    nobody_waits_for_a_future_that_is_not_polled,
);

/// How many come at once.
const MANY: usize = 16;

async fn many_open_a_fresh_store(world: &World) {
    let opened = (0..MANY).map(|_| async {
        let store = world.open().await;
        store.begin(CI, "autoland", &json!({}), At(0)).await.unwrap()
    });
    let ids: BTreeSet<String> = futures_util::future::join_all(opened).await.into_iter().collect();
    assert_eq!(ids.len(), MANY);
    assert_eq!(world.open().await.by_prefix("").await.unwrap().len(), MANY);
}

async fn a_job_is_requested_once_however_many_want_it(world: &World) {
    let store = world.open().await;
    let read = store.cursor(CI).await.unwrap();
    let wanted = (0..MANY).map(|number| async move {
        let store = world.open().await;
        book(&store, &request(&format!("p{number}"), "test", 100), read).await
    });
    let booked = futures_util::future::join_all(wanted).await;
    assert_eq!(booked.iter().filter(|booked| **booked == Recorded::New).count(), 1);
    assert_eq!(store.runs_since(CI, At(0)).await.unwrap(), 2);
}

async fn a_budget_holds_however_many_spend_it(world: &World) {
    let store = world.open().await;
    let read = store.cursor(CI).await.unwrap();
    let day = Day { since: At(0), limit: 7 };
    let spending = (0..MANY).map(|number| async move {
        let store = world.open().await;
        let requests = [request(&format!("p{number}"), &format!("job-{number}"), 100)];
        store.book(&requests, read, day, &Writer::default()).await.unwrap()
    });
    let booked = futures_util::future::join_all(spending).await;
    let new = booked.iter().filter(|booked| matches!(booked, Booking::Booked(_))).count();
    assert_eq!((new, store.runs_since(CI, At(0)).await.unwrap()), (3, 6));
}

async fn an_investigation_has_one_holder_however_many_claim_it(world: &World) {
    let store = world.open().await;
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push(store.begin(CI, "autoland", &json!({}), At(number)).await.unwrap());
    }
    let claiming = (0..8).map(|number| {
        let ids = &ids;
        async move {
            let store = world.open().await;
            let mut mine = Vec::new();
            while mine.len() < 40 {
                let claimed = match number % 2 {
                    0 => store.claim_open(CI, "autoland", 3).await.unwrap(),
                    // The other way round.
                    _ => {
                        let all: Vec<&str> = ids.iter().rev().map(String::as_str).collect();
                        store.claim(&all).await.unwrap().into_iter().flatten().collect()
                    }
                };
                if claimed.is_empty() {
                    break;
                }
                mine.extend(claimed.into_iter().map(|lease| (lease.id, lease.fence)));
            }
            mine
        }
    });
    let claimed: Vec<_> =
        futures_util::future::join_all(claiming).await.into_iter().flatten().collect();
    let distinct: BTreeSet<&String> = claimed.iter().map(|(id, _)| id).collect();
    assert_eq!((claimed.len(), distinct.len()), (40, 40));
    assert!(claimed.iter().all(|(_, fence)| *fence == 1));
}

async fn a_task_belongs_to_one_entry_however_many_settle_it(world: &World) {
    let store = world.open().await;
    let read = store.cursor(CI).await.unwrap();
    let mut settling = Vec::new();
    for number in 0..MANY {
        let made = request(&format!("p{number}"), &format!("job-{number}"), 100);
        book(&store, &made, read).await;
        let as_read = store.find(CI, made.id.as_str()).await.unwrap().unwrap();
        settling.push(async move { world.open().await.settle(&as_read, &sent(3)).await.unwrap() });
    }
    let settled = futures_util::future::join_all(settling).await;
    assert_eq!(settled.iter().filter(|settled| **settled).count(), 1);
    let day = Day { since: At(0), ..ENOUGH };
    let sent = store.requests_since(CI, day.since).await.unwrap();
    assert_eq!(sent.iter().filter(|request| request.state == crate::world::sent(3)).count(), 1);
}

async fn one_at_a_time_settles(world: &World) {
    let (store, other) = (world.open().await, world.open().await);
    let turn = store.take_turn(CI).await.unwrap();
    assert!(turn.is_some());
    assert!(other.take_turn(CI).await.unwrap().is_none());
    assert!(store.take_turn(CI).await.unwrap().is_none());
    assert!(other.take_turn("http://other").await.unwrap().is_some());
    drop(turn);
    // A server hears a moment later that somebody hung up.
    for _ in 0..500 {
        if other.take_turn(CI).await.unwrap().is_some() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the turn never came back");
}

async fn nobody_waits_for_a_future_that_is_not_polled(world: &World) {
    use futures_util::{StreamExt, stream};
    let store = world.open().await;
    let read = store.cursor(CI).await.unwrap();
    let mut ids = Vec::new();
    for number in 0..64 {
        let made = request(&format!("p{number}"), &format!("job-{number}"), 100);
        book(&store, &made, read).await;
        ids.push(made.id);
    }
    // As requests are sent: several at once, and each result is written before the next is looked at.
    let mut sending = std::pin::pin!(
        stream::iter(&ids).map(async |id| (id, store.sending(id, At(101)).await)).buffered(8)
    );
    let mut number = 0u8;
    while let Some((id, may)) = sending.next().await {
        assert!(may.unwrap());
        number += 1;
        let state = sent(number);
        let marked = store.mark(id, &state);
        let marked = tokio::time::timeout(std::time::Duration::from_secs(60), marked).await;
        marked.expect("it waits for a future that nobody polls").unwrap();
    }
    assert_eq!(number, 64);
}
