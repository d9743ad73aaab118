//! Treeherder's answers as they come.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Debug, Deserialize)]
pub(super) struct PushList {
    pub(super) results: Vec<PushEntry>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PushEntry {
    pub(super) id: u64,
    pub(super) revision: String,
    pub(super) author: String,
    pub(super) push_timestamp: i64,
    #[serde(default)]
    pub(super) revisions: Vec<RevisionEntry>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RevisionEntry {
    pub(super) revision: String,
    #[serde(default)]
    pub(super) comments: String,
}

/// A page of `jobs/`. The rows are arrays whose columns are named only behind them, so that they
/// are kept as text until the names are known.
#[derive(Debug, Deserialize)]
pub(super) struct JobPage<'a> {
    pub(super) count: u64,
    #[serde(borrow)]
    pub(super) results: Vec<&'a RawValue>,
    pub(super) job_property_names: Vec<String>,
}

/// Where each column of interest stands.
#[derive(Debug)]
pub(super) struct Columns(HashMap<usize, Column>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Column {
    Name,
    Group,
    Symbol,
    Platform,
    Option,
    PushId,
    PushRevision,
    Result,
    State,
    Tier,
    TaskId,
    RetryId,
    Duration,
    Modified,
    Classification,
}

const NAMES: [(&str, Column); 15] = [
    ("job_type_name", Column::Name),
    ("job_group_symbol", Column::Group),
    ("job_type_symbol", Column::Symbol),
    ("platform", Column::Platform),
    ("platform_option", Column::Option),
    ("push_id", Column::PushId),
    ("push_revision", Column::PushRevision),
    ("result", Column::Result),
    ("state", Column::State),
    ("tier", Column::Tier),
    ("task_id", Column::TaskId),
    ("retry_id", Column::RetryId),
    ("duration", Column::Duration),
    ("last_modified", Column::Modified),
    ("failure_classification_id", Column::Classification),
];

impl Columns {
    /// Finds the columns by name; an error names the one that is missing and cannot be done
    /// without. Columns that nobody knew yet are passed over.
    pub(super) fn new(names: &[String]) -> Result<Self, String> {
        let needed = [
            Column::Name,
            // Without these three decision and action tasks would not be known for what they are.
            Column::Group,
            Column::Symbol,
            Column::Platform,
            Column::PushId,
            Column::Result,
            Column::State,
            Column::TaskId,
            Column::RetryId,
        ];
        let found: HashMap<usize, Column> = names
            .iter()
            .enumerate()
            .filter_map(|(i, name)| {
                NAMES.iter().find(|(known, _)| known == name).map(|(_, column)| (i, *column))
            })
            .collect();
        for column in needed {
            if !found.values().any(|known| *known == column) {
                let name = NAMES.iter().find(|(_, c)| *c == column).map_or("", |(name, _)| name);
                return Err(format!("job_property_names lacks {name:?}"));
            }
        }
        Ok(Self(found))
    }

    pub(super) fn at(&self, index: usize) -> Option<Column> {
        self.0.get(&index).copied()
    }
}
