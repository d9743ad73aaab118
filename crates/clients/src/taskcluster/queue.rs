//! Reads of the queue.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use futures_util::TryStreamExt;
use mozci_core::ids::{JobName, TaskId};
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::actions::{Actions, LARGEST_FILE};
use super::acts::Taskcluster;
use super::pages::ENTRIES_A_REQUEST;
use super::pressed::CALLBACKS;
use super::status::TaskStatus;
use super::wire::{Artifacts, Definition, Statuses};
use crate::http::{HttpError, Problem};
use crate::side_by_side;

/// What a task is, as far as anything here needs it. It never changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// The job's label.
    pub label: String,
    /// The group: on Firefox CI the push's decision task.
    pub group: Option<String>,
    /// What it waits for.
    pub dependencies: Vec<String>,
    /// Scopes that it runs with.
    pub scopes: Vec<String>,
    /// Its tags, by which actions choose tasks.
    pub tags: BTreeMap<String, String>,
    /// The repository and revision that it runs for.
    pub push: Option<(String, String)>,
    /// The manifests that it runs, where it tells (`MOZHARNESS_TEST_PATHS`).
    pub manifests: Option<Vec<String>>,
    /// Treeherder's symbol for it.
    pub symbol: Option<String>,
    /// The pool of workers that it runs in: the worker type.
    #[serde(default)]
    pub pool: Option<String>,
    /// Whose tasks it belongs to: the scheduler's id.
    #[serde(default)]
    pub scheduler: Option<String>,
    /// For an action task: what it was given.
    pub action: Option<ActionContext>,
}

/// What an action task was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionContext {
    /// The action's name.
    pub name: String,
    /// The user's input.
    pub input: Value,
    /// The task that it was requested, if any.
    pub task: Option<String>,
    /// What is run for it, where its task tells (`ACTION_CALLBACK`). Several actions may have one name.
    #[serde(default)]
    pub callback: Option<String>,
}

/// What an action requests, as far as it concerns one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobRequests {
    /// So many runs on its own push.
    Runs(u32),
    /// So many runs on each of so many pushes before its own: the two-stage backfill.
    Backfill {
        /// How many pushes it goes back, at most.
        depth: u32,
        /// Runs on each.
        times: u32,
        /// Whether its own push gets them, too.
        inclusive: bool,
    },
    /// Nothing of this job.
    Nothing,
}

impl TaskDefinition {
    /// Whether everything is there that decisions depend on: an action task tells its name and input.
    pub fn is_whole(&self) -> bool {
        let is_action = self.tags.get("kind").is_some_and(|kind| kind == "action-callback");
        match &self.action {
            Some(action) => action.is_readable(),
            None => !is_action,
        }
    }
}

impl ActionContext {
    /// Whether it tells what it was requested. Those that request jobs by their labels have them in
    /// their input.
    pub fn is_readable(&self) -> bool {
        let by_label = ["add-new-jobs", "retrigger-multiple", "backfill-task"];
        self.input.is_object() || !by_label.contains(&self.name.as_str())
    }

    /// What the action asks of a job, some of whose tasks are known by their ids.
    pub fn requests(&self, job: &JobName, is_of_job: impl Fn(&str) -> bool) -> JobRequests {
        let count = |value: &Value| {
            value.as_u64().map_or(1, |times| u32::try_from(times).unwrap_or(u32::MAX))
        };
        // A program of ours asks by actions of its own, which are counted themselves.
        if self.callback.as_deref().is_some_and(|callback| CALLBACKS.contains(&callback)) {
            return JobRequests::Nothing;
        }
        let times = count(&self.input["times"]);
        let names_job = |labels: &Value| {
            labels.as_array().is_some_and(|l| l.iter().any(|l| l.as_str() == Some(job.as_str())))
        };
        let of_task = || self.task.as_deref().is_some_and(&is_of_job);
        match self.name.as_str() {
            "add-new-jobs" if names_job(&self.input["tasks"]) => JobRequests::Runs(times),
            "retrigger-multiple" => {
                let requests = self.input["requests"].as_array().map(Vec::as_slice).unwrap_or(&[]);
                let ours = requests.iter().filter(|request| names_job(&request["tasks"]));
                let runs = ours.map(|request| count(&request["times"]));
                match runs.fold(0, u32::saturating_add) {
                    0 => JobRequests::Nothing,
                    runs => JobRequests::Runs(runs),
                }
            }
            "backfill-task" if self.input["label"].as_str() == Some(job.as_str()) => {
                JobRequests::Runs(times)
            }
            "retrigger" if of_task() => JobRequests::Runs(times),
            // Without a depth the tree's own default counts, which differs; the largest is
            // assumed, so that too little is requested rather than too much.
            "backfill" if of_task() => JobRequests::Backfill {
                depth: self.input["depth"].as_u64().map_or(25, |d| d.min(100) as u32),
                times,
                inclusive: self.input["inclusive"].as_bool().unwrap_or(false),
            },
            _ => JobRequests::Nothing,
        }
    }
}

