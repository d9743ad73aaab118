//! What can run on a master's branch: its builders, with what depends on what as far as that is told.

use std::collections::HashMap;

use mozci_clients::buildbot::BuildsOf;
use mozci_core::chooser::{JobGraphBuilder, NewJob, Role};
use mozci_core::filter::JobFilter;
use mozci_core::push::Push;

use crate::backend::buildbot::farm::Farm;
use crate::backend::buildbot::matrix::{builds_of, matrix_of};
use crate::backend::buildbot::rows::read_rows;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::chooser::Chooser;

/// Reads the builders, and from the pushes' builds what they depend on and whether they run by
/// themselves: a master tells neither.
pub(crate) async fn chooser(ci: &Ci, farm: &Farm, pushes: &[Push]) -> Result<Chooser, Error> {
    let Some(newest) = pushes.first() else {
        return Err(Error::NotFound(format!("{} has no push", ci.repo)));
    };
    let rows = read_rows(ci, farm, pushes, BuildsOf::All).await?;
    let ties = builds_of(farm, &rows, rows.builders.iter().map(|builder| builder.id));
    let mut by_itself: HashMap<u64, bool> = HashMap::new();
    for request in rows.requests.iter().filter(|r| rows.push_of.contains_key(&r.id)) {
        *by_itself.entry(request.builder).or_default() |= !rows.is_forced(request);
    }
    let mut builder = JobGraphBuilder::default();
    for one in rows.builders.iter().filter(|builder| builder.active) {
        let build =
            ties.get(&one.id).and_then(|builds| builds.first()).map(|build| rows.name(*build));
        let is_build = ties.values().flatten().any(|build| *build == one.id);
        let role = match (&build, is_build) {
            (_, true) => Role::Build,
            (Some(_), false) => Role::Test,
            (None, false) => Role::Other,
        };
        builder.add(&NewJob {
            label: &one.name,
            role: Some(role),
            build: build.as_ref().map(|build| build.as_str()),
            by_default: by_itself.get(&one.id).copied().or(Some(false)),
            ..NewJob::default()
        });
    }
    ci.note(format!(
        "what depends on what, and what runs by itself, is taken from the builds of {} pushes: no master tells it",
        pushes.len()
    ));
    let matrix = matrix_of(ci, farm, &rows, pushes.len(), &JobFilter::default())?;
    Ok(Chooser::new(newest, builder.finish(), Some((pushes.len(), &matrix))))
}
