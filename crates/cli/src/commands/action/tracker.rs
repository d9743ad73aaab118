//! The lines by which Treeherder follows a backfill.
//!
//! Treeherder's server reads them in the log of an action task that completed: a line `BACKFILL_STARTED`, then a
//! line `BACKFILL_DATA` a push, and before the next one a line with `Task seen here:` and the link of the action
//! task that makes the runs. A push without that link counts as failed.

use mozci_core::ids::{RequestId, TaskId};
use serde_json::{Value, json};

/// The lines for what a backfill answered.
pub(super) fn lines(
    label: &str,
    answer: &Value,
    link: impl Fn(RequestId) -> Option<String>,
) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let results = list(&answer["results"]);
    let pushes: Vec<&Value> = results.iter().map(|result| &result["push"]["id"]).collect();
    let started = json!({
        "strategy": "standard",
        "label": label,
        "slices": pushes.len(),
        "target_pushes": pushes,
        "scanned_push_count": list(&answer["walk"]["steps"]).len(),
    });
    let mut lines = vec![format!("BACKFILL_STARTED: {started}")];
    for result in &results {
        let data = json!({"decision_task_id": result["decision_task"]});
        lines.push(format!("BACKFILL_DATA: {data}"));
        let task = result["task"].as_str().and_then(|task| task.parse::<TaskId>().ok());
        let is_sent = result["state"] == "sent";
        if let Some(link) = task.filter(|_| is_sent).and_then(|task| link(task.into())) {
            lines.push(format!("Task seen here: {link}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_that_was_not_asked_has_no_link() {
        let task = "VG_suAYIRdup9mOBDb6vQw";
        let answer = json!({
            "walk": {"steps": [1, 2, 3]},
            "results": [
                {"push": {"id": 7}, "state": "sent", "task": task, "decision_task": "D"},
                {"push": {"id": 6}, "state": "not-sent", "detail": "no", "decision_task": "E"},
            ],
        });
        let lines = lines("job", &answer, |task| Some(format!("http://tc/tasks/{task}")));
        let started = lines[0].strip_prefix("BACKFILL_STARTED: ").unwrap();
        let started: Value = serde_json::from_str(started).unwrap();
        assert_eq!(started["target_pushes"], json!([7, 6]));
        assert_eq!(started["scanned_push_count"], 3);
        let rest: Vec<&str> = lines[1..].iter().map(String::as_str).collect();
        assert_eq!(
            rest,
            [
                r#"BACKFILL_DATA: {"decision_task_id":"D"}"#,
                "Task seen here: http://tc/tasks/VG_suAYIRdup9mOBDb6vQw",
                r#"BACKFILL_DATA: {"decision_task_id":"E"}"#,
            ]
        );
    }
}
