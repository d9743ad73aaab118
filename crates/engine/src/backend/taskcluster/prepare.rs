//! From a plan to requests: each push's own actions, or a task of the push's own to repeat.

use futures_util::TryStreamExt;
use mozci_clients::side_by_side;
use mozci_clients::taskcluster::repeat;
use mozci_core::ids::TaskId;
use mozci_core::plan::{LeftOutReason, Plan, PlannedRequest, Through};

use super::by_action::by_action;
use super::sends::TaskSends;
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::prepare::{left_out, requested};
use crate::flow::{Prepared, ReadyRequest, Sends};

/// Prepares every request of a plan.
pub(crate) async fn prepare(ci: &Ci, plan: &Plan) -> Result<Prepared, Error> {
    let mut by_task: Vec<(Through, Vec<&PlannedRequest>)> = Vec::new();
    for request in &plan.requests {
        match by_task.iter_mut().find(|(through, _)| *through == request.through) {
            Some((_, requests)) => requests.push(request),
            None => by_task.push((request.through.clone(), vec![request])),
        }
    }
    let each = by_task.into_iter().map(|(through, requests)| async move {
        match through {
            Through::DecisionTask(task) => by_action(ci, task, requests).await,
            Through::ClonedTask(task) => by_clone(ci, task, requests).await,
            _ => Err(Error::Usage(format!("{} has tasks, and no builds", ci.root_url))),
        }
    });
    let each = side_by_side(each, 8).try_collect::<Vec<_>>().await?;
    let mut prepared = Prepared::default();
    for one in each {
        prepared.requests.extend(one.requests);
        prepared.left_out.extend(one.left_out);
    }
    Ok(prepared)
}

/// What is sent to repeat a task of a push's own: one task a run.
async fn by_clone(
    ci: &Ci,
    task: TaskId,
    requests: Vec<&PlannedRequest>,
) -> Result<Prepared, Error> {
    let mut prepared = Prepared::default();
    let what = format!("cannot read the task {task}");
    let definition = ci.taskcluster()?.raw_definition(task).await.map_err(Error::service(what))?;
    let group = definition["taskGroupId"].as_str().and_then(|group| group.parse::<TaskId>().ok());
    let now = chrono::DateTime::from_timestamp(ci.now().0, 0).unwrap_or_default();
    let mut closed = None;
    if let Some(group) = group {
        let what = format!("cannot read the task group {group}");
        let state = ci.group_state(group).await.map_err(|error| error.reading(what))?;
        closed = super::by_action::closed(state);
    }
    for request in requests {
        if let Some(text) = closed {
            prepared.left_out.push(left_out(request, LeftOutReason::NoAction(text.to_owned())));
            continue;
        }
        let (Some(body), Some(group)) = (repeat(&definition, now), group) else {
            let text = format!("the definition of the task {task} cannot be repeated");
            prepared.left_out.push(left_out(request, LeftOutReason::NoAction(text)));
            continue;
        };
        for _ in 0..request.times {
            prepared.requests.push(ReadyRequest {
                push: request.push.clone(),
                jobs: vec![requested(request, 1)],
                group: group.to_string(),
                sends: Sends::new(TaskSends::Create(body.clone())),
            });
        }
    }
    Ok(prepared)
}
