//! What can be cancelled on some pushes, and the requests that do it.

use std::collections::HashSet;

use mozci_core::filter::JobFilter;
use mozci_core::ids::{JobName, RequestId, TaskId};
use mozci_core::push::{Push, PushRef};
use mozci_core::run::Run;

use crate::ci::Ci;
use crate::error::{Error, Kind};
use crate::flow::at_work::{AtWork, MOST_GROUPS, at_work};
use crate::flow::matrix::{Matrix, read_matrix};
use crate::flow::prepare::{Prepared, ReadyRequest};
use crate::store::{Ledger, RequestedJob};

/// A run that waits or runs.
#[derive(Debug, Clone)]
pub struct Cancellable {
    /// The push.
    pub push: PushRef,
    /// The job.
    pub job: JobName,
    /// The run.
    pub run: Run,
}

/// What can be cancelled on some pushes.
#[derive(Debug, Clone, Default)]
pub struct Cancellation {
    /// The runs, of the newest push first.
    pub runs: Vec<Cancellable>,
    /// Action tasks that have not ended and may still create runs.
    pub actions: Vec<TaskId>,
    /// Whether the filter fits no job that ran there.
    pub fits_nothing: bool,
    /// Why results could not be read. The task groups alone were read then.
    pub note: Option<String>,
}

/// Finds the runs of some jobs that wait or run on some pushes.
///
/// # Errors
/// [`Error::Service`], [`Error::Store`], and [`Error::Odd`] where a part of the results could not be read.
pub async fn cancellable(
    ci: &Ci,
    ledger: &Ledger,
    pushes: &[Push],
    filter: &JobFilter,
) -> Result<Cancellation, Error> {
    let (matrix, note) = results_or_groups(ci, pushes, filter).await?;
    let fits_nothing = matrix.jobs.is_empty() && filter.is_given() && filter.jobs.is_empty();
    let mut runs: Vec<Cancellable> = Vec::new();
    for (row, push) in matrix.rows.iter().zip(pushes) {
        for (job, run) in row.iter().filter(|(_, run)| run.state.is_waiting()) {
            let (job, platform) = &matrix.jobs[*job as usize];
            // A push without its decision task would get no runs at all.
            let is_group = ci.backend().is_group_platform(platform.as_str());
            if is_group && !filter.jobs.contains(job) {
                continue;
            }
            runs.push(Cancellable { push: push.into(), job: job.clone(), run: run.clone() });
        }
    }
    let known: HashSet<TaskId> =
        matrix.rows.iter().flatten().filter_map(|(_, run)| run.key.task()).collect();
    let AtWork { runs: others, actions } = at_work(ci, ledger, pushes, filter, &known).await?;
    runs.extend(others.into_iter().map(|(place, job, run)| Cancellable {
        push: (&pushes[place]).into(),
        job,
        run,
    }));
    runs.sort_by_key(|one| std::cmp::Reverse(one.push.id));
    Ok(Cancellation { runs, actions, fits_nothing, note })
}

/// The results of the pushes. Where they cannot be read, nothing and the reason: the task groups, which are read in any
/// case, are enough then.
async fn results_or_groups(
    ci: &Ci,
    pushes: &[Push],
    filter: &JobFilter,
) -> Result<(Matrix, Option<String>), Error> {
    let nothing =
        || Matrix { jobs: vec![], rows: vec![], behind: None, undecided: vec![], incomplete: None };
    let groups_are_read = pushes.len() <= MOST_GROUPS;
    match read_matrix(ci, pushes, filter).await {
        Ok(Matrix { incomplete: Some(why), jobs, .. }) if jobs.is_empty() && groups_are_read => {
            Ok((nothing(), Some(why)))
        }
        Ok(matrix) => Ok((matrix.whole()?, None)),
        Err(error)
            if error.kind() == Kind::Service
                && ci.backend().capabilities().graphs
                && groups_are_read =>
        {
            Ok((nothing(), Some(format!("{error}: only the pushes' task groups are read"))))
        }
        Err(error) => Err(error),
    }
}

impl Cancellation {
    /// The requests that cancel the runs, as far as the CI can cancel them.
    pub fn requests(&self, ci: &Ci) -> Prepared {
        let requests = self.runs.iter().filter_map(|one| request(ci, one));
        Prepared { requests: requests.collect(), ..Prepared::default() }
    }
}

fn request(ci: &Ci, one: &Cancellable) -> Option<ReadyRequest> {
    let Cancellable { push, job, run } = one;
    let why = format!("it is {}", run.state.word());
    Some(ReadyRequest {
        push: push.clone(),
        jobs: vec![RequestedJob { job: job.clone(), times: 0, why }],
        group: match run.key.request {
            RequestId::Task(task) => task.to_string(),
            RequestId::BuildRequest(_) | RequestId::SelfServe(_) => job.to_string(),
        },
        sends: ci.backend().cancels(run)?,
    })
}
