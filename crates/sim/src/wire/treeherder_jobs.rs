//! Treeherder's jobs: a row a run, late, with its own words for results.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde_json::{Value, json};

use super::reply::{Reply, Request};
use super::treeherder::detail;
use super::treeherder_results::{classification, result};
use crate::world::{Dynamic, JobKind, TaskRef, TaskState, World};

const COLUMNS: [&str; 18] = [
    "failure_classification_id",
    "id",
    "job_group_name",
    "job_group_symbol",
    "job_type_name",
    "job_type_symbol",
    "last_modified",
    "platform",
    "push_id",
    "push_revision",
    "result",
    "signature",
    "state",
    "tier",
    "task_id",
    "retry_id",
    "duration",
    "platform_option",
];

/// One row of `jobs/`.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    classification: u8,
    id: u64,
    group: &'static str,
    name: String,
    symbol: String,
    modified: i64,
    platform: &'static str,
    push_id: u64,
    revision: String,
    pub(super) result: &'static str,
    pub(super) state: &'static str,
    task: String,
    run: usize,
    minutes: i64,
    pub(super) tier: u8,
    option: &'static str,
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(Some(COLUMNS.len()))?;
        row.serialize_element(&self.classification)?;
        row.serialize_element(&self.id)?;
        row.serialize_element(&format_args!("{} group", self.group))?;
        row.serialize_element(self.group)?;
        row.serialize_element(&self.name)?;
        row.serialize_element(&self.symbol)?;
        row.serialize_element(&naive(self.modified))?;
        row.serialize_element(self.platform)?;
        row.serialize_element(&self.push_id)?;
        row.serialize_element(&self.revision)?;
        row.serialize_element(self.result)?;
        row.serialize_element(&self.revision[..40])?;
        row.serialize_element(self.state)?;
        row.serialize_element(&self.tier)?;
        row.serialize_element(&self.task)?;
        row.serialize_element(&self.run)?;
        row.serialize_element(&self.minutes)?;
        row.serialize_element(self.option)?;
        row.end()
    }
}

