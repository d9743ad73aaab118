//! How often a job fails for other reasons: from runs further back than a search looks, and from other
//! configurations of the job where it has few of its own.

use mozci_core::bisect::{History, Pool};
use mozci_core::facts::PushFacts;
use mozci_core::flakiness::{Seen, Tally, Told, changes};
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_core::run::{Run, Says};

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::evidence::classify_roughly;
use crate::flow::range::read_range;

/// What is known of the background besides the runs that a search reads anyway.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Background {
    /// The job's own runs further back.
    pub further: History,
    /// What other configurations tell beforehand.
    pub pool: Option<Pool>,
    /// These configurations.
    pub others: Vec<JobName>,
    /// Requests that it took.
    pub requests: u64,
}

/// Pushes that are looked at: one question, where runs are read by range.
const PUSHES: u32 = 400;

/// Runs that failed and are read to see whether they failed in the way that is chased. What lies
/// further back is left out, passed or failed, so that the share stays what it is.
const FAILED: usize = 40;

/// Runs of its own with which a job needs nobody else's.
const ENOUGH: u32 = 200;

/// Pushes of which every run is read to see which other configurations there are.
const LOOKED_AT: usize = 3;

/// Other configurations that are looked at.
const OTHERS: usize = 4;

/// Reads runs before those that are known (of `before`, newest first) until there are `most` in all.
///
/// Runs of before the rate last changed say nothing of what it is now, and are left out. On a CI that
/// answers push by push nothing is read, since it would cost a request for each.
pub(crate) async fn read_background(
    ci: &Ci,
    job: &JobName,
    before: &[PushFacts],
    known: History,
    most: u32,
) -> Result<Background, Error> {
    let mut background = Background::default();
    let Some(oldest) = before.last().map(|facts| &facts.push) else { return Ok(background) };
    if known.runs >= most || !ci.backend().capabilities().reads_ranges {
        return Ok(background);
    }
    let requests = || ci.usage().requests;
    let begun = requests();
    let spec = RangeSpec {
        rev: RevisionSpec::Hash(oldest.revision.hash().to_owned()),
        reach: Reach::Back(PUSHES),
        every: std::num::NonZeroU32::MIN,
    };
    let mut pushes = read_range(ci, &spec).await?.pushes;
    pushes.retain(|push| push.id < oldest.id);
    if !pushes.is_empty() {
        let own = runs_of(ci, &pushes, job, most - known.runs).await?;
        let seen_before: Vec<Seen> = before.iter().map(|facts| seen(&facts.runs)).collect();
        background.further = since_the_last_change(&seen_before, &own);
    }
    if known.runs + background.further.runs < ENOUGH && ci.backend().capabilities().siblings {
        let mut pushes: Vec<Push> =
            before.iter().map(|facts| facts.push.clone()).chain(pushes).collect();
        pushes.truncate(PUSHES as usize);
        let mut histories = Vec::new();
        // Where the job ran, others are likely to have run, too.
        let ran = before.iter().filter(|facts| !facts.runs.is_empty()).take(LOOKED_AT);
        let ran: Vec<Push> = ran.map(|facts| facts.push.clone()).collect();
        for other in ci.backend().siblings(ci, &ran, job).await?.into_iter().take(OTHERS) {
            let told = runs_of(ci, &pushes, &other, most).await?;
            let history = since_the_last_change(&[], &told);
            if history.runs > 0 {
                histories.push(history);
                background.others.push(other);
            }
        }
        background.pool = Pool::of(&histories);
        if background.pool.is_none() {
            background.others.clear();
        }
    }
    background.requests = requests() - begun;
    Ok(background)
}

