//! Investigations, leases and messages.

use mozci_core::time::At;
use mozci_store::{FORM, InvestigationState, Keeper, Lease, NewMessage, StoreError};
use serde_json::json;

use crate::on_every_store;
use crate::world::{CI, World};

on_every_store!(
    an_investigation_comes_back_as_it_was,
    one_drives_and_another_waits,
    a_lease_that_was_lost_is_worth_nothing,
    whoever_leaves_holds_nothing,
    a_keeper_gives_leases_back,
    an_unknown_state_is_said,
    a_message_is_delivered_once,
);

async fn an_investigation_comes_back_as_it_was(world: &World) {
    let store = world.open().await;
    let question = json!({"job": "a\u{0}b", "n": 0.1});
    let id = store.begin(CI, "autoland", &question, At(5)).await.unwrap();
    assert_eq!(id.len(), 8);
    let lease = store.claim(&[&id]).await.unwrap().remove(0).unwrap();
    for number in 0..3 {
        store.step(&lease, &json!({"round": number}), At(6 + number)).await.unwrap();
    }
    let all = store.by_prefix(&id[..4]).await.unwrap();
    assert_eq!((all.len(), all[0].state, all[0].form), (1, InvestigationState::Open, FORM));
    assert_eq!(all[0].question, question);
    assert_eq!(store.open_investigations(CI, "autoland").await.unwrap(), all);
    assert!(store.open_investigations(CI, "central").await.unwrap().is_empty());
    let steps = store.steps(&id).await.unwrap();
    assert_eq!(steps.iter().map(|(at, _)| at.0).collect::<Vec<_>>(), [6, 7, 8]);
    assert_eq!(store.last_step(&id).await.unwrap(), Some(json!({"round": 2})));
    store.change_question(&lease, &json!({"job": "b"})).await.unwrap();
    assert_eq!(store.by_prefix("").await.unwrap()[0].question, json!({"job": "b"}));
    for wild in ["%", "_", &"x".repeat(99)] {
        assert!(store.by_prefix(wild).await.unwrap().is_empty());
    }
    store.finish(&lease, &json!({"step": "ended"}), At(15)).await.unwrap();
    assert_eq!(store.last_step(&id).await.unwrap(), Some(json!({"step": "ended"})));
    // Nobody ends it again.
    let again = store.finish(&lease, &json!({"step": "ended"}), At(16)).await.unwrap_err();
    assert!(matches!(again, StoreError::TakenOver { .. }), "{again}");
    assert_eq!(store.by_prefix("").await.unwrap()[0].state, InvestigationState::Done);
    // Nobody goes on with what has ended.
    let late = store.step(&lease, &json!({"round": 9}), At(20)).await.unwrap_err();
    assert!(matches!(late, StoreError::TakenOver { .. }), "{late}");
    let late = store.change_question(&lease, &json!({})).await.unwrap_err();
    assert!(matches!(late, StoreError::TakenOver { .. }), "{late}");
}

async fn one_drives_and_another_waits(world: &World) {
    let (store, other) = (world.open().await, world.open().await);
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(store.begin(CI, "autoland", &json!({}), At(number)).await.unwrap());
    }
    let lease = store.claim(&[&ids[0]]).await.unwrap().remove(0).unwrap();
    // Another process waits, and another task of the same one.
    for who in [&other, &store] {
        let held = who.claim(&[&ids[0], &ids[1]]).await.unwrap();
        let process = held[0].as_ref().unwrap_err().process.clone();
        assert!(process.starts_with(&std::process::id().to_string()), "{process}");
        let second: &Lease = held[1].as_ref().unwrap();
        who.release(second).await.unwrap();
    }
    assert!(other.held(&ids[0]).await.unwrap().is_some());
    assert!(other.held(&ids[1]).await.unwrap().is_none());
    // Whoever takes what is free passes over what is held.
    let free = other.claim_open(CI, "autoland", 1).await.unwrap();
    assert_eq!((free.len(), &free[0].id), (1, &ids[1]));
    let free = other.claim_open(CI, "autoland", 9).await.unwrap();
    assert_eq!((free.len(), &free[0].id), (1, &ids[2]));
    store.release(&lease).await.unwrap();
    let next = other.claim(&[&ids[0]]).await.unwrap().remove(0).unwrap();
    assert!(next.fence > lease.fence);
    assert!(store.claim_open(CI, "autoland", 9).await.unwrap().is_empty());
}

