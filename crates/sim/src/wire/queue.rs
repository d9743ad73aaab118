//! The queue service, as far as it is read.

use mozci_core::ids::TaskId;
use serde_json::{Value, json};

use super::definitions::{DAY, definition, status};
use super::graph::names;
use super::queue_acts;
use super::reply::{Reply, body_json, iso};
use super::taskcluster::{Call, page};
use crate::world::{Dynamic, Life, Outcome, TaskRef, TaskState, Trouble};

const PATTERN: &str =
    "/^[A-Za-z0-9_-]{8}[Q-T][A-Za-z0-9_-][CGKOSWaeimquy26-][A-Za-z0-9_-]{10}[AQgw]$/";

pub(super) fn queue(call: &Call<'_>, path: &[&str]) -> Reply {
    match (call.request.method, path) {
        ("GET", ["ping"]) => call.ok(&json!({"alive": true, "uptime": 1})),
        ("GET", ["task", id]) => with_task(call, id, "task", |task, life, dynamic| {
            call.ok(&definition(call.world, task, life, dynamic))
        }),
        ("GET", ["task", id, "status"]) => with_task(call, id, "status", |task, life, dynamic| {
            call.ok(&json!({"status": status(call.world, task, life, dynamic)}))
        }),
        ("POST", ["tasks", "status"]) => statuses(call),
        ("GET", ["task", id, "dependents"]) => dependents(call, id),
        ("GET", ["task-group", id]) => task_group(call, id),
        ("GET", ["task-group", id, "list"]) => list_group(call, id),
        ("GET", ["task", id, "artifacts"]) => list_artifacts(call, id, None, "listLatestArtifacts"),
        ("GET", ["task", id, "runs", run, "artifacts"]) => {
            list_artifacts(call, id, Some(run), "listArtifacts")
        }
        ("GET", ["task", id, "artifacts", name @ ..]) => artifact(call, id, None, name, true),
        ("GET", ["task", id, "runs", run, "artifacts", name @ ..]) => {
            artifact(call, id, Some(run), name, true)
        }
        ("GET", ["task", id, "artifact-content", name @ ..]) => {
            artifact(call, id, None, name, false)
        }
        ("POST", ["tasks"]) => definitions(call),
        ("PUT", ["task", id]) => queue_acts::create(call, id),
        ("POST", ["task", id, "rerun"]) => queue_acts::rerun(call, id),
        ("POST", ["task", id, "cancel"]) => queue_acts::cancel(call, id),
        _ => call.no_such_method(),
    }
}

pub(super) fn bad_id(call: &Call<'_>, id: &str, method: &str) -> Reply {
    let message = format!(
        "Invalid URL patterns:\nURL parameter 'taskId' given as '{id}' must match regular expression: '{PATTERN}'"
    );
    call.error(400, "InvalidRequestArguments", method, &message, json!({"taskId": id}))
}

pub(super) fn with_task(
    call: &Call<'_>,
    id: &str,
    method: &str,
    answer: impl FnOnce(TaskRef, &Life, &Dynamic) -> Reply,
) -> Reply {
    let Ok(task_id) = id.parse::<TaskId>() else {
        return bad_id(call, id, method);
    };
    let dynamic = call.world.dynamic();
    let task = dynamic.task_of(call.world.seed(), task_id);
    let life = task.and_then(|task| call.world.life(task, &dynamic).map(|life| (task, life)));
    match life.filter(|(_, life)| life.created <= call.world.clock.now()) {
        Some((task, life)) => answer(task, &life, &dynamic),
        None => {
            let message = format!(
                "`{id}` does not correspond to a task that exists.\nAre you sure this task exists?"
            );
            call.not_found(method, &message, json!({"taskId": id}))
        }
    }
}

/// `queue.statuses`: unknown tasks are left out of the answer.
fn statuses(call: &Call<'_>) -> Reply {
    many(
        call,
        "statuses",
        "statuses",
        |task, life, dynamic| json!({"status": status(call.world, task, life, dynamic)}),
    )
}

/// `queue.tasks`: the definitions of many tasks; unknown ones are left out of the answer.
fn definitions(call: &Call<'_>) -> Reply {
    many(
        call,
        "tasks",
        "tasks",
        |task, life, dynamic| json!({"task": definition(call.world, task, life, dynamic)}),
    )
}

