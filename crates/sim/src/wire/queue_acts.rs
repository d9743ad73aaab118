//! The queue's methods that change a task.

use chrono::DateTime;
use mozci_core::ids::TaskId;
use serde_json::{Value, json};

use super::definitions::{DAY, definition, group, status};
use super::queue::{bad_id, with_task};
use super::reply::{Reply, body_json, iso};
use super::taskcluster::Call;
use crate::world::{Dynamic, Life, TaskRef, TaskState};

/// `queue.cancelTask`: a task that has ended is left as it is.
pub(super) fn cancel(call: &Call<'_>, id: &str) -> Reply {
    change(call, id, "cancelTask", "queue:cancel-task:", |task, life, now, dynamic| {
        if now > life.deadline {
            return Err("Task deadline exceeded");
        }
        if !matches!(life.state_at(now), TaskState::Resolved(_)) {
            dynamic.cancelled.insert(task, now);
        }
        Ok(())
    })
}

/// `queue.rerunTask`: one more run of the same task, whatever came of the others.
pub(super) fn rerun(call: &Call<'_>, id: &str) -> Reply {
    change(call, id, "rerunTask", "queue:rerun-task:", |task, life, now, dynamic| {
        if now > life.deadline {
            return Err("Task can't be rerun past it's deadline");
        }
        if !matches!(life.state_at(now), TaskState::Pending | TaskState::Running) {
            dynamic.reruns.entry(task).or_default().push(now);
        }
        Ok(())
    })
}

/// Changes a task by a method for which its scope is needed, and answers with its status.
fn change(
    call: &Call<'_>,
    id: &str,
    method: &str,
    scope: &str,
    apply: impl Fn(TaskRef, &Life, i64, &mut Dynamic) -> Result<(), &'static str>,
) -> Reply {
    let place = std::cell::Cell::new(None);
    let known = with_task(call, id, method, |task, _, _| {
        place.set(Some(task));
        call.ok(&Value::Null)
    });
    let Some(task) = place.get() else { return known };
    let params = json!({"taskId": id});
    let needed = format!("{scope}gecko-level-3/{}/{id}", group(call.world, task));
    if let Err(reply) = call.needs(&needed, method, &params) {
        return reply;
    }
    let mut dynamic = call.world.dynamic();
    let now = call.world.clock.now();
    let Some(life) = call.world.life(task, &dynamic) else { return known };
    if let Err(message) = apply(task, &life, now, &mut dynamic) {
        return call.error(409, "RequestConflict", method, message, params);
    }
    match call.world.life(task, &dynamic) {
        Some(life) => call.ok(&json!({"status": status(call.world, task, &life, &dynamic)})),
        None => known,
    }
}

