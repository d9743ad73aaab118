//! Where the suspects begin.

use crate::facts::PushFacts;

/// Runs before a good push that are looked at for failures.
const LOOKED_AT: usize = 6;

/// The newest push before the bad one that can be taken for good, by its place: it passed and did not
/// fail, and what ran just before it did not fail either, so that it did not pass by luck. Where that
/// is nowhere so, the newest that passed and did not fail.
///
/// `facts` are newest first, the bad push at `bad`.
pub fn last_good(facts: &[PushFacts], bad: usize) -> Option<usize> {
    let told = |at: usize| {
        let runs = &facts[at].runs;
        let count = |is: fn(&crate::run::Run) -> bool| runs.iter().filter(|run| is(run)).count();
        (count(|run| run.is_good()), count(|run| run.is_bad()))
    };
    let is_good = |at: &usize| matches!(told(*at), (1.., 0));
    let candidates = || (bad + 1..facts.len()).filter(is_good);
    let is_clean = |at: &usize| {
        let mut looked = 0;
        for older in at + 1..facts.len() {
            let (passed, failed) = told(older);
            if failed > 0 {
                return false;
            }
            looked += passed;
            if looked >= LOOKED_AT {
                break;
            }
        }
        true
    };
    candidates().find(is_clean).or_else(|| candidates().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::facts;
    use crate::run::State::{self, *};

    #[test]
    fn a_pass_among_failures_is_no_good_push() {
        let check = |states: &[&[State]], expected| {
            let all: Vec<PushFacts> =
                states.iter().enumerate().map(|(i, s)| facts(100 - i as u64, s)).collect();
            assert_eq!(last_good(&all, 0), expected, "{states:?}");
        };
        let (f, p): (&[State], &[State]) = (&[Failed], &[Passed]);
        check(&[f, &[], p, p], Some(2));
        check(&[f, p, f, &[], p, p], Some(4));
        check(&[f, &[Failed, Passed], p], Some(2));
        check(&[f, &[Exception], &[]], None);
        // Nothing better than the newest that passed.
        check(&[f, p, f], Some(1));
    }
}
