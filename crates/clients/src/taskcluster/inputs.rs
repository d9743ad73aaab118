//! What an action is requested: inputs that its own schema has a place for.

use mozci_core::ids::JobName;
use serde_json::{Map, Value, json};

use super::actions::{Action, ActionError};

impl Action {
    /// Inputs that request `times` runs of each of some labels, as few as the action's schema
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
        let most = most_times(&properties);
        let mut inputs = Vec::new();
        for labels in labels.chunks(most_labels) {
            for now in shares(times, most) {
                let mut body = json!({"tasks": labels});
                if properties.contains_key("times") {
                    body["times"] = json!(now);
                }
                let labels = labels.iter().map(JobName::new).collect();
                inputs.push(Input { labels, times: now, body });
                if inputs.len() > MOST_INPUTS {
                    return self.few_enough(inputs);
                }
            }
        }
        Ok(inputs)
    }

    /// Inputs that request `times` runs of a job that run these manifests and nothing else, with
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
        let most = most_times(&properties);
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
            if inputs.len() > MOST_INPUTS {
                return self.few_enough(inputs);
            }
        }
        Ok(inputs)
    }

    fn properties(&self) -> Result<Map<String, Value>, ActionError> {
        let schema = self.schema()?.ok_or_else(|| self.unfit("it takes no input"))?;
        let Value::Object(mut keywords) = schema else {
            return Err(self.unfit("its schema is no object"));
        };
        match keywords.remove("properties") {
            Some(Value::Object(properties)) => Ok(properties),
            _ => Err(self.unfit("its schema names no properties")),
        }
    }

    fn few_enough(&self, inputs: Vec<Input>) -> Result<Vec<Input>, ActionError> {
        match inputs.len() > MOST_INPUTS {
            true => Err(self.unfit(&format!(
                "it takes so little at once that more than {MOST_INPUTS} requests would be needed"
            ))),
            false => Ok(inputs),
        }
    }
}

/// How many runs one action may be requested.
fn most_times(properties: &Map<String, Value>) -> u32 {
    match properties.get("times") {
        None => 1,
        Some(times) => times["maximum"]
            .as_u64()
            .map_or(u32::MAX, |most| u32::try_from(most.max(1)).unwrap_or(u32::MAX)),
    }
}

/// What each of several actions is requested, where one takes only so many.
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
    /// The revision under which the tree groups what is requested.
    pub revision: &'a str,
    /// The symbol under which it is shown.
    pub symbol: Option<&'a str>,
}

/// Requests that one push is asked with at the most. Its file says how much one request may carry.
const MOST_INPUTS: usize = 200;

/// Labels that one action is given at the most.
const LABELS_AT_ONCE: usize = 100;

/// An action's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// What it requests.
    pub labels: Vec<JobName>,
    /// How many runs of each.
    pub times: u32,
    /// The input itself.
    pub body: Value,
}
