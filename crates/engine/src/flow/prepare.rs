//! From a plan to bodies that can be sent: each push's own actions, a last look at Taskcluster.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use mozci_clients::http::Problem;
use mozci_clients::taskcluster::{ActionError, Actions, Input, Rendered, repeat, satisfies};
use mozci_core::ids::{BuildId, BuildRequestId, JobName, SchedulerName, TaskId};
use mozci_core::plan::{LeftOut, LeftOutReason, Plan, PlannedRequest, Through, Why};
use mozci_core::push::PushRef;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::asked::statuses;
use super::history::definition;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::AskedJob;

/// The action that jobs are asked for through.
pub(crate) const ACTION: &str = "add-new-jobs";

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
    let scopes = Mutex::default();
    let mut by_task: Vec<(Through, Vec<&PlannedRequest>)> = Vec::new();
    for request in &plan.requests {
        match by_task.iter_mut().find(|(through, _)| *through == request.through) {
            Some((_, requests)) => requests.push(request),
            None => by_task.push((request.through.clone(), vec![request])),
        }
    }
    let each = stream::iter(by_task)
        .map(|(through, requests)| {
            let scopes = &scopes;
            async move {
                match through {
                    Through::DecisionTask(task) => by_action(ci, task, requests, scopes).await,
                    Through::ClonedTask(task) => by_clone(ci, task, requests).await,
                    Through::ForceScheduler(_) | Through::RepeatedBuild(_) => {
                        Err(Error::Usage(format!("{} is no Buildbot master", ci.root_url)))
                    }
                }
            }
        })
        .buffered(8)
        .try_collect::<Vec<_>>()
        .await?;
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

fn left_out(request: &PlannedRequest, why: LeftOutReason) -> LeftOut {
    LeftOut { push: request.push.clone(), job: request.job.clone(), why }
}

/// What one decision task's actions are asked for.
async fn by_action(
    ci: &Ci,
    decision: TaskId,
    requests: Vec<&PlannedRequest>,
    scopes: &Scopes,
) -> Result<Prepared, Error> {
    let Some(first) = requests.first() else { return Ok(Prepared::default()) };
    let none = |requests: &[&PlannedRequest], text: String| Prepared {
        asks: Vec::new(),
        left_out: requests
            .iter()
            .map(|request| left_out(request, LeftOutReason::NoAction(text.clone())))
            .collect(),
    };
    let reading = |what: &str| {
        Error::service(format!("cannot read {what} of push {} ({decision})", first.push.id))
    };
    let taskcluster = ci.taskcluster()?;
    let (actions, labels, task) = tokio::join!(
        taskcluster.artifact::<Actions>(decision, "public/actions.json"),
        taskcluster.artifact::<HashMap<String, String>>(decision, "public/label-to-taskid.json"),
        definition(ci, decision),
    );
    let actions = match actions {
        Ok(actions) => actions,
        Err(error) if error.is_not_found() => {
            let text = "its decision task has no actions.json any more (expired?)";
            return Ok(none(&requests, text.to_owned()));
        }
        Err(error) => return Err(reading("the actions")(error)),
    };
    let labels = labels.map_err(reading("the tasks"))?;
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
    wanted.sort_by_key(|request| request.times);
    let group = decision.to_string();
    for requests in wanted.chunk_by(|a, b| a.times == b.times) {
        let labels: Vec<&str> = requests.iter().map(|request| request.job.as_str()).collect();
        let rendered = actions.find(ACTION, None).and_then(|action| {
            let inputs = action.inputs_for(&labels, requests[0].times)?;
            let render =
                |input: Input| Ok((actions.render(action, &group, None, &input.body)?, input));
            inputs.into_iter().map(render).collect::<Result<Vec<_>, ActionError>>()
        });
        let rendered = match rendered {
            Ok(rendered) => rendered,
            Err(error) => {
                prepared.left_out.extend(none(requests, error.to_string()).left_out);
                continue;
            }
        };
        // The file is untrusted: it may only name a hook that its own decision task may use.
        let expanded = expand(ci, scopes, &task.scopes).await?;
        let unfit = rendered.iter().find_map(|(rendered, _)| {
            let Rendered { hook_group_id, hook_id, .. } = rendered;
            let needed = format!("in-tree:hook-action:{hook_group_id}/{hook_id}");
            (!satisfies(&expanded, &needed)).then_some(needed)
        });
        if let Some(needed) = unfit {
            let text = format!(
                "its decision task does not have the scope {needed}, so that its actions.json is not trusted"
            );
            prepared.left_out.extend(none(requests, text).left_out);
            continue;
        }
        for (rendered, input) in rendered {
            let of_input = requests.iter().filter(|r| input.labels.contains(&r.job));
            let jobs = of_input.map(|request| asked(request, input.times)).collect();
            let (push, sends) = (requests[0].push.clone(), Sends::Hook(rendered));
            prepared.asks.push(ReadyAsk { push, jobs, group: group.clone(), sends });
        }
    }
    Ok(prepared)
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
    for request in requests {
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

/// What sets of scopes stand for. Decision tasks of one repository have the same ones, so that one
/// question is enough; whoever asks it holds the others up until the answer is there.
type Scopes = Mutex<HashMap<Vec<String>, Vec<String>>>;

async fn expand(ci: &Ci, known: &Scopes, scopes: &[String]) -> Result<Vec<String>, Error> {
    let mut known = known.lock().await;
    if let Some(expanded) = known.get(scopes) {
        return Ok(expanded.clone());
    }
    let expanded = ci.taskcluster()?.expand_scopes(scopes).await.map_err(|error| {
        let refused = matches!(error.problem, Problem::Forbidden { .. });
        let hint = if refused { ci.clock_hint() } else { String::new() };
        Error::service(format!("cannot expand the scopes of a decision task{hint}"))(error)
    })?;
    known.insert(scopes.to_vec(), expanded.clone());
    Ok(expanded)
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