/// A question about many tasks by their ids.
fn many(
    call: &Call<'_>,
    method: &str,
    key: &str,
    entry: impl Fn(TaskRef, &Life, &Dynamic) -> Value,
) -> Reply {
    let body = body_json(call.request.body);
    let Some(ids) = body["taskIds"].as_array() else {
        let message = "data must have required property 'taskIds'";
        return call.error(400, "InputValidationError", method, message, json!({}));
    };
    let Ok((shown, token)) = page(call.request, ids) else {
        let message = "Invalid continuation token";
        return call.error(400, "InputError", method, message, json!({}));
    };
    let dynamic = call.world.dynamic();
    let now = call.world.clock.now();
    let found: Vec<Value> = shown
        .iter()
        .filter_map(|id| {
            let task = dynamic.task_of(call.world.seed(), id.as_str()?.parse().ok()?)?;
            let life = call.world.life(task, &dynamic).filter(|life| life.created <= now)?;
            let mut found = entry(task, &life, &dynamic);
            found["taskId"] = id.clone();
            Some(found)
        })
        .collect();
    let mut answer = json!({key: found});
    if let Some(token) = token {
        answer["continuationToken"] = json!(token);
    }
    call.ok(&answer)
}

fn group_push(call: &Call<'_>, id: &str) -> Option<u32> {
    match TaskRef::read(call.world.seed(), id.parse().ok()?)? {
        TaskRef::Decision { push } => call.world.decision_outcome(push).map(|_| push),
        _ => None,
    }
}

fn no_group(call: &Call<'_>, id: &str, method: &str) -> Reply {
    let message = format!("No task-group with taskGroupId: `{id}`");
    call.not_found(method, &message, json!({"taskGroupId": id}))
}

fn group_head(call: &Call<'_>, id: &str, push: u32) -> Value {
    let date = call.world.autoland.pushes[push as usize].date;
    let mut head = json!({
        "taskGroupId": id,
        "schedulerId": "gecko-level-3",
        "expires": iso(date * 1000 + 365 * DAY),
    });
    if call.world.config.tree == crate::Tree::Sealed {
        head["sealed"] = json!(iso(date * 1000 + DAY));
    }
    head
}

fn task_group(call: &Call<'_>, id: &str) -> Reply {
    match group_push(call, id) {
        Some(push) => call.ok(&group_head(call, id, push)),
        None => no_group(call, id, "getTaskGroup"),
    }
}

fn list_group(call: &Call<'_>, id: &str) -> Reply {
    let Some(push) = group_push(call, id) else {
        return no_group(call, id, "listTaskGroup");
    };
    let dynamic = call.world.dynamic();
    let now = call.world.clock.now();
    let mut tasks: Vec<(TaskRef, Life)> = call
        .world
        .tasks_of_push(push, &dynamic)
        .into_iter()
        // Each mark is a group of its own.
        .filter(|task| !matches!(task, TaskRef::Mark { .. }))
        .filter_map(|task| call.world.life(task, &dynamic).map(|life| (task, life)))
        .filter(|(_, life)| life.created <= now)
        .collect();
    tasks.sort_by_cached_key(|(task, _)| dynamic.id_of(call.world.seed(), *task).to_string());
    let Ok((shown, token)) = page(call.request, &tasks) else {
        let message = "Invalid continuation token";
        let params = json!({"taskGroupId": id});
        return call.error(400, "InputError", "listTaskGroup", message, params);
    };
    let mut answer = group_head(call, id, push);
    answer["tasks"] = shown
        .iter()
        .map(|(task, life)| {
            json!({
                "status": status(call.world, *task, life, &dynamic),
                "task": definition(call.world, *task, life, &dynamic),
            })
        })
        .collect();
    if let Some(token) = token {
        answer["continuationToken"] = json!(token);
    }
    call.ok(&answer)
}

/// `queue.listDependentTasks`: the tests that depend on a build.
fn dependents(call: &Call<'_>, id: &str) -> Reply {
    with_task(call, id, "listDependentTasks", |task, _, dynamic| {
        let now = call.world.clock.now();
        let waits = |other: &(TaskRef, Life)| {
            let definition = definition(call.world, other.0, &other.1, dynamic);
            definition["dependencies"].as_array().is_some_and(|d| d.iter().any(|d| d == id))
        };
        let tasks: Vec<(TaskRef, Life)> = call
            .world
            .tasks_of_push(task.push(), dynamic)
            .into_iter()
            .filter_map(|task| call.world.life(task, dynamic).map(|life| (task, life)))
            .filter(|other| other.1.created <= now && waits(other))
            .collect();
        let Ok((shown, token)) = page(call.request, &tasks) else {
            let message = "Invalid continuation token";
            let params = json!({"taskId": id});
            return call.error(400, "InputError", "listDependentTasks", message, params);
        };
        let entries: Vec<Value> = shown
            .iter()
            .map(|(task, life)| {
                json!({
                    "status": status(call.world, *task, life, dynamic),
                    "task": definition(call.world, *task, life, dynamic),
                })
            })
            .collect();
        let mut answer = json!({"taskId": id, "tasks": entries});
        if let Some(token) = token {
            answer["continuationToken"] = json!(token);
        }
        call.ok(&answer)
    })
}

