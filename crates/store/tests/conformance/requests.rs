//! Requests: written down once, in order, within the budget, and marked by whoever knows.

use mozci_core::ids::{JobName, TaskId};
use mozci_core::time::At;
use mozci_store::{
    Booking, Day, InvestigationState, Recorded, RequestedJob, TriggerRequest, TriggerState, Writer,
};
use serde_json::json;

use crate::on_every_store;
use crate::world::{CI, ENOUGH, World, book, request, sent};

on_every_store!(
    what_is_written_down_comes_back_as_it_was,
    texts_of_others_are_kept,
    what_another_requested_since_the_reading_is_not_requested_again,
    a_request_that_asks_for_no_run_is_always_written,
    a_day_sees_no_more_than_its_budget,
    an_intent_stands_only_under_a_lease_that_holds,
    what_the_sender_says_wins,
    a_conclusion_compares_and_sets,
    several_may_cancel_the_same_request,
    lists_have_their_order,
    outcomes_and_what_was_left_out_are_kept,
    what_cannot_be_read_is_an_error,
);

async fn what_is_written_down_comes_back_as_it_was(world: &World) {
    let store = world.open().await;
    let mut first = request("p1", "test", 100);
    first.process = store.process().await.unwrap();
    first.in_hand = true;
    let other = RequestedJob { job: JobName::new("build"), times: 0, why: String::new() };
    first.jobs.insert(0, other);
    let read = store.cursor(CI).await.unwrap();
    assert_eq!(book(&store, &first, read).await, Recorded::New);
    assert_eq!(store.open_requests(CI).await.unwrap(), std::slice::from_ref(&first));
    // Another process sees the same, and that this one still has it in hand.
    let another = world.open().await;
    let found = another.find(CI, first.id.as_str()).await.unwrap().unwrap();
    assert!(found.is_in_hand());
    assert_eq!(found, first);
    store.mark(&first.id, &sent(3)).await.unwrap();
    assert!(store.open_requests(CI).await.unwrap().is_empty());
    let task = TaskId::from_bytes([3; 16]);
    assert_eq!(store.owner(CI, task.into(), None).await.unwrap(), Some(first.id.clone()));
    assert_eq!(store.owner("http://other", task.into(), None).await.unwrap(), None);
    assert!(store.find("http://other", first.id.as_str()).await.unwrap().is_none());
}

async fn texts_of_others_are_kept(world: &World) {
    let store = world.open().await;
    let mut odd = request("p1", "te'st \"§\" %_\\ 🦀", 100);
    odd.jobs[0].why = "a\nb".to_owned();
    book(&store, &odd, store.cursor(CI).await.unwrap()).await;
    let said = TriggerState::Uncertain { detail: "it said \0 and '); DROP TABLE x; --".into() };
    store.mark(&odd.id, &said).await.unwrap();
    let found = store.find(CI, odd.id.as_str()).await.unwrap().unwrap();
    assert_eq!((&found.jobs, &found.body), (&odd.jobs, &odd.body));
    assert!(matches!(&found.state, TriggerState::Uncertain { detail } if detail.ends_with("--")));
    store.set_breaker(CI, Some((At(5), "\0"))).await.unwrap();
    assert!(store.breaker(CI).await.unwrap().is_some());
}

async fn what_another_requested_since_the_reading_is_not_requested_again(world: &World) {
    let (store, other) = (world.open().await, world.open().await);
    let read = store.cursor(CI).await.unwrap();
    assert_eq!(book(&other, &request("p1", "test", 100), read).await, Recorded::New);
    // Whatever the clocks say: it was written since.
    let again = book(&store, &request("p2", "test", 50), read).await;
    assert_eq!(again, Recorded::AlreadyAsked(JobName::new("test")));
    assert_eq!(book(&store, &request("p2", "another", 50), read).await, Recorded::New);
    // What the same plan requests twice it wants twice.
    assert_eq!(book(&other, &request("p1", "test", 101), read).await, Recorded::New);
    let read = store.cursor(CI).await.unwrap();
    assert_eq!(book(&store, &request("p3", "test", 200), read).await, Recorded::New);
    // What was not sent stands in nobody's way.
    let refused = request("p4", "third", 300);
    book(&store, &refused, read).await;
    store.mark(&refused.id, &TriggerState::NotSent { detail: "no".into() }).await.unwrap();
    assert_eq!(book(&store, &request("p5", "third", 300), read).await, Recorded::New);
}

async fn a_request_that_asks_for_no_run_is_always_written(world: &World) {
    let store = world.open().await;
    let read = store.cursor(CI).await.unwrap();
    book(&store, &request("p1", "test", 100), read).await;
    let mut cancel = request("p2", "test", 100);
    cancel.jobs[0].times = 0;
    let none = Day { limit: 0, ..ENOUGH };
    let booked = store.book(&[cancel], read, none, &Writer::default()).await.unwrap();
    assert_eq!(booked, Booking::Booked(vec![Recorded::New]));
    let nothing = store.book(&[], read, none, &Writer::default()).await.unwrap();
    assert_eq!(nothing, Booking::Booked(Vec::new()));
}

