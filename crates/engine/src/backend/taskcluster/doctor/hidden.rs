//! What a user would not see by looking: runs that the queue has and Treeherder does not show, and decision
//! tasks whose actions nobody may trust.

use std::collections::HashSet;
use std::time::Instant;

use mozci_clients::taskcluster::satisfies;
use mozci_clients::treeherder::JobFilter;
use mozci_core::ids::TaskId;
use mozci_core::push::Push;
use serde_json::Value;

use crate::backend::taskcluster::by_action::{ACTION, closed, expand, hook_scope};
use crate::backend::taskcluster::doctor::Examination;
use crate::backend::taskcluster::history::{definition, in_order, treeherder_ids};
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::error::Error;
use crate::flow::health::Health;

/// How long after its creation a task that has ended is sure to be shown, in seconds.
const SHOWN_AFTER: i64 = 30 * 60;

/// The scope that an action's hook needs; `None` where it names no hook.
pub(crate) fn scope_of(action: &Value) -> Option<String> {
    Some(hook_scope(action["hookGroupId"].as_str()?, action["hookId"].as_str()?))
}

impl Examination<'_> {
    /// Whether a decision task has a scope, by what its own stand for.
    pub(crate) async fn has_scope(&self, decision: TaskId, needed: &str) -> Result<bool, Error> {
        let task = definition(self.ci, decision).await?;
        let scopes = expand(self.ci, &task.scopes).await?;
        Ok(satisfies(&scopes, needed))
    }

    /// Whether the decision task may use the hook that its actions name, and its group still takes tasks.
    pub(crate) async fn trusted(&mut self, actions: Option<&Value>, decision: TaskId) {
        let what = ("taskcluster", "actions may be used");
        let started = Instant::now();
        let Some(list) = actions.and_then(|actions| actions["actions"].as_array()) else { return };
        let Some(action) = list.iter().find(|action| action["name"] == ACTION) else { return };
        let Some(needed) = scope_of(action) else { return };
        let found = async {
            let satisfied = self.has_scope(decision, &needed).await?;
            let reading = format!("cannot read the task group {decision}");
            let state = self.ci.group_state(decision).await;
            let state = state.map_err(|error| error.reading(reading))?;
            Ok::<_, Error>((satisfied, state))
        };
        let (health, text) = match found.await {
            Err(error) => (Health::Fail, error.to_string()),
            Ok((false, _)) => (
                Health::Fail,
                format!(
                    "the decision task {decision} does not have the scope {needed}: its actions are not trusted, and nothing is requested through them"
                ),
            ),
            Ok((true, state)) => match closed(state) {
                Some(text) => (Health::Warn, format!("of the decision task {decision}: {text}")),
                None => (
                    Health::Ok,
                    format!("the decision task {decision} has the scope that they need"),
                ),
            },
        };
        self.add(what, started, health, text);
    }

    /// Whether Treeherder shows what the queue has of a push.
    pub(crate) async fn unseen(&mut self, push: &Push, decision: TaskId) {
        let what = ("treeherder", "shows what is there");
        let started = Instant::now();
        let found = async {
            let reading = |what| Error::service(format!("cannot read {what} of push {}", push.id));
            let tasks = self.taskcluster.group(decision, "metadata.name").await;
            let tasks = tasks.map_err(reading("the task group"))?;
            let ids = treeherder_ids(self.ci, std::slice::from_ref(push)).await?;
            let rows = self.ci.treeherder()?.jobs(&in_order(&ids), &JobFilter::All).await;
            Ok::<_, Error>((tasks, rows.map_err(reading("Treeherder's runs"))?))
        };
        let (tasks, rows) = match found.await {
            Ok(found) => found,
            Err(error) => return self.add(what, started, Health::Fail, error.to_string()),
        };
        let shown: HashSet<TaskId> =
            rows.rows.iter().filter_map(|row| row.run.key.task()).collect();
        let now = self.ci.now();
        let due: Vec<TaskId> = tasks
            .iter()
            .filter(|task| task.status.state.is_final())
            .filter(|task| task.created.is_some_and(|at| now.since(at) > SHOWN_AFTER))
            .map(|task| task.status.task)
            .collect();
        let missing = due.iter().filter(|task| !shown.contains(task)).count();
        // Some tasks are not meant to be shown.
        let few = missing * 10 <= due.len();
        let (health, text) = match missing {
            _ if few && missing > 0 => (
                Health::Ok,
                format!(
                    "all but {missing} of the {} tasks of push {} that have ended",
                    due.len(),
                    push.id
                ),
            ),
            0 => {
                (Health::Ok, format!("all {} tasks of push {} that have ended", due.len(), push.id))
            }
            missing => (
                Health::Warn,
                format!(
                    "{missing} of {} tasks of push {} have ended and are not shown: it is behind, and `jobs` shows no more than it does",
                    due.len(),
                    push.id
                ),
            ),
        };
        self.add(what, started, health, text);
    }
}
