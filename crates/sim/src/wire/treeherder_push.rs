//! Treeherder's pushes.

use serde_json::{Map, Value, json};

use super::reply::{Reply, Request};
use super::treeherder::{detail, server_error};
use super::treeherder_jobs::{Row, rows_of_push};
use crate::world::{Catalog, Outcome, SimPush, TaskRef, World};

fn entry(push: &SimPush) -> Value {
    // The newest commits come first, twenty at most.
    let revisions: Vec<Value> = push
        .commits
        .iter()
        .rev()
        .take(20)
        .map(|commit| {
            json!({
                "result_set_id": push.treeherder_id,
                "repository_id": 77,
                "revision": commit.node,
                "author": commit.author,
                "comments": commit.message,
            })
        })
        .collect();
    json!({
        "id": push.treeherder_id,
        "revision": push.node(),
        "author": push.user,
        "branch": null,
        "revisions": revisions,
        "revision_count": push.commits.len(),
        "push_timestamp": push.date,
        "repository_id": 77,
    })
}

/// `project/<repo>/push/`
pub(super) fn list(world: &World, request: &Request<'_>) -> Reply {
    let count = match request.get("count").map(str::parse::<usize>) {
        None => 10,
        Some(Err(_)) => return detail(400, "Valid count value required"),
        Some(Ok(count)) if count > 1000 => {
            return detail(400, "Specified count exceeds api limit: 1000");
        }
        Some(Ok(count)) => count,
    };
    let pushes = &world.autoland.pushes;
    let mut filters = Map::new();
    let mut chosen: Vec<&SimPush> = pushes.iter().collect();
    let mut meta = Map::new();
    for (name, value) in &request.query {
        match name.as_str() {
            "fromchange" | "tochange" => {
                let Some(tip) = pushes.iter().find(|push| push.node() == value) else {
                    return server_error();
                };
                let (date, from) = (tip.date, name == "fromchange");
                chosen.retain(|push| if from { push.date >= date } else { push.date <= date });
                meta.insert(name.clone(), json!(value));
                let key = if from { "push_timestamp__gte" } else { "push_timestamp__lte" };
                filters.insert(key.into(), json!(date));
                continue;
            }
            "revision" => {
                let short = value.len() < 40;
                chosen.retain(|push| {
                    if short { push.node()[..12] == **value } else { push.node() == value }
                });
                let length = if short { "short" } else { "long" };
                meta.insert(name.clone(), json!(value));
                filters.insert(format!("revisions_{length}_revision"), json!(value));
                continue;
            }
            "commit_revision" => {
                chosen.retain(|push| push.commits.iter().any(|commit| commit.node == *value));
                meta.insert(name.clone(), json!(value));
                continue;
            }
            "author" => chosen.retain(|push| push.user == *value),
            "id__in" => chosen
                .retain(|push| value.split(',').any(|id| id == push.treeherder_id.to_string())),
            _ => {
                if let Some(operator) = name.strip_prefix("push_timestamp__") {
                    let Ok(date) = value.parse::<i64>() else {
                        return server_error();
                    };
                    chosen.retain(|push| compare(operator, push.date, date));
                } else if let Some(operator) = name.strip_prefix("id__") {
                    let Ok(id) = value.parse::<i64>() else {
                        return server_error();
                    };
                    chosen.retain(|push| compare(operator, push.treeherder_id as i64, id));
                }
            }
        }
        filters.insert(name.clone(), json!(value));
    }
    chosen.sort_by_key(|push| std::cmp::Reverse(push.date));
    chosen.truncate(count);
    meta.insert("count".into(), json!(chosen.len()));
    meta.insert("repository".into(), json!(world.autoland.name));
    meta.insert("filter_params".into(), Value::Object(filters));
    let results: Vec<Value> = chosen.into_iter().map(entry).collect();
    Reply::json(200, &json!({"meta": meta, "results": results}))
}

