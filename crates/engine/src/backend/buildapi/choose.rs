//! Which builders a filter means, and everything that can run.

use std::collections::BTreeSet;

use mozci_core::chooser::{Job, JobGraph};
use mozci_core::filter::JobFilter;
use mozci_core::ids::JobName;
use mozci_core::push::Push;

use crate::backend::buildapi::api::BuildApi;
use crate::backend::buildapi::history::build_of;
use crate::backend::buildapi::matrix::read_matrix;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::choose::Chosen;
use crate::flow::chooser::Chooser;

/// The builders which a filter means among all of the branch.
pub(crate) async fn choose(ci: &Ci, api: &BuildApi, filter: &JobFilter) -> Result<Chosen, Error> {
    let graph = graph(ci, api).await?;
    let meant: Vec<JobName> =
        graph.select(filter, None).map(|job| JobName::new(job.label())).collect();
    if meant.is_empty() {
        return Err(Error::NotFound(format!(
            "none of the {} builders of {} matches these filters (a glob must match the whole name)",
            graph.len(),
            ci.repo
        )));
    }
    with_builds(ci, api, meant).await
}

/// The builders that belong to a push: those that are listed for it and, of the branch's others, those
/// that run on every push.
pub(crate) async fn chosen(
    ci: &Ci,
    api: &BuildApi,
    push: &Push,
    filter: &JobFilter,
) -> Result<Chosen, Error> {
    let listed = read_matrix(ci, api, std::slice::from_ref(push), filter).await?.whole()?;
    let mut jobs: Vec<JobName> = listed.jobs.into_iter().map(|(job, _)| job).collect();
    if let Some(farm) = api.farm().await? {
        let graph = farm.graph(Some(&api.branch));
        // A build that triggers nothing may be a nightly, a test whose build is not known anything.
        let triggers: BTreeSet<&str> = graph.jobs().filter_map(|job| job.build()).collect();
        let usual = |job: &Job<'_>| {
            let is_tied = job.build().is_some() || triggers.contains(job.label());
            is_tied && farm.every(job.label()).is_none()
        };
        let named = |job: &Job<'_>| filter.jobs.iter().any(|name| name.as_str() == job.label());
        let all = graph.select(filter, None).filter(|job| named(job) || usual(job));
        jobs.extend(all.map(|job| JobName::new(job.label())));
        ci.note("builders that run every so many pushes only, builds that trigger nothing, and tests whose build is not known are left out unless they are listed for the push, or named");
    }
    jobs.sort_unstable();
    jobs.dedup();
    with_builds(ci, api, jobs).await
}

async fn with_builds(ci: &Ci, api: &BuildApi, jobs: Vec<JobName>) -> Result<Chosen, Error> {
    let farm = api.farm().await?;
    let builds = jobs.iter().map(|job| build_of(ci, farm, job)).collect();
    Ok(Chosen { jobs, builds })
}

/// What can run on the branch.
async fn graph(ci: &Ci, api: &BuildApi) -> Result<JobGraph, Error> {
    let Some(farm) = api.farm().await? else {
        return Err(Error::Usage(format!(
            "it is not known which builders {} has: set `allthethings` in the config to the URL or the path of allthethings.json, or name the builders",
            ci.root_url
        )));
    };
    let graph = farm.graph(Some(&api.branch));
    match graph.is_empty() {
        false => Ok(graph),
        true => Err(Error::NotFound(format!(
            "allthethings.json has no builder of the branch {:?}: name another with `branch` in the config",
            api.branch
        ))),
    }
}

/// Everything that can run on the branch, and how that ran on some pushes.
pub(crate) async fn chooser(
    ci: &Ci,
    api: &BuildApi,
    pushes: &[Push],
    with_past: bool,
) -> Result<Chooser, Error> {
    let graph = graph(ci, api).await?;
    let Some(newest) = pushes.first() else {
        return Err(Error::NotFound(format!("{} has no push", ci.repo)));
    };
    let past = match with_past {
        true => Some(read_matrix(ci, api, pushes, &JobFilter::default()).await?),
        false => None,
    };
    Ok(Chooser::new(newest, graph, past.as_ref().map(|matrix| (pushes.len(), matrix))))
}

/// Every how many pushes a builder runs, where that is less than always.
pub(crate) async fn every(api: &BuildApi, job: &JobName) -> Result<Option<u32>, Error> {
    Ok(api.farm().await?.and_then(|farm| farm.every(job.as_str())))
}