/// What a job's runs on pushes (newest first) said, as many as are wanted.
async fn runs_of(ci: &Ci, pushes: &[Push], job: &JobName, most: u32) -> Result<Vec<Seen>, Error> {
    let mut each = ci.backend().runs(ci, pushes, job).await?;
    let (mut runs, mut failed) = (0u32, 0usize);
    // By how they ended they are judged without being read.
    let most_failed = ci.about().map_or(usize::MAX, |_| FAILED);
    let full = each.iter().position(|of_push| {
        let ended = of_push.iter().filter(|run| run.is_good() || run.is_bad()).count();
        runs = runs.saturating_add(u32::try_from(ended).unwrap_or(u32::MAX));
        failed += of_push.iter().filter(|run| run.is_bad()).count();
        runs > most || failed > most_failed
    });
    each.truncate(full.unwrap_or(each.len()));
    classify_roughly(ci, each.iter_mut().flatten().map(|run| (job, run)).collect()).await;
    if each.iter().flatten().any(is_untold) {
        // Where only failed runs can be told, their share says nothing.
        return Ok(Vec::new());
    }
    Ok(each.iter().map(|runs| seen(runs)).collect())
}

/// Whether a run passed, and nobody knows whether what is chased was part of it.
fn is_untold(run: &Run) -> bool {
    run.state.is_good() && run.proof().is_some_and(|proof| proof.says == Says::Unknown)
}

fn seen(runs: &[Run]) -> Seen {
    let mut tally = Tally::default();
    tally.add(runs.iter().map(Told::of));
    Seen::from(&tally)
}

/// The runs of pushes (newest first) that came before others, as far back as the rate is the same.
fn since_the_last_change(newer: &[Seen], older: &[Seen]) -> History {
    let all: Vec<Seen> = newer.iter().chain(older).rev().copied().collect();
    let from = changes(&all).iter().map(|change| change.at).max().unwrap_or(0);
    // Oldest first: the older ones, then the newer ones, which are counted elsewhere.
    let kept = all[..older.len()].iter().skip(from);
    let mut history = History::default();
    for seen in kept {
        history.runs += seen.failed + seen.passed;
        history.failures += seen.failed;
    }
    history
}

#[cfg(test)]
mod tests {
    use mozci_core::ids::TaskId;
    use mozci_core::run::{Proof, RunKey, State};

    use super::*;

    #[test]
    fn a_green_run_of_which_nothing_is_told_makes_the_share_worthless() {
        let run = |state: State, says: Option<Says>| {
            let key = RunKey { request: TaskId::from_bytes([1; 16]).into(), run: 0 };
            let mut run = Run::new(key, state);
            if let Some(says) = says {
                let proof = Proof { says, why: "".into() };
                run.more.get_or_insert_default().proof = Some(proof);
            }
            run
        };
        assert!(is_untold(&run(State::Passed, Some(Says::Unknown))));
        // A red one that nobody can tell is one fewer, and no more.
        assert!(!is_untold(&run(State::Failed, Some(Says::Unknown))));
        for says in [None, Some(Says::Good), Some(Says::NotRun)] {
            assert!(!is_untold(&run(State::Passed, says)), "{says:?}");
        }
    }

    #[test]
    fn what_was_before_the_rate_changed_says_nothing_of_now() {
        let ran = |failed, passed| Seen { failed, passed };
        let steady = vec![ran(0, 1); 100];
        let told = since_the_last_change(&[ran(0, 1); 20], &steady);
        assert_eq!(told, History { runs: 100, failures: 0 });
        // Long ago it failed often, until somebody mended it.
        let mended: Vec<Seen> = [vec![ran(0, 1); 60], vec![ran(1, 0); 40]].concat();
        let told = since_the_last_change(&[ran(0, 1); 20], &mended);
        assert_eq!(told, History { runs: 60, failures: 0 });
        // It changed among what is newer: nothing of what is older counts.
        let newer = [vec![ran(0, 1); 30], vec![ran(1, 0); 10]].concat();
        assert_eq!(since_the_last_change(&newer, &[ran(1, 0); 50]), History::default());
        assert_eq!(since_the_last_change(&[], &[]), History::default());
    }
}
