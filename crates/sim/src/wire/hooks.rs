//! The hooks service: triggering one makes an action task.

use serde_json::{Value, json};

use super::definitions::{HOOK_GROUP, HOOK_ID};
use super::reply::{Reply, body_json, iso};
use super::taskcluster::{Call, page};
use crate::world::{TaskRef, TaskState};

pub(super) fn hooks(call: &Call<'_>, path: &[&str]) -> Reply {
    match (call.request.method, path) {
        ("GET", ["ping"]) => call.ok(&json!({"alive": true, "uptime": 1})),
        ("POST", ["hooks", group, hook, "trigger"]) => trigger(call, group, hook),
        ("GET", ["hooks", group, hook, "last-fires"]) => last_fires(call, group, hook),
        _ => call.no_such_method(),
    }
}

fn trigger(call: &Call<'_>, group: &str, hook: &str) -> Reply {
    let params = json!({"hookGroupId": group, "hookId": hook});
    let scope = format!("hooks:trigger-hook:{group}/{hook}");
    let caller = match call.needs(&scope, "triggerHook", &params) {
        Ok(caller) => caller,
        Err(reply) => return reply,
    };
    if (group, hook) != (HOOK_GROUP, HOOK_ID) {
        return call.not_found("triggerHook", "No such hook", params);
    }
    let payload = body_json(call.request.body);
    let missing: Vec<String> = ["decision", "user"]
        .iter()
        .filter(|key| payload.get(**key).is_none())
        .map(|key| format!("data must have required property '{key}'"))
        .collect();
    if !missing.is_empty() {
        return call.error(400, "InputError", "triggerHook", &missing.join("; "), params);
    }
    let of_group = payload["user"]["taskGroupId"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .and_then(|id| TaskRef::read(call.world.seed(), id));
    let Some(TaskRef::Decision { push }) = of_group else {
        let message = "While firing hook:\n\nTemplateError: the task group does not exist";
        return call.error(400, "InputError", "triggerHook", message, params);
    };
    let client = caller.client.clone().unwrap_or_default();
    let id = call.world.act(push, hook, payload, &client);
    call.ok(&json!({"taskId": id, "status": {"taskId": id}}))
}

fn last_fires(call: &Call<'_>, group: &str, hook: &str) -> Reply {
    let world = call.world;
    let params = json!({"hookGroupId": group, "hookId": hook});
    let scope = format!("hooks:list-last-fires:{group}/{hook}");
    if let Err(reply) = call.needs(&scope, "listLastFires", &params) {
        return reply;
    }
    let dynamic = world.dynamic();
    let now = world.clock.now();
    let mut fires: Vec<Value> = Vec::new();
    // Only what `triggerHook` itself fired has the name here; newest first.
    for (i, action) in dynamic.actions.iter().enumerate().rev() {
        if action.hook_id != hook || group != HOOK_GROUP {
            continue;
        }
        let n = dynamic.actions[..i].iter().filter(|other| other.push == action.push).count();
        let task = TaskRef::Action { push: action.push, n: n as u8 };
        let state =
            world.life(task, &dynamic).map_or(TaskState::Pending, |life| life.state_at(now));
        fires.push(json!({
            "hookGroupId": group,
            "hookId": hook,
            "firedBy": "triggerHook",
            "taskId": action.id,
            "taskCreateTime": iso(world.clock.shown(action.created)),
            "result": "success",
            "error": "",
            "taskState": state.word(),
        }));
    }
    let Ok((shown, token)) = page(call.request, &fires) else {
        let message = "Invalid continuation token";
        return call.error(400, "InputError", "listLastFires", message, params);
    };
    let mut answer = json!({"lastFires": shown});
    if let Some(token) = token {
        answer["continuationToken"] = json!(token);
    }
    call.ok(&answer)
}
