//! Whether Treeherder's buttons run mozci on a push.

use std::time::Instant;

use mozci_core::ids::TaskId;
use serde_json::Value;

use crate::backend::taskcluster::doctor::Examination;
use crate::backend::taskcluster::doctor::hidden::scope_of;
use crate::flow::health::Health;

/// How the callbacks of ours are called, of all that a tree offers.
const OURS: &str = "mozci-";

/// The name by which Treeherder's Backfill button chooses its action.
const BUTTON: &str = "backfill";

/// The callback of an action.
fn callback(action: &Value) -> &str {
    action["hookPayload"]["decision"]["action"]["cb_name"].as_str().unwrap_or("")
}

/// What Treeherder makes of the actions of a tree that has some of ours; `None` where it has none.
fn buttons(list: &[Value]) -> Option<(Health, String)> {
    let ours: Vec<&Value> =
        list.iter().filter(|action| callback(action).starts_with(OURS)).collect();
    if ours.is_empty() {
        return None;
    }
    // Treeherder keeps the first of each name, of those that fit the selected task.
    let first = list.iter().find(|action| action["name"] == BUTTON);
    let backfill = ours.iter().find(|action| callback(action) == "mozci-backfill");
    Some(match (first, backfill) {
        (Some(first), Some(ours))
            if first == *ours && first["context"] != serde_json::json!([{}]) =>
        {
            (
                Health::Warn,
                format!(
                    "the Backfill button runs mozci for some tasks only: the context of its action is {}, and [{{}}] fits each task",
                    first["context"]
                ),
            )
        }
        (Some(first), Some(ours)) if first == *ours => {
            (Health::Ok, "the Backfill button runs mozci".to_owned())
        }
        (Some(first), Some(ours)) if ours["name"] == BUTTON => (
            Health::Warn,
            format!(
                "the Backfill button runs {:?}, and not mozci: it comes first in actions.json, so give ours a lower order",
                callback(first)
            ),
        ),
        _ => (
            Health::Ok,
            "mozci's actions are in Treeherder's dialog of custom actions, and behind no button"
                .to_owned(),
        ),
    })
}

impl Examination<'_> {
    /// Whether mozci's actions, where the tree has any, are what Treeherder runs, and may be used.
    pub(crate) async fn buttons(&mut self, actions: Option<&Value>, decision: TaskId) {
        let started = Instant::now();
        let list = actions.and_then(|actions| actions["actions"].as_array());
        let Some((health, text)) = list.and_then(|list| buttons(list)) else { return };
        let ours = list.into_iter().flatten().find(|action| callback(action).starts_with(OURS));
        let (health, text) = match ours.and_then(scope_of) {
            None => (Health::Fail, "mozci's action names no hook".to_owned()),
            Some(needed) => match self.has_scope(decision, &needed).await {
                Err(error) => (Health::Fail, error.to_string()),
                Ok(true) => (health, text),
                Ok(false) => (
                    Health::Fail,
                    format!(
                        "the decision task {decision} does not have the scope {needed}: Treeherder refuses mozci's actions"
                    ),
                ),
            },
        };
        self.add(("taskcluster", "mozci's buttons"), started, health, text);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn action(name: &str, callback: &str, context: &Value) -> Value {
        json!({
            "name": name, "context": context,
            "hookPayload": {"decision": {"action": {"cb_name": callback}}},
        })
    }

    #[test]
    fn the_first_of_a_name_is_behind_the_button() {
        let all = json!([{}]);
        let tree = action("backfill", "backfill", &json!([{"kind": "test"}]));
        let ours = action("backfill", "mozci-backfill", &all);
        let search = action("mozci-bisect", "mozci-bisect", &all);
        let narrow = action("backfill", "mozci-backfill", &json!([{"kind": "test"}]));
        let cases = [
            (vec![&tree], None),
            (vec![&ours, &tree], Some((Health::Ok, "button runs mozci"))),
            (vec![&tree, &ours], Some((Health::Warn, "lower order"))),
            (vec![&narrow, &tree], Some((Health::Warn, "some tasks only"))),
            (vec![&tree, &search], Some((Health::Ok, "behind no button"))),
        ];
        for (list, expected) in cases {
            let list: Vec<Value> = list.into_iter().cloned().collect();
            let found = buttons(&list);
            match (found, expected) {
                (None, None) => {}
                (Some((health, text)), Some((wanted, words))) => {
                    assert_eq!(health, wanted, "{text}");
                    assert!(text.contains(words), "{text}");
                }
                (found, _) => panic!("{found:?} for {list:?}"),
            }
        }
    }
}
