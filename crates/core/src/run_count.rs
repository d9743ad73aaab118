//! Have N: how many runs a push has of a job, and how many it lacks.

use crate::facts::PushFacts;

/// Runs that count: passed, failed, at work, pending, and requested by actions that have not
/// created them yet. What waits for a build that failed does not; coalesced, cancelled, expired and infra ones do not, nor do retried ones,
/// whose successor counts for itself.
pub fn run_count(facts: &PushFacts) -> u32 {
    let counts = |run: &&crate::run::Run| run.counts() && !facts.waits_for_ever(run);
    let seen = facts.runs.iter().filter(counts).count();
    u32::try_from(seen).unwrap_or(u32::MAX).saturating_add(facts.requested)
}

/// How many runs to request so that there are `want`, never more.
pub fn missing_runs(facts: &PushFacts, want: u32) -> u32 {
    want.saturating_sub(run_count(facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::facts;
    use crate::run::State::{self, *};
    use proptest::prelude::*;

    #[test]
    fn what_counts_and_what_does_not() {
        let check = |states: &[State], requested, expected| {
            let mut facts = facts(1, states);
            facts.requested = requested;
            assert_eq!(run_count(&facts), expected, "{states:?} + {requested}");
        };
        check(&[], 0, 0);
        check(&[Passed, Failed, Busted, Warnings], 0, 4);
        check(&[Running, Pending, Unscheduled], 0, 3);
        check(&[Coalesced, Cancelled, Exception, Expired, Skipped, Retried], 0, 0);
        check(&[Retried, Passed], 2, 3);
        check(&[Unknown("odd".into())], 0, 1);
        let mut stuck = facts(1, &[Unscheduled, Passed]);
        stuck.build = crate::facts::Build::Failed(crate::ids::JobName::new("build"));
        assert_eq!(run_count(&stuck), 1);
    }

    proptest! {
        #[test]
        fn asking_for_what_is_lacking_never_overshoots(
            states in prop::collection::vec(prop::sample::select(vec![
                Passed, Failed, Running, Pending, Coalesced, Cancelled, Exception, Retried,
            ]), 0..8),
            requested in 0u32..4,
            want in 0u32..8,
        ) {
            let mut facts = facts(1, &states);
            facts.requested = requested;
            let had = run_count(&facts);
            facts.requested += missing_runs(&facts, want);
            prop_assert_eq!(run_count(&facts), had.max(want));
            prop_assert_eq!(missing_runs(&facts, want), 0);
        }
    }
}
