//! Force schedulers: which builders they cover, and what they want to know.

use std::collections::BTreeMap;

use mozci_core::ids::SchedulerName;
use serde_json::{Map, Value};

use super::master::Master;
use super::reading::Stamp;
use super::wire::{FieldRow, ForceSchedulerRow, ForceSchedulers};
use crate::http::HttpError;

/// Values for a force scheduler's own fields, by their full names.
pub type Parameters = BTreeMap<String, String>;

/// A force scheduler.
#[derive(Debug, Clone)]
pub struct ForceScheduler {
    /// Its name.
    pub name: SchedulerName,
    /// The builders that it covers.
    pub builders: Vec<String>,
    fields: Vec<Field>,
}

/// A field of the form that a scheduler shows to people.
#[derive(Debug, Clone)]
struct Field {
    full_name: String,
    kind: String,
    required: bool,
    default: Value,
}

/// Why a builder cannot be forced this way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForceError {
    /// The scheduler has to be told something.
    #[error("the force scheduler {scheduler} needs {}", fields.join(", "))]
    Needs {
        /// The scheduler.
        scheduler: SchedulerName,
        /// The fields without a value, by their full names.
        fields: Vec<String>,
    },
    /// A value was given for a field that there is not: the master would ignore it.
    #[error("the force scheduler {scheduler} has no field {field:?}; it has {}", known.join(", "))]
    NoField {
        /// The scheduler.
        scheduler: SchedulerName,
        /// The field.
        field: String,
        /// The fields that there are.
        known: Vec<String>,
    },
    /// A value was given for a field that is ours to fill: the push, the branch, the ledger's id.
    #[error(
        "the field {field:?} of the force scheduler {scheduler} is filled in by mozci itself: leave it out"
    )]
    Ours {
        /// The scheduler.
        scheduler: SchedulerName,
        /// The field.
        field: String,
    },
    /// Its form has no field for a revision.
    #[error(
        "the force scheduler {scheduler} cannot be told a revision (of the codebase {codebase:?})"
    )]
    NoRevision {
        /// The scheduler.
        scheduler: SchedulerName,
        /// The codebase.
        codebase: String,
    },
}

/// Fields whose values are ours to say, besides those of the codebase.
const OURS: [&str; 4] = ["username", "reason", "priority", "builderid"];

impl Master {
    /// The force schedulers that are enabled.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn force_schedulers(&self) -> Result<Vec<ForceScheduler>, HttpError> {
        let answer: ForceSchedulers = self.get(&["forceschedulers"], &[]).await?;
        let enabled = answer.forceschedulers.into_iter().filter(|row| row.enabled);
        Ok(enabled.map(ForceScheduler::new).collect())
    }
}

impl ForceScheduler {
    fn new(row: ForceSchedulerRow) -> Self {
        let mut fields = Vec::new();
        row.all_fields.iter().for_each(|field| leaves(field, &mut fields));
        Self { name: SchedulerName::new(row.name), builders: row.builder_names, fields }
    }

    /// Whether it covers a builder. Forced through another one a builder would run all the same.
    pub fn covers(&self, builder: &str) -> bool {
        self.builders.iter().any(|name| name == builder)
    }

    /// Whether its form has a field of this full name.
    pub fn has_field(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.full_name == name)
    }

    /// What is sent to force a builder on a revision.
    ///
    /// The source stamp is to be the one that the change made, so that both are one to the master:
    /// where branch, repository and project can be said they are said.
    ///
    /// # Errors
    /// [`ForceError`] for required fields without a value, and for values without a field.
    pub fn parameters(
        &self,
        builder: u64,
        stamp: &Stamp,
        reason: &str,
        given: &Parameters,
    ) -> Result<Map<String, Value>, ForceError> {
        let scheduler = || self.name.clone();
        let of_codebase = |name: &str| match stamp.codebase.as_str() {
            "" => name.to_owned(),
            codebase => format!("{codebase}_{name}"),
        };
        let revision = of_codebase("revision");
        if self.field(&revision).is_none_or(|field| field.kind == "fixed") {
            let codebase = stamp.codebase.clone();
            return Err(ForceError::NoRevision { scheduler: scheduler(), codebase });
        }
        let own = ["revision", "branch", "repository", "project"].map(of_codebase);
        let is_ours = |name: &&String| own.contains(name) || OURS[1..].contains(&name.as_str());
        if let Some(field) = given.keys().find(is_ours) {
            return Err(ForceError::Ours { scheduler: scheduler(), field: field.clone() });
        }
        if let Some(field) = given.keys().find(|name| self.field(name).is_none()) {
            let names = self.fields.iter().map(|field| field.full_name.clone());
            let known = names.filter(|name| !is_ours(&name)).collect();
            return Err(ForceError::NoField {
                scheduler: scheduler(),
                field: field.clone(),
                known,
            });
        }
        let mut sent: Map<String, Value> =
            given.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let told = [
            (revision, stamp.revision.clone()),
            (of_codebase("branch"), stamp.branch.clone().unwrap_or_default()),
            (of_codebase("repository"), stamp.repository.clone()),
            (of_codebase("project"), stamp.project.clone()),
        ];
        for (name, value) in told {
            let can_be_said = self.field(&name).is_some_and(|field| field.kind != "fixed");
            if can_be_said && !value.is_empty() {
                sent.insert(name, value.into());
            }
        }
        sent.insert("builderid".into(), builder.into());
        sent.insert("reason".into(), reason.into());
        // The master wants required fields to be said even where they have a default.
        let mut fields: Vec<String> = Vec::new();
        for field in self.fields.iter().filter(|field| field.required) {
            match sent.contains_key(&field.full_name) {
                true => {}
                false if is_empty(&field.default) => fields.push(field.full_name.clone()),
                false => {
                    sent.insert(field.full_name.clone(), field.default.clone());
                }
            }
        }
        match fields.is_empty() {
            true => Ok(sent),
            false => Err(ForceError::Needs { scheduler: scheduler(), fields }),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// The fields that have values: forms nest them.
fn leaves(field: &FieldRow, into: &mut Vec<Field>) {
    if !field.fields.is_empty() {
        return field.fields.iter().for_each(|inner| leaves(inner, into));
    }
    let name = field.full_name.as_ref().or(field.name.as_ref());
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        into.push(Field {
            full_name: name.clone(),
            kind: field.kind.clone(),
            required: field.required,
            default: field.default.clone(),
        });
    }
}
