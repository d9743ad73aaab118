//! The services' answers as they come.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::pages::Page;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) task_id: String,
    pub(super) state: String,
    #[serde(default)]
    pub(super) deadline: Option<String>,
    pub(super) runs: Vec<RunEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RunEntry {
    pub(super) run_id: u32,
    pub(super) state: String,
    #[serde(default)]
    pub(super) reason_resolved: Option<String>,
    #[serde(default)]
    pub(super) started: Option<String>,
    #[serde(default)]
    pub(super) resolved: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Statuses {
    pub(super) statuses: Vec<StatusEntry>,
    #[serde(default)]
    pub(super) continuation_token: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StatusEntry {
    pub(super) status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Definition {
    pub(super) task_group_id: String,
    #[serde(default)]
    pub(super) worker_type: Option<String>,
    #[serde(default)]
    pub(super) scheduler_id: Option<String>,
    // The queue always sends these; without them decisions would go wrong silently.
    pub(super) dependencies: Vec<String>,
    pub(super) scopes: Vec<String>,
    #[serde(default)]
    pub(super) routes: Vec<String>,
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
    pub(super) extra: Value,
    #[serde(default)]
    pub(super) payload: Value,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Indexed {
    pub(super) task_id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IndexedTasks {
    pub(super) tasks: Vec<IndexedTask>,
    #[serde(default)]
    pub(super) continuation_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct IndexedTask {
    pub(super) namespace: String,
    pub(super) task_id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct GroupHead {
    pub(super) expires: Option<String>,
    pub(super) sealed: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupPage {
    pub(super) tasks: Vec<GroupEntry>,
    #[serde(default)]
    pub(super) continuation_token: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct GroupEntry {
    pub(super) status: Status,
    pub(super) task: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Definitions {
    pub(super) tasks: Vec<DefinitionEntry>,
    #[serde(default)]
    pub(super) continuation_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DefinitionEntry {
    pub(super) task_id: String,
    pub(super) task: Definition,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Artifacts {
    pub(super) artifacts: Vec<Artifact>,
    #[serde(default)]
    pub(super) continuation_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Artifact {
    pub(super) name: String,
    #[serde(default)]
    pub(super) storage_type: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LastFires {
    pub(super) last_fires: Vec<FireEntry>,
    #[serde(default)]
    pub(super) continuation_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FireEntry {
    #[serde(default)]
    pub(super) task_id: Option<String>,
    pub(super) task_create_time: String,
    #[serde(default)]
    pub(super) result: Option<String>,
}

/// Each page has its entries under a name of its own.
macro_rules! page {
    ($page:ty, $entries:ident: $entry:ty) => {
        impl Page for $page {
            type Entry = $entry;

            fn into_parts(self) -> (Vec<$entry>, Option<String>) {
                (self.$entries, self.continuation_token)
            }
        }
    };
}

page!(Statuses, statuses: StatusEntry);
page!(IndexedTasks, tasks: IndexedTask);
page!(GroupPage, tasks: GroupEntry);
page!(Definitions, tasks: DefinitionEntry);
page!(Artifacts, artifacts: Artifact);
