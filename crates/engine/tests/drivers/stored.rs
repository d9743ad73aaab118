//! What is stored of investigations keeps its form: rows of older versions have to resume.

use mozci_engine::drive::Permission;
use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn the_steps_of_a_search_keep_their_form() {
    let mut world = World::new(10, 4);
    let World { ci, ledger, store, host, cancel, .. } = &mut world;
    let session = mozci_engine::drive::Session { ci, ledger, host, cancel };
    let options = mozci_engine::drive::search::SearchOptions {
        permission: Permission::Given,
        no_wait: false,
        explain: false,
        mark: false,
        notifier: None,
    };
    let repositories = &crate::opened::Nobody;
    let mut context = mozci_engine::drive::search::SearchContext {
        session,
        store: &**store,
        repositories,
        options,
    };
    // As version 1 of the form has it.
    let question = serde_json::json!({
        "job": "job", "bad": format!("{:040x}", 10), "max_revisions": 100, "delta": 0.01,
        "p_min": 0.05, "deterministic": true, "budget": 50, "at_once": 2, "priors": true,
        "anyway": false
    });
    let question = serde_json::from_value(question).unwrap();
    mozci_engine::drive::search::search(&question, None, false, &mut context).await.unwrap();
    let id = world.host.begun[0].clone();
    let steps: Vec<Value> =
        world.store.steps(&id).await.unwrap().into_iter().map(|(_, s)| s).collect();
    assert_eq!(steps[0], serde_json::json!({"step": "begun", "good": format!("{:040x}", 1)}));
    assert_eq!((&steps[1]["step"], &steps[1]["round"]), (&"round".into(), &1.into()));
    assert!(steps[1]["plan"]["requests"].is_array() && steps[1]["runs"].is_u64());
    let last = steps.last().unwrap();
    assert_eq!((&last["step"], &last["end"]["verdict"]), (&"ended".into(), &"culprit".into()));
    assert!(last["end"]["summary"].as_str().unwrap().starts_with("culprit 4 · "));
}