async fn a_lease_that_was_lost_is_worth_nothing(world: &World) {
    let (store, other) = (world.open().await, world.open().await);
    let id = store.begin(CI, "autoland", &json!({}), At(0)).await.unwrap();
    let asleep = store.claim(&[&id]).await.unwrap().remove(0).unwrap();
    world.let_leases_expire().await;
    let awake = other.claim(&[&id]).await.unwrap().remove(0).unwrap();
    let late = store.step(&asleep, &json!({"step": "late"}), At(101)).await;
    assert!(matches!(late, Err(StoreError::TakenOver { .. })), "{late:?}");
    other.step(&awake, &json!({"step": "mine"}), At(101)).await.unwrap();
    assert_eq!(store.steps(&id).await.unwrap().len(), 1);
    // It can neither be renewed nor given back.
    store.release(&asleep).await.unwrap();
    assert!(store.held(&id).await.unwrap().is_some());
    world.let_leases_expire().await;
    store.renew(std::slice::from_ref(&asleep)).await.unwrap();
    assert!(store.held(&id).await.unwrap().is_none());
    other.renew(std::slice::from_ref(&awake)).await.unwrap();
    assert!(store.held(&id).await.unwrap().is_some());
}

async fn whoever_leaves_holds_nothing(world: &World) {
    let (store, other) = (world.open().await, world.open().await);
    let id = store.begin(CI, "autoland", &json!({}), At(0)).await.unwrap();
    store.claim(&[&id]).await.unwrap().remove(0).unwrap();
    if matches!(world, World::Sqlite(_)) {
        // There a process leaves by ending: `kills.rs` in cli has that.
        world.let_leases_expire().await;
    }
    store.leave().await;
    assert!(other.claim(&[&id]).await.unwrap().remove(0).is_ok());
}

async fn a_keeper_gives_leases_back(world: &World) {
    let store = world.open().await;
    let id = store.begin(CI, "autoland", &json!({}), At(0)).await.unwrap();
    let lease = store.claim(&[&id]).await.unwrap().remove(0).unwrap();
    let keeper = Keeper::of(store.clone(), vec![lease]);
    assert!(store.held(&id).await.unwrap().is_some());
    assert!(keeper.take_problem().is_none());
    keeper.end().await;
    assert!(store.held(&id).await.unwrap().is_none());
}

async fn an_unknown_state_is_said(world: &World) {
    let store = world.open().await;
    let id = store.begin(CI, "autoland", &json!({}), At(0)).await.unwrap();
    world
        .execute(
            "PRAGMA ignore_check_constraints = ON; UPDATE investigations SET state = 'paused'",
            "ALTER TABLE investigations DROP CONSTRAINT investigations_state_check;
             UPDATE investigations SET state = 'paused'",
        )
        .await;
    let error = store.by_prefix(&id).await.unwrap_err().to_string();
    assert!(error.contains("paused") && error.contains(&id), "{error}");
}

async fn a_message_is_delivered_once(world: &World) {
    let (store, other) = (world.open().await, world.open().await);
    let message = |id: &str, channel: &str| NewMessage {
        id: id.to_owned(),
        investigation: "abc".to_owned(),
        question: "finished".to_owned(),
        channel: channel.to_owned(),
        body: "{}".to_owned(),
    };
    assert!(store.post(&message("1", "webhook")).await.unwrap());
    assert!(!other.post(&message("2", "webhook")).await.unwrap());
    assert!(other.post(&message("3", "email")).await.unwrap());
    let mut due = store.take_due().await.unwrap();
    due.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(due.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), ["1", "3"]);
    assert!(other.take_due().await.unwrap().is_empty());
    store.delivered("1").await.unwrap();
    store.not_delivered(&due[1], "it said \0 no").await.unwrap();
    let (count, problem) = other.waiting().await.unwrap();
    assert!(count == 1 && problem.starts_with("it said"), "{count} {problem}");
    let soon = "UPDATE messages SET next_try = ";
    world.execute(&format!("{soon} 0"), &format!("{soon} 'epoch'")).await;
    let again = other.take_due().await.unwrap();
    assert_eq!((again.len(), again[0].id.as_str(), again[0].tries), (1, "3", 1));
}