impl Taskcluster {
    /// Asks the queue whether it is there, which also tells its time.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn ping(&self) -> Result<(), HttpError> {
        let url = self.url("queue", &["ping"])?;
        self.http.get::<serde::de::IgnoredAny>(url).await.map(drop)
    }

    /// A task's definition.
    ///
    /// # Errors
    /// [`HttpError`]; not found also means expired.
    pub async fn task(&self, task: TaskId) -> Result<TaskDefinition, HttpError> {
        let url = self.url("queue", &["task", &task.to_string()])?;
        let wire: Definition = self.http.get(url).await?;
        Ok(translate(wire))
    }

    /// The statuses of many tasks in as many requests as there are pages. Tasks that the queue
    /// does not know are not in the answer.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn statuses(
        &self,
        tasks: &[TaskId],
    ) -> Result<HashMap<TaskId, TaskStatus>, HttpError> {
        let mut found = HashMap::new();
        let url = self.url("queue", &["tasks", "status"])?;
        for chunk in tasks.chunks(ENTRIES_A_REQUEST) {
            self.each_of::<Statuses>(&url, Some(&json!({"taskIds": chunk})), |entry| {
                let status = TaskStatus::new(&entry.status)?;
                found.insert(status.task, status);
                Ok(())
            })
            .await?;
        }
        Ok(found)
    }

    /// The names of the artifacts of a task's last run.
    ///
    /// # Errors
    /// [`HttpError`]; not found for a task that has not run.
    pub async fn artifacts(&self, task: TaskId) -> Result<Vec<String>, HttpError> {
        let mut names = Vec::new();
        let url = self.url("queue", &["task", &task.to_string(), "artifacts"])?;
        self.each_of::<Artifacts>(&url, None, |artifact| {
            names.push(artifact.name);
            Ok(())
        })
        .await?;
        Ok(names)
    }

    /// The actions of a push's decision task.
    ///
    /// # Errors
    /// [`HttpError`]; not found also means expired.
    pub async fn actions(&self, decision: TaskId) -> Result<Actions, HttpError> {
        let url = self.artifact_url(decision, "public/actions.json")?;
        self.http.up_to(LARGEST_FILE).get(url).await
    }

    /// The tasks that a decision task made for some labels, by label; the file may have very many
    /// others.
    ///
    /// # Errors
    /// [`HttpError`]; not found also means expired.
    pub async fn scheduled(
        &self,
        decision: TaskId,
        labels: &HashSet<&str>,
    ) -> Result<HashMap<String, String>, HttpError> {
        let url = self.artifact_url(decision, "public/label-to-taskid.json")?;
        let body = self.http.get_body(&url, "application/json").await?;
        let mut reader = serde_json::Deserializer::from_slice(&body);
        let found = reader.deserialize_map(OnlyThese(labels));
        found.map_err(|error| HttpError {
            problem: Problem::of_json(&error),
            method: "GET",
            url: url.to_string(),
        })
    }

    /// An artifact of a task's last run that is JSON.
    pub(crate) async fn artifact<T: DeserializeOwned>(
        &self,
        task: TaskId,
        name: &str,
    ) -> Result<T, HttpError> {
        self.http.get(self.artifact_url(task, name)?).await
    }

    /// Where an artifact of a task's last run is.
    pub(super) fn artifact_url(&self, task: TaskId, name: &str) -> Result<Url, HttpError> {
        let task = task.to_string();
        let mut segments = vec!["task", &task, "artifacts"];
        segments.extend(name.split('/'));
        self.url("queue", &segments)
    }

    /// The tasks that an action task created, by its own record: by label, in their order.
    ///
    /// An action that does its work several times writes a file for each (`-0`, `-1`, …), and one more in
    /// which of each job the last task stands: that one says nothing more.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn created_by(&self, action: TaskId) -> Result<Created, HttpError> {
        let names = self.artifacts(action).await?;
        let all = names.iter().map(String::as_str);
        let mut records: Vec<&str> = all
            .filter(|name| name.starts_with(RECORD) && name.ends_with(".json"))
            .take(MOST_RECORDS)
            .collect();
        let is_of_all = |name: &str| name.strip_prefix(RECORD) == Some(".json");
        match records.iter().filter(|name| !is_of_all(name)).count() {
            0 => {}
            1 if records.iter().any(|name| is_of_all(name)) => records.retain(|n| is_of_all(n)),
            _ => records.retain(|name| !is_of_all(name)),
        }
        let reading = records.into_iter().map(|name| async move {
            let url = self.artifact_url(action, name)?;
            let map: HashMap<String, String> = self.http.up_to(LARGEST_RECORD).get(url).await?;
            Ok::<_, HttpError>((name, map))
        });
        let read: Vec<_> = side_by_side(reading, RECORDS_AT_ONCE).try_collect().await?;
        let mut created = Created::default();
        for (name, map) in read {
            for (label, id) in map {
                let id = id.parse::<TaskId>().map_err(|error| HttpError {
                    problem: Problem::Shape(format!("{name}: {error}")),
                    method: "GET",
                    url: action.to_string(),
                })?;
                let tasks = created.0.entry(label).or_default();
                if !tasks.contains(&id) {
                    tasks.push(id);
                }
            }
        }
        Ok(created)
    }
}

