//! The `actions.json` of a decision task.

use serde_json::{Value, json};

use super::definitions::{HOOK_GROUP, HOOK_ID};
use crate::world::{SimPush, TaskRef, Tree, World};

/// The file with the actions that a push's jobs can be requested through.
pub(super) fn actions(world: &World, push: u32) -> Value {
    let push_entry = &world.autoland.pushes[push as usize];
    let group = TaskRef::Decision { push }.id(world.seed()).to_string();
    let times = |most: u32| json!({"type": "integer", "title": "Times", "default": 1, "minimum": 1, "maximum": most});
    let flag = |default: bool| json!({"type": "boolean", "default": default});
    let labels = json!({"type": "array", "items": {"type": "string"}});
    let object = |properties: Value, required: &[&str]| {
        let mut schema =
            json!({"type": "object", "additionalProperties": false, "properties": properties});
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        schema
    };
    let many = object(
        json!({"requests": {"type": "array", "items": object(json!({"tasks": labels, "times": times(100)}), &["tasks"])}}),
        &[],
    );
    let jobs = match world.config.tree {
        Tree::WantsReason => object(
            json!({"tasks": labels, "times": times(100), "reason": {"type": "string"}}),
            &["tasks", "reason"],
        ),
        _ => object(json!({"tasks": labels, "times": times(100)}), &["tasks"]),
    };
    let backfill = object(
        json!({
            "depth": {"type": "integer", "default": 19, "minimum": 1, "maximum": 25},
            "inclusive": flag(false),
            "retrigger": flag(true),
            "times": times(10),
        }),
        &[],
    );
    let backfill_task = object(
        json!({
            "label": {"type": "string"},
            "revision": {"type": "string"},
            "symbol": {"type": "string"},
            "test_manifests": {"type": "array", "items": {"type": "string"}},
            "retrigger": flag(true),
            "times": times(10),
        }),
        &[],
    );
    let again = object(json!({"downstream": flag(false), "times": times(100)}), &[]);
    let nothing = object(json!({}), &[]);
    // Several entries may share a name; the first whose context fits a task is meant.
    let decisions = json!([{"kind": "decision-task"}, {"kind": "action-callback"}]);
    let list = [
        ("retrigger", "Retrigger", "rt", decisions, json!(null)),
        ("retrigger", "Retrigger", "rt", json!([{"retrigger": "true"}]), again),
        ("retrigger-multiple", "Retrigger", "rt", json!([]), many),
        ("add-new-jobs", "Add new jobs", "add-new", json!([]), jobs),
        ("backfill", "Backfill", "Bk", json!([{}]), backfill),
        ("backfill-task", "Backfill task", "Bk", json!([]), backfill_task),
        ("confirm-failures", "Confirm failures", "cf", json!([{"kind": "test"}]), nothing.clone()),
        ("cancel", "Cancel Task", "cx", json!([{}]), nothing.clone()),
        ("cancel-all", "Cancel All", "cAll", json!([]), nothing),
    ];
    let actions: Vec<Value> = list
        .into_iter()
        .filter(|(name, ..)| {
            *name != "add-new-jobs" || world.config.tree != Tree::WithoutAddNewJobs
        })
        .map(|(name, title, symbol, context, schema)| {
            let mut action = json!({
                "name": name,
                "title": title,
                "description": format!("{title}, simulated."),
                "kind": "hook",
                "context": context,
                "extra": {"actionPerm": "generic"},
                "hookGroupId": HOOK_GROUP,
                "hookId": HOOK_ID,
                "hookPayload": payload(world, push_entry, &group, name, title, symbol),
            });
            if !schema.is_null() {
                action["schema"] = schema;
            }
            action
        })
        .collect();
    json!({"version": 1, "variables": {}, "actions": actions})
}

fn payload(
    world: &World,
    push: &SimPush,
    group: &str,
    name: &str,
    title: &str,
    symbol: &str,
) -> Value {
    json!({
        "decision": {
            "action": {
                "name": name,
                "cb_name": name,
                "title": title,
                "description": format!("{title}, simulated."),
                "symbol": symbol,
                "taskGroupId": group,
            },
            "parameters": {
                "head_rev": push.node(),
                "level": "3",
                "project": world.autoland.name,
                "pushlog_id": push.id.to_string(),
            },
            "push": {
                "owner": "mozilla-taskcluster-maintenance@mozilla.example",
                "pushlog_id": push.id.to_string(),
                "revision": push.node(),
            },
            "repository": {
                "level": "3",
                "project": world.autoland.name,
                "url": format!("https://hg.example.org/{}", world.autoland.path),
            },
        },
        "user": {
            "input": {"$eval": "input"},
            "taskGroupId": {"$eval": "taskGroupId"},
            "taskId": {"$eval": "taskId"},
        },
    })
}
