//! `actions.json`: the way a user asks for jobs.

use std::collections::BTreeMap;

use mozci_core::ids::JobName;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The actions of a push.
#[derive(Debug, Clone, Deserialize)]
pub struct Actions {
    /// The entries, in the file's order.
    actions: Vec<Action>,
    /// Variables that payloads may refer to.
    #[serde(default)]
    variables: Map<String, Value>,
    /// The format's version.
    version: u64,
}

/// One action.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// Its name; several entries may share one.
    pub name: String,
    kind: String,
    /// Tag sets of which one must be part of the task's tags; none for actions on the push.
    #[serde(default)]
    context: Vec<BTreeMap<String, String>>,
    /// What the input must be.
    #[serde(default)]
    schema: Option<Value>,
    #[serde(default)]
    hook_group_id: Option<String>,
    #[serde(default)]
    hook_id: Option<String>,
    #[serde(default)]
    hook_payload: Value,
}

/// An action ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The action's name.
    pub action: String,
    /// The hook's group.
    pub hook_group_id: String,
    /// The hook.
    pub hook_id: String,
    /// The body as it is sent.
    pub payload: Value,
}

/// Why an action cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The file has no such action for this.
    #[error("the push's actions.json offers no {name:?} ({known})")]
    Absent {
        /// What was looked for.
        name: String,
        /// What there is, in words.
        known: String,
    },
    /// The action takes no labels, or no `times`, so that it cannot be used for this.
    #[error("the action {name:?} does not take what is needed: {reason}")]
    Unfit {
        /// The action.
        name: String,
        /// Why.
        reason: String,
    },
    /// The action's own schema refuses the input.
    #[error("the action {name:?} refuses its input: {reason}")]
    Refused {
        /// The action.
        name: String,
        /// The schema's words.
        reason: String,
    },
    /// The payload's template cannot be rendered.
    #[error("the payload of the action {name:?} cannot be rendered: {reason}")]
    Template {
        /// The action.
        name: String,
        /// JSON-e's words.
        reason: String,
    },
    /// The file is of a version that nobody knew yet.
    #[error("actions.json is of version {0}, and only version 1 is understood")]
    Version(u64),
}

impl Actions {
    /// The first action of a name that fits a task with these tags; `None` for the push itself.
    ///
    /// # Errors
    /// [`ActionError::Absent`], [`ActionError::Version`].
    pub fn find(
        &self,
        name: &str,
        tags: Option<&BTreeMap<String, String>>,
    ) -> Result<&Action, ActionError> {
        if self.version != 1 {
            return Err(ActionError::Version(self.version));
        }
        let found = self.actions.iter().find(|action| {
            action.name == name && action.kind == "hook" && fits(&action.context, tags)
        });
        found.ok_or_else(|| {
            let names: Vec<&str> = self.actions.iter().map(|a| a.name.as_str()).collect();
            let known = if names.contains(&name) {
                "there is one, but its context does not fit".to_owned()
            } else {
                format!("it offers {}", names.join(", "))
            };
            ActionError::Absent { name: name.to_owned(), known }
        })
    }

    /// Renders an action's payload for its hook, after its schema has accepted the input.
    ///
    /// # Errors
    /// [`ActionError::Refused`], [`ActionError::Template`], [`ActionError::Unfit`].
    pub fn render(
        &self,
        action: &Action,
        group: &str,
        task: Option<&str>,
        input: &Value,
    ) -> Result<Rendered, ActionError> {
        let name = || action.name.clone();
        if let Some(schema) = &action.schema {
            let refused = |reason: String| ActionError::Refused { name: name(), reason };
            let validator =
                jsonschema::validator_for(schema).map_err(|error| refused(error.to_string()))?;
            let errors: Vec<String> = validator
                .iter_errors(input)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            if !errors.is_empty() {
                return Err(refused(errors.join("; ")));
            }
        }
        let mut context = self.variables.clone();
        context.insert("input".into(), input.clone());
        context.insert("taskGroupId".into(), json!(group));
        context.insert("taskId".into(), json!(task));
        let payload = json_e::render(&action.hook_payload, &Value::Object(context))
            .map_err(|error| ActionError::Template { name: name(), reason: error.to_string() })?;
        let hook = action.hook_group_id.clone().zip(action.hook_id.clone());
        let Some((hook_group_id, hook_id)) = hook else {
            return Err(ActionError::Unfit { name: name(), reason: "it names no hook".into() });
        };
        Ok(Rendered { action: name(), hook_group_id, hook_id, payload })
    }
}