/// `queue.createTask`: idempotent for the same definition under the same id, a conflict for another
/// one. Only tasks of the world's own groups and jobs can be created: nobody would run others.
pub(super) fn create(call: &Call<'_>, id: &str) -> Reply {
    let method = "createTask";
    let Ok(task_id) = id.parse::<TaskId>() else { return bad_id(call, id, method) };
    let params = json!({"taskId": id});
    let body = body_json(call.request.body);
    let text = |key: &str| body[key].as_str().unwrap_or("");
    let scope = format!(
        "queue:create-task:{}:{}",
        if text("priority").is_empty() { "lowest" } else { text("priority") },
        text("taskQueueId")
    );
    if let Err(reply) = call.needs(&scope, method, &params) {
        return reply;
    }
    let routes = body["routes"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for needed in routes.map(|route| format!("queue:route:{route}")) {
        if let Err(reply) = call.needs(&needed, method, &params) {
            return reply;
        }
    }
    let refused = |message: &str| call.error(400, "InputError", method, message, params.clone());
    let sound = match sound(call, &body) {
        Ok(sound) => sound,
        Err(message) => return refused(&message),
    };
    let mut dynamic = call.world.dynamic();
    let now = call.world.clock.now();
    let whole = whole(&body, id);
    if let Some(task) = dynamic.task_of(call.world.seed(), task_id)
        && let Some(life) = call.world.life(task, &dynamic)
    {
        if definition(call.world, task, &life, &dynamic) != whole {
            let message = format!(
                "taskId `{id}` already used by another task.\nThis could be the result of faulty idempotency!"
            );
            return call.error(409, "RequestConflict", method, &message, params);
        }
    } else {
        for dependency in body["dependencies"].as_array().into_iter().flatten() {
            let known = dependency.as_str().and_then(|id| id.parse().ok());
            let known = known.and_then(|id| dynamic.task_of(call.world.seed(), id));
            if known.is_none() {
                return refused("`task.dependencies` references tasks that don't exist");
            }
        }
        match sound {
            Place::Job(push, job) => dynamic.create(task_id, push, job, whole, now),
            Place::Mark(push) => dynamic.mark(task_id, push, whole, now),
        }
    }
    let task = dynamic.task_of(call.world.seed(), task_id);
    let life = task.and_then(|task| Some((task, call.world.life(task, &dynamic)?)));
    match life {
        Some((task, life)) => {
            call.ok(&json!({"status": status(call.world, task, &life, &dynamic)}))
        }
        None => refused("nobody would run this task"),
    }
}

/// Where a definition belongs.
enum Place {
    /// The push and its job.
    Job(u32, usize),
    /// The push on which it is only shown.
    Mark(u32),
}

/// The push that a task is shown on by its one route to Treeherder.
fn shown_on(call: &Call<'_>, body: &Value) -> Option<u32> {
    let routes = body["routes"].as_array()?.iter().filter_map(Value::as_str);
    let mut routes = routes.filter(|route| route.starts_with("tc-treeherder"));
    let (Some(route), None) = (routes.next(), routes.next()) else { return None };
    let prefix = format!("tc-treeherder.v2.{}.", call.world.autoland.name);
    let revision = route.strip_prefix(&prefix)?.split('.').next()?;
    let pushes = &call.world.autoland.pushes;
    pushes.iter().position(|push| push.node() == revision).map(|push| push as u32)
}

/// The push and the job of a definition, or what is wrong with it.
fn sound(call: &Call<'_>, body: &Value) -> Result<Place, String> {
    for key in ["taskQueueId", "created", "deadline", "payload", "metadata"] {
        if body.get(key).is_none_or(Value::is_null) {
            return Err(format!("data must have required property '{key}'"));
        }
    }
    let instant = |key: &str| {
        let at = body[key].as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        at.map(|at| at.timestamp_millis()).ok_or_else(|| format!("data/{key} must be a date-time"))
    };
    let (created, deadline) = (instant("created")?, instant("deadline")?);
    let wall = call.world.clock.wall();
    if (created - wall).abs() > 15 * 60_000 {
        return Err("`created` cannot be in the past nor in the future (15 min clock drift)".into());
    }
    if deadline <= wall || deadline <= created {
        return Err("`deadline` cannot be in the past".into());
    }
    if deadline > created + 5 * DAY {
        return Err("`deadline` cannot be more than 5 days into the future".into());
    }
    if body["taskQueueId"] == "built-in/succeed" {
        let nowhere = || "nobody would see this task: it has no one route to Treeherder".to_owned();
        return shown_on(call, body).map(Place::Mark).ok_or_else(nowhere);
    }
    let group = body["taskGroupId"].as_str().and_then(|id| id.parse().ok());
    let Some(TaskRef::Decision { push }) =
        group.and_then(|id| TaskRef::read(call.world.seed(), id))
    else {
        return Err("this simulated queue only has the groups of its pushes".into());
    };
    let label = body["metadata"]["name"].as_str().unwrap_or("");
    let Some(job) = call.world.catalog.find(label) else {
        return Err(format!("nobody would run a task that is called {label:?} here"));
    };
    Ok(Place::Job(push, job))
}

/// A definition with what the queue puts in where it is not given.
fn whole(body: &Value, id: &str) -> Value {
    let mut whole = body.clone();
    let queue = body["taskQueueId"].as_str().unwrap_or("").to_owned();
    let (provisioner, worker) = queue.split_once('/').unwrap_or((&queue, ""));
    let expires = body["deadline"].as_str().and_then(|d| DateTime::parse_from_rfc3339(d).ok());
    let expires = expires.map(|d| iso(d.timestamp_millis() + 365 * DAY));
    let defaults = [
        ("provisionerId", json!(provisioner)),
        ("workerType", json!(worker)),
        ("schedulerId", json!("-")),
        // A task that names no group is the first of its own.
        ("taskGroupId", json!(id)),
        ("projectId", json!("none")),
        ("dependencies", json!([])),
        ("requires", json!("all-completed")),
        ("routes", json!([])),
        ("priority", json!("lowest")),
        ("retries", json!(5)),
        ("scopes", json!([])),
        ("tags", json!({})),
        ("extra", json!({})),
        ("expires", json!(expires)),
    ];
    for (key, value) in defaults {
        if whole.get(key).is_none_or(Value::is_null) {
            whole[key] = value;
        }
    }
    whole
}