fn compare(operator: &str, value: i64, bound: i64) -> bool {
    match operator {
        "lt" => value < bound,
        "lte" => value <= bound,
        "gt" => value > bound,
        "gte" => value >= bound,
        _ => true,
    }
}

fn by_id(world: &World, id: &str) -> Option<u32> {
    let id: u64 = id.parse().ok()?;
    world.autoland.pushes.iter().position(|push| push.treeherder_id == id).map(|i| i as u32)
}

/// `project/<repo>/push/<id>/`
pub(super) fn one(world: &World, id: &str) -> Reply {
    match by_id(world, id) {
        // `health/` and whatever else it does not know is read as an id, and breaks it.
        _ if id.parse::<u64>().is_err() => server_error(),
        Some(push) => Reply::json(200, &entry(&world.autoland.pushes[push as usize])),
        None => Reply::json(404, &json!(format!("No push with id: {id}"))),
    }
}

/// `project/<repo>/push/<id>/status/`
pub(super) fn status(world: &World, id: &str) -> Reply {
    let Some(push) = by_id(world, id) else {
        return Reply::json(404, &json!(format!("No push with id: {id}")));
    };
    let dynamic = world.dynamic();
    let rows = rows_of_push(world, push, &dynamic);
    let in_state = |state: &str| rows.iter().filter(|row| row.state == state).count();
    let mut counts = Map::new();
    for state in ["completed", "pending", "running"] {
        counts.insert(state.into(), json!(in_state(state)));
    }
    for Row { state, result, .. } in rows.iter().filter(|row| row.state == "completed") {
        debug_assert_eq!(*state, "completed");
        let count = counts.get(*result).and_then(Value::as_u64).unwrap_or(0);
        counts.insert((*result).into(), json!(count + 1));
    }
    Reply::json(200, &counts)
}

/// `project/<repo>/push/group_results/?revision=`: by task, whether each manifest that it ran came
/// out well.
pub(super) fn group_results(world: &World, request: &Request<'_>) -> Reply {
    let revision = request.get("revision").unwrap_or("");
    let Some(push) = world.autoland.pushes.iter().position(|push| push.node() == revision) else {
        return Reply::json(404, &json!(format!("No push with revision: {revision}")));
    };
    let push = push as u32;
    let dynamic = world.dynamic();
    let mut tasks = Map::new();
    for (job, entry) in world.catalog.jobs.iter().enumerate() {
        let Some((suite, _)) = entry.chunk else { continue };
        for task in world.tasks_of_job(push, job, &dynamic) {
            let TaskRef::Job { n, .. } = task else { continue };
            let ended = world
                .life(task, &dynamic)
                .and_then(|life| life.end())
                .is_some_and(|(at, _)| at <= world.clock.now());
            if !ended {
                continue;
            }
            let groups: Map<String, Value> = world
                .given(push, job, n, &dynamic)
                .into_iter()
                .map(|manifest| {
                    let fails = world.manifest_fails(push, job, n, (suite, manifest));
                    (Catalog::manifest_name(suite, manifest), json!(!fails))
                })
                .collect();
            tasks.insert(dynamic.id_of(world.seed(), task).to_string(), Value::Object(groups));
        }
    }
    Reply::json(200, &tasks)
}

/// `project/<repo>/push/decisiontask/?push_ids=`; only successful decision tasks.
pub(super) fn decision_tasks(world: &World, request: &Request<'_>) -> Reply {
    let ids: Vec<&str> = request.get("push_ids").unwrap_or("").split(',').collect();
    let mut found = Map::new();
    for id in &ids {
        let Some(push) = by_id(world, id) else {
            continue;
        };
        if world.decision_outcome(push) == Some(Outcome::Completed) {
            let task = TaskRef::Decision { push }.id(world.seed());
            found.insert((*id).to_owned(), json!({"id": task, "run": "0"}));
        }
    }
    if found.is_empty() {
        let list: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
        let text = format!("No decision tasks found for pushes: [{}]", list.join(", "));
        return Reply::json(404, &json!(text));
    }
    Reply::json(200, &found)
}