impl Action {
    /// Inputs that ask for `times` runs of each of some labels, as few as the action's schema
    /// allows: schemas differ between trees and years and forbid extra keys.
    ///
    /// # Errors
    /// [`ActionError::Unfit`] where it takes no labels.
    pub fn inputs_for(&self, labels: &[&str], times: u32) -> Result<Vec<Input>, ActionError> {
        let unfit = |reason: &str| self.unfit(reason);
        let properties = self.properties()?;
        let tasks = properties.get("tasks").ok_or_else(|| unfit("its schema has no `tasks`"))?;
        let most_labels = tasks["maxItems"].as_u64().map_or(LABELS_AT_ONCE, |most| {
            usize::try_from(most).unwrap_or(LABELS_AT_ONCE).clamp(1, LABELS_AT_ONCE)
        });
        let most = most_times(properties);
        let mut inputs = Vec::new();
        for labels in labels.chunks(most_labels) {
            for now in shares(times, most) {
                let mut body = json!({"tasks": labels});
                if properties.contains_key("times") {
                    body["times"] = json!(now);
                }
                let labels = labels.iter().map(JobName::new).collect();
                inputs.push(Input { labels, times: now, body });
            }
        }
        Ok(inputs)
    }

    /// Inputs that ask for `times` runs of a job that run these manifests and nothing else, with
    /// what else the action's schema has a place for.
    ///
    /// # Errors
    /// [`ActionError::Unfit`] where it takes no label or no manifests.
    pub fn inputs_with_manifests(
        &self,
        narrowed: &Narrowed<'_>,
        times: u32,
    ) -> Result<Vec<Input>, ActionError> {
        let properties = self.properties()?;
        for needed in ["label", "test_manifests"] {
            if !properties.contains_key(needed) {
                return Err(self.unfit(&format!("its schema has no `{needed}`")));
            }
        }
        let most = most_times(properties);
        let mut inputs = Vec::new();
        for now in shares(times, most) {
            let body = [
                ("label", Some(json!(narrowed.label))),
                ("test_manifests", Some(json!(narrowed.manifests))),
                ("revision", Some(json!(narrowed.revision))),
                ("symbol", narrowed.symbol.map(|symbol| json!(symbol))),
                // The push may have a run of the chunk already that runs something else.
                ("retrigger", Some(json!(true))),
                ("times", Some(json!(now))),
            ];
            let known = body.into_iter().filter(|(key, _)| properties.contains_key(*key));
            let body: Map<String, Value> =
                known.filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
            let labels = vec![JobName::new(narrowed.label)];
            inputs.push(Input { labels, times: now, body: body.into() });
        }
        Ok(inputs)
    }

    fn unfit(&self, reason: &str) -> ActionError {
        ActionError::Unfit { name: self.name.clone(), reason: reason.to_owned() }
    }

    fn properties(&self) -> Result<&Map<String, Value>, ActionError> {
        let schema = self.schema.as_ref().ok_or_else(|| self.unfit("it takes no input"))?;
        let properties = schema["properties"].as_object();
        properties.ok_or_else(|| self.unfit("its schema names no properties"))
    }
}

/// How many runs one action may be asked for.
fn most_times(properties: &Map<String, Value>) -> u32 {
    match properties.get("times") {
        None => 1,
        Some(times) => times["maximum"]
            .as_u64()
            .map_or(u32::MAX, |most| u32::try_from(most.max(1)).unwrap_or(u32::MAX)),
    }
}

/// What each of several actions is asked for, where one takes only so many.
fn shares(times: u32, most: u32) -> impl Iterator<Item = u32> {
    let mut left = times;
    std::iter::from_fn(move || {
        let now = left.min(most);
        left -= now;
        (now > 0).then_some(now)
    })
}

/// A job that is to run some manifests only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Narrowed<'a> {
    /// The job: any chunk of the suite that the push's task graph has.
    pub label: &'a str,
    /// What it is to run.
    pub manifests: &'a [String],
    /// The revision under which the tree groups what is asked for.
    pub revision: &'a str,
    /// The symbol under which it is shown.
    pub symbol: Option<&'a str>,
}

/// Labels that one action is given at the most.
const LABELS_AT_ONCE: usize = 100;

/// An action's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// What it asks for.
    pub labels: Vec<JobName>,
    /// How many runs of each.
    pub times: u32,
    /// The input itself.
    pub body: Value,
}

/// Whether one of the tag sets is part of the tags; the empty list is for the push.
fn fits(context: &[BTreeMap<String, String>], tags: Option<&BTreeMap<String, String>>) -> bool {
    match tags {
        None => context.is_empty(),
        Some(tags) => {
            context.iter().any(|set| set.iter().all(|(key, value)| tags.get(key) == Some(value)))
        }
    }
}
