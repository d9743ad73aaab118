//! Every builder on every push of a range.

use std::collections::{BTreeMap, HashMap};

use mozci_clients::buildbot::BuildsOf;
use mozci_core::farm::{BuildDependency, Request, build_dependency};
use mozci_core::filter::{Facets, JobFilter};
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::run::Run;

use crate::backend::buildbot::farm::Farm;
use crate::backend::buildbot::history::{by_push, mark_absent};
use crate::backend::buildbot::rows::{Rows, read_rows};
use crate::backend::buildbot::ties::unknown_builder;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::matrix::Matrix;

/// Reads the runs of the pushes.
pub(crate) async fn read_matrix(
    ci: &Ci,
    farm: &Farm,
    pushes: &[Push],
    filter: &JobFilter,
) -> Result<Matrix, Error> {
    let rows = read_rows(ci, farm, pushes, BuildsOf::All).await?;
    matrix_of(ci, farm, &rows, pushes.len(), filter)
}

/// The runs among what was read.
pub(crate) fn matrix_of(
    ci: &Ci,
    farm: &Farm,
    rows: &Rows,
    pushes: usize,
    filter: &JobFilter,
) -> Result<Matrix, Error> {
    for job in &filter.jobs {
        let known = rows.builder(job.as_str());
        let known = known.ok_or_else(|| unknown_builder(ci, farm, &rows.builders, job.as_str()))?;
        if rows.requests_of(known.id).next().is_none() {
            ci.note(format!("{job} has no run on any of these pushes"));
        }
    }
    let mut ids: BTreeMap<JobName, u64> = BTreeMap::new();
    for builder in rows.requests.iter().filter(|r| rows.push_of.contains_key(&r.id)) {
        let name = rows.name(builder.builder);
        if filter.keeps(&Facets::of(name.as_str())) {
            ids.insert(name, builder.builder);
        }
    }
    let builds = builds_of(farm, rows, ids.values().copied());
    let mut cells: Vec<Vec<(u32, Run)>> = vec![Vec::new(); pushes];
    for (column, id) in (0u32..).zip(ids.values()) {
        let of_builds: Vec<(JobName, Vec<Vec<&Request>>)> = builds
            .get(id)
            .into_iter()
            .flatten()
            .map(|build| (rows.name(*build), by_push(rows.requests_of(*build), pushes)))
            .collect();
        for (place, requests) in by_push(rows.requests_of(*id), pushes).iter().enumerate() {
            for request in requests {
                let mut runs = rows.runs_of(request);
                for (name, of_build) in &of_builds {
                    mark_absent(rows, request, &mut runs, &of_build[place], name);
                }
                cells[place].extend(runs.into_iter().map(|run| (column, run)));
            }
        }
    }
    let jobs = ids.into_keys().map(|job| (job, JobName::new(""))).collect();
    Ok(Matrix { jobs, rows: cells, behind: None, undecided: vec![], incomplete: None })
}

/// The builds that builders depend on, as far as they are said or can be told.
pub(crate) fn builds_of(
    farm: &Farm,
    rows: &Rows,
    builders: impl Iterator<Item = u64>,
) -> HashMap<u64, Vec<u64>> {
    let ties = rows.ties(farm);
    let builds_of = |id: u64| match farm.build_of.get(rows.name(id).as_str()) {
        Some(names) => {
            names.iter().filter_map(|name| Some(rows.builder(name)?.id)).collect::<Vec<_>>()
        }
        None => match build_dependency(id, &ties, &rows.requests, &rows.builds) {
            BuildDependency::On(link) => link.builds,
            _ => Vec::new(),
        },
    };
    builders.map(|id| (id, builds_of(id))).filter(|(_, builds)| !builds.is_empty()).collect()
}
