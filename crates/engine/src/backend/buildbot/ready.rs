//! From a plan to bodies that can be sent to a master.

use crate::backend::buildbot::sends::BuildSends;
use std::collections::BTreeSet;

use mozci_clients::buildbot::{ForceError, ForceScheduler, Parameters, Stamp};
use mozci_core::ids::{JobName, SchedulerName};
use mozci_core::plan::{LeftOut, LeftOutReason, Plan, PlannedRequest, Through};
use mozci_core::push::PushRef;
use serde_json::{Map, Value};

use crate::backend::buildbot::farm::Farm;
use crate::backend::buildbot::ties::unknown_builder;
use crate::backend::buildbot::ways::bare_stamp;
use crate::backend::pushes::Pushes;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::prepare::{Prepared, ReadyRequest, Sends, requested};

/// Checks that every force scheduler that a plan goes through can be told what it wants to know.
///
/// # Errors
/// [`Error::Usage`] with the fields that have no value, or that there are not.
pub(crate) async fn check_plan(ci: &Ci, farm: &Farm, plan: &Plan) -> Result<(), Error> {
    let schedulers = farm.schedulers().await?;
    let mut used: Vec<&ForceScheduler> = Vec::new();
    let mut asked_of: BTreeSet<&JobName> = BTreeSet::new();
    for request in &plan.requests {
        let Through::ForceScheduler(name) = &request.through else { continue };
        let scheduler = find(schedulers, name)?;
        used.push(scheduler);
        let stamp = bare_stamp(farm, &request.push.revision);
        body(ci, farm, scheduler, request, (&stamp, &[])).await?.map_err(unusable)?;
    }
    for request in &plan.requests {
        if !farm.has_worker(request.job.as_str()).await? && asked_of.insert(&request.job) {
            ci.note(format!(
                "no worker takes builds of {} now: what is requested waits until one is there",
                request.job
            ));
        }
    }
    let fits = |name: &&String| !used.iter().any(|scheduler| scheduler.has_field(name));
    match farm.given().keys().find(fits) {
        Some(_) if plan.requests.is_empty() => Ok(()),
        Some(name) => Err(Error::Usage(format!(
            "--param {name}: no force scheduler of this plan has such a field"
        ))),
        _ => Ok(()),
    }
}

/// Leaves out what a force scheduler has to be told and nobody said.
pub(crate) async fn fit_plan(ci: &Ci, farm: &Farm, plan: &mut Plan) -> Result<(), Error> {
    let schedulers = farm.schedulers().await?;
    let mut unfit: Vec<LeftOut> = Vec::new();
    for request in &plan.requests {
        let Through::ForceScheduler(name) = &request.through else { continue };
        let scheduler = find(schedulers, name)?;
        let stamp = bare_stamp(farm, &request.push.revision);
        if let Err(error) = body(ci, farm, scheduler, request, (&stamp, &[])).await? {
            let text = format!("{error}: give --param NAME=VALUE, or leave the job out");
            unfit.push(left_out(request, text));
        }
    }
    plan.leave_out(unfit);
    Ok(())
}

fn unusable(error: ForceError) -> Error {
    let hint = match &error {
        ForceError::Needs { .. } => {
            ": give --param NAME=VALUE, or values under `force` for the repository in the config"
        }
        _ => "",
    };
    Error::Usage(format!("{error}{hint}"))
}

fn find<'a>(
    schedulers: &'a [ForceScheduler],
    name: &SchedulerName,
) -> Result<&'a ForceScheduler, Error> {
    let found = schedulers.iter().find(|scheduler| scheduler.name == *name);
    found.ok_or_else(|| {
        Error::NotFound(format!("the master has no force scheduler {name} any more"))
    })
}

/// Prepares every request of a plan: one body a run.
pub(crate) async fn prepare(ci: &Ci, farm: &Farm, plan: &Plan) -> Result<Prepared, Error> {
    let schedulers = farm.schedulers().await?;
    let mut prepared = Prepared::default();
    for request in &plan.requests {
        let sends = match &request.through {
            Through::ForceScheduler(name) => {
                let scheduler = find(schedulers, name)?;
                let (stamp, others) = seen_stamps(ci, farm, scheduler, &request.push).await?;
                match body(ci, farm, scheduler, request, (&stamp, &others)).await? {
                    Ok(parameters) => BuildSends::Force {
                        scheduler: name.clone(),
                        parameters,
                        reason_room: scheduler.reason_room(),
                    },
                    Err(error) => {
                        prepared.left_out.push(left_out(request, error.to_string()));
                        continue;
                    }
                }
            }
            Through::RepeatedBuild(build) => BuildSends::Rebuild(*build),
            Through::DecisionTask(_)
            | Through::ClonedTask(_)
            | Through::Again(_)
            | Through::Route(_)
            | Through::SelfServe { .. } => {
                prepared.left_out.push(left_out(request, "it needs a task graph".into()));
                continue;
            }
        };
        for _ in 0..request.times {
            prepared.requests.push(ReadyRequest {
                push: request.push.clone(),
                jobs: vec![requested(request, 1)],
                group: request.job.to_string(),
                sends: Sends::new(sends.clone()),
            });
        }
    }
    Ok(prepared)
}

fn left_out(request: &PlannedRequest, text: String) -> LeftOut {
    let why = LeftOutReason::NoAction(text);
    LeftOut { push: request.push.clone(), job: request.job.clone(), why }
}

/// What is sent to force a builder on a push.
async fn body(
    ci: &Ci,
    farm: &Farm,
    scheduler: &ForceScheduler,
    request: &PlannedRequest,
    (stamp, others): (&Stamp, &[Stamp]),
) -> Result<Result<Map<String, Value>, ForceError>, Error> {
    let builders = farm.builders().await?;
    let builder = builders.iter().find(|builder| builder.name == request.job.as_str());
    let builder =
        builder.ok_or_else(|| unknown_builder(ci, farm, builders, request.job.as_str()))?;
    let values: Parameters = farm.parameters(scheduler, &builder.name);
    // The reason, with the ledger's id, is put in when that is known.
    Ok(scheduler.parameters(builder.id, stamp, others, &values))
}

/// A push's source stamps as its change made it, so that what is forced is of the same: of our codebase, and
/// of the others what was newest there when the push landed.
async fn seen_stamps(
    ci: &Ci,
    farm: &Farm,
    scheduler: &ForceScheduler,
    push: &PushRef,
) -> Result<(Stamp, Vec<Stamp>), Error> {
    let bare = bare_stamp(farm, &push.revision);
    if !matches!(ci.pushes, Pushes::Changes) {
        return Ok((bare, Vec::new()));
    }
    let reading = || Error::service("cannot read the master's changes");
    let master = farm.master().await?;
    let found = master.changes_of(&farm.branch, &bare.revision).await.map_err(reading())?;
    let codebase = farm.codebase();
    let ours = |change: &&mozci_clients::buildbot::Change| {
        codebase.as_ref().is_none_or(|codebase| *codebase == change.stamp.codebase)
    };
    let Some(change) = found.into_iter().rfind(|change| ours(&change)) else {
        return Ok((bare, Vec::new()));
    };
    let mut others = Vec::new();
    for codebase in scheduler.other_codebases(&change.stamp.codebase) {
        match master.change_before(codebase, change.id).await.map_err(reading())? {
            Some(other) => others.push(other.stamp),
            None => ci.note(format!(
                "what {} builds of the codebase {codebase:?} is its newest: no change tells what was there at push {}",
                scheduler.name, push.id
            )),
        }
    }
    Ok((change.stamp, others))
}
