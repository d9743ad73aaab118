//! Force schedulers: which builders they cover, and what they want to know.

use std::collections::BTreeMap;

use mozci_core::ids::SchedulerName;
use serde_json::{Map, Value};

use super::fields::{Field, leaves};
use super::master::Master;
use super::reading::Stamp;
use super::wire::{ForceSchedulerRow, ForceSchedulers};
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
        "the force scheduler {scheduler} cannot be told a revision{}",
        if codebase.is_empty() { String::new() } else { format!(" of the codebase {codebase:?}") }
    )]
    NoRevision {
        /// The scheduler.
        scheduler: SchedulerName,
        /// The codebase.
        codebase: String,
    },
    /// It builds another branch, whatever it is told.
    #[error("the force scheduler {scheduler} only builds the branch {branch:?}")]
    OtherBranch {
        /// The scheduler.
        scheduler: SchedulerName,
        /// The branch.
        branch: String,
    },
}

impl ForceError {
    /// Whether other values with the command or in the configuration would do.
    pub fn is_for_the_user(&self) -> bool {
        matches!(self, Self::Needs { .. } | Self::NoField { .. } | Self::Ours { .. })
    }
}

/// A text like those that are sent as a reason, by which is known whether one is taken.
const SAMPLE: &str = "mozci AbCdEfGhIjKlMnOpQrStUv";

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

    /// How long a reason of ours may be, in bytes; none where the form takes none: the scheduler's own is
    /// fixed, or one of a few.
    pub fn reason_room(&self) -> Option<usize> {
        // A form without the field takes what it is told.
        self.field("reason").map_or(Some(usize::MAX), |field| field.room(SAMPLE))
    }

    /// The full name of a field of a codebase. The form's part for it bears the codebase's name, or
    /// another one, where it is the only part that can be told a revision.
    fn of_codebase(&self, codebase: &str, name: &str) -> String {
        format!("{}{name}", self.part_of(codebase))
    }

    /// How the names of a codebase's fields begin.
    fn part_of(&self, codebase: &str) -> String {
        let usual = Self::part_named(codebase);
        if self.has_field(&format!("{usual}revision")) || self.has_field("revision") {
            return usual;
        }
        let mut parts = self.fields.iter().filter_map(|f| f.full_name.strip_suffix("revision"));
        match (parts.next(), parts.next()) {
            (Some(only), None) => only.to_owned(),
            _ => usual,
        }
    }

    /// How the names of the fields begin of a part that bears its codebase's name.
    fn part_named(codebase: &str) -> String {
        match codebase {
            "" => String::new(),
            codebase => format!("{codebase}_"),
        }
    }

    /// The codebases of the form other than one, by the names of its parts.
    pub fn other_codebases(&self, codebase: &str) -> Vec<&str> {
        let own = self.of_codebase(codebase, "revision");
        let names = self.fields.iter().map(|field| field.full_name.as_str());
        let others = names.filter(|name| *name != own);
        others.filter_map(|name| name.strip_suffix("_revision")).collect()
    }

    /// What is sent to force a builder on a revision, but for the reason where that is ours to say
    /// ([`Self::reason_room`]).
    ///
    /// The source stamp is to be the one that the change made, so that both are one to the master:
    /// where branch, repository and project can be said they are said. `others` are stamps of the
    /// codebases besides.
    ///
    /// # Errors
    /// [`ForceError`] for required fields without a value, for values without a field, and for a form that
    /// builds something else.
    pub fn parameters(
        &self,
        builder: u64,
        stamp: &Stamp,
        others: &[Stamp],
        given: &Parameters,
    ) -> Result<Map<String, Value>, ForceError> {
        let scheduler = || self.name.clone();
        let of_codebase = |name: &str| self.of_codebase(&stamp.codebase, name);
        let revision = of_codebase("revision");
        if self.field(&revision).is_none_or(|field| !field.takes(&stamp.revision)) {
            let codebase = stamp.codebase.clone();
            return Err(ForceError::NoRevision { scheduler: scheduler(), codebase });
        }
        if let (Some(field), Some(branch)) = (self.field(&of_codebase("branch")), &stamp.branch) {
            let own = field.default.as_str().unwrap_or("");
            if !field.takes(branch) && !own.is_empty() && own != branch {
                let branch = own.to_owned();
                return Err(ForceError::OtherBranch { scheduler: scheduler(), branch });
            }
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
        let ours = (self.part_of(&stamp.codebase), stamp);
        let others = others.iter().map(|other| (Self::part_named(&other.codebase), other));
        for (part, stamp) in std::iter::once(ours).chain(others) {
            let told = [
                ("revision", stamp.revision.as_str()),
                ("branch", stamp.branch.as_deref().unwrap_or_default()),
                ("repository", &stamp.repository),
                ("project", &stamp.project),
            ];
            for (name, value) in told {
                let name = format!("{part}{name}");
                let can_be_said = self.field(&name).is_some_and(|field| field.takes(value));
                if can_be_said && !value.is_empty() {
                    sent.entry(name).or_insert_with(|| value.into());
                }
            }
        }
        sent.insert("builderid".into(), builder.into());
        let fields = self.complete(&mut sent);
        match fields.is_empty() {
            true => Ok(sent),
            false => Err(ForceError::Needs { scheduler: scheduler(), fields }),
        }
    }

    /// Says what the master wants to be told, as a form that nobody touched does, and gives the fields for
    /// which there is nothing to say.
    fn complete(&self, sent: &mut Map<String, Value>) -> Vec<String> {
        let mut missing: Vec<String> = Vec::new();
        for field in &self.fields {
            let is_reason = field.full_name == "reason";
            // The master wants required fields to be said even where they have a default.
            let wanted = field.required || field.wants_a_choice();
            let is_told = sent.contains_key(&field.full_name)
                || field.is_fixed()
                || is_reason && self.reason_room().is_some();
            if is_told || !wanted {
                continue;
            }
            match field.untouched() {
                // Which choice decides what is built: only of a reason any will do.
                Some(_) if field.wants_a_choice() && !is_reason => {
                    missing.push(field.full_name.clone());
                }
                Some(value) => {
                    sent.insert(field.full_name.clone(), value);
                }
                None => missing.push(field.full_name.clone()),
            }
        }
        missing
    }
}