async fn a_day_sees_no_more_than_its_budget(world: &World) {
    let store = world.open().await;
    let day = Day { since: At(0), limit: 5 };
    let read = store.cursor(CI).await.unwrap();
    let mut booked = Vec::new();
    for (plan, job) in [("p1", "a"), ("p2", "b"), ("p3", "c")] {
        let requests = [request(plan, job, 100)];
        booked.push(store.book(&requests, read, day, &Writer::default()).await.unwrap());
    }
    let new = Booking::Booked(vec![Recorded::New]);
    assert_eq!(booked, [new.clone(), new, Booking::OverBudget { used: 4 }]);
    assert_eq!(store.runs_since(CI, At(100)).await.unwrap(), 4);
    assert_eq!(store.runs_since(CI, At(101)).await.unwrap(), 0);
    assert_eq!(store.runs_since("http://other", At(0)).await.unwrap(), 0);
}

async fn an_intent_stands_only_under_a_lease_that_holds(world: &World) {
    let store = world.open().await;
    let id = store.begin(CI, "autoland", &json!({}), At(0)).await.unwrap();
    let claim = || async { store.claim(&[&id]).await.unwrap().remove(0).unwrap() };
    let under = |lease| Writer { command: "", lease: Some(lease) };
    let asleep = under(claim().await);
    let early = request("p0", "test", 100);
    let read = store.cursor(CI).await.unwrap();
    let new = Booking::Booked(vec![Recorded::New]);
    let requests = [early.clone()];
    assert_eq!(store.book(&requests, read, ENOUGH, &asleep).await.unwrap(), new);
    world.let_leases_expire().await;
    let awake = under(claim().await);
    // What was written down and not sent before it slept is not sent any more.
    assert!(!store.sending(&early.id, At(101)).await.unwrap());
    let late = [request("p1", "test", 101)];
    let refused = store.book(&late, read, ENOUGH, &asleep).await.unwrap();
    assert_eq!(refused, Booking::TakenOver);
    // An investigation knows what it requested itself.
    let mine = request("p2", "test", 102);
    let requests = [mine.clone()];
    assert_eq!(store.book(&requests, read, ENOUGH, &awake).await.unwrap(), new);
    assert!(store.sending(&mine.id, At(103)).await.unwrap());
    let found = store.of_investigation(&id).await.unwrap();
    assert_eq!(found.iter().map(|r| r.created).collect::<Vec<_>>(), [At(100), At(103)]);
    assert!(found.iter().all(|request| request.investigation.as_ref() == Some(&id)));
    store.set_state(&id, InvestigationState::Cancelled).await.unwrap();
    assert!(!store.sending(&mine.id, At(104)).await.unwrap());
    let refused = store.book(&late, read, ENOUGH, &awake).await.unwrap();
    assert_eq!(refused, Booking::TakenOver);
}

async fn what_the_sender_says_wins(world: &World) {
    let store = world.open().await;
    let read = store.cursor(CI).await.unwrap();
    let (one, two) = (request("p1", "a", 100), request("p2", "b", 100));
    book(&store, &one, read).await;
    book(&store, &two, read).await;
    // A process that settled took task 3 for the first; then the sender of the second says that it is its own.
    store.mark(&one.id, &sent(3)).await.unwrap();
    store.mark(&two.id, &sent(3)).await.unwrap();
    let state = |request: &TriggerRequest| {
        let (store, id) = (store.clone(), request.id.clone());
        async move { store.find(CI, id.as_str()).await.unwrap().unwrap().state }
    };
    assert!(matches!(state(&one).await, TriggerState::Uncertain { .. }));
    assert_eq!(state(&two).await, sent(3));
    store.mark(&two.id, &TriggerState::NotSent { detail: "late".into() }).await.unwrap();
    assert_eq!(state(&two).await, sent(3), "nothing replaces that it was sent");
    store.mark_again(&two.id, &TriggerState::Planned).await.unwrap();
    assert_eq!(state(&two).await, TriggerState::Planned, "but the sender itself takes it back");
}

async fn a_conclusion_compares_and_sets(world: &World) {
    let store = world.open().await;
    let read = store.cursor(CI).await.unwrap();
    let (one, two) = (request("p1", "a", 100), request("p2", "b", 100));
    book(&store, &one, read).await;
    book(&store, &two, read).await;
    let as_read = store.find(CI, one.id.as_str()).await.unwrap().unwrap();
    assert!(store.sending(&one.id, At(105)).await.unwrap());
    assert!(!store.settle(&as_read, &sent(3)).await.unwrap(), "it was sent since it was read");
    let as_read = store.find(CI, one.id.as_str()).await.unwrap().unwrap();
    assert!(store.settle(&as_read, &sent(3)).await.unwrap());
    assert!(!store.settle(&as_read, &sent(4)).await.unwrap(), "it was settled since");
    let other = store.find(CI, two.id.as_str()).await.unwrap().unwrap();
    assert!(!store.settle(&other, &sent(3)).await.unwrap(), "the task is another entry's");
    let gave_up = TriggerState::NotSent { detail: "never arrived".into() };
    assert!(store.settle(&other, &gave_up).await.unwrap());
    assert!(!store.sending(&two.id, At(106)).await.unwrap(), "it was given up");
}

