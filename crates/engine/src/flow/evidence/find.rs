//! A run by whatever names it.

use mozci_core::ids::{BuildId, JobName};
use mozci_core::run::{Run, RunKey};
use mozci_core::run_spec::RunSpec;
use serde::Serialize;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::asked::statuses;
use crate::flow::history::definition;
use crate::flow::resolve::check_host;

/// A run that is asked about.
#[derive(Debug, Clone)]
pub struct AskedRun {
    /// The run itself.
    pub run: Run,
    /// Of which job.
    pub job: JobName,
    /// On which push, where that is known.
    pub revision: Option<String>,
}

impl AskedRun {
    /// Its build on a Buildbot master.
    pub(super) fn build(&self) -> Option<BuildId> {
        self.run.more.as_ref().and_then(|more| more.build)
    }
}

/// A run's name as outputs have it.
#[derive(Debug, Clone, Serialize)]
pub struct RunName {
    /// Which.
    #[serde(flatten)]
    pub key: RunKey,
    /// Where it can be looked at.
    pub link: Option<String>,
}

/// Finds a run by what a user typed.
///
/// # Errors
/// [`Error::NotFound`] for a run that there is not, [`Error::Usage`] for a link to elsewhere.
pub async fn find_run(ci: &Ci, spec: &RunSpec) -> Result<AskedRun, Error> {
    match spec {
        RunSpec::Task { task, run, host } => {
            check_host(ci, host.as_deref())?;
            if ci.farm().is_some() || ci.buildapi().is_some() {
                return Err(Error::Usage(format!("{} has builds, and no tasks", ci.root_url)));
            }
            let known = statuses(ci, &[*task]).await?;
            let status = known.get(task).ok_or_else(|| {
                Error::NotFound(format!("the queue knows no task {task} (any more)"))
            })?;
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
        RunSpec::Build { host, which } => {
            check_host(ci, Some(host))?;
            let Some(farm) = ci.farm() else {
                return Err(Error::Usage(format!("{} is no Buildbot master", ci.root_url)));
            };
            super::buildbot::find(farm, which).await
        }
    }
}
