//! From a plan to bodies that can be sent: each push's own actions, a last look at Taskcluster.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use mozci_clients::taskcluster::{Actions, Rendered, satisfies};
use mozci_core::ids::TaskId;
use mozci_core::plan::{LeftOut, LeftOutReason, Plan, PlannedRequest};
use tokio::sync::Mutex;

use super::history::definition;
use crate::ci::Ci;
use crate::error::Error;

/// The action that jobs are asked for through.
pub(crate) const ACTION: &str = "add-new-jobs";

/// A plan that is ready to be sent.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// What is sent, newest push first.
    pub asks: Vec<ReadyAsk>,
    /// What the last look left out, besides what the plan left out itself.
    pub left_out: Vec<LeftOut>,
}

/// One thing to send. Where an action takes only so many `times`, a request becomes several.
#[derive(Debug, Clone)]
pub struct ReadyAsk {
    /// What was planned.
    pub request: PlannedRequest,
    /// Runs that this one asks for.
    pub times: u32,
    /// What is sent.
    pub rendered: Rendered,
}

/// Prepares every request of a plan: at most a few questions a push, and only for pushes that are
/// about to be acted on.
///
/// # Errors
/// [`Error::Service`]; nothing has been sent then.
pub async fn prepare(ci: &Ci, plan: &Plan) -> Result<Prepared, Error> {
    let scopes = Mutex::default();
    let each = stream::iter(&plan.requests)
        .map(|request| one(ci, request, &scopes))
        .buffered(8)
        .try_collect::<Vec<_>>()
        .await?;
    let mut prepared = Prepared { asks: Vec::new(), left_out: Vec::new() };
    for result in each {
        match result {
            Ok(asks) => prepared.asks.extend(asks),
            Err(left_out) => prepared.left_out.push(*left_out),
        }
    }
    Ok(prepared)
}

type One = Result<Vec<ReadyAsk>, Box<LeftOut>>;

async fn one(ci: &Ci, request: &PlannedRequest, scopes: &Scopes) -> Result<One, Error> {
    let left_out = |why| {
        let (push, job) = (request.push.clone(), request.job.clone());
        Ok(Err(Box::new(LeftOut { push, job, why })))
    };
    let decision = request.decision_task;
    let reading = |what: &str| {
        Error::service(format!("cannot read {what} of push {} ({decision})", request.push.id))
    };
    let (actions, labels, task) = tokio::join!(
        ci.taskcluster.artifact::<Actions>(decision, "public/actions.json"),
        ci.taskcluster.artifact::<HashMap<String, String>>(decision, "public/label-to-taskid.json"),
        definition(ci, decision),
    );
    let actions = match actions {
        Ok(actions) => actions,
        Err(error) if error.is_not_found() => {
            let text = "its decision task has no actions.json any more (expired?)";
            return left_out(LeftOutReason::NoAction(text.to_owned()));
        }
        Err(error) => return Err(reading("the actions")(error)),
    };
    let labels = labels.map_err(reading("the tasks"))?;
    let task = task?;
    let scheduled = labels.get(request.job.as_str()).and_then(|id| id.parse::<TaskId>().ok());
    if let Some(found) = hidden_run(ci, request, scheduled).await? {
        return left_out(LeftOutReason::AlreadyThere(found));
    }
    let action = match actions.find(ACTION, None) {
        Ok(action) => action,
        Err(error) => return left_out(LeftOutReason::NoAction(error.to_string())),
    };
    let inputs = match action.inputs_for(request.job.as_str(), request.times) {
        Ok(inputs) => inputs,
        Err(error) => return left_out(LeftOutReason::NoAction(error.to_string())),
    };
    let group = decision.to_string();
    let mut asks = Vec::new();
    for (times, input) in inputs {
        match actions.render(action, &group, None, &input) {
            Ok(rendered) => asks.push(ReadyAsk { request: request.clone(), times, rendered }),
            Err(error) => return left_out(LeftOutReason::NoAction(error.to_string())),
        }
    }
    // The file is untrusted: it may only name a hook that its own decision task may use.
    let expanded = expand(ci, scopes, &task.scopes).await?;
    for ask in &asks {
        let Rendered { hook_group_id, hook_id, .. } = &ask.rendered;
        let needed = format!("in-tree:hook-action:{hook_group_id}/{hook_id}");
        if !satisfies(&expanded, &needed) {
            let text = format!(
                "its decision task does not have the scope {needed}, so that its actions.json is not trusted"
            );
            return left_out(LeftOutReason::NoAction(text));
        }
    }
    Ok(Ok(asks))
}

/// What sets of scopes stand for. Decision tasks of one repository have the same ones, so that one
/// question is enough; whoever asks it holds the others up until the answer is there.
type Scopes = Mutex<HashMap<Vec<String>, Vec<String>>>;

async fn expand(ci: &Ci, known: &Scopes, scopes: &[String]) -> Result<Vec<String>, Error> {
    let mut known = known.lock().await;
    if let Some(expanded) = known.get(scopes) {
        return Ok(expanded.clone());
    }
    let what = "cannot expand the scopes of a decision task";
    let expanded = ci.taskcluster.expand_scopes(scopes).await.map_err(Error::service(what))?;
    known.insert(scopes.to_vec(), expanded.clone());
    Ok(expanded)
}

/// A run that was scheduled with the push and that nobody showed, where the plan says that there is
/// none: Treeherder may be hours behind.
async fn hidden_run(
    ci: &Ci,
    request: &PlannedRequest,
    scheduled: Option<TaskId>,
) -> Result<Option<String>, Error> {
    let (Some(task), mozci_core::plan::Why::NotRun) = (scheduled, request.why) else {
        return Ok(None);
    };
    let what = format!("cannot read the state of the task {task}");
    let found = ci.taskcluster.statuses(&[task]).await.map_err(Error::service(what))?;
    let counting = found.get(&task).filter(|status| status.runs.iter().any(|r| r.state.counts()));
    Ok(counting.map(|status| format!("task {task} is {}", status.state.word())))
}
