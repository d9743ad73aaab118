//! The index service. It holds completed tasks only: a decision or action task that is running,
//! pending or failed is never there.

use serde_json::{Value, json};

use super::definitions::{DAY, push_of};
use super::reply::{Reply, body_json, iso};
use super::taskcluster::{Call, page};
use crate::world::{Outcome, TaskRef, TaskState, World};

pub(super) fn index(call: &Call<'_>, path: &[&str]) -> Reply {
    match (call.request.method, path) {
        ("GET", ["ping"]) => call.ok(&json!({"alive": true, "uptime": 1})),
        ("GET", ["task", name]) => find_task(call, name),
        ("POST", ["tasks", "indexes"]) => find_tasks(call),
        ("GET" | "POST", ["tasks", namespace]) => list_tasks(call, namespace),
        ("GET" | "POST", ["namespaces", namespace]) => list_namespaces(call, namespace),
        _ => call.no_such_method(),
    }
}

fn completed(world: &World, task: TaskRef) -> bool {
    let dynamic = world.dynamic();
    let state = world.life(task, &dynamic).map(|life| life.state_at(world.clock.now()));
    state == Some(TaskState::Resolved(Outcome::Completed))
}

/// The push that `gecko.v2.<repo>.{revision.<node>,pushlog-id.<id>}.<rest>` names.
fn push_and_rest<'a>(world: &World, name: &'a str) -> Option<(u32, &'a str)> {
    let rest = name
        .strip_prefix("gecko.v2.")?
        .strip_prefix(world.autoland.name.as_str())?
        .strip_prefix('.')?;
    let (kind, rest) = rest.split_once('.')?;
    let (value, rest) = rest.split_once('.')?;
    let push = match kind {
        "revision" => world.autoland.pushes.iter().position(|p| p.node() == value)? as u32,
        "pushlog-id" => world.autoland.by_id(value.parse().ok()?)?,
        _ => return None,
    };
    Some((push, rest))
}

fn entry(world: &World, namespace: &str, task: TaskRef, rank: i64) -> Value {
    let date = push_of(world, task).date;
    json!({
        "namespace": namespace,
        "taskId": task.id(world.seed()),
        "rank": rank,
        "data": {},
        "expires": iso(date * 1000 + 365 * DAY),
    })
}

fn find_task(call: &Call<'_>, name: &str) -> Reply {
    let world = call.world;
    match indexed(world, name) {
        Some(task) => call.ok(&entry(world, name, task, push_of(world, task).date)),
        None => {
            let params = json!({"indexPath": name});
            call.not_found("findTask", "Indexed task not found", params)
        }
    }
}

/// `index.findTasksAtIndex`: paths behind which there is nothing are left out.
fn find_tasks(call: &Call<'_>) -> Reply {
    let body = body_json(call.request.body);
    let Some(paths) = body["indexes"].as_array() else {
        let message = "data must have required property 'indexes'";
        return call.error(400, "InputValidationError", "findTasksAtIndex", message, json!({}));
    };
    let Ok((shown, token)) = page(call.request, paths) else {
        let message = "Invalid continuation token";
        return call.error(400, "InputError", "findTasksAtIndex", message, json!({}));
    };
    let found = shown.iter().filter_map(|path| {
        let name = path.as_str()?;
        let task = indexed(call.world, name)?;
        Some(entry(call.world, name, task, push_of(call.world, task).date))
    });
    let mut answer = json!({"tasks": found.collect::<Vec<Value>>()});
    if let Some(token) = token {
        answer["continuationToken"] = json!(token);
    }
    call.ok(&answer)
}

/// The task behind a path.
fn indexed(world: &World, name: &str) -> Option<TaskRef> {
    let found = push_and_rest(world, name).and_then(|(push, rest)| match rest {
        "taskgraph.decision" | "decision" => Some(TaskRef::Decision { push }),
        _ => None,
    });
    found.filter(|task| completed(world, *task))
}

fn list_tasks(call: &Call<'_>, namespace: &str) -> Reply {
    let world = call.world;
    let actions = match push_and_rest(world, &format!("{namespace}.")) {
        Some((push, "taskgraph.actions." | "actions.")) => {
            let dynamic = world.dynamic();
            let all: Vec<TaskRef> =
                dynamic.actions_of(push).map(|(n, _)| TaskRef::Action { push, n }).collect();
            drop(dynamic);
            all.into_iter().filter(|task| completed(world, *task)).collect()
        }
        // An unknown namespace is no error.
        _ => Vec::new(),
    };
    let Ok((shown, token)) = page(call.request, &actions) else {
        let message = "Invalid continuation token";
        let params = json!({"namespace": namespace});
        return call.error(400, "InputError", "listTasks", message, params);
    };
    let tasks: Vec<Value> = shown
        .iter()
        .map(|task| entry(world, &format!("{namespace}.{}", task.id(world.seed())), *task, 0))
        .collect();
    let mut answer = json!({"tasks": tasks});
    if let Some(token) = token {
        answer["continuationToken"] = json!(token);
    }
    call.ok(&answer)
}

/// The namespaces below `gecko.v2.<repo>.revision`: one a push with a decision task that is done.
fn list_namespaces(call: &Call<'_>, namespace: &str) -> Reply {
    let world = call.world;
    let decided = |push: &u32| completed(world, TaskRef::Decision { push: *push });
    let all = format!("gecko.v2.{}.revision", world.autoland.name);
    let mut nodes: Vec<&str> = match namespace {
        name if name == all => (0..world.config.pushes)
            .filter(decided)
            .map(|push| world.autoland.pushes[push as usize].node())
            .collect(),
        _ => Vec::new(),
    };
    nodes.sort_unstable();
    let Ok((shown, token)) = page(call.request, &nodes) else {
        let message = "Invalid continuation token";
        let params = json!({"namespace": namespace});
        return call.error(400, "InputError", "listNamespaces", message, params);
    };
    let expires = iso(world.clock.start() + 365 * DAY);
    let namespaces: Vec<Value> = shown
        .iter()
        .map(|node| {
            json!({"namespace": format!("{namespace}.{node}"), "name": node, "expires": expires})
        })
        .collect();
    let mut answer = json!({"namespaces": namespaces});
    if let Some(token) = token {
        answer["continuationToken"] = json!(token);
    }
    call.ok(&answer)
}
