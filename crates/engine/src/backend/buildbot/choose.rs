//! Which builders a filter means.

use std::collections::BTreeMap;

use mozci_clients::buildbot::BuildsOf;
use mozci_core::filter::{Facets, JobFilter};
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;

use crate::backend::buildbot::farm::Farm;
use crate::backend::buildbot::pushes::read_range;
use crate::backend::buildbot::rows::read_rows;
use crate::backend::buildbot::ties::unknown_builder;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::build_of::BuildOf;
use crate::flow::choose::Chosen;

/// How many pushes around one tell what usually runs on the branch.
const AROUND: u32 = 20;

/// The builders which a filter means among all that the master has.
pub(crate) async fn choose(ci: &Ci, farm: &Farm, filter: &JobFilter) -> Result<Chosen, Error> {
    let builders = farm.builders().await?;
    check_named(ci, farm, filter).await?;
    let active = builders.iter().filter(|builder| builder.active);
    let meant = active.filter(|builder| filter.keeps(&Facets::of(&builder.name)));
    let jobs: Vec<JobName> = meant.map(|builder| JobName::new(&builder.name)).collect();
    if jobs.is_empty() {
        return Err(none_meant(ci, builders.len()));
    }
    Ok(unknown_builds(jobs))
}

/// The builders that usually run on the branch, by the pushes around one, and that a filter means.
pub(crate) async fn chosen(
    ci: &Ci,
    farm: &Farm,
    push: &Push,
    filter: &JobFilter,
) -> Result<Chosen, Error> {
    check_named(ci, farm, filter).await?;
    let rev = RevisionSpec::Hash(push.revision.hash().to_owned());
    let every = std::num::NonZeroU32::MIN;
    let around = RangeSpec { rev, reach: Reach::Back(AROUND), every };
    let (pushes, ..) = read_range(ci, farm, &around).await?;
    let rows = read_rows(ci, farm, &pushes, BuildsOf::All).await?;
    let mut usual: BTreeMap<JobName, bool> = BTreeMap::new();
    for request in rows.requests.iter().filter(|r| rows.push_of.contains_key(&r.id)) {
        let by_itself = !rows.is_forced(request);
        *usual.entry(rows.name(request.builder)).or_default() |= by_itself;
    }
    // Whoever names a builder means it, wherever it ran.
    usual.extend(filter.jobs.iter().map(|job| (job.clone(), true)));
    usual.retain(|job, _| filter.keeps(&Facets::of(job.as_str())));
    let by_hand: Vec<&str> =
        usual.iter().filter(|(_, usual)| !**usual).map(|(job, _)| job.as_str()).collect();
    if !by_hand.is_empty() {
        ci.note(format!(
            "left out, since they only ran where somebody requested them: {} (name them to have them requested)",
            by_hand.join(", ")
        ));
    }
    let jobs: Vec<JobName> =
        usual.iter().filter(|(_, usual)| **usual).map(|(job, _)| job.clone()).collect();
    if jobs.is_empty() && filter.is_given() {
        return Err(none_meant(ci, farm.builders().await?.len()));
    }
    ci.note(format!(
        "no master says which builders belong to a push: these are the {} builders that ran on it or on the {} pushes before it",
        jobs.len(),
        pushes.len().saturating_sub(1)
    ));
    Ok(unknown_builds(jobs))
}

fn none_meant(ci: &Ci, builders: usize) -> Error {
    Error::NotFound(format!(
        "none of the {builders} builders of {} matches these filters (a glob must match the whole name; builders have names only, and no platform, suite or tier)",
        ci.root_url
    ))
}

fn unknown_builds(jobs: Vec<JobName>) -> Chosen {
    Chosen { builds: vec![BuildOf::Unknown; jobs.len()], jobs }
}

async fn check_named(ci: &Ci, farm: &Farm, filter: &JobFilter) -> Result<(), Error> {
    let builders = farm.builders().await?;
    let known = |job: &JobName| builders.iter().any(|builder| builder.name == job.as_str());
    match filter.jobs.iter().find(|job| !known(job)) {
        None => Ok(()),
        Some(job) => Err(unknown_builder(ci, farm, builders, job.as_str())),
    }
}
