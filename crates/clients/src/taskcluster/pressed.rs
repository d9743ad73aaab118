//! A button that was pressed: what an action task of the tree's is given in its environment.
//!
//! The names and shapes are those of taskgraph's `.taskcluster.yml`: `ACTION_TASK_ID` and `ACTION_INPUT` are JSON,
//! `ACTION_TASK_GROUP_ID` and `ACTION_CALLBACK` are plain text.

use mozci_core::ids::TaskId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::render::accepts;

/// What the button does, with its input. Every field of an input has a default, since Treeherder's own buttons send
/// `{}`.
#[derive(Debug, Clone, PartialEq)]
pub enum Button {
    /// Fill the holes back to the last good push.
    Backfill(BackfillInput),
    /// Search for the culprit.
    Bisect(BisectInput),
    /// Have enough runs to know how often it fails.
    RetriggerUntil(RetriggerInput),
}

/// The input of `mozci-backfill`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackfillInput {
    /// Pushes before this one that may be searched for a good one; the command's own default without, and for 0.
    pub max_revisions: Option<u32>,
    /// Runs that each push gets.
    pub times: Option<u32>,
    /// The test that is chased, instead of why the job is red.
    pub test: Option<String>,
}

/// The input of `mozci-bisect`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BisectInput {
    /// Pushes before this one that may be searched for a good one; the command's own default without.
    pub max_revisions: Option<u32>,
    /// Runs that may be requested.
    pub budget: Option<u32>,
    /// Whether the culprit is marked in Treeherder.
    pub mark: Option<bool>,
    /// The test that is chased, instead of why the job is red.
    pub test: Option<String>,
}

/// The input of `mozci-retrigger-until`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetriggerInput {
    /// Runs that the push is to have.
    pub runs: Option<u32>,
}

/// Runs that tell how often something fails: what fails in one of seven is then seen to fail with 95 %
/// (`1 - (6/7)^20`).
pub const ENOUGH_RUNS: u32 = 20;

/// The names of the callbacks, in the order in which they are offered.
pub const CALLBACKS: [&str; 3] = ["mozci-backfill", "mozci-bisect", "mozci-retrigger-until"];

/// A button that was pressed.
#[derive(Debug, Clone, PartialEq)]
pub struct Pressed {
    /// The push's task group, which goes by its decision task.
    pub group: TaskId,
    /// The task that was selected.
    pub task: TaskId,
    /// What is to be done.
    pub button: Button,
    /// Fields of the input that only the tree's own action of that name knows.
    pub ignored: Vec<&'static str>,
}

impl Pressed {
    /// Reads what `env` has.
    ///
    /// # Errors
    /// In words: what is missing, what cannot be read, what the input's schema refuses, and that no task was
    /// selected.
    pub fn read(env: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let get = |name: &str| {
            env(name).filter(|value| !value.is_empty()).ok_or_else(|| {
                format!("{name} is not set: `mozci action` is the callback of an action, and runs in its task")
            })
        };
        let callback = get("ACTION_CALLBACK")?;
        let group = get("ACTION_TASK_GROUP_ID")?;
        let group = group.parse().map_err(|error| format!("ACTION_TASK_GROUP_ID: {error}"))?;
        let task = get("ACTION_TASK_ID")?;
        let task: Option<String> = serde_json::from_str(&task)
            .map_err(|_| format!("ACTION_TASK_ID is {task:?}, which is not a task id in JSON"))?;
        let task = task.ok_or_else(|| {
            format!(
                "{callback} acts on one job, and none was selected: select a build or a test first"
            )
        })?;
        let task = task.parse().map_err(|error| format!("ACTION_TASK_ID: {error}"))?;
        let input = env("ACTION_INPUT").filter(|text| !text.trim().is_empty());
        let input: Value = match input {
            None => json!({}),
            Some(text) => serde_json::from_str(&text)
                .map_err(|error| format!("ACTION_INPUT is not JSON: {error}"))?,
        };
        // A group's action sends null where its schema has nothing to fill in.
        let mut input = if input.is_null() { json!({}) } else { input };
        let ignored = if callback == CALLBACKS[0] { to_ours(&mut input) } else { Vec::new() };
        Ok(Self { group, task, button: Button::new(&callback, &input)?, ignored })
    }
}

/// Takes the fields of Gecko's own backfill out of an input, as scripts and Treeherder's own requests send them to
/// whichever action is called `backfill` (`{"retrigger": false, "slices": 3}`). What has a counterpart here gets its
/// name; the names of all others are given.
fn to_ours(input: &mut Value) -> Vec<&'static str> {
    let Some(fields) = input.as_object_mut() else { return Vec::new() };
    if let Some(depth) = fields.remove("depth") {
        fields.entry("max_revisions").or_insert(depth);
    }
    let others = ["retrigger", "inclusive", "slices"];
    others.into_iter().filter(|name| fields.remove(*name).is_some()).collect()
}

impl Button {
    /// What a callback does with an input.
    fn new(callback: &str, input: &Value) -> Result<Self, String> {
        let Some(schema) = schema(callback) else {
            return Err(format!(
                "no callback of mozci's is called {callback:?}; there are {}",
                CALLBACKS.join(", ")
            ));
        };
        let refused = |why: String| format!("the input does not fit {callback}: {why}");
        accepts(&schema, input).map_err(refused)?;
        let wrong = |error: serde_json::Error| refused(error.to_string());
        let input = input.clone();
        Ok(match callback {
            "mozci-backfill" => Self::Backfill(serde_json::from_value(input).map_err(wrong)?),
            "mozci-bisect" => Self::Bisect(serde_json::from_value(input).map_err(wrong)?),
            _ => Self::RetriggerUntil(serde_json::from_value(input).map_err(wrong)?),
        })
    }
}

