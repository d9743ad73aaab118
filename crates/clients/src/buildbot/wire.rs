//! The shapes of the data API (`/api/v2`), as far as they are used. Every answer is an envelope of a
//! plural's list, even for one object.

use mozci_core::farm::{Build, Request, Results};
use mozci_core::ids::{BuildId, BuildRequestId};
use mozci_core::time::At;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Changes {
    pub(super) changes: Vec<ChangeRow>,
}

#[derive(Deserialize)]
pub(super) struct ChangeRow {
    pub(super) changeid: u64,
    pub(super) revision: Option<String>,
    pub(super) branch: Option<String>,
    #[serde(default)]
    pub(super) author: String,
    #[serde(default)]
    pub(super) comments: String,
    #[serde(default)]
    pub(super) when_timestamp: i64,
    #[serde(default)]
    pub(super) repository: String,
    #[serde(default)]
    pub(super) project: String,
    #[serde(default)]
    pub(super) codebase: String,
    pub(super) category: Option<String>,
    pub(super) sourcestamp: Option<StampRow>,
}

#[derive(Deserialize)]
pub(super) struct StampRow {
    pub(super) ssid: u64,
    pub(super) revision: Option<String>,
    pub(super) branch: Option<String>,
    #[serde(default)]
    pub(super) repository: String,
    #[serde(default)]
    pub(super) codebase: String,
    pub(super) created_at: Option<i64>,
    pub(super) patch: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Sets {
    pub(super) buildsets: Vec<SetRow>,
}

#[derive(Deserialize)]
pub(super) struct SetRow {
    pub(super) bsid: u64,
    #[serde(default)]
    pub(super) reason: String,
    pub(super) submitted_at: i64,
    pub(super) complete_at: Option<i64>,
    pub(super) results: Option<i64>,
    pub(super) parent_buildid: Option<u64>,
    pub(super) rebuilt_buildid: Option<u64>,
    pub(super) sourcestamps: Vec<StampRow>,
}

#[derive(Deserialize)]
pub(super) struct Requests {
    pub(super) buildrequests: Vec<RequestRow>,
}

#[derive(Deserialize)]
pub(super) struct RequestRow {
    buildrequestid: u64,
    buildsetid: u64,
    builderid: u64,
    submitted_at: i64,
    claimed_at: Option<i64>,
    complete: bool,
    complete_at: Option<i64>,
    results: Option<i64>,
    #[serde(default)]
    waited_for: bool,
}

impl From<RequestRow> for Request {
    fn from(row: RequestRow) -> Self {
        let ended = row.complete.then(|| At(row.complete_at.unwrap_or(row.submitted_at)));
        Self {
            id: BuildRequestId(row.buildrequestid),
            set: row.buildsetid,
            builder: row.builderid,
            submitted: At(row.submitted_at),
            claimed: row.claimed_at.map(At),
            complete: ended,
            results: Results::new(row.results),
            waited_for: row.waited_for,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Workers {
    pub(super) workers: Vec<WorkerRow>,
}

#[derive(Deserialize)]
pub(super) struct WorkerRow {
    pub(super) name: String,
    #[serde(default)]
    pub(super) paused: bool,
    #[serde(default)]
    pub(super) connected_to: Vec<serde::de::IgnoredAny>,
    #[serde(default)]
    pub(super) configured_on: Vec<ConfiguredRow>,
}

#[derive(Deserialize)]
pub(super) struct ConfiguredRow {
    pub(super) builderid: u64,
}

#[derive(Deserialize)]
pub(super) struct Builds {
    pub(super) builds: Vec<BuildRow>,
}

#[derive(Deserialize)]
pub(super) struct BuildRow {
    pub(super) buildid: u64,
    pub(super) number: Option<u64>,
    buildrequestid: u64,
    builderid: u64,
    started_at: i64,
    complete: bool,
    complete_at: Option<i64>,
    results: Option<i64>,
    #[serde(default)]
    pub(super) properties: serde_json::Map<String, serde_json::Value>,
}

impl BuildRow {
    /// Whether it carries out a request.
    pub(super) fn is_of(&self, request: BuildRequestId) -> bool {
        self.buildrequestid == request.0
    }
}

impl From<BuildRow> for Build {
    fn from(row: BuildRow) -> Self {
        let ended = row.complete.then(|| At(row.complete_at.unwrap_or(row.started_at)));
        Self {
            id: BuildId(row.buildid),
            request: BuildRequestId(row.buildrequestid),
            builder: row.builderid,
            started: At(row.started_at),
            complete: ended,
            results: Results::new(row.results),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Builders {
    pub(super) builders: Vec<BuilderRow>,
}

#[derive(Deserialize)]
pub(super) struct BuilderRow {
    pub(super) builderid: u64,
    pub(super) name: String,
    #[serde(default)]
    pub(super) masterids: Vec<u64>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct ForceSchedulers {
    pub(super) forceschedulers: Vec<ForceSchedulerRow>,
}

#[derive(Deserialize)]
pub(super) struct ForceSchedulerRow {
    pub(super) name: String,
    #[serde(default)]
    pub(super) builder_names: Vec<String>,
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) all_fields: Vec<FieldRow>,
}

fn yes() -> bool {
    true
}

/// A pattern is a text, or, from older masters, something that only says that there is one: then nothing is
/// known to fit it.
fn pattern<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(from)? {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text),
        _ => Some("(".to_owned()),
    })
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldRow {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) full_name: Option<String>,
    #[serde(default, rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) default: serde_json::Value,
    #[serde(default)]
    pub(super) choices: Vec<serde_json::Value>,
    /// Of choices: whether nothing else is taken.
    pub(super) strict: Option<bool>,
    #[serde(default, deserialize_with = "pattern")]
    pub(super) regex: Option<String>,
    pub(super) maxsize: Option<usize>,
    #[serde(default)]
    pub(super) fields: Vec<FieldRow>,
}