async fn several_may_cancel_the_same_request(world: &World) {
    let store = world.open().await;
    let read = store.cursor(CI).await.unwrap();
    let cancel = |plan: &str| {
        let mut cancel = request(plan, "a", 100);
        (cancel.action, cancel.jobs[0].times) = ("cancelTask".into(), 0);
        cancel
    };
    let (made, one, two) = (request("p0", "a", 90), cancel("p1"), cancel("p2"));
    for request in [&made, &one, &two] {
        book(&store, request, read).await;
        store.mark(&request.id, &sent(3)).await.unwrap();
    }
    let task = TaskId::from_bytes([3; 16]).into();
    assert_eq!(store.owner(CI, task, None).await.unwrap(), Some(made.id.clone()));
    assert_eq!(store.owner(CI, task, Some(&made.id)).await.unwrap(), None);
    for request in [&made, &one, &two] {
        let found = store.find(CI, request.id.as_str()).await.unwrap().unwrap();
        assert_eq!(found.state, sent(3));
    }
}

async fn lists_have_their_order(world: &World) {
    let store = world.open().await;
    let read = store.cursor(CI).await.unwrap();
    for (plan, created) in [("p1", 300), ("p2", 100), ("p3", 200), ("p4", 200)] {
        let mut made = request(plan, plan, created);
        made.hook = format!("hook-{created}");
        book(&store, &made, read).await;
    }
    let plans = |found: Vec<TriggerRequest>| -> Vec<String> {
        found.into_iter().map(|request| request.plan).collect()
    };
    assert_eq!(plans(store.newest(CI, 3).await.unwrap()), ["p1", "p4", "p3"]);
    assert_eq!(plans(store.open_requests(CI).await.unwrap()), ["p2", "p3", "p4", "p1"]);
    assert_eq!(plans(store.requests_since(CI, At(200)).await.unwrap()), ["p3", "p4", "p1"]);
    assert_eq!(store.oldest_of_newest(CI, 2).await.unwrap(), Some(At(200)));
    assert_eq!(store.oldest_of_newest("http://other", 2).await.unwrap(), None);
    let hooks = store.hooks(CI, 2).await.unwrap();
    assert_eq!(hooks, [("g".into(), "hook-300".into()), ("g".to_owned(), "hook-200".to_owned())]);
    let by_command = Writer { command: "backfill", lease: None };
    let requests = [request("p5", "a", 100)];
    store.book(&requests, read, ENOUGH, &by_command).await.unwrap();
    let made = |command, job| {
        let store = store.clone();
        async move { store.made_by(command, CI, &"a".repeat(40), &JobName::new(job)).await.unwrap() }
    };
    assert_eq!((made("backfill", "a").await, made("bisect", "a").await), (2, 0));
    assert_eq!(made("backfill", "p1").await, 0);
}

async fn outcomes_and_what_was_left_out_are_kept(world: &World) {
    let store = world.open().await;
    let made = request("p1", "test", 100);
    book(&store, &made, store.cursor(CI).await.unwrap()).await;
    store.mark(&made.id, &sent(3)).await.unwrap();
    let task = TaskId::from_bytes([3; 16]).into();
    let job = JobName::new("test");
    for (outcome, at) in [("running", 110), ("passed", 120)] {
        store.note_outcome(CI, task, &job, outcome, At(at)).await.unwrap();
    }
    // Nobody's request.
    let other = TaskId::from_bytes([4; 16]).into();
    store.note_outcome(CI, other, &job, "failed", At(130)).await.unwrap();
    let found = store.outcomes(&made.id).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].outcome.as_str(), found[0].at), ("passed", At(120)));
    let out = mozci_core::plan::LeftOut {
        push: mozci_core::push::PushRef {
            id: mozci_core::ids::PushId::Commit(mozci_core::ids::CommitNumber(9)),
            revision: made.revision.clone(),
            git: None,
        },
        job,
        why: mozci_core::plan::LeftOutReason::JustAsked,
    };
    let many = vec![out; 3];
    store.note_left_out(CI, "p1", &many, At(100)).await.unwrap();
    store.note_left_out(CI, "p2", &many[..1], At(200)).await.unwrap();
    let found = store.left_out_since(CI, At(0), 2).await.unwrap();
    assert_eq!(found.iter().map(|out| out.plan.as_str()).collect::<Vec<_>>(), ["p2", "p1"]);
    assert_eq!((found[0].push, found[0].job.as_str()), (9, "test"));
    assert!(store.left_out_since(CI, At(201), 9).await.unwrap().is_empty());
}

async fn what_cannot_be_read_is_an_error(world: &World) {
    let store = world.open().await;
    let made = request("p1", "test", 100);
    book(&store, &made, store.cursor(CI).await.unwrap()).await;
    world.execute("UPDATE askings SET body = '{\"us'", "UPDATE requests SET body = '{\"us'").await;
    let error = store.open_requests(CI).await.unwrap_err().to_string();
    assert!(!error.contains("SELECT"), "{error}");
}
