//! What the queue publishes to Pulse, translated.

use std::collections::BTreeMap;

use mozci_core::event::{Event, Standing};
use mozci_core::ids::{JobName, TaskId};
use serde::Deserialize;

use super::status::TaskStatus;
use super::wire::Status;
use crate::pulse::Binding;

/// Where the queue's exchanges begin.
const EXCHANGES: &str = "exchange/taskcluster-queue/v1/";

/// The exchanges that tell where a task stands.
const OF_TASKS: [&str; 6] = [
    "task-defined",
    "task-pending",
    "task-running",
    "task-completed",
    "task-failed",
    "task-exception",
];

/// A message larger than this, in bytes, is none of the queue's: the largest seen has 3 KiB, and fifty
/// runs make twenty of it.
const LARGEST: usize = 1 << 20;

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Watched {
    /// The tasks of a group.
    Group(TaskId),
    /// A task.
    Task(TaskId),
    /// Everything that a scheduler made.
    Scheduler(String),
    /// Everything that runs in a pool of workers.
    WorkerType(String),
}

impl Watched {
    /// The bindings that bring it. A routing key is
    /// `primary.<taskId>.<runId>.<workerGroup>.<workerId>.<provisionerId>.<workerType>.<schedulerId>.<taskGroupId>._`
    /// and that of a group's end `primary.<taskGroupId>.<schedulerId>._`.
    pub fn bindings(&self) -> Vec<Binding> {
        let key = match self {
            Self::Task(task) => format!("primary.{task}.#"),
            Self::WorkerType(worker) => format!("primary.*.*.*.*.*.{worker}.#"),
            Self::Scheduler(scheduler) => format!("primary.*.*.*.*.*.*.{scheduler}.#"),
            Self::Group(group) => format!("primary.*.*.*.*.*.*.*.{group}.#"),
        };
        let bind = |name: &str, key: &str| Binding {
            exchange: format!("{EXCHANGES}{name}"),
            routing_key: key.to_owned(),
        };
        let mut bindings: Vec<Binding> = OF_TASKS.iter().map(|name| bind(name, &key)).collect();
        match self {
            Self::Group(group) => {
                bindings.push(bind("task-group-resolved", &format!("primary.{group}.#")));
            }
            Self::Scheduler(scheduler) => {
                bindings.push(bind("task-group-resolved", &format!("primary.*.{scheduler}.#")));
            }
            Self::Task(_) | Self::WorkerType(_) => {}
        }
        bindings
    }
}

#[derive(Deserialize)]
struct OfTask {
    status: StatusOfGroup,
    #[serde(default)]
    task: Option<OfDefinition>,
}

#[derive(Deserialize)]
struct StatusOfGroup {
    #[serde(flatten)]
    status: Status,
    #[serde(rename = "taskGroupId")]
    group: String,
}

#[derive(Deserialize)]
struct OfDefinition {
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfGroup {
    task_group_id: String,
}

/// What a message says; none where its exchange tells of nothing that matters here.
///
/// # Errors
/// What is wrong with it, in words: it has to be kept aside.
pub fn event(exchange: &str, body: &[u8]) -> Result<Option<Event>, String> {
    let Some(kind) = exchange.strip_prefix(EXCHANGES) else {
        return Err(format!("the exchange {exchange:?} is none of the queue's"));
    };
    if body.len() > LARGEST {
        return Err(format!("{} bytes, where {LARGEST} are the most that is read", body.len()));
    }
    let broken = |error: serde_json::Error| format!("no message of the queue: {error}");
    let id = |text: &str| text.parse::<TaskId>().map_err(|error| error.to_string());
    if kind == "task-group-resolved" {
        let message: OfGroup = serde_json::from_slice(body).map_err(broken)?;
        return Ok(Some(Event::GroupEnded(id(&message.task_group_id)?)));
    }
    if !OF_TASKS.contains(&kind) {
        return Ok(None);
    }
    let OfTask { status: StatusOfGroup { status, group }, task } =
        serde_json::from_slice(body).map_err(broken)?;
    let told = TaskStatus::new(&status)?;
    let label = task.and_then(|task| task.tags.get("label").cloned());
    Ok(Some(Event::Stands(Standing {
        request: told.task.into(),
        group: Some(id(&group)?),
        job: label.map(JobName::new),
        state: told.state,
        runs: told.runs,
    })))
}
