//! What the queue publishes to Pulse when a task's state changes.

use serde_json::{Map, Value, json};

use super::definitions::{definition, group, status_at};
use crate::world::{Dynamic, Life, Outcome, TaskRef, World};

/// One message as it is published.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// The exchange.
    pub(crate) exchange: String,
    /// The routing key.
    pub(crate) routing_key: String,
    /// The task's routes, as further routing keys.
    pub(crate) cc: Vec<String>,
    /// The body.
    pub(crate) body: Value,
}

/// What a message tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    /// The task was created.
    Defined,
    /// A run waits for a worker.
    Pending(usize),
    /// A run is at work.
    Running(usize),
    /// A run, and the task with it, has ended.
    Ended(usize),
    /// Nothing of the group goes on any more.
    GroupResolved,
}

/// What happens in a life from an instant on, each with its instant. A run that the queue repeats
/// by itself is told of as the next one's being pending, as the queue does it.
pub(crate) fn moments(life: &Life, from: i64) -> Vec<(i64, Moment)> {
    let mut all = vec![(life.created, Moment::Defined)];
    for (n, run) in life.runs.iter().enumerate() {
        // One that was cancelled before it was scheduled was never pending.
        if run.started.is_some() || run.resolved > run.scheduled {
            all.push((run.scheduled, Moment::Pending(n)));
        }
        all.extend(run.started.map(|started| (started, Moment::Running(n))));
        let repeated = run.outcome.is_retried() && n + 1 < life.runs.len();
        if !repeated {
            all.push((run.resolved, Moment::Ended(n)));
        }
    }
    if life.runs.is_empty() {
        all.push((life.deadline, Moment::Ended(0)));
    }
    all.retain(|(at, _)| *at >= from);
    all
}

/// The message that the queue publishes of a moment.
pub(crate) fn message(
    world: &World,
    task: TaskRef,
    life: &Life,
    dynamic: &Dynamic,
    (at, moment): (i64, Moment),
) -> Message {
    // A task is told of as defined before it is scheduled, even if that is at once.
    let seen = if moment == Moment::Defined { at - 1 } else { at };
    let status = status_at(world, task, life, dynamic, seen);
    let text = |key: &str| status[key].as_str().unwrap_or("_").to_owned();
    let exchange = |name: &str| format!("exchange/taskcluster-queue/v1/{name}");
    if moment == Moment::GroupResolved {
        let (group, scheduler) = (group(world, task), text("schedulerId"));
        return Message {
            exchange: exchange("task-group-resolved"),
            routing_key: format!("primary.{group}.{scheduler}._"),
            cc: Vec::new(),
            body: json!({
                "taskGroupId": group, "schedulerId": scheduler,
                "expires": status["expires"], "version": 1,
            }),
        };
    }
    let (name, run) = match moment {
        Moment::Defined | Moment::GroupResolved => ("task-defined", None),
        Moment::Pending(n) => ("task-pending", Some(n)),
        Moment::Running(n) => ("task-running", Some(n)),
        Moment::Ended(n) => {
            let outcome = life.runs.get(n).map(|run| run.outcome);
            let name = match outcome {
                Some(Outcome::Completed) => "task-completed",
                Some(Outcome::Failed) => "task-failed",
                Some(Outcome::Exception(_)) | None => "task-exception",
            };
            (name, Some(n))
        }
    };
    let worker = run.and_then(|n| life.runs.get(n)).and_then(|run| run.started);
    let worker = worker.filter(|started| *started <= at);
    let (worker_group, worker_id) = if worker.is_some() { ("sim", "sim-1") } else { ("_", "_") };
    let run_text = run.map_or("_".to_owned(), |n| n.to_string());
    let routing_key = format!(
        "primary.{}.{run_text}.{worker_group}.{worker_id}.{}.{}.{}.{}._",
        text("taskId"),
        text("provisionerId"),
        text("workerType"),
        text("schedulerId"),
        text("taskGroupId"),
    );
    let definition = definition(world, task, life, dynamic);
    let routes = definition["routes"].as_array().into_iter().flatten();
    let cc = routes.filter_map(Value::as_str).map(|route| format!("route.{route}")).collect();
    let mut body = Map::new();
    body.insert("status".into(), status);
    if let Some(n) = run {
        body.insert("runId".into(), json!(n));
    }
    body.insert("task".into(), json!({"tags": definition["tags"]}));
    if worker.is_some() {
        body.insert("workerGroup".into(), json!(worker_group));
        body.insert("workerId".into(), json!(worker_id));
    }
    if let (Moment::Running(n), Value::Object(status)) = (moment, &body["status"]) {
        let taken = status["runs"][n]["takenUntil"].clone();
        body.insert("takenUntil".into(), taken);
    }
    body.insert("version".into(), json!(1));
    Message { exchange: exchange(name), routing_key, cc, body: body.into() }
}
