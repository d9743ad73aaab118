//! Reads a repository again and again, and keeps what was read for everybody.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use mozci_core::filter::JobFilter;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_core::run::RunKey;
use mozci_core::time::At;
use mozci_engine::Error;
use mozci_engine::ci::Ci;
use mozci_engine::flow::{
    AskedRun, EvidenceWish, RunEvidence, read_evidence, read_matrix, read_range, read_summaries,
};
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::groups::groups;
use super::snapshot::Snapshot;
use crate::error::whole;
use crate::options::Options;

/// Failed runs that are read each time at the most: newest first, the rest the next time.
const READ_AT_ONCE: usize = 60;

/// How long the service waits at the most after the CI could not be read.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A repository that is watched.
pub(crate) struct Watched {
    /// The repository.
    pub(crate) ci: Ci,
    snapshot: RwLock<Option<Arc<Snapshot>>>,
    /// What went wrong the last time, and since when nothing could be read.
    problem: RwLock<Option<(At, String)>>,
    /// Grows with each snapshot, so that open pages know of it.
    changes: watch::Sender<u64>,
}

impl Watched {
    /// Begins to watch.
    pub(crate) fn start(ci: Ci, options: &Options, cancel: CancellationToken) -> Arc<Self> {
        let (changes, _) = watch::channel(0);
        let (snapshot, problem) = (RwLock::new(None), RwLock::new(None));
        let watched = Arc::new(Self { ci, snapshot, problem, changes });
        let (own, pushes, every) = (Arc::clone(&watched), options.pushes, options.every);
        tokio::spawn(async move {
            let mut pause = every;
            loop {
                pause = match own.look(pushes).await {
                    // What is not read yet is read next, without a pause.
                    Ok(0) => every,
                    Ok(_) => Duration::from_millis(100),
                    Err(error) => {
                        own.keep_problem(whole(&error));
                        (pause * 2).clamp(every, LONGEST_PAUSE)
                    }
                };
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
        watched
    }

    /// What was read last.
    pub(crate) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.read().clone()
    }

    /// What went wrong the last time, and since when.
    pub(crate) fn problem(&self) -> Option<(At, String)> {
        self.problem.read().clone()
    }

    /// Tells of changes.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn keep_problem(&self, text: String) {
        tracing::warn!(repo = %self.ci.repo, "the CI cannot be read: {text}");
        let mut problem = self.problem.write();
        let since = problem.as_ref().map_or_else(|| self.ci.now(), |(since, _)| *since);
        *problem = Some((since, text));
        drop(problem);
        self.changes.send_modify(|count| *count += 1);
    }

    /// Reads everything once. How many failed runs were not read yet.
    async fn look(&self, pushes: u32) -> Result<usize, Error> {
        let ci = &self.ci;
        let reach = Reach::Back(pushes.saturating_sub(1));
        let spec = RangeSpec { rev: RevisionSpec::Tip, reach, every: NonZeroU32::MIN };
        let mut pushes = read_range(ci, &spec).await?.pushes;
        let filter = JobFilter::default();
        let listed = pushes.clone();
        let (matrix, ()) =
            tokio::join!(read_matrix(ci, &listed, &filter), read_summaries(ci, &mut pushes));
        let matrix = matrix?;
        let mut evidence: HashMap<RunKey, Arc<RunEvidence>> = HashMap::new();
        let before = self.snapshot();
        let mut wanted: Vec<AskedRun> = Vec::new();
        let mut unread = 0;
        for (push, row) in pushes.iter().zip(&matrix.rows) {
            for (job, run) in row.iter().filter(|(_, run)| run.state.is_bad()) {
                let (job, _) = &matrix.jobs[*job as usize];
                let known = before.as_ref().and_then(|before| before.evidence.get(&run.key));
                match known {
                    Some(known) => {
                        evidence.insert(run.key, Arc::clone(known));
                    }
                    None if wanted.len() < READ_AT_ONCE => {
                        let revision = Some(push.revision.hash().to_owned());
                        wanted.push(AskedRun { run: run.clone(), job: job.clone(), revision });
                    }
                    None => unread += 1,
                }
            }
        }
        let looked = read_evidence(ci, &wanted, &EvidenceWish::default()).await;
        for (asked, looked) in wanted.iter().zip(looked) {
            evidence.insert(asked.run.key, Arc::new(looked.evidence));
        }
        let groups = groups(&pushes, &matrix, &evidence);
        let snapshot = Snapshot { at: ci.now(), pushes, matrix, evidence, groups, unread };
        *self.snapshot.write() = Some(Arc::new(snapshot));
        *self.problem.write() = None;
        self.changes.send_modify(|count| *count += 1);
        Ok(unread)
    }
}
