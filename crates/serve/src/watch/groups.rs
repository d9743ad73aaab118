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
    unclear: &BTreeSet<RunKey>,
) -> Vec<Group> {
    let mut found: BTreeMap<&str, Found<'_>> = BTreeMap::new();
    for (push, row) in matrix.rows.iter().enumerate() {
        for (job, run) in row {
            let Some(read) = evidence.get(&run.key) else { continue };
            // What ran on a build that was never made says nothing of the push.
            if run.is_unfounded() || run.lacks_source() {
                continue;
            }
            // Of several failures nobody knows which one somebody classified.
            let said = read.certain().count() == 1
                && run.classification().is_some_and(|said| said.is_intermittent());
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
            let failed: BTreeSet<RunKey> = found.runs.iter().map(|(_, _, key)| *key).collect();
            let seen = |jobs: &BTreeSet<u32>| seen(pushes.len(), matrix, &failed, jobs, unclear);
            let (standing, reasons) = judged(matrix, &found, seen)?;
            let seen = seen(&found.jobs);
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

/// Red runs of which nobody knows why: not read yet, not readable, or nothing was recognised.
pub(super) fn unclear(
    matrix: &Matrix,
    evidence: &HashMap<RunKey, Arc<RunEvidence>>,
) -> BTreeSet<RunKey> {
    let red = matrix.rows.iter().flatten().map(|(_, run)| run).filter(|run| run.state.is_bad());
    let is_known = |run: &&Run| {
        evidence
            .get(&run.key)
            .is_some_and(|read| read.failed.is_none() && read.certain().next().is_some())
    };
    red.filter(|run| !is_known(run)).map(|run| run.key).collect()
}

/// How a failure stands: each job by itself, since what one does not run another may. Of what needs a person the one
/// that goes back furthest; fixed only where it is fixed in each.
fn judged(
    matrix: &Matrix,
    found: &Found<'_>,
    seen: impl Fn(&BTreeSet<u32>) -> Vec<Seen>,
) -> Option<(Standing, Vec<String>)> {
    let each = found.jobs.iter().filter_map(|job| {
        let (standing, mut reasons) = standing(&seen(&BTreeSet::from([*job])), found.known)?;
        if found.jobs.len() > 1 {
            reasons.insert(0, format!("judged by {}", matrix.jobs[*job as usize].0));
        }
        Some((standing, reasons))
    });
    each.min_by_key(|(standing, _)| {
        let oldest = match standing {
            Standing::New { first_bad, .. }
            | Standing::Range { first_bad, .. }
            | Standing::Older { first_bad } => *first_bad,
            _ => 0,
        };
        (kind(standing), std::cmp::Reverse(oldest))
    })
}

/// What a person has to look at first, whichever it is; then what fails now and then, what is known, what is fixed.
fn kind(standing: &Standing) -> u8 {
    rank(standing).max(2)
}

/// What the runs of some jobs say of a failure, push by push.
fn seen(
    pushes: usize,
    matrix: &Matrix,
    failed: &BTreeSet<RunKey>,
    jobs: &BTreeSet<u32>,
    unclear: &BTreeSet<RunKey>,
) -> Vec<Seen> {
    let of_push = |push: usize| {
        let mut seen = Seen::default();
        let cells = jobs.iter().flat_map(|job| matrix.cell(push, *job));
        for (_, run) in cells {
            match failed.contains(&run.key) {
                true => seen.failed += 1,
                false if unclear.contains(&run.key) => seen.unclear += 1,
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
