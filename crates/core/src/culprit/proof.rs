//! What proves a verdict: the runs on either side, and how often it failed before and since.

use serde::Serialize;

use super::hunt::SearchModel;
use crate::facts::PushFacts;
use crate::flakiness::{Tally, Told};
use crate::push::PushRef;
use crate::rate::Rate;
use crate::run::RunKey;

/// One push that proves something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// The push.
    pub push: PushRef,
    /// Its runs that say something: whether each failed.
    pub runs: Vec<ProvingRun>,
}

/// A run that proves something.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProvingRun {
    /// Which.
    #[serde(flatten)]
    pub key: RunKey,
    /// Whether it failed.
    pub failed: bool,
}

/// What proves that a push is the culprit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proved {
    /// The newest push before it that has runs.
    pub last_good: Option<Side>,
    /// The oldest push from it on that has runs.
    pub first_bad: Option<Side>,
    /// How often it fails from it on.
    pub since: Rate,
    /// How often it failed before.
    pub before: Rate,
    /// What else is to be known of the runs from it on, and before.
    pub tallies: [Tally; 2],
}

impl Proved {
    /// Of the suspects `first` to `last`, by their numbers.
    pub fn of(hunt: &SearchModel<'_>, first: usize, last: usize) -> Self {
        let numbers = 0..=hunt.suspects();
        let (mut since, mut before) = (Tally::default(), Tally::default());
        for number in numbers.clone() {
            let Some(facts) = hunt.push(number) else { continue };
            let tally = if number >= last { &mut since } else { &mut before };
            if number < first || number >= last {
                tally.add(facts.runs.iter().map(Told::of));
            }
        }
        let history = hunt.history();
        let side = |number: usize| hunt.push(number).and_then(side);
        let (earlier, later) = (before.rate(), since.rate());
        Self {
            last_good: (0..first).rev().find_map(side),
            first_bad: (last..=hunt.suspects()).find_map(side),
            since: later,
            before: Rate::of(earlier.failures + history.failures, earlier.runs + history.runs),
            tallies: [since, before],
        }
    }
}

fn side(facts: &PushFacts) -> Option<Side> {
    let run = |run: &crate::run::Run| match Told::of(run) {
        Told::Failed => Some(ProvingRun { key: run.key, failed: true }),
        Told::Passed => Some(ProvingRun { key: run.key, failed: false }),
        _ => None,
    };
    let runs: Vec<ProvingRun> = facts.runs.iter().filter_map(run).collect();
    (!runs.is_empty()).then(|| Side { push: PushRef::from(&facts.push), runs })
}
