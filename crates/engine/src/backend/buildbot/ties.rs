//! What builders depend on: as the configuration says, or as the history shows.

use mozci_core::farm::{BuildDependency, Link, build_dependency};
use mozci_core::ids::JobName;
use mozci_core::nearest::nearest;

use crate::backend::buildbot::farm::Farm;
use crate::backend::buildbot::rows::Rows;
use crate::ci::Ci;
use crate::error::Error;

/// The ids of builders and what they depend on, where the configuration says all of it; checks the
/// names.
pub(crate) async fn ids_of(
    ci: &Ci,
    farm: &Farm,
    jobs: &[JobName],
) -> Result<Option<Vec<u64>>, Error> {
    let builders = farm.builders().await?;
    let mut ids = Vec::new();
    let mut all_said = true;
    for job in jobs {
        let found = builders.iter().find(|builder| builder.name == job.as_str());
        ids.push(found.ok_or_else(|| unknown_builder(ci, farm, builders, job.as_str()))?.id);
        match farm.build_of.get(job.as_str()) {
            None => all_said = false,
            Some(names) => {
                for name in names {
                    let found = builders.iter().find(|builder| builder.name == *name);
                    ids.push(found.ok_or_else(|| unknown_builder(ci, farm, builders, name))?.id);
                }
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(all_said.then_some(ids))
}

/// What to say of a builder that is not there.
pub(crate) fn unknown_builder(
    ci: &Ci,
    farm: &Farm,
    builders: &[mozci_clients::buildbot::Builder],
    name: &str,
) -> Error {
    let active = builders.iter().filter(|builder| builder.active);
    let meant = nearest(name, active.map(|builder| builder.name.as_str()), 3);
    let hint = match meant.as_slice() {
        [] => String::new(),
        names => format!("\n  did you mean  {}", names.join("\n                ")),
    };
    Error::NotFound(format!(
        "no builder of the master at {} is called {name:?}{hint}\n  the command `jobs --rev tip --include TEXT` lists those that ran on the branch {:?}",
        ci.root_url, farm.branch
    ))
}

/// How a builder is tied to its builds.
#[derive(Debug)]
pub(crate) enum Tie {
    /// The configuration says so.
    Said(Link),
    /// The history shows it.
    Inferred(Link),
    /// The history shows that it is one of these two.
    OneOf(JobName, JobName),
    /// It depends on nothing.
    None,
    /// Too little is known.
    Unknown,
}

/// What a builder depends on.
pub(crate) fn tie_of(farm: &Farm, rows: &Rows, job: &JobName) -> Tie {
    let started = farm.started.iter().any(|name| name == job.as_str());
    if let Some(names) = farm.build_of.get(job.as_str()) {
        let found: Option<Vec<u64>> =
            names.iter().map(|name| Some(rows.builder(name)?.id)).collect();
        return match found {
            Some(builds) if builds.is_empty() => Tie::None,
            Some(builds) => Tie::Said(Link { builds, starts: started }),
            None => Tie::Unknown,
        };
    }
    let Some(builder) = rows.builder(job.as_str()) else { return Tie::Unknown };
    match build_dependency(builder.id, &rows.ties(farm), &rows.requests, &rows.builds) {
        BuildDependency::On(link) => Tie::Inferred(Link { starts: link.starts || started, ..link }),
        BuildDependency::Nothing => Tie::None,
        BuildDependency::Unknown => Tie::Unknown,
        BuildDependency::OneOf(first, second) => Tie::OneOf(rows.name(first), rows.name(second)),
    }
}
