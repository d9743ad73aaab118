//! The world keeps its promises.

use super::{Outcome, World, WorldConfig};

#[test]
fn the_same_seed_gives_the_same_world_and_another_another() {
    let truth = |seed| {
        let config = WorldConfig { seed, pushes: 40, ..WorldConfig::default() };
        serde_json::to_string(&World::new(config).truth()).unwrap()
    };
    assert_eq!(truth(7), truth(7));
    assert_ne!(truth(7), truth(8));
}

#[test]
fn the_story_holds_on_any_seed() {
    for seed in 0..50 {
        let world = World::new(WorldConfig { seed, pushes: 30, ..WorldConfig::default() });
        let story = world.story.clone().unwrap();
        let outcome = |push| *world.outcomes(push, story.job, 1).last().unwrap();
        assert_eq!(outcome(story.tip), Outcome::Failed, "seed {seed}");
        assert_eq!(outcome(story.culprit), Outcome::Failed, "seed {seed}");
        for push in story.tip - 11..story.culprit {
            assert_eq!(outcome(push), Outcome::Completed, "seed {seed}, push {push}");
        }
        assert!(world.scheduled(story.tip, story.job));
        assert!(!world.scheduled(story.culprit, story.job));
    }
}

#[test]
fn an_action_creates_its_tasks_and_the_build_that_is_missing() {
    let world = World::new(WorldConfig { speed: 1e6, ..WorldConfig::default() });
    let dynamic = world.dynamic();
    let (push, job) = (0..world.config.pushes)
        .flat_map(|push| (0..world.catalog.jobs.len()).map(move |job| (push, job)))
        .find(|(push, job)| {
            let build = world.catalog.jobs[*job].build;
            world.decision_outcome(*push) == Some(Outcome::Completed)
                && build.is_some_and(|build| !world.scheduled(*push, build))
        })
        .unwrap();
    drop(dynamic);
    let label = world.catalog.jobs[job].label.clone();
    let payload = serde_json::json!({
        "decision": {"action": {"cb_name": "add-new-jobs"}},
        "user": {"input": {"tasks": [label], "times": 2}},
    });
    world.act(push, "hook", payload, "test");
    while !world.dynamic().actions[0].applied {
        std::thread::yield_now();
    }
    let dynamic = world.dynamic();
    let build = world.catalog.jobs[job].build.unwrap();
    assert_eq!(world.tasks_of_job(push, job, &dynamic).count(), 2);
    assert_eq!(world.tasks_of_job(push, build, &dynamic).count(), 1);
}
