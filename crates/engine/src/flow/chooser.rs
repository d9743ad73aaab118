//! Everything that can run on a push, and how that ran lately.

use std::collections::HashMap;

use mozci_core::chooser::JobGraph;
use mozci_core::estimate::median;
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::run::Run;
use mozci_core::time::Minutes;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::matrix::Matrix;

/// How a job ran on the pushes that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// Pushes that it has a run on.
    pub pushes: usize,
    /// The median of what its runs took that ended by themselves.
    pub minutes: Option<Minutes>,
}

/// Everything that can run on a push.
#[derive(Debug)]
pub struct Chooser {
    /// The push whose graph it is.
    pub push: Push,
    /// What can run there.
    pub graph: JobGraph,
    /// Pushes whose runs were read for the past.
    pub pushes: usize,
    past: HashMap<JobName, Past>,
}

impl Chooser {
    pub(crate) fn new(push: &Push, graph: JobGraph, past: Option<(usize, &Matrix)>) -> Self {
        let (pushes, past) = match past {
            Some((pushes, matrix)) => (pushes, past_of(matrix)),
            None => (0, HashMap::new()),
        };
        Self { push: push.clone(), graph, pushes, past }
    }

    /// How a job ran lately; none where it did not, or nothing was read.
    pub fn past(&self, label: &str) -> Option<Past> {
        self.past.get(&JobName::new(label)).copied()
    }
}

fn past_of(matrix: &Matrix) -> HashMap<JobName, Past> {
    let mut runs: HashMap<u32, (usize, Vec<&Run>)> = HashMap::new();
    for row in &matrix.rows {
        let mut before = None;
        for (job, run) in row {
            let (pushes, of_job) = runs.entry(*job).or_default();
            *pushes += usize::from(before != Some(*job));
            of_job.push(run);
            before = Some(*job);
        }
    }
    let each = runs.into_iter().map(|(job, (pushes, runs))| {
        let minutes = median(runs).map(|(minutes, _)| minutes);
        (matrix.jobs[job as usize].0.clone(), Past { pushes, minutes })
    });
    each.collect()
}

/// Reads what can run on the newest of some pushes that tells, and, where the past is wanted, what
/// their runs were. With `exact` it is the newest of them that was asked about, and no other will do.
///
/// # Errors
/// [`Error::NotFound`] where no push tells, or not the one that was asked about.
pub async fn chooser(
    ci: &Ci,
    pushes: &[Push],
    exact: bool,
    with_past: bool,
) -> Result<Chooser, Error> {
    ci.backend().chooser(ci, pushes, exact, with_past).await
}
