//! Jobs requested through the actions of their pushes' decision tasks.

use crate::backend::taskcluster::sends::TaskSends;
use std::collections::{HashMap, HashSet};

use mozci_clients::http::{HttpError, Problem};
use mozci_clients::taskcluster::{
    Action, ActionError, Actions, GroupState, Input, Narrowed, Rendered, satisfies,
};
use mozci_core::harmless::harmless_line;
use mozci_core::ids::{JobName, TaskId};
use mozci_core::plan::{LeftOutReason, PlannedRequest, Why};

use crate::backend::taskcluster::decided::Failed;
use crate::backend::taskcluster::history::definition;
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::backend::taskcluster::requested::statuses;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::prepare::{Prepared, ReadyRequest, Sends, left_out, requested};
use crate::store::FactKind;

/// The action that jobs are requested through.
pub(crate) const ACTION: &str = "add-new-jobs";

/// The action that takes manifests: the second stage of a backfill, for one push.
const WITH_MANIFESTS: &str = "backfill-task";

/// What one decision task's actions are requested.
pub(crate) async fn by_action(
    ci: &Ci,
    decision: TaskId,
    requests: Vec<&PlannedRequest>,
) -> Result<Prepared, Error> {
    let Some(first) = requests.first() else { return Ok(Prepared::default()) };
    let none = |requests: &[&PlannedRequest], text: String| Prepared {
        requests: Vec::new(),
        left_out: requests
            .iter()
            .map(|request| left_out(request, LeftOutReason::NoAction(text.clone())))
            .collect(),
        ..Prepared::default()
    };
    let reading = |what: &str| format!("cannot read {what} of push {} ({decision})", first.push.id);
    let wanted: HashSet<&str> = requests.iter().map(|request| request.job.as_str()).collect();
    let (actions, labels, task, state) = tokio::join!(
        ci.actions(decision),
        scheduled(ci, decision, &wanted),
        definition(ci, decision),
        ci.group_state(decision),
    );
    let state = state.map_err(|error| error.reading(reading("the task group")))?;
    if let Some(text) = closed(state) {
        return Ok(none(&requests, text.to_owned()));
    }
    let actions = match actions {
        Ok(actions) => actions,
        Err(Failed::Http(error)) if error.is_not_found() => {
            let text = "its decision task has no actions.json any more (expired?)";
            return Ok(none(&requests, text.to_owned()));
        }
        Err(error) => return Err(error.reading(reading("the actions"))),
    };
    let labels = labels.map_err(|error| error.reading(reading("the tasks")))?;
    let task = task?;
    let mut prepared = Prepared::default();
    let hidden = hidden_runs(ci, &requests, &labels).await?;
    let mut wanted = Vec::new();
    for request in requests {
        match hidden.get(&request.job) {
            Some(found) => {
                let why = LeftOutReason::AlreadyThere(found.clone());
                prepared.left_out.push(left_out(request, why));
            }
            None => wanted.push(request),
        }
    }
    // Jobs that lack as many runs go together: an action is a task of its own.
    wanted.sort_by_key(|request| (request.narrow.is_some(), request.times));
    let group = decision.to_string();
    let together = |a: &&PlannedRequest, b: &&PlannedRequest| {
        a.times == b.times && a.narrow.is_none() && b.narrow.is_none()
    };
    for requests in wanted.chunk_by(together) {
        // What the decision task itself may do. Its file is untrusted: it may only name a hook that
        // the task may use, and nothing of it is computed before that is known.
        let expanded = expand(ci, &task.scopes).await?;
        let rendered = match render(ci, &actions, &group, requests, &expanded).await {
            Ok(rendered) => rendered,
            Err(why) => {
                let left_out = requests.iter().map(|request| left_out(request, why.clone()));
                prepared.left_out.extend(left_out);
                continue;
            }
        };
        for (rendered, input) in rendered {
            let of_input = requests.iter().filter(|r| input.labels.contains(&r.job));
            let jobs = of_input.map(|request| requested(request, input.times)).collect();
            let (push, sends) = (requests[0].push.clone(), Sends::new(TaskSends::Hook(rendered)));
            prepared.requests.push(ReadyRequest { push, jobs, group: group.clone(), sends });
        }
    }
    Ok(prepared)
}

/// Why nothing can be added to a task group, where that is so.
pub(crate) fn closed(state: GroupState) -> Option<&'static str> {
    match state {
        GroupState::Sealed => Some("its task group is sealed: nobody can add a task to it"),
        GroupState::Expired => Some("its task group has expired: no task can be added to it"),
        GroupState::Open | GroupState::Untold => None,
    }
}

