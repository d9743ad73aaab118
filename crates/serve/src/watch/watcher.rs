//! Reads a repository again and again, and keeps what was read for everybody.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use mozci_core::filter::JobFilter;
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_core::run::RunKey;
use mozci_core::time::At;
use mozci_engine::Error;
use mozci_engine::ci::Ci;
use mozci_engine::flow::{
    AskedRun, EvidenceWish, Matrix, RunEvidence, read_evidence, read_matrix, read_range,
    read_summaries,
};
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::groups::{groups, unclear};
use super::snapshot::Snapshot;
use crate::error::whole;
use crate::options::Options;

/// Failed runs that are read at once, newest first.
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
    /// Begins to watch. `ci` is for what pages ask; each look opens the repository anew, since one that is open
    /// keeps what it read for a command's time.
    pub(crate) fn start(ci: Ci, options: &Options, cancel: CancellationToken) -> Arc<Self> {
        let (changes, _) = watch::channel(0);
        let (snapshot, problem) = (RwLock::new(None), RwLock::new(None));
        let (open, repo) = (Arc::clone(&options.open), ci.repo.to_string());
        let watched = Arc::new(Self { ci, snapshot, problem, changes });
        let (own, pushes, every) = (Arc::clone(&watched), options.pushes, options.every);
        tokio::spawn(async move {
            let mut pause = every;
            loop {
                let look = async { own.look(&open.open(&repo)?, pushes).await };
                pause = match look.await {
                    Ok(()) => every,
                    Err(error) => {
                        own.keep_problem(whole(&error));
                        (pause * 2).min(LONGEST_PAUSE.max(every))
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

    /// Reads everything once; what failed runs left behind in parts, each of which is shown when it is there.
    async fn look(&self, ci: &Ci, pushes: u32) -> Result<(), Error> {
        let reach = Reach::Back(pushes.saturating_sub(1));
        let spec = RangeSpec { rev: RevisionSpec::Tip, reach, every: NonZeroU32::MIN };
        let mut pushes = read_range(ci, &spec).await?.pushes;
        let filter = JobFilter::default();
        let listed = pushes.clone();
        let (matrix, ()) =
            tokio::join!(read_matrix(ci, &listed, &filter), read_summaries(ci, &mut pushes));
        let (matrix, pushes) = (Arc::new(matrix?), Arc::new(pushes));
        let mut evidence: HashMap<RunKey, Arc<RunEvidence>> = HashMap::new();
        let before = self.snapshot();
        let mut wanted: Vec<AskedRun> = Vec::new();
        for (push, row) in pushes.iter().zip(&matrix.rows) {
            for (job, run) in row.iter().filter(|(_, run)| run.state.is_bad()) {
                let (job, _) = &matrix.jobs[*job as usize];
                let known = before.as_ref().and_then(|before| before.evidence.get(&run.key));
                // What could not be read, or was not there yet, is read again.
                match known.filter(|known| known.failed.is_none() && !known.readings.is_empty()) {
                    Some(known) => {
                        evidence.insert(run.key, Arc::clone(known));
                    }
                    None => {
                        let revision = Some(push.revision.hash().to_owned());
                        wanted.push(AskedRun { run: run.clone(), job: job.clone(), revision });
                    }
                }
            }
        }
        let mut rest = wanted.as_slice();
        loop {
            let (part, next) = rest.split_at(rest.len().min(READ_AT_ONCE));
            let looked = read_evidence(ci, part, &EvidenceWish::default()).await;
            for (asked, looked) in part.iter().zip(looked) {
                evidence.insert(asked.run.key, Arc::new(looked.evidence));
            }
            rest = next;
            self.show(ci.now(), &pushes, &matrix, &evidence, rest.len()).await;
            if rest.is_empty() {
                break;
            }
        }
        ci.leave().await;
        Ok(())
    }

    /// Puts what was read in the place of what is shown.
    async fn show(
        &self,
        at: At,
        pushes: &Arc<Vec<Push>>,
        matrix: &Arc<Matrix>,
        evidence: &HashMap<RunKey, Arc<RunEvidence>>,
        unread: usize,
    ) {
        let (pushes, matrix) = (Arc::clone(pushes), Arc::clone(matrix));
        let evidence = evidence.clone();
        // Judging many failures takes a while, and searches share these threads.
        let judged = tokio::task::spawn_blocking(move || {
            let unclear = unclear(&matrix, &evidence);
            let groups = groups(&pushes, &matrix, &evidence, &unclear);
            let unclear = unclear.len();
            Snapshot { at, pushes, matrix, evidence, groups, unread, unclear }
        });
        match judged.await {
            Ok(snapshot) => {
                let had_problem = self.problem.write().take().is_some();
                let before = self.snapshot.write().replace(Arc::new(snapshot));
                // Open pages change where there is something to see, and keep still otherwise.
                let after = self.snapshot();
                let is_same =
                    before.zip(after).is_some_and(|(before, after)| before.shows_the_same(&after));
                if had_problem || !is_same {
                    self.changes.send_modify(|count| *count += 1);
                }
            }
            Err(error) => self.keep_problem(format!("what was read could not be judged: {error}")),
        }
    }
}
