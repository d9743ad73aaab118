//! The history of some jobs over many pushes.

use mozci_core::facts::PushFacts;
use mozci_core::ids::JobName;
use mozci_core::plan::PastRuns;
use mozci_core::push::Push;
use mozci_core::run::Run;

use crate::backend::HistoryQuestion;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::build_of::BuildOf;
use crate::flow::evidence::classify;
use crate::store::{Ledger, LedgerCursor};

/// A job on many pushes.
#[derive(Debug, Clone)]
pub struct JobHistory {
    /// The job.
    pub job: JobName,
    /// The build that it depends on, as far as that could be found out.
    pub build: BuildOf,
    /// Whether that was inferred from history, and not told.
    pub inferred: bool,
    /// What is known of each push, in the order of the pushes that were asked about.
    pub facts: Vec<PushFacts>,
    /// The build's runs on each of them.
    pub build_runs: Vec<Vec<Run>>,
    /// Where the ledger ended when reading began: what was requested later is not in here.
    pub read_at: LedgerCursor,
}

impl JobHistory {
    /// The past runs from which durations are taken.
    pub fn past(&self) -> PastRuns<'_> {
        PastRuns {
            job: self.facts.iter().flat_map(|facts| &facts.runs).collect(),
            build: self.build_runs.iter().flatten().collect(),
        }
    }
}

/// Up to so many jobs are read one by one.
pub(crate) const ONE_BY_ONE: usize = 4;

/// Reads a job's history over pushes.
///
/// # Errors
/// [`Error::NotFound`] with the nearest names for a job that no push has.
pub async fn read_job(
    ci: &Ci,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    job: &JobName,
) -> Result<JobHistory, Error> {
    let jobs = std::slice::from_ref(job);
    let mut all = read_jobs(ci, ledger, pushes, jobs, None).await?;
    all.pop().ok_or_else(|| Error::Odd("no history came of a job".into()))
}

/// Reads the histories of some jobs over pushes, in the jobs' order. `builds` is what an earlier
/// reading found out of the builds.
///
/// # Errors
/// [`Error::NotFound`] with the nearest names for a job that no push has.
pub async fn read_jobs(
    ci: &Ci,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    jobs: &[JobName],
    builds: Option<&[BuildOf]>,
) -> Result<Vec<JobHistory>, Error> {
    tracing::debug!(jobs = jobs.len(), pushes = pushes.len(), "histories are read");
    let about = ci.about();
    let of_test = about.as_ref().filter(|about| about.subject.is_some());
    // Of many jobs every one stands for itself.
    let has_chunks = ci.backend().capabilities().chunks && jobs.len() <= ONE_BY_ONE;
    if let Some(about) = of_test.filter(|_| has_chunks) {
        let read_at = read_position(ci, ledger).await?;
        let mut histories = Vec::with_capacity(jobs.len());
        for place in 0..jobs.len() {
            let builds = builds.and_then(|builds| builds.get(place..=place));
            let jobs = &jobs[place..=place];
            let question = HistoryQuestion { ledger, pushes, jobs, builds, read_at };
            histories.push(ci.backend().history_about(ci, question, about).await?);
        }
        return Ok(histories);
    }
    let mut histories = read_as_ended(ci, ledger, pushes, jobs, builds).await?;
    let each = histories.iter_mut().flat_map(|history| {
        let runs = history.facts.iter_mut().flat_map(|facts| &mut facts.runs);
        runs.map(|run| (&history.job, run))
    });
    classify(ci, each.collect()).await;
    Ok(histories)
}

/// Puts exact times to the runs of jobs that ran several times: which was the last is told by these alone.
///
/// # Errors
/// [`Error::Service`].
pub async fn settle_times(ci: &Ci, histories: &mut [JobHistory]) -> Result<(), Error> {
    ci.backend().settle_times(ci, histories).await
}

/// Reads the histories, judged by how the runs ended.
pub(crate) async fn read_as_ended(
    ci: &Ci,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    jobs: &[JobName],
    builds: Option<&[BuildOf]>,
) -> Result<Vec<JobHistory>, Error> {
    // What is requested from here on, this reading may not have seen.
    let read_at = read_position(ci, ledger).await?;
    let question = HistoryQuestion { ledger, pushes, jobs, builds, read_at };
    ci.backend().histories(ci, question).await
}

/// The position in the ledger at the time of reading.
async fn read_position(ci: &Ci, ledger: Option<&Ledger>) -> Result<LedgerCursor, Error> {
    match ledger {
        Some(ledger) => Ok(ledger.cursor(&ci.root_url).await?),
        None => Ok(LedgerCursor::default()),
    }
}
