//! From a plan to bodies that can be sent to a master.

use mozci_clients::buildbot::{ForceError, ForceScheduler, Parameters, Stamp};
use mozci_core::ids::SchedulerName;
use mozci_core::plan::{LeftOut, LeftOutReason, Plan, PlannedRequest, Through};
use serde_json::{Map, Value};

use super::history::unknown_builder;
use crate::ci::{Ci, PushSource};
use crate::error::Error;
use crate::farm::Farm;
use crate::flow::prepare::{Prepared, ReadyAsk, Sends, asked};

/// Checks that every force scheduler that a plan goes through can be told what it wants to know.
///
/// # Errors
/// [`Error::Usage`] with the fields that have no value, or that there are not.
pub(crate) async fn check_plan(ci: &Ci, farm: &Farm, plan: &Plan) -> Result<(), Error> {
    let schedulers = farm.schedulers().await?;
    let mut used: Vec<&ForceScheduler> = Vec::new();
    for request in &plan.requests {
        let Through::ForceScheduler(name) = &request.through else { continue };
        let scheduler = find(schedulers, name)?;
        used.push(scheduler);
        body(ci, farm, scheduler, request, stamp(farm, request)).await?.map_err(unusable)?;
    }
    let fits = |name: &&String| !used.iter().any(|scheduler| scheduler.has_field(name));
    match farm.given().keys().find(fits) {
        Some(_) if used.is_empty() => Ok(()),
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
        if let Err(error) = body(ci, farm, scheduler, request, stamp(farm, request)).await? {
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
                let stamp = seen_stamp(ci, farm, request).await?;
                match body(ci, farm, scheduler, request, stamp).await? {
                    Ok(parameters) => Sends::Force { scheduler: name.clone(), parameters },
                    Err(error) => {
                        prepared.left_out.push(left_out(request, error.to_string()));
                        continue;
                    }
                }
            }
            Through::RepeatedBuild(build) => Sends::Rebuild(*build),
            Through::DecisionTask(_)
            | Through::ClonedTask(_)
            | Through::Again(_)
            | Through::SelfServe { .. } => {
                prepared.left_out.push(left_out(request, "it needs a task graph".into()));
                continue;
            }
        };
        for _ in 0..request.times {
            prepared.asks.push(ReadyAsk {
                push: request.push.clone(),
                jobs: vec![asked(request, 1)],
                group: request.job.to_string(),
                sends: sends.clone(),
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
    stamp: Stamp,
) -> Result<Result<Map<String, Value>, ForceError>, Error> {
    let builders = farm.builders().await?;
    let builder = builders.iter().find(|builder| builder.name == request.job.as_str());
    let builder =
        builder.ok_or_else(|| unknown_builder(ci, farm, builders, request.job.as_str()))?;
    let values: Parameters = farm.parameters(scheduler, &builder.name);
    // The ledger's id is put in when it is known.
    Ok(scheduler.parameters(builder.id, &stamp, "", &values))
}

/// A push's source stamp, as far as it is known without asking.
fn stamp(farm: &Farm, request: &PlannedRequest) -> Stamp {
    Stamp {
        revision: request.push.revision.hash().to_owned(),
        branch: Some(farm.branch.clone()),
        codebase: farm.codebase.clone().unwrap_or_default(),
        ..Stamp::default()
    }
}

/// A push's source stamp as its change made it, so that what is forced is of the same.
async fn seen_stamp(ci: &Ci, farm: &Farm, request: &PlannedRequest) -> Result<Stamp, Error> {
    let bare = stamp(farm, request);
    if !matches!(ci.pushes, PushSource::Changes) {
        return Ok(bare);
    }
    let found = farm.master().await?.changes_of(&farm.branch, &bare.revision).await;
    let found = found.map_err(Error::service("cannot read the master's changes"))?;
    let ours = |change: &&mozci_clients::buildbot::Change| {
        farm.codebase.as_ref().is_none_or(|codebase| *codebase == change.stamp.codebase)
    };
    let seen = found.into_iter().rfind(|change| ours(&change));
    Ok(seen.map_or(bare, |change| change.stamp))
}
