//! A run by its task.

use mozci_core::ids::JobName;
use mozci_core::run_spec::RunSpec;

use super::history::definition;
use super::requested::statuses;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::AskedRun;

/// Finds a run by what a user typed.
pub(crate) async fn find_run(ci: &Ci, spec: &RunSpec) -> Result<AskedRun, Error> {
    let RunSpec::Task { task, run, .. } = spec else {
        return Err(Error::Usage(format!("{} is not a Buildbot master", ci.root_url)));
    };
    let known = statuses(ci, &[*task]).await?;
    let status = known
        .get(task)
        .ok_or_else(|| Error::NotFound(format!("the queue knows no task {task} (any more)")))?;
    let found = match run {
        Some(number) => status.runs.iter().find(|run| run.key.run == *number),
        None => status.runs.last(),
    };
    let found = found.ok_or_else(|| {
        let (last, run) = (status.runs.len().saturating_sub(1), run.unwrap_or(0));
        Error::NotFound(format!("the task {task} has no run {run}: its last one is {last}"))
    })?;
    let definition = definition(ci, *task).await?;
    let revision = definition.push.map(|(_, revision)| revision);
    Ok(AskedRun { run: found.clone(), job: JobName::new(definition.label), revision })
}