/// The schema of a callback's input, as `actions.json` shows it to Treeherder; `None` for a callback that is not ours.
pub fn schema(callback: &str) -> Option<Value> {
    let count = |text: &str, default: u32, most: u32| json!({"type": "integer", "title": text, "default": default, "minimum": default.min(1), "maximum": most});
    let test = json!({
        "type": "string",
        "title": "The test to search for; empty: the reason why the job failed",
        "default": "",
        "maxLength": 500,
    });
    let back = "Pushes before this one that may be searched for a good one";
    let properties = match callback {
        "mozci-backfill" => json!({
            "max_revisions": count(&format!("{back}; 0: 40, and more for a job that seldom runs"), 0, 400),
            "times": count("Runs that each push gets", 1, 10),
            "test": test,
        }),
        "mozci-bisect" => json!({
            "max_revisions": count(back, 100, 400),
            "budget": count("Runs that may be requested", 200, 1000),
            "mark": {"type": "boolean", "title": "Mark the culprit in Treeherder", "default": false},
            "test": test,
        }),
        "mozci-retrigger-until" => json!({
            "runs": count("Runs that this push gets; more than 20 only where mozci's config allows them", ENOUGH_RUNS, 100),
        }),
        _ => return None,
    };
    Some(json!({"type": "object", "properties": properties, "additionalProperties": false}))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: &str = "VG_suAYIRdup9mOBDb6vQw";

    fn read(task: &str, callback: &str, input: &str) -> Result<Pressed, String> {
        Pressed::read(|name| {
            let value = match name {
                "ACTION_TASK_ID" => task,
                "ACTION_TASK_GROUP_ID" => "V1Ixl5lvSGOCF44tq-WLxw",
                "ACTION_CALLBACK" => callback,
                "ACTION_INPUT" => input,
                _ => return None,
            };
            Some(value.to_owned())
        })
    }

    #[test]
    fn treeherders_empty_input_is_enough() {
        for input in ["{}", "null", ""] {
            let pressed = read(&format!("\"{TASK}\""), "mozci-backfill", input).unwrap();
            assert_eq!(pressed.task.to_string(), TASK);
            assert_eq!(pressed.button, Button::Backfill(BackfillInput::default()), "{input}");
        }
    }

    #[test]
    fn an_input_is_read_by_its_callback() {
        let task = format!("\"{TASK}\"");
        let pressed = read(&task, "mozci-bisect", r#"{"budget": 50, "test": "a/b.js"}"#).unwrap();
        let input =
            BisectInput { budget: Some(50), test: Some("a/b.js".into()), ..Default::default() };
        assert_eq!(pressed.button, Button::Bisect(input));
        let pressed = read(&task, "mozci-retrigger-until", r#"{"runs": 5}"#).unwrap();
        assert_eq!(pressed.button, Button::RetriggerUntil(RetriggerInput { runs: Some(5) }));
    }

    #[test]
    fn an_input_for_the_trees_own_backfill_is_understood() {
        let task = format!("\"{TASK}\"");
        let sent = r#"{"retrigger": false, "slices": 3, "depth": 25, "times": 2}"#;
        let pressed = read(&task, "mozci-backfill", sent).unwrap();
        let input = BackfillInput { max_revisions: Some(25), times: Some(2), ..Default::default() };
        assert_eq!(pressed.button, Button::Backfill(input));
        assert_eq!(pressed.ignored, ["retrigger", "slices"]);
    }

    #[test]
    fn every_bad_input_has_its_answer() {
        let task = format!("\"{TASK}\"");
        let cases = [
            ("null", "mozci-backfill", "{}", "none was selected"),
            (TASK, "mozci-backfill", "{}", "not a task id in JSON"),
            ("\"nonsense\"", "mozci-backfill", "{}", "ACTION_TASK_ID"),
            ("5", "mozci-backfill", "{}", "not a task id in JSON"),
            (&task, "retrigger", "{}", "no callback of mozci's"),
            (&task, "", "{}", "ACTION_CALLBACK is not set"),
            (&task, "mozci-backfill", "{", "ACTION_INPUT is not JSON"),
            (&task, "mozci-backfill", "[]", "does not fit"),
            (&task, "mozci-bisect", r#"{"max_revisions": 0}"#, "max_revisions"),
            (&task, "mozci-backfill", r#"{"depth": "all"}"#, "max_revisions"),
            (&task, "mozci-bisect", r#"{"retrigger": false}"#, "retrigger"),
            (&task, "mozci-backfill", r#"{"max_revisions": 1e9}"#, "max_revisions"),
            (&task, "mozci-backfill", r#"{"deep": 3}"#, "deep"),
            (&task, "mozci-bisect", r#"{"budget": "all"}"#, "budget"),
            (&task, "mozci-retrigger-until", r#"{"runs": 101}"#, "runs"),
        ];
        for (task, callback, input, words) in cases {
            let error = read(task, callback, input).unwrap_err();
            assert!(error.contains(words), "{task} {callback} {input}: {error}");
        }
    }

    #[test]
    fn what_a_schema_fills_in_fits_the_callback() {
        for callback in CALLBACKS {
            let schema = schema(callback).unwrap();
            let fields = schema["properties"].as_object().unwrap();
            let filled: serde_json::Map<_, _> = fields
                .iter()
                .map(|(name, field)| (name.clone(), field["default"].clone()))
                .collect();
            Button::new(callback, &Value::Object(filled)).unwrap();
        }
    }
}
