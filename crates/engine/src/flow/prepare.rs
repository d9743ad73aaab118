//! From a plan to bodies that can be sent: each push's own actions, a last look at Taskcluster.

use futures_util::TryStreamExt;
use mozci_clients::side_by_side;
use mozci_clients::taskcluster::{Rendered, repeat};
use mozci_core::ids::{BuildId, BuildRequestId, JobName, SchedulerName, TaskId};
use mozci_core::plan::{LeftOut, LeftOutReason, Plan, PlannedRequest, Through};
use mozci_core::push::PushRef;
use serde_json::{Map, Value};

use super::by_action::by_action;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::AskedJob;

/// What a task is created by, where there are no actions.
pub(crate) const CREATE: &str = "createTask";

/// What a Buildbot builder is forced by.
pub(crate) const FORCE: &str = "force";

/// What a Buildbot build is repeated by.
pub(crate) const REBUILD: &str = "rebuild";

/// What a task is cancelled by.
pub(crate) const CANCEL: &str = "cancelTask";

/// A plan that is ready to be sent.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// What is sent, newest push first.
    pub asks: Vec<ReadyAsk>,
    /// What the last look left out, besides what the plan left out itself.
    pub left_out: Vec<LeftOut>,
    /// What the plan left out itself.
    pub passed_over: Vec<LeftOut>,
}

/// One thing to send. Jobs of one push that lack as many runs go together; where an action takes
/// only so many `times`, a request becomes several.
#[derive(Debug, Clone)]
pub struct ReadyAsk {
    /// Where.
    pub push: PushRef,
    /// What for.
    pub jobs: Vec<AskedJob>,
    /// What it goes by: a decision task, a task, a builder.
    pub group: String,
    /// What is sent.
    pub sends: Sends,
}

/// What is sent.
#[derive(Debug, Clone)]
pub enum Sends {
    /// An action's hook is triggered.
    Hook(Rendered),
    /// A task is created from this body.
    Create(Value),
    /// A task is cancelled.
    Cancel(TaskId),
    /// A builder is forced.
    Force {
        /// Through this scheduler.
        scheduler: SchedulerName,
        /// With these values.
        parameters: Map<String, Value>,
        /// How long a reason of ours may be, in bytes; none where the scheduler takes none.
        reason_room: Option<usize>,
    },
    /// A build is repeated.
    Rebuild(BuildId),
    /// A build is stopped.
    Stop {
        /// The build.
        build: BuildId,
        /// The request that it carries out.
        request: BuildRequestId,
    },
    /// A build request is taken back that is not being built yet.
    Withdraw(BuildRequestId),
    /// A self-serve BuildAPI is asked.
    SelfServe(SelfServeAct),
}

/// What a self-serve BuildAPI is asked for.
#[derive(Debug, Clone)]
pub enum SelfServeAct {
    /// A builder on a revision, a test with the files that it runs on.
    Ask {
        /// The builder.
        builder: JobName,
        /// The whole revision.
        revision: String,
        /// The files.
        files: Vec<String>,
        /// The requests that were listed for it then: what comes of the asking is another one.
        known: Vec<BuildRequestId>,
    },
    /// A request, once more.
    Again {
        /// The request.
        request: BuildRequestId,
        /// The requests that were listed then.
        known: Vec<BuildRequestId>,
    },
}

/// Prepares every request of a plan: at most a few questions a push, and only for pushes that are
/// about to be acted on.
///
/// # Errors
/// [`Error::Service`]; nothing has been sent then.
pub async fn prepare(ci: &Ci, plan: &Plan) -> Result<Prepared, Error> {
    if let Some(farm) = ci.farm() {
        return super::buildbot::prepare(ci, farm, plan).await;
    }
    if let Some(api) = ci.buildapi() {
        return Ok(super::buildapi::prepare(api, plan));
    }
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
            Through::ForceScheduler(_)
            | Through::RepeatedBuild(_)
            | Through::Again(_)
            | Through::SelfServe { .. } => {
                Err(Error::Usage(format!("{} is no Buildbot master", ci.root_url)))
            }
        }
    });
    let each = side_by_side(each, 8).try_collect::<Vec<_>>().await?;
    let mut prepared = Prepared::default();
    for one in each {
        prepared.asks.extend(one.asks);
        prepared.left_out.extend(one.left_out);
    }
    Ok(prepared)
}

/// Leaves out of a plan for several jobs what cannot be sent as it is, so that the rest can.
///
/// # Errors
/// [`Error`] where the CI cannot be read.
pub async fn fit_plan(ci: &Ci, plan: &mut Plan) -> Result<(), Error> {
    match ci.farm() {
        Some(farm) => super::buildbot::fit_plan(ci, farm, plan).await,
        None => Ok(()),
    }
}

/// Checks what a plan needs to be told before it can be sent, without reading anything of its
/// pushes.
///
/// # Errors
/// [`Error::Usage`] with what is missing: required fields of a force scheduler.
pub async fn check_plan(ci: &Ci, plan: &Plan) -> Result<(), Error> {
    match ci.farm() {
        Some(farm) => super::buildbot::check_plan(ci, farm, plan).await,
        None => Ok(()),
    }
}

pub(super) fn left_out(request: &PlannedRequest, why: LeftOutReason) -> LeftOut {
    LeftOut { push: request.push.clone(), job: request.job.clone(), why }
}

pub(super) fn asked(request: &PlannedRequest, times: u32) -> AskedJob {
    AskedJob { job: request.job.clone(), times, why: request.why.to_string() }
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
            prepared.asks.push(ReadyAsk {
                push: request.push.clone(),
                jobs: vec![asked(request, 1)],
                group: group.to_string(),
                sends: Sends::Create(body.clone()),
            });
        }
    }
    Ok(prepared)
}
