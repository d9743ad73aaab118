//! `actions.json`: the way a user requests jobs.
//!
//! Whoever may push writes the file. It is read in pieces: what is not used is never parsed, and
//! what is used is bounded ([`render`](super::render)).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::render::{Rendering, bounded};
use crate::http::beginning;

/// The largest file that is read, in bytes. Gecko's has some hundred kilobytes.
pub(super) const LARGEST_FILE: usize = 4 << 20;

/// The longest schema, payload, list of contexts and set of variables that are used, in bytes.
const LONGEST_SCHEMA: usize = 128 << 10;
const LONGEST_PAYLOAD: usize = 256 << 10;
const LONGEST_CONTEXT: usize = 16 << 10;
const LONGEST_VARIABLES: usize = 64 << 10;

/// The actions of a push.
#[derive(Debug, Clone, Deserialize)]
pub struct Actions {
    /// The entries, in the file's order.
    actions: Vec<Action>,
    /// Variables that payloads may refer to.
    #[serde(default)]
    variables: Option<Box<RawValue>>,
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
    context: Option<Box<RawValue>>,
    /// What the input must be.
    #[serde(default)]
    schema: Option<Box<RawValue>>,
    #[serde(default)]
    hook_group_id: Option<String>,
    #[serde(default)]
    hook_id: Option<String>,
    #[serde(default)]
    hook_payload: Option<Box<RawValue>>,
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
        let found = self
            .actions
            .iter()
            .find(|action| action.name == name && action.kind == "hook" && action.fits(tags));
        found.ok_or_else(|| {
            let names: Vec<&str> = self.actions.iter().map(|a| a.name.as_str()).collect();
            let known = if names.contains(&name) {
                "there is one, but its context does not fit".to_owned()
            } else {
                let some = names.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ");
                let more = names.len().saturating_sub(MOST_NAMES);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("it offers {}{more}", beginning(&some))
            };
            ActionError::Absent { name: name.to_owned(), known }
        })
    }

    /// What rendering an action's payload takes, for a request with this input. Nothing is computed
    /// yet.
    ///
    /// # Errors
    /// [`ActionError::Unfit`] where it names no hook, [`ActionError::Template`] and
    /// [`ActionError::Refused`] where what it says is larger or deeper than is used.
    pub fn rendering(
        &self,
        action: &Action,
        group: &str,
        task: Option<&str>,
        input: &Value,
    ) -> Result<Rendering, ActionError> {
        let template = |reason: String| ActionError::Template { name: action.name(), reason };
        let mut context = Map::new();
        if let Some(variables) = &self.variables {
            let what = "`variables` of its file";
            context = bounded(variables, LONGEST_VARIABLES, what).map_err(template)?;
        }
        context.insert("input".into(), input.clone());
        context.insert("taskGroupId".into(), json!(group));
        context.insert("taskId".into(), json!(task));
        let (hook_group_id, hook_id) = action.hook()?;
        let payload = match &action.hook_payload {
            Some(raw) => bounded(raw, LONGEST_PAYLOAD, "its payload").map_err(template)?,
            None => Value::Null,
        };
        Ok(Rendering {
            action: action.name(),
            hook_group_id: hook_group_id.to_owned(),
            hook_id: hook_id.to_owned(),
            schema: action.schema()?,
            payload,
            context,
            input: input.clone(),
        })
    }
}

/// Names of actions that an error lists.
const MOST_NAMES: usize = 20;

impl Action {
    /// The hook's group and the hook that it triggers.
    ///
    /// # Errors
    /// [`ActionError::Unfit`] where it names none.
    pub fn hook(&self) -> Result<(&str, &str), ActionError> {
        match (&self.hook_group_id, &self.hook_id) {
            (Some(group), Some(hook)) => Ok((group, hook)),
            _ => Err(self.unfit("it names no hook")),
        }
    }

    /// What the input must be.
    pub(super) fn schema(&self) -> Result<Option<Value>, ActionError> {
        let Some(raw) = &self.schema else { return Ok(None) };
        let refused = |reason| ActionError::Refused { name: self.name(), reason };
        bounded(raw, LONGEST_SCHEMA, "its schema").map(Some).map_err(refused)
    }

    pub(super) fn unfit(&self, reason: &str) -> ActionError {
        ActionError::Unfit { name: self.name(), reason: reason.to_owned() }
    }

    /// The name as errors show it.
    fn name(&self) -> String {
        beginning(&self.name)
    }

    /// Whether one of the tag sets is part of the tags; no tag set at all is for the push.
    fn fits(&self, tags: Option<&BTreeMap<String, String>>) -> bool {
        type Sets = Vec<BTreeMap<String, String>>;
        let sets = match &self.context {
            None => Sets::new(),
            Some(raw) => match bounded::<Sets>(raw, LONGEST_CONTEXT, "its context") {
                Ok(sets) => sets,
                Err(_) => return false,
            },
        };
        match tags {
            None => sets.is_empty(),
            Some(tags) => {
                sets.iter().any(|set| set.iter().all(|(key, value)| tags.get(key) == Some(value)))
            }
        }
    }
}
