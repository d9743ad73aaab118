//! Every builder on every push of a range.

use std::collections::BTreeMap;

use mozci_core::filter::{Facets, JobFilter};
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::run::Run;

use crate::backend::buildapi::api::BuildApi;
use crate::backend::buildapi::history::check_named;
use crate::backend::buildapi::rows::read_rows;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::matrix::Matrix;

/// Reads the runs of the pushes.
pub(crate) async fn read_matrix(
    ci: &Ci,
    api: &BuildApi,
    pushes: &[Push],
    filter: &JobFilter,
) -> Result<Matrix, Error> {
    let of = (!filter.jobs.is_empty()).then_some(filter.jobs.as_slice());
    let rows = read_rows(ci, api, pushes, of).await?;
    for job in &filter.jobs {
        check_named(ci, api, api.farm().await?, job, &rows)?;
        if !rows.of_push.iter().any(|of_push| of_push.contains_key(job)) {
            ci.note(format!("{job} has no run on any of these pushes"));
        }
    }
    // What allthethings.json tells of a builder filters can go by; without it there are names.
    let graph = api.farm().await?.map(|farm| farm.graph(Some(&api.branch)));
    let keeps = |job: &JobName| match graph.as_ref().and_then(|graph| graph.get(job.as_str())) {
        Some(known) => filter.keeps(&known.facets()),
        None => filter.keeps(&Facets::of(job.as_str())),
    };
    let mut names: BTreeMap<JobName, u32> = BTreeMap::new();
    for job in rows.of_push.iter().flat_map(BTreeMap::keys) {
        if !names.contains_key(job) && keeps(job) {
            names.insert(job.clone(), 0);
        }
    }
    for (place, column) in (0u32..).zip(names.values_mut()) {
        *column = place;
    }
    let mut cells: Vec<Vec<(u32, Run)>> = Vec::with_capacity(pushes.len());
    for of_push in rows.of_push {
        let mut cell = Vec::new();
        for (job, runs) in of_push {
            if let Some(column) = names.get(&job) {
                cell.extend(runs.into_iter().map(|run| (*column, run)));
            }
        }
        cells.push(cell);
    }
    let jobs = names.into_keys().map(|job| (job, JobName::new(""))).collect();
    Ok(Matrix { jobs, rows: cells, behind: None, undecided: vec![], incomplete: rows.incomplete })
}
