//! A mark in Treeherder: a task that does nothing, and is shown on a push with a text.
//!
//! Taskcluster resolves tasks of the queue `built-in/succeed` by itself. Treeherder shows a task that has exactly one
//! route `tc-treeherder.v2.<project>.<revision>`, by the fields of `extra.treeherder`.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

/// The queue whose tasks end well without a worker.
pub const SUCCEED: &str = "built-in/succeed";

/// The symbol under which marks are shown.
const SYMBOL: &str = "mz";

/// The row in which marks are shown.
const PLATFORM: &str = "mozci";

/// The longest description that the queue takes, in characters.
const LONGEST: usize = 32_768;

/// What a mark says.
#[derive(Debug, Clone, Copy)]
pub struct Marker<'a> {
    /// What the task is called.
    pub name: &'a str,
    /// The whole revision of the push that it stands on.
    pub revision: &'a str,
    /// Its text, in Markdown.
    pub text: &'a str,
}

/// The body that creates a mark from `now` on. Scheduler, priority, owner, source and the way into Treeherder are
/// those of a task of the same project, `like`. `None` where Treeherder is not told of that task.
pub fn marker(like: &Value, marker: &Marker<'_>, now: DateTime<Utc>) -> Option<Value> {
    let routes = like["routes"].as_array()?;
    let route = routes.iter().filter_map(Value::as_str).find(|r| r.starts_with("tc-treeherder"))?;
    // `tc-treeherder.v2.<project>`; what follows is of that task's push.
    let (project, _) = route.match_indices('.').nth(2).map(|(at, _)| route.split_at(at))?;
    let metadata = &like["metadata"];
    let at = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let text: String = marker.text.chars().take(LONGEST).collect();
    let mut body = json!({
        "taskQueueId": SUCCEED,
        "created": at(now),
        "deadline": at(now + TimeDelta::days(1)),
        "routes": [format!("{project}.{}", marker.revision)],
        "payload": {},
        "metadata": {
            "name": marker.name,
            "description": text,
            "owner": metadata["owner"],
            "source": metadata["source"],
        },
        "extra": {"treeherder": {
            "symbol": SYMBOL,
            "jobKind": "other",
            "tier": 2,
            "machine": {"platform": PLATFORM},
            "collection": {"opt": true},
        }},
    });
    for key in ["schedulerId", "priority", "projectId"] {
        if like[key].is_string() {
            body[key] = like[key].clone();
        }
    }
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(routes: Value) -> Value {
        json!({
            "schedulerId": "gecko-level-3", "priority": "low", "routes": routes,
            "metadata": {"name": "t", "description": "d", "owner": "a@b", "source": "https://hg"},
            "scopes": ["secret:x"], "payload": {"env": {}}, "taskGroupId": "g",
        })
    }

    #[test]
    fn a_mark_takes_the_way_of_its_projects_tasks() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let mark = Marker { name: "mozci: found", revision: "abc", text: "why" };
        let routes = json!(["index.x", "tc-treeherder.v2.autoland.def.123", "other"]);
        let body = marker(&like(routes), &mark, now).unwrap();
        assert_eq!(body["routes"], json!(["tc-treeherder.v2.autoland.abc"]));
        assert_eq!(body["schedulerId"], "gecko-level-3");
        assert_eq!(body["metadata"]["description"], "why");
        assert_eq!(body["metadata"]["owner"], "a@b");
        // Neither its scopes nor its group.
        assert!(body["scopes"].is_null() && body["taskGroupId"].is_null());
        assert_eq!(body["deadline"], "2023-11-15T22:13:20.000Z");
    }

    #[test]
    fn a_project_that_treeherder_is_not_told_of_has_no_marks() {
        let mark = Marker { name: "n", revision: "abc", text: "t" };
        for routes in [json!([]), json!(["index.x"]), json!(["tc-treeherder"]), Value::Null] {
            assert_eq!(marker(&like(routes.clone()), &mark, Utc::now()), None, "{routes}");
        }
    }
}
