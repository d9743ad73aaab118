//! Acts on the queue itself: a task that is created, a task that is cancelled. Both may be sent
//! twice without harm.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use mozci_core::ids::TaskId;
use serde_json::{Value, json};
use taskcluster::Queue;

use super::acts::{Taskcluster, cancel_error};
use super::status::TaskStatus;
use super::wire::StatusEntry;
use crate::act::ActError;
use crate::http::HttpError;

/// Routes under which the index is told of a task. A repeated one must not take the place of the
/// first there.
const INDEX: &str = "index.";

/// What the queue adds to a definition by itself, and does not take back.
const ADDED: [&str; 2] = ["provisionerId", "workerType"];

/// What the queue always sends of a definition. Without one of these the clone would be another
/// task: one that starts without its build, or under other scopes.
const NEEDED: [&str; 13] = [
    "taskQueueId",
    "schedulerId",
    "taskGroupId",
    "dependencies",
    "requires",
    "routes",
    "priority",
    "retries",
    "scopes",
    "payload",
    "metadata",
    "tags",
    "extra",
];

/// The body that repeats a task: its own definition with times from `now` on, without the routes
/// into the index. `None` where the definition is not whole or its own times cannot
/// be read.
pub fn repeat(definition: &Value, now: DateTime<Utc>) -> Option<Value> {
    if NEEDED.iter().any(|key| definition.get(key).is_none_or(Value::is_null)) {
        return None;
    }
    let instant = |key: &str| DateTime::parse_from_rfc3339(definition[key].as_str()?).ok();
    let created = instant("created")?;
    // Milliseconds, as the queue writes them: what is sent and what it keeps must be the same.
    let shifted = |key: &str| -> Option<String> {
        let after: TimeDelta = instant(key)? - created;
        Some((now + after).to_rfc3339_opts(SecondsFormat::Millis, true))
    };
    let mut body = definition.as_object()?.clone();
    for key in ["created", "deadline", "expires"] {
        // `expires` may be left to the queue.
        if body.contains_key(key) || key != "expires" {
            body.insert(key.to_owned(), json!(shifted(key)?));
        }
    }
    if let Some(routes) = body.get_mut("routes").and_then(Value::as_array_mut) {
        routes.retain(|route| !route.as_str().is_some_and(|route| route.starts_with(INDEX)));
    }
    for key in ADDED {
        body.remove(key);
    }
    Some(Value::Object(body))
}

/// When a body that creates a task can no longer be sent.
pub fn deadline(body: &Value) -> Option<DateTime<Utc>> {
    let text = body["deadline"].as_str()?;
    Some(DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc))
}

impl Taskcluster {
    /// A task's whole definition, as it was created.
    ///
    /// # Errors
    /// [`HttpError`]; not found also means expired.
    pub async fn raw_definition(&self, task: TaskId) -> Result<Value, HttpError> {
        let url = self.url("queue", &["task", &task.to_string()])?;
        self.http.get(url).await
    }

    /// Creates a task under an id of ours. The same body under the same id makes one task, however
    /// often it is sent.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn create_task(&self, task: TaskId, body: &Value) -> Result<(), ActError> {
        let queue = Queue::new(self.signed_builder().await?)
            .map_err(|error| ActError::NotSent(error.to_string()))?;
        let id = task.to_string();
        self.act("createTask", queue.createTask(&id, body)).await.map(drop)
    }

    /// Cancels a task. One that has ended already is left as it is.
    ///
    /// # Errors
    /// [`ActError`]; [`ActError::Over`] where the task's deadline has passed.
    pub async fn cancel_task(&self, task: TaskId) -> Result<TaskStatus, ActError> {
        let queue = Queue::new(self.signed_builder().await?)
            .map_err(|error| ActError::NotSent(error.to_string()))?;
        let id = task.to_string();
        let answer = self.act_or("cancelTask", queue.cancelTask(&id), cancel_error).await?;
        let entry: Result<StatusEntry, _> = serde_json::from_value(answer);
        let status = entry.map_err(|error| error.to_string());
        let status = status.and_then(|entry| TaskStatus::new(&entry.status));
        status.map_err(|error| {
            ActError::Uncertain(format!("the answer has an unexpected shape: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_task_has_new_times_and_leaves_the_index_alone() {
        let definition = json!({
            "taskQueueId": "a/b", "provisionerId": "a", "workerType": "b",
            "created": "2026-01-01T00:00:00.000Z",
            "deadline": "2026-01-05T00:00:00.000Z",
            "expires": "2027-01-01T00:00:00.000Z",
            "schedulerId": "s", "taskGroupId": "g", "requires": "all-completed", "priority": "low",
            "retries": 5, "scopes": [], "payload": {}, "metadata": {"name": "t"}, "tags": {}, "extra": {},
            "dependencies": ["x"],
            "routes": ["index.gecko.v2.x", "tc-treeherder.v2.autoland.abc"],
        });
        let now = DateTime::parse_from_rfc3339("2026-03-01T12:00:00.5Z").unwrap().to_utc();
        let body = repeat(&definition, now).unwrap();
        assert_eq!(body["created"], "2026-03-01T12:00:00.500Z");
        assert_eq!(body["deadline"], "2026-03-05T12:00:00.500Z");
        assert_eq!(body["expires"], "2027-03-01T12:00:00.500Z");
        assert_eq!(body["routes"], json!(["tc-treeherder.v2.autoland.abc"]));
        assert_eq!(body["dependencies"], json!(["x"]));
        assert!(body.get("workerType").is_none());
        assert_eq!(deadline(&body).unwrap(), now + TimeDelta::days(4));
        for key in NEEDED.iter().chain(&["created", "deadline"]) {
            let mut less = definition.clone();
            less.as_object_mut().unwrap().remove(*key);
            assert!(repeat(&less, now).is_none(), "{key}");
        }
    }
}
