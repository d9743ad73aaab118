//! Why a job is red on a push.

use mozci_core::ids::JobName;
use mozci_core::run::Run;
use mozci_evidence::{Failure, Reason, reasons};

use crate::ci::Ci;
use crate::flow::evidence::find::AskedRun;
use crate::flow::evidence::read::read_evidence;
use crate::flow::evidence::wish::{RunEvidence, Wish};

/// Red runs of one push that are read.
const MOST: usize = 5;

/// Why a job is red on a push, as far as its runs tell.
#[derive(Debug, Clone)]
pub struct WhyRed {
    /// The reasons, the likeliest first.
    pub reasons: Vec<Reason>,
    /// The red runs that were read.
    pub read: usize,
    /// Of these, the ones of which nothing is known; why, of one of them.
    pub unread: Option<String>,
}

/// Reads the red runs of a job on one push, and tells what failed in them.
pub async fn why_red(ci: &Ci, job: &JobName, runs: &[Run]) -> WhyRed {
    let mut red: Vec<&Run> = runs.iter().filter(|run| run.state.is_bad()).collect();
    // The newest first, where it is known when they were seen.
    red.sort_by_key(|run| std::cmp::Reverse((run.seen, run.key)));
    let requested: Vec<AskedRun> = red
        .into_iter()
        .take(MOST)
        .map(|run| AskedRun { run: run.clone(), job: job.clone(), revision: None })
        .collect();
    let looked = read_evidence(ci, &requested, &Wish::default()).await;
    let evidence: Vec<RunEvidence> = looked.into_iter().map(|looked| looked.evidence).collect();
    let unread = evidence.iter().find_map(|evidence| {
        let silent = evidence.certain().next().is_none();
        let why = || "its logs name no failure that is understood".to_owned();
        silent.then(|| evidence.failed.clone().unwrap_or_else(why))
    });
    let failures = evidence.iter().map(|evidence| evidence.certain().collect::<Vec<&Failure>>());
    WhyRed { reasons: reasons(failures), read: requested.len(), unread }
}
