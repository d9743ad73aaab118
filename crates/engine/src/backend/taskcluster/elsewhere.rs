//! Actions that somebody triggered on some pushes and that Treeherder does not show yet: other people's,
//! and our own where the ledger is gone.
//!
//! A hook's record of fires tells of each within seconds. Which hooks there are the ledger tells, and
//! the actions of the newest push.

use std::collections::{BTreeSet, HashMap};

use mozci_clients::http::Problem;
use mozci_clients::treeherder::JobRow;
use mozci_core::ids::{TaskId, TreeherderPushId};
use mozci_core::push::Push;

use crate::backend::taskcluster::by_action::ACTION;
use crate::backend::taskcluster::decided::Failed;
use crate::backend::taskcluster::decisions::ACTION_GROUP;
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::backend::taskcluster::requested::LEDGER_SECONDS;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::{FactKind, Ledger};

/// Hooks that are looked at: trees have one for each level of trust and version of their file.
const MOST_HOOKS: usize = 4;

/// Fires that are looked at, of those that nobody knows yet.
const MOST_FIRES: usize = 1000;

/// Action tasks with their pushes' places, besides those that Treeherder shows and those that the
/// ledger has. What cannot be read is noted.
pub(crate) async fn elsewhere(
    ci: &Ci,
    ledger: &Ledger,
    pushes: &[Push],
    ids: &HashMap<TreeherderPushId, usize>,
    groups: &[JobRow],
) -> Result<Vec<(usize, TaskId)>, Error> {
    let groups_of = groups_of(ci, pushes, ids, groups);
    let hooks = match hooks(ci, ledger, pushes, &groups_of).await {
        Ok(hooks) => hooks,
        Err(error) => return Ok(unseen(ci, &error)),
    };
    let mut fired = BTreeSet::new();
    let oldest = pushes.iter().map(|push| push.date).min();
    let since = ci.now().plus(-LEDGER_SECONDS);
    let since = oldest.map_or(since, |oldest| oldest.max(since));
    for (group, hook) in hooks.into_iter().take(MOST_HOOKS) {
        match ci.taskcluster()?.last_fires(&group, &hook, since).await {
            Ok(record) => {
                let recent = record.fires.iter().filter(|fire| fire.at >= since);
                fired.extend(recent.filter_map(|fire| fire.task));
            }
            // A tree that has moved on to another hook.
            Err(error) if matches!(error.problem, Problem::NotFound(_)) => {}
            Err(error) => return Ok(unseen(ci, &error)),
        }
    }
    let shown: BTreeSet<TaskId> = groups.iter().filter_map(|row| row.run.key.task()).collect();
    let mut unknown = Vec::new();
    for task in fired.into_iter().filter(|task| !shown.contains(task)).take(MOST_FIRES) {
        if ledger.owner(&ci.root_url, task.into(), None).await?.is_none() {
            unknown.push(task);
        }
    }
    match definitions(ci, &unknown).await {
        Ok(group_of) => Ok(group_of
            .into_iter()
            .filter_map(|(task, group)| Some((*groups_of.get(&group)?, task)))
            .collect()),
        Err(error) => Ok(unseen(ci, &error)),
    }
}

/// Notes that nobody can tell, and why.
fn unseen(ci: &Ci, error: &dyn std::error::Error) -> Vec<(usize, TaskId)> {
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    ci.note(format!(
        "actions that somebody triggered and Treeherder does not show yet cannot be seen: {why}"
    ));
    Vec::new()
}

/// The pushes' places by their decision tasks.
fn groups_of(
    ci: &Ci,
    pushes: &[Push],
    ids: &HashMap<TreeherderPushId, usize>,
    groups: &[JobRow],
) -> HashMap<TaskId, usize> {
    let mut groups_of = HashMap::new();
    for row in groups.iter().filter(|row| row.group.as_str() != ACTION_GROUP) {
        if let (Some(place), Some(task)) = (ids.get(&row.push), row.run.key.task()) {
            groups_of.insert(task, *place);
        }
    }
    for (place, push) in pushes.iter().enumerate() {
        let known: Option<String> = ci.fact(FactKind::Decision, push.revision.hash());
        if let Some(task) = known.and_then(|text| text.parse().ok()) {
            groups_of.insert(task, place);
        }
    }
    groups_of
}

/// The hooks through which jobs are requested: those that the ledger names, and the newest push's.
async fn hooks(
    ci: &Ci,
    ledger: &Ledger,
    pushes: &[Push],
    groups_of: &HashMap<TaskId, usize>,
) -> Result<BTreeSet<(String, String)>, Error> {
    let mut hooks: BTreeSet<(String, String)> =
        ledger.hooks(&ci.root_url, MOST_HOOKS).await?.into_iter().collect();
    // Pushes may come in either order: the newest has the latest date.
    let newest = groups_of.iter().max_by_key(|(task, place)| (pushes[**place].date, **task));
    let Some((decision, _)) = newest else { return Ok(hooks) };
    let key = decision.to_string();
    if let Some(known) = ci.fact::<(String, String)>(FactKind::Hook, &key) {
        hooks.insert(known);
        return Ok(hooks);
    }
    match ci.actions(*decision).await {
        Ok(actions) => {
            let hook = actions.find(ACTION, None).and_then(|action| action.hook());
            if let Ok((group, hook)) = hook {
                let hook = (group.to_owned(), hook.to_owned());
                ci.keep(FactKind::Hook, [(key, hook.clone())]);
                hooks.insert(hook);
            }
        }
        // A push whose decision failed, or one that has expired.
        Err(Failed::Http(error)) if error.is_not_found() => {}
        Err(error) => return Err(error.reading("cannot read the newest push's actions")),
    }
    Ok(hooks)
}

/// The groups of action tasks, in one question where they are not known yet.
async fn definitions(ci: &Ci, tasks: &[TaskId]) -> Result<Vec<(TaskId, TaskId)>, Error> {
    let mut groups = Vec::with_capacity(tasks.len());
    let mut unknown = Vec::new();
    for task in tasks {
        match ci.fact::<String>(FactKind::Group, &task.to_string()) {
            Some(group) => groups.extend(group.parse().ok().map(|group| (*task, group))),
            None => unknown.push(*task),
        }
    }
    if unknown.is_empty() {
        return Ok(groups);
    }
    let what = "cannot read what hooks fired lately";
    let found = ci.taskcluster()?.tasks(&unknown).await.map_err(Error::service(what))?;
    let found: Vec<(TaskId, String)> = found
        .into_iter()
        .map(|(task, definition)| (task, definition.group.unwrap_or_default()))
        .collect();
    ci.keep(FactKind::Group, found.iter().map(|(task, group)| (task.to_string(), group)));
    groups.extend(found.iter().filter_map(|(task, group)| Some((*task, group.parse().ok()?))));
    Ok(groups)
}
