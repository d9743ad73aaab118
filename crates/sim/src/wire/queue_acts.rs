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
    let refused = |message: &str| call.error(400, "InputError", method, message, params.clone());
    let sound = match sound(call, &body) {
        Ok(sound) => sound,
        Err(message) => return refused(&message),
    };
    let mut dynamic = call.world.dynamic();
    let now = call.world.clock.now();
    let whole = whole(&body);
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
        let (push, job) = sound;
        for dependency in body["dependencies"].as_array().into_iter().flatten() {
            let known = dependency.as_str().and_then(|id| id.parse().ok());
            let known = known.and_then(|id| dynamic.task_of(call.world.seed(), id));
            if known.is_none() {
                return refused("`task.dependencies` references tasks that don't exist");
            }
        }
        dynamic.create(task_id, push, job, whole, now);
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

/// The push and the job of a definition, or what is wrong with it.
fn sound(call: &Call<'_>, body: &Value) -> Result<(u32, usize), String> {
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
    Ok((push, job))
}

/// A definition with what the queue puts in where it is not given.
fn whole(body: &Value) -> Value {
    let mut whole = body.clone();
    let queue = body["taskQueueId"].as_str().unwrap_or("").to_owned();
    let (provisioner, worker) = queue.split_once('/').unwrap_or((&queue, ""));
    let expires = body["deadline"].as_str().and_then(|d| DateTime::parse_from_rfc3339(d).ok());
    let expires = expires.map(|d| iso(d.timestamp_millis() + 365 * DAY));
    let defaults = [
        ("provisionerId", json!(provisioner)),
        ("workerType", json!(worker)),
        ("schedulerId", json!("-")),
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