/// The number of the run that is meant: the one that is named, else the last one there is.
fn run_meant(call: &Call<'_>, life: &Life, named: Option<&str>) -> Option<usize> {
    let there = life.runs_at(call.world.clock.now()).count();
    let number = match named {
        Some(named) => named.parse().ok()?,
        None => there.checked_sub(1)?,
    };
    (number < there).then_some(number)
}

fn list_artifacts(call: &Call<'_>, id: &str, run: Option<&str>, method: &str) -> Reply {
    with_task(call, id, method, |task, life, dynamic| {
        let Some(number) = run_meant(call, life, run) else {
            let params = json!({"taskId": id});
            return call.not_found(method, "Task doesn't have any runs", params);
        };
        let all: Vec<Value> = visible_names(call, task, life, number, dynamic)
            .into_iter()
            .map(|(name, kind)| {
                let is_error = call.world.trouble(task, number, &name) == Some(Trouble::Error);
                json!({
                    "storageType": if is_error { "error" } else { "s3" },
                    "name": name,
                    "expires": iso(life.created + 365 * DAY),
                    "contentType": kind,
                })
            })
            .collect();
        let Ok((shown, token)) = page(call.request, &all) else {
            let message = "Invalid continuation token";
            return call.error(400, "InputError", method, message, json!({"taskId": id}));
        };
        let mut answer = json!({"artifacts": shown});
        if let Some(token) = token {
            answer["continuationToken"] = json!(token);
        }
        call.ok(&answer)
    })
}

/// Artifacts are there once the run has ended; a failed decision task has only its log.
fn visible_names(
    call: &Call<'_>,
    task: TaskRef,
    life: &Life,
    number: usize,
    dynamic: &Dynamic,
) -> Vec<(String, &'static str)> {
    let Some(run) = life.runs.get(number) else { return Vec::new() };
    let state = run.state_at(call.world.clock.now());
    let is_job = matches!(task, TaskRef::Job { .. });
    let mut all = names(call.world, task, (number, run), dynamic);
    all.retain(|(name, _)| match state {
        TaskState::Resolved(Outcome::Completed) => true,
        TaskState::Resolved(Outcome::Failed) => is_job || name.starts_with("public/logs/"),
        TaskState::Resolved(Outcome::Exception(_)) => {
            is_job && run.started.is_some() && name.starts_with("public/logs/")
        }
        _ => false,
    });
    all
}

fn artifact(call: &Call<'_>, id: &str, run: Option<&str>, name: &[&str], redirects: bool) -> Reply {
    let method = if redirects { "getLatestArtifact" } else { "latestArtifact" };
    with_task(call, id, method, |task, life, dynamic| {
        let name = name.join("/");
        let params = json!({"taskId": id, "name": name});
        let Some(number) = run_meant(call, life, run) else {
            return call.not_found(method, "Task doesn't have any runs", params);
        };
        if !visible_names(call, task, life, number, dynamic).iter().any(|(known, _)| *known == name)
        {
            return call.not_found(method, "Artifact not found", params);
        }
        match call.world.trouble(task, number, &name) {
            None => {}
            // In the body the worker's own words, and nothing of the API's usual errors.
            Some(Trouble::Error) => {
                let message = "Could not read the file from the worker";
                let body = json!({"reason": "file-missing-on-worker", "message": message});
                let kind = ("x-taskcluster-artifact-storage-type", "error".to_owned());
                return Reply::json(424, &body).with_header(kind.0, kind.1);
            }
            Some(Trouble::Private) => {
                let message = format!(
                    "Client ID anonymous does not have sufficient scopes and is missing the following scopes:\n\n```\nqueue:get-artifact:{name}\n```"
                );
                return call.error(403, "InsufficientScopes", method, &message, params);
            }
            Some(Trouble::Gone) => return call.not_found(method, "Artifact not found", params),
        }
        let storage = &call.request.urls.storage;
        let url = format!("{storage}/public-bucket/{id}/{number}/{name}");
        let mut reply = call.ok(&json!({"storageType": "s3", "url": url}));
        if redirects {
            reply.status = 303;
            reply = reply
                .with_header("location", url)
                .with_header("x-taskcluster-artifact-storage-type", "s3".into());
        }
        reply
    })
}
