//! Carrying out a plan.

use mozci_core::guard::Refusal;
use mozci_engine::drive::{Act, ActEnd, Acted, Permission, carry_out, open_ledger};

use crate::world::World;

async fn backfill(world: &mut World, permission: Permission, wait: bool) -> Acted {
    let (histories, plan) = world.backfill().await;
    let (plan, histories) = (&plan, &histories[..]);
    let act = Act { plan, histories, permission, wait, wanted: None };
    carry_out(&act, &mut world.session()).await.unwrap()
}

#[tokio::test]
async fn holes_are_filled_followed_and_read_again() {
    let mut world = World::new(5, 3);
    let acted = backfill(&mut world, Permission::Given, true).await;
    assert_eq!(
        world.host.order(),
        [
            "planned:3",
            "in-flight:true",
            "sent:sent",
            "sent:sent",
            "sent:sent",
            "in-flight:true",
            "waiting",
            "ended",
            "ended",
            "ended",
            "in-flight:false"
        ]
    );
    assert_eq!(acted.end, ActEnd::Done);
    let after = acted.after.unwrap();
    let states: Vec<bool> = after[0].facts.iter().map(|facts| facts.runs[0].is_good()).collect();
    assert_eq!(states, [false, false, false, true, true], "newest first: push 3 broke it");
}

#[tokio::test]
async fn the_same_command_again_has_nothing_to_send() {
    let mut world = World::new(5, 3);
    backfill(&mut world, Permission::Given, true).await;
    let mut world = world.again();
    let acted = backfill(&mut world, Permission::Given, true).await;
    assert_eq!(world.host.order(), ["planned:0", "nothing-to-send"]);
    assert_eq!(acted.end, ActEnd::NothingToSend);
    assert!((1..=5).all(|push| world.toy.runs_on(push, "job", false).len() == 1));
}

#[tokio::test]
async fn nothing_is_sent_in_a_dry_run_or_without_consent() {
    for (permission, end, last) in [
        (Permission::DryRun, ActEnd::DryRun, "dry-run"),
        (Permission::Ask, ActEnd::Declined, "declined"),
    ] {
        let mut world = World::new(5, 3);
        let acted = backfill(&mut world, permission, true).await;
        assert_eq!((acted.end, world.host.seen.last().unwrap().as_str()), (end, last));
        assert_eq!(world.host.count("asks:send"), usize::from(permission == Permission::Ask));
        assert!(world.ledger.newest(&world.ci.root_url, 10).await.unwrap().is_empty());
        assert!((2..=4).all(|push| world.toy.runs_on(push, "job", false).is_empty()));
    }
}

#[tokio::test]
async fn who_agrees_is_asked_once() {
    let mut world = World::new(5, 3);
    world.host.agrees = true;
    backfill(&mut world, Permission::Ask, false).await;
    assert_eq!(
        world.host.order(),
        [
            "planned:3",
            "asks:send",
            "in-flight:true",
            "sent:sent",
            "sent:sent",
            "sent:sent",
            "in-flight:false"
        ]
    );
}

#[tokio::test]
async fn a_guard_refuses_before_anything_is_written_down() {
    let mut world = World::new(5, 3);
    world.ci.budgets.plan = 2;
    let acted = backfill(&mut world, Permission::Given, false).await;
    assert_eq!(world.host.order(), ["planned:3", "refused:false"]);
    assert!(matches!(acted.refused, Some(Refusal::PlanBudget { .. })), "{:?}", acted.refused);
    assert!(world.ledger.newest(&world.ci.root_url, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn whoever_cancels_between_two_requests_ends_with_the_first() {
    let mut world = World::new(5, 3);
    world.host.cancels_at = Some(("sent:sent", world.cancel.clone()));
    let acted = backfill(&mut world, Permission::Given, true).await;
    let sent: Vec<&str> =
        world.host.order().into_iter().filter(|word| word.starts_with("sent:")).collect();
    assert_eq!(sent, ["sent:sent", "sent:not-sent", "sent:not-sent"]);
    assert_eq!(acted.results.len(), 3);
    // What was sent stands in the ledger; the rest is no longer wanted.
    assert!(world.ledger.open_requests(&world.ci.root_url).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_lost_answer_is_settled_and_not_sent_again() {
    let mut world = World::new(4, 3);
    *world.toy.lost_answers.lock().unwrap() = 1;
    backfill(&mut world, Permission::Given, false).await;
    assert_eq!(world.host.count("sent:uncertain"), 1);
    let mut world = world.again();
    let ledger = open_ledger(&world.ci, &mut world.host).await.unwrap();
    assert!(
        ledger.open_requests(&world.ci.root_url).await.unwrap().is_empty(),
        "settled by the folder"
    );
    backfill(&mut world, Permission::Given, true).await;
    assert!((2..=3).all(|push| world.toy.runs_on(push, "job", false).len() == 1));
}
