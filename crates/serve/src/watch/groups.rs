//! Failures that are the same, over all runs that were read, and how each stands.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use mozci_core::push::Push;
use mozci_core::run::{Run, RunKey};
use mozci_core::standing::{Seen, Standing, standing};
use mozci_engine::flow::{Matrix, RunEvidence};
use mozci_evidence::Failure;

/// The same failure, wherever it occurred.
#[derive(Clone)]
pub(crate) struct Group {
    /// The id of its signature.
    pub(crate) id: String,
    /// One of its occurrences.
    pub(crate) failure: Failure,
    /// How it stands.
    pub(crate) standing: Standing,
    /// Why that is said.
    pub(crate) reasons: Vec<String>,
    /// What the runs say on each push, newest first.
    pub(crate) seen: Vec<Seen>,
    /// The jobs in which it occurred, by their places.
    pub(crate) jobs: BTreeSet<u32>,
    /// The runs in which it occurred: the push's place, the job's, and the run; newest push first.
    pub(crate) runs: Vec<(usize, u32, RunKey)>,
}

/// A failure by where it occurred, while runs are gone through.
struct Found<'a> {
    failure: &'a Failure,
    jobs: BTreeSet<u32>,
    runs: Vec<(usize, u32, RunKey)>,
    known: bool,
}

/// Groups that are kept at the most.
const MOST: usize = 2_000;

/// Puts the same failures together.
pub(super) fn groups(
    pushes: &[Push],
    matrix: &Matrix,
    evidence: &HashMap<RunKey, Arc<RunEvidence>>,
) -> Vec<Group> {
    let mut found: BTreeMap<&str, Found<'_>> = BTreeMap::new();
    for (push, row) in matrix.rows.iter().enumerate() {
        for (job, run) in row {
            let Some(read) = evidence.get(&run.key) else { continue };
            let said = run.classification().is_some_and(|said| said.is_intermittent());
            for failure in read.certain() {
                let id = failure.signature.id();
                if found.len() >= MOST && !found.contains_key(id) {
                    continue;
                }
                let one = found.entry(id).or_insert_with(|| Found {
                    failure,
                    jobs: BTreeSet::new(),
                    runs: Vec::new(),
                    known: false,
                });
                one.jobs.insert(*job);
                one.known |= failure.known_intermittent || said;
                if one.runs.last().is_none_or(|(_, _, key)| *key != run.key) {
                    one.runs.push((push, *job, run.key));
                }
            }
        }
    }
    let mut groups: Vec<Group> = found
        .into_iter()
        .filter_map(|(id, found)| {
            let seen = seen(pushes.len(), matrix, &found);
            let (standing, reasons) = standing(&seen, found.known)?;
            let (jobs, runs) = (found.jobs, found.runs);
            let failure = Failure { before: vec![], after: vec![], ..found.failure.clone() };
            Some(Group { id: id.to_owned(), failure, standing, reasons, seen, jobs, runs })
        })
        .collect();
    groups.sort_by_key(|group| {
        let newest = group.runs.first().map_or(usize::MAX, |(push, ..)| *push);
        (rank(&group.standing), newest, std::cmp::Reverse(group.runs.len()))
    });
    groups
}

/// What the runs of the jobs that showed a failure say of it, push by push.
fn seen(pushes: usize, matrix: &Matrix, found: &Found<'_>) -> Vec<Seen> {
    let failed: BTreeSet<RunKey> = found.runs.iter().map(|(_, _, key)| *key).collect();
    let of_push = |push: usize| {
        let mut seen = Seen::default();
        let runs = matrix.rows[push].iter().filter(|(job, _)| found.jobs.contains(job));
        for (_, run) in runs {
            match failed.contains(&run.key) {
                true => seen.failed += 1,
                false if Run::is_good(run) => seen.passed += 1,
                // A run that failed otherwise says nothing of this failure.
                false => {}
            }
        }
        seen
    };
    (0..pushes).map(of_push).collect()
}

/// What needs somebody first.
fn rank(standing: &Standing) -> u8 {
    match standing {
        Standing::New { .. } => 0,
        Standing::Range { .. } => 1,
        Standing::Older { .. } => 2,
        Standing::Intermittent { .. } => 3,
        Standing::Known { .. } => 4,
        Standing::Fixed { .. } => 5,
    }
}