/// The actions that request some jobs of a push. A test or manifest is requested by itself where an
/// action takes manifests, else by the chunk that is known to run it.
async fn render(
    ci: &Ci,
    actions: &Actions,
    group: &str,
    requests: &[&PlannedRequest],
    scopes: &[String],
) -> Result<Vec<(Rendered, Input)>, LeftOutReason> {
    let first = requests.first().copied();
    let narrow = first.and_then(|request| Some((request, request.narrow.as_ref()?)));
    if let Some((request, narrow)) = narrow.filter(|(_, narrow)| !narrow.manifests.is_empty()) {
        let narrowed = Narrowed {
            label: request.job.as_str(),
            manifests: &narrow.manifests,
            revision: request.push.revision.hash(),
            symbol: narrow.symbol.as_deref(),
        };
        let inputs = |action: &Action| action.inputs_with_manifests(&narrowed, request.times);
        match one_action(ci, actions, WITH_MANIFESTS, group, scopes, inputs).await {
            Ok(rendered) => return Ok(rendered),
            Err(LeftOutReason::NoAction(error)) if !narrow.dealt => {
                return Err(LeftOutReason::NoAction(format!(
                    "the action {WITH_MANIFESTS:?} does not take what is needed: no chunk is known to run {} here, and manifests cannot be given: {error}",
                    narrow.manifests.join(", ")
                )));
            }
            Err(why) if !narrow.dealt => return Err(why),
            Err(_) => {}
        }
    }
    let labels: Vec<&str> = requests.iter().map(|request| request.job.as_str()).collect();
    let times = first.map_or(0, |request| request.times);
    let inputs = |action: &Action| action.inputs_for(&labels, times);
    one_action(ci, actions, ACTION, group, scopes, inputs).await
}

/// One action with each of its inputs, rendered once its hook is known to be trusted.
async fn one_action(
    ci: &Ci,
    actions: &Actions,
    name: &str,
    group: &str,
    scopes: &[String],
    inputs: impl Fn(&Action) -> Result<Vec<Input>, ActionError>,
) -> Result<Vec<(Rendered, Input)>, LeftOutReason> {
    let unfit = |error: ActionError| LeftOutReason::NoAction(error.to_string());
    let action = actions.find(name, None).map_err(unfit)?;
    let (hook_group, hook) = action.hook().map_err(unfit)?;
    let needed = hook_scope(hook_group, hook);
    if !satisfies(scopes, &needed) {
        return Err(LeftOutReason::NotTrusted(harmless_line(&needed).into_owned()));
    }
    let mut rendered = Vec::new();
    for input in inputs(action).map_err(unfit)? {
        let rendering = actions.rendering(action, group, None, &input.body).map_err(unfit)?;
        rendered.push((
            rendering
                .render(ci.tc().ok().and_then(|tc| tc.sandbox.as_deref()))
                .await
                .map_err(unfit)?,
            input,
        ));
    }
    Ok(rendered)
}

/// The scope that a decision task needs for a hook that its actions name.
pub(crate) fn hook_scope(hook_group: &str, hook: &str) -> String {
    format!("in-tree:hook-action:{hook_group}/{hook}")
}

/// What a decision task's scopes stand for.
pub(crate) async fn expand(ci: &Ci, scopes: &[String]) -> Result<Vec<String>, Error> {
    ci.expanded_scopes(scopes).await.map_err(|failed| {
        let refused =
            matches!(&failed, Failed::Http(HttpError { problem: Problem::Forbidden { .. }, .. }));
        let hint = if refused { ci.clock_hint() } else { String::new() };
        failed.reading(format!("cannot expand the scopes of a decision task{hint}"))
    })
}

/// The tasks that a decision task made of some jobs, by label. That it has ended is known, so that this
/// does not change.
async fn scheduled(
    ci: &Ci,
    decision: TaskId,
    wanted: &HashSet<&str>,
) -> Result<HashMap<String, String>, Failed> {
    let key = |label: &str| format!("{decision} {label}");
    let mut all: Option<Vec<(&str, Option<String>)>> = Some(Vec::new());
    for label in wanted {
        let known: Option<Option<String>> = ci.fact(FactKind::Scheduled, &key(label));
        all = all.zip(known).map(|(mut all, task)| {
            all.push((label, task));
            all
        });
    }
    if let Some(all) = all {
        return Ok(all
            .into_iter()
            .filter_map(|(label, task)| Some((label.to_owned(), task?)))
            .collect());
    }
    let found = ci.taskcluster()?.scheduled(decision, wanted).await?;
    ci.keep(
        FactKind::Scheduled,
        wanted.iter().map(|label| (key(label), found.get(*label).cloned())),
    );
    Ok(found)
}

/// Runs that were scheduled with the push and that nobody showed, where the plan says that there
/// are none: Treeherder may be hours behind. In words, by job.
async fn hidden_runs(
    ci: &Ci,
    requests: &[&PlannedRequest],
    labels: &HashMap<String, String>,
) -> Result<HashMap<JobName, String>, Error> {
    let scheduled: HashMap<TaskId, &JobName> = requests
        .iter()
        .filter(|request| request.why == Why::NotRun)
        .filter_map(|r| Some((labels.get(r.job.as_str())?.parse().ok()?, &r.job)))
        .collect();
    let tasks: Vec<TaskId> = scheduled.keys().copied().collect();
    let found = statuses(ci, &tasks).await?;
    let counting = found.values().filter(|s| s.runs.iter().any(|run| run.state.counts()));
    let told = counting.filter_map(|status| {
        let job = scheduled.get(&status.task)?;
        Some(((*job).clone(), format!("task {} is {}", status.task, status.state.word())))
    });
    Ok(told.collect())
}