fn naive(ms: i64) -> String {
    let at = chrono::DateTime::from_timestamp_millis(ms).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

/// The rows of a push that Treeherder has seen by now.
pub(super) fn rows_of_push(world: &World, push: u32, dynamic: &Dynamic) -> Vec<Row> {
    let tasks = world.tasks_of_push(push, dynamic);
    tasks.into_iter().flat_map(|task| rows_of_task(world, task, dynamic)).collect()
}

/// The rows of pushes on which nothing goes on any more, so that a page of many costs no more than
/// itself. What is requested on a push takes it out again.
#[derive(Debug, Default)]
pub(crate) struct RowCache(Mutex<HashMap<u32, Arc<Vec<Row>>>>);

impl RowCache {
    fn rows_of_push(&self, world: &World, push: u32, dynamic: &Dynamic) -> Arc<Vec<Row>> {
        let asked = dynamic.touches(push);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = known.get(&push).filter(|_| !asked) {
            return Arc::clone(rows);
        }
        let rows = Arc::new(rows_of_push(world, push, dynamic));
        let age = world.clock.now() / 1000 - world.autoland.pushes[push as usize].date;
        let settled = age > 6 * 3600 && rows.iter().all(|row| row.state == "completed");
        if settled && !asked {
            known.insert(push, Arc::clone(&rows));
        }
        rows
    }
}

/// How far behind Treeherder is with a task, in simulated milliseconds.
fn lag(world: &World, task: TaskRef) -> i64 {
    let spread = task.id(world.seed()).bytes()[15];
    ((30_000 + i64::from(spread) * 600) as f64 * world.config.treeherder_lag) as i64
}

fn rows_of_task(world: &World, task: TaskRef, dynamic: &Dynamic) -> Vec<Row> {
    let seen = world.clock.now() - lag(world, task);
    let Some(life) = world.life(task, dynamic).filter(|life| life.created <= seen) else {
        return Vec::new();
    };
    let push = &world.autoland.pushes[task.push() as usize];
    let (name, symbol, group, platform, option, place, kind) = match task {
        TaskRef::Decision { .. } => (
            "Gecko Decision Task".to_owned(),
            "D".to_owned(),
            "?",
            "gecko-decision",
            "opt",
            0,
            JobKind::Source,
        ),
        TaskRef::Action { push, n } => {
            let action = dynamic.actions_of(push).nth(usize::from(n));
            let field = |name: &str| {
                let text = action.and_then(|(_, a)| a.payload["decision"]["action"][name].as_str());
                text.unwrap_or("").to_owned()
            };
            (
                format!("Action: {}", field("title")),
                field("symbol"),
                "AC",
                "gecko-decision",
                "opt",
                90_000_000 + u64::from(n) * 10,
                JobKind::Source,
            )
        }
        TaskRef::Mark { n, .. } => {
            let given = dynamic.definition_of(task).cloned().unwrap_or_default();
            let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
            (
                text(&given["metadata"]["name"]),
                text(&given["extra"]["treeherder"]["symbol"]),
                "?",
                "mozci",
                "opt",
                95_000_000 + u64::from(n) * 10,
                JobKind::Source,
            )
        }
        TaskRef::Job { job, n, .. } => {
            let entry = &world.catalog.jobs[job];
            (
                entry.label.clone(),
                entry.symbols.0.clone(),
                entry.symbols.1,
                entry.platform,
                entry.option,
                (job as u64 + 1) * 10_000 + u64::from(n) * 10,
                entry.kind,
            )
        }
    };
    let row = |run: usize, state: TaskState, since: i64, until: i64, modified: i64| Row {
        classification: classification(world, task, state, dynamic),
        id: (u64::from(task.push()) + 1) * 100_000_000 + place + run as u64,
        group,
        name: name.clone(),
        symbol: symbol.clone(),
        modified: world.clock.shown(modified + lag(world, task)),
        platform,
        push_id: push.treeherder_id,
        revision: push.node().to_owned(),
        result: result(state, kind),
        state: match state {
            TaskState::Resolved(_) => "completed",
            other => other.word(),
        },
        task: dynamic.id_of(world.seed(), task).to_string(),
        run,
        minutes: ((until - since) as u64).div_ceil(60_000).max(1) as i64,
        tier: match task {
            TaskRef::Job { job, .. } => world.catalog.jobs[job].tier(),
            _ => 1,
        },
        option,
    };
    let mut rows: Vec<Row> = life
        .runs_at(seen)
        .enumerate()
        .map(|(n, (run, state))| {
            let started = run.started.unwrap_or(run.scheduled);
            let until = run.resolved.min(seen).max(started);
            let modified = match state {
                TaskState::Resolved(_) => run.resolved,
                TaskState::Running => started,
                _ => run.scheduled,
            };
            row(n, state, started, until, modified)
        })
        .collect();
    if rows.is_empty() {
        rows.push(row(0, life.state_at(seen), life.created, seen, life.created));
    }
    rows
}

/// The pushes that a request names; every one where it names none.
fn pushes_of(world: &World, request: &Request<'_>) -> Result<Vec<u32>, Reply> {
    let find = |id: u64| world.autoland.pushes.iter().position(|push| push.treeherder_id == id);
    let invalid = |field: &str| {
        let text = "Select a valid choice. That choice is not one of the available choices.";
        Reply::json(400, &json!({field: [text]}))
    };
    let mut chosen: Vec<u32> = (0..world.config.pushes).collect();
    if let Some(id) = request.get("push_id") {
        let known = id.parse().ok().and_then(find).ok_or_else(|| invalid("push_id"))?;
        chosen = vec![known as u32];
    }
    if let Some(list) = request.get("push_id__in") {
        let mut ids = Vec::new();
        for id in list.split(',').filter(|id| !id.is_empty()) {
            ids.push(
                id.parse::<u64>()
                    .map_err(|_| Reply::json(400, &json!({"push_id__in": ["Enter a number."]})))?,
            );
        }
        // An unknown push is an error in `push_id` and nothing at all here.
        let wanted: std::collections::HashSet<u64> = ids.into_iter().collect();
        chosen.retain(|i| wanted.contains(&world.autoland.pushes[*i as usize].treeherder_id));
    }
    Ok(chosen)
}

/// `jobs/`
pub(super) fn jobs(world: &World, request: &Request<'_>) -> Reply {
    let pushes = match pushes_of(world, request) {
        Ok(pushes) => pushes,
        Err(reply) => return reply,
    };
    let size = request.get("count").and_then(|c| c.parse::<usize>().ok()).unwrap_or(2000);
    let size = size.clamp(1, 2000);
    let page = request.get("page").and_then(|p| p.parse::<usize>().ok()).unwrap_or(1).max(1);
    let dynamic = world.dynamic();
    let task = request.get("task_id").and_then(|id| id.parse().ok());
    let label = request.get("job_type_name").map(|name| world.catalog.find(name));
    let mut rows: Vec<Row> = Vec::new();
    for push in pushes {
        match (task, label) {
            (Some(id), _) => {
                if let Some(task) = dynamic.task_of(world.seed(), id).filter(|t| t.push() == push) {
                    rows.extend(rows_of_task(world, task, &dynamic));
                }
            }
            (None, Some(Some(job))) => {
                for task in world.tasks_of_job(push, job, &dynamic) {
                    rows.extend(rows_of_task(world, task, &dynamic));
                }
            }
            _ => {
                let all = request.rows.rows_of_push(world, push, &dynamic);
                rows.extend(all.iter().filter(|row| keeps(row, request)).cloned());
            }
        }
    }
    rows.retain(|row| keeps(row, request));
    let total = rows.len();
    let from = (page - 1) * size;
    if from >= total && page > 1 {
        return detail(404, "Invalid page.");
    }
    let until = (from + size).min(total);
    let link = |page: usize| page_link(request, page);
    let answer = Page {
        count: total,
        next: (until < total).then(|| link(page + 1)),
        previous: (page > 1).then(|| link(page - 1)),
        results: &rows[from..until],
        job_property_names: COLUMNS,
    };
    Reply::json(200, &answer)
}

#[derive(serde::Serialize)]
struct Page<'a> {
    count: usize,
    next: Option<String>,
    previous: Option<String>,
    results: &'a [Row],
    job_property_names: [&'static str; 18],
}

fn page_link(request: &Request<'_>, page: usize) -> String {
    let mut pairs: Vec<(&str, String)> = request
        .query
        .iter()
        .filter(|(name, _)| name != "page")
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    if page > 1 {
        pairs.push(("page", page.to_string()));
    }
    pairs.sort();
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{}{}?{query}", request.urls.treeherder, request.path)
}

/// Filters that are known; every other parameter is ignored, `revision=` among them.
fn keeps(row: &Row, request: &Request<'_>) -> bool {
    request.query.iter().all(|(name, value)| match name.as_str() {
        "job_type_name" => row.name == *value,
        "job_group_symbol" => row.group == value,
        "platform" => row.platform == value,
        "task_id" => row.task == *value,
        "retry_id" => row.run.to_string() == *value,
        "result" => row.result == value,
        "state" => row.state == value,
        "id" => row.id.to_string() == *value,
        "tier" => *value == row.tier.to_string(),
        "tier__in" => value.split(',').any(|tier| tier == row.tier.to_string()),
        "failure_classification_id" => *value == row.classification.to_string(),
        "last_modified__gt" => naive(row.modified) > *value,
        _ => true,
    })
}

fn full_row(row: &Row) -> Value {
    json!({
        "build_architecture": "-",
        "build_os": "-",
        "build_platform": row.platform,
        "build_platform_id": 1,
        "build_system_type": "taskcluster",
        "end_timestamp": if row.state == "completed" { row.modified / 1000 } else { 0 },
        "failure_classification_id": row.classification,
        "id": row.id,
        "job_group_description": "",
        "job_group_id": 1,
        "job_group_name": format!("{} group", row.group),
        "job_group_symbol": row.group,
        "job_guid": guid(&row.task, row.run),
        "job_type_description": "",
        "job_type_id": 1,
        "job_type_name": row.name,
        "job_type_symbol": row.symbol,
        "last_modified": naive(row.modified),
        "machine_name": "worker-1",
        "machine_platform_architecture": "-",
        "machine_platform_os": "-",
        "option_collection_hash": if row.option == "opt" {
            "102210fe594ee9b33d82058545b1ed14f4c8206e"
        } else {
            "32faaecac742100f7753f0c1d0aa0add01b4046b"
        },
        "platform": row.platform,
        "push_id": row.push_id,
        "reason": "scheduled",
        "ref_data_name": &row.revision[..40],
        "result": row.result,
        "result_set_id": row.push_id,
        "signature": &row.revision[..40],
        "start_timestamp": row.modified / 1000 - row.minutes * 60,
        "state": row.state,
        "submit_timestamp": row.modified / 1000 - row.minutes * 60,
        "tier": row.tier,
        "who": "simulated@mozilla.example",
        "task_id": row.task,
        "retry_id": row.run,
        "platform_option": row.option,
    })
}

/// A job's guid: the UUID behind the task id, and the run.
fn guid(task: &str, run: usize) -> String {
    let bytes = task.parse::<mozci_core::ids::TaskId>().map(|id| id.bytes()).unwrap_or_default();
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    format!("{}-{}-{}-{}-{}/{run}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// `project/<repo>/jobs/`, the one without an order.
pub(super) fn project_jobs(world: &World, request: &Request<'_>) -> Reply {
    let count = request.get("count").and_then(|c| c.parse::<usize>().ok()).unwrap_or(10);
    if count > 2000 {
        return detail(400, "Specified count exceeds API MAX_JOBS_COUNT value: 2000");
    }
    let offset = request.get("offset").and_then(|o| o.parse::<usize>().ok()).unwrap_or(0);
    let pushes = pushes_of(world, request).unwrap_or_default();
    let dynamic = world.dynamic();
    let rows = pushes.into_iter().flat_map(|push| rows_of_push(world, push, &dynamic));
    let chosen: Vec<Row> =
        rows.filter(|row| keeps(row, request)).skip(offset).take(count).collect();
    let full: Vec<Value> = chosen.iter().map(full_row).collect();
    let meta = json!({"count": count, "offset": offset, "repository": world.autoland.name});
    if request.get("return_type") == Some("list") {
        let names: Vec<String> = full
            .first()
            .and_then(Value::as_object)
            .map(|row| row.keys().cloned().collect())
            .unwrap_or_default();
        let rows: Vec<Vec<Value>> = full
            .iter()
            .filter_map(Value::as_object)
            .map(|row| row.values().cloned().collect())
            .collect();
        let answer = json!({"results": rows, "meta": meta, "job_property_names": names});
        return Reply::json(200, &answer);
    }
    Reply::json(200, &json!({"results": full, "meta": meta}))
}

fn find_row(world: &World, id: &str) -> Option<Row> {
    let number: u64 = id.parse().ok()?;
    let push = u32::try_from((number / 100_000_000).checked_sub(1)?).ok()?;
    if push >= world.config.pushes {
        return None;
    }
    rows_of_push(world, push, &world.dynamic()).into_iter().find(|row| row.id == number)
}

/// The task and the run behind a row's number.
pub(super) fn task_of_job(world: &World, id: &str) -> Option<(String, usize)> {
    find_row(world, id).map(|row| (row.task, row.run))
}

/// `project/<repo>/jobs/<id>/`
pub(super) fn one(world: &World, id: &str) -> Reply {
    match find_row(world, id) {
        None => Reply::json(404, &json!(format!("No job with id: {id}"))),
        Some(row) => {
            let mut full = full_row(&row);
            full["resource_uri"] =
                json!(format!("/api/project/{}/jobs/{id}/", world.autoland.name));
            full["logs"] = json!([]);
            full["taskcluster_metadata"] = json!({"task_id": row.task, "retry_id": row.run});
            Reply::json(200, &full)
        }
    }
}

/// `project/<repo>/job-log-url/?job_id=`
pub(super) fn log_urls(world: &World, request: &Request<'_>) -> Reply {
    let ids: Vec<&str> = request.all("job_id").collect();
    if ids.is_empty() {
        return detail(400, "The job_id parameter is mandatory for this endpoint");
    }
    let logs: Vec<Value> = ids
        .iter()
        .filter_map(|id| find_row(world, id))
        .map(|row| {
            json!({
                "id": row.id,
                "job_id": row.id,
                "name": "live_backing_log",
                "url": format!(
                    "{}/api/queue/v1/task/{}/runs/{}/artifacts/public/logs/live_backing.log",
                    request.urls.taskcluster, row.task, row.run
                ),
                "parse_status": "parsed",
            })
        })
        .collect();
    Reply::json(200, &logs)
}