/// How the names of an action's records begin.
const RECORD: &str = "public/label-to-taskid";

/// Records that are read at once.
const RECORDS_AT_ONCE: usize = 4;

/// The largest record of an action that is read, in bytes, and how many of them.
const LARGEST_RECORD: usize = 4 << 20;
/// See [`LARGEST_RECORD`].
const MOST_RECORDS: usize = 100;

/// Reads of a map only what belongs to some keys.
struct OnlyThese<'a>(&'a HashSet<&'a str>);

impl<'de> Visitor<'de> for OnlyThese<'_> {
    type Value = HashMap<String, String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a map of labels to task ids")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = HashMap::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match self.0.contains(&*key) {
                true => drop(found.insert(key.into_owned(), map.next_value()?)),
                false => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

/// What an action task created.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Created(BTreeMap<String, Vec<TaskId>>);

impl Created {
    /// The jobs' labels and the ids of their tasks, as text.
    pub fn names(&self) -> impl Iterator<Item = (String, Vec<String>)> {
        self.0
            .iter()
            .map(|(job, tasks)| (job.clone(), tasks.iter().map(TaskId::to_string).collect()))
    }
}

pub(super) fn shape(url: &Url, reason: String) -> HttpError {
    HttpError { problem: Problem::Shape(reason), method: "GET", url: url.to_string() }
}

/// The manifests of a task's `MOZHARNESS_TEST_PATHS`: JSON in a string, lists by suite.
fn manifests(text: &str) -> Option<Vec<String>> {
    let by_suite: BTreeMap<String, Vec<String>> = serde_json::from_str(text).ok()?;
    Some(by_suite.into_values().flatten().collect())
}

pub(super) fn translate(wire: Definition) -> TaskDefinition {
    let label = wire.tags.get("label").cloned().unwrap_or(wire.metadata.name);
    let action = wire.extra["action"]["name"].as_str().map(|name| {
        let context = &wire.extra["action"]["context"];
        ActionContext {
            name: name.to_owned(),
            input: context["input"].clone(),
            task: context["taskId"].as_str().map(String::from),
            callback: wire.payload["env"]["ACTION_CALLBACK"].as_str().map(String::from),
        }
    });
    // `tc-treeherder.v2.<project>.<revision>[.<pushlog id>]` says for what push it runs.
    let routed = wire.routes.iter().find_map(|route| {
        let mut parts = route.strip_prefix("tc-treeherder.v2.")?.split('.');
        Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
    });
    let push = routed.or_else(|| {
        let revision = wire.payload["env"]["GECKO_HEAD_REV"].as_str()?;
        Some((wire.tags.get("project")?.clone(), revision.to_owned()))
    });
    TaskDefinition {
        label,
        manifests: wire.payload["env"]["MOZHARNESS_TEST_PATHS"].as_str().and_then(manifests),
        symbol: wire.extra["treeherder"]["symbol"].as_str().map(String::from),
        pool: wire.worker_type.clone(),
        scheduler: wire.scheduler_id.clone(),
        group: Some(wire.task_group_id),
        dependencies: wire.dependencies,
        scopes: wire.scopes,
        tags: wire.tags,
        push,
        action,
    }
}
