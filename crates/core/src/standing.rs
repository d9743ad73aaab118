//! How a failure stands, judged by the runs of the jobs that showed it: new, a suspected range, intermittent,
//! known, or fixed; with the reasons.

use serde::Serialize;

use crate::rate::{Rate, runs_to_see};

/// What the runs on one push say of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Seen {
    /// Runs in which it occurred.
    pub failed: u32,
    /// Green runs of a job in which it occurred elsewhere.
    pub passed: u32,
    /// Red runs of which it is not known why: it may have occurred in them.
    pub unclear: u32,
}

/// How a failure stands. Places count pushes, the newest is 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// It began with one push: nothing lies between that and a push on which it passed.
    New {
        /// The oldest push on which it failed.
        first_bad: usize,
        /// The newest push before it on which it passed.
        last_good: usize,
    },
    /// It began somewhere in a range of pushes.
    Range {
        /// The oldest push on which it failed.
        first_bad: usize,
        /// The newest push before it on which it passed.
        last_good: usize,
        /// Pushes between them that do not tell.
        untested: usize,
    },
    /// It fails now and then.
    Intermittent {
        /// How often, over all pushes that were read.
        rate: Rate,
    },
    /// No run before it passed, so that it is not known when it began.
    Older {
        /// The oldest push on which it failed.
        first_bad: usize,
    },
    /// Somebody classified it as intermittent, or its logs say so.
    Known {
        /// How often it fails.
        rate: Rate,
    },
    /// It passed often enough since it failed last.
    Fixed {
        /// The newest push on which it failed.
        last_bad: usize,
        /// Passes since.
        passes: u32,
    },
}

impl Standing {
    /// In one or two words.
    pub fn words(&self) -> &'static str {
        match self {
            Self::New { .. } => "new regression",
            Self::Range { .. } => "suspected range",
            Self::Intermittent { .. } => "intermittent",
            Self::Older { .. } => "start not known",
            Self::Known { .. } => "known intermittent",
            Self::Fixed { .. } => "fixed",
        }
    }

    /// Whether a person has to do something about it.
    pub fn needs_a_person(&self) -> bool {
        matches!(self, Self::New { .. } | Self::Range { .. } | Self::Older { .. })
    }
}

/// How sure a fix has to be.
const CONFIDENCE: f64 = 0.95;

/// Judges a failure of one job by what its runs on each push say, newest push first. `known` is whether people or logs
/// call it intermittent. None where it never failed. The reasons are in words.
///
/// Nothing is claimed that the runs do not show: that it is new takes as many passes before as would have shown it,
/// at the lower bound of its rate, and that it is fixed as many since; and no red run in between whose reason is not
/// known.
pub fn standing(seen: &[Seen], known: bool) -> Option<(Standing, Vec<String>)> {
    let newest_bad = seen.iter().position(|seen| seen.failed > 0)?;
    let oldest_bad = seen.iter().rposition(|seen| seen.failed > 0)?;
    let (since, within, before) =
        (&seen[..newest_bad], &seen[newest_bad..=oldest_bad], &seen[oldest_bad + 1..]);
    let passes = |part: &[Seen]| part.iter().map(|seen| seen.passed).sum::<u32>();
    let is_clear = |part: &[Seen]| part.iter().all(|seen| seen.unclear == 0);
    let failed: u32 = within.iter().map(|seen| seen.failed).sum();
    let (between, passes_since, passes_before) = (passes(within), passes(since), passes(before));
    let overall = Rate::of(failed, failed + between + passes_since + passes_before);
    let mut reasons =
        vec![format!("it failed in {failed} runs; the job passed {between} times in between")];
    let confirm = enough(&Rate::of(failed, failed + between));
    if passes_since > 0 {
        reasons.push(format!("{passes_since} passes since; {confirm} would confirm a fix"));
    }
    if passes_since >= confirm && is_clear(since) {
        return Some((Standing::Fixed { last_bad: newest_bad, passes: passes_since }, reasons));
    }
    if known {
        reasons.push("people or its logs call it intermittent".to_owned());
        return Some((Standing::Known { rate: overall }, reasons));
    }
    // How many passes would have shown it, if it had been there.
    let would_show = enough(&Rate::of(failed, failed + between + passes_since));
    let is_steady = between + passes_since == 0;
    if !is_steady && passes_before < would_show {
        reasons.push(format!(
            "{passes_before} passes before do not show that it is new; {would_show} would"
        ));
        return Some((Standing::Intermittent { rate: overall }, reasons));
    }
    // What fails now and then may have passed by luck: so far back that it would have shown.
    let needed = if is_steady { 1 } else { would_show };
    let mut passed = 0;
    let last_good = before.iter().position(|seen| {
        passed += seen.passed;
        passed >= needed
    });
    let Some(gap) = last_good else {
        reasons.push("no run before it passed, as far back as was read".to_owned());
        return Some((Standing::Older { first_bad: oldest_bad }, reasons));
    };
    let last_good = oldest_bad + 1 + gap;
    let ends = (oldest_bad, last_good);
    if gap == 0 && passes_before >= would_show {
        reasons.push(format!("{passes_before} passes before; {would_show} show that it is new"));
        return Some((Standing::New { first_bad: ends.0, last_good: ends.1 }, reasons));
    }
    if passes_before < would_show {
        reasons.push(format!(
            "{passes_before} passes before; {would_show} would make sure that it is new"
        ));
    }
    if !is_clear(&before[..gap]) {
        reasons.push("red runs in the range may have failed for the same reason".to_owned());
    }
    Some((Standing::Range { first_bad: ends.0, last_good: ends.1, untested: gap }, reasons))
}

/// How many passes in a row show that something with such a rate is not there, at the lower bound of the rate.
fn enough(rate: &Rate) -> u32 {
    runs_to_see(rate.low.max(0.01), CONFIDENCE).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(seen: &[(u32, u32)]) -> Vec<Seen> {
        seen.iter()
            .map(|(failed, passed)| Seen { failed: *failed, passed: *passed, unclear: 0 })
            .collect()
    }

    fn of(of: &[(u32, u32)], known: bool) -> Standing {
        standing(&seen(of), known).expect("it failed").0
    }

    #[test]
    fn each_standing_is_told() {
        let new = of(&[(3, 0), (3, 0), (0, 9)], false);
        assert_eq!(new, Standing::New { first_bad: 1, last_good: 2 });
        let range = Standing::Range { first_bad: 1, last_good: 4, untested: 2 };
        assert_eq!(of(&[(3, 0), (3, 0), (0, 0), (0, 0), (0, 9)], false), range);
        assert_eq!(of(&[(1, 0), (0, 0)], false), Standing::Older { first_bad: 0 });
        let now_and_then = [(1, 0), (0, 3), (1, 0), (0, 2)];
        assert!(matches!(of(&now_and_then, false), Standing::Intermittent { .. }));
        assert!(matches!(of(&now_and_then, true), Standing::Known { .. }));
        let fixed = of(&[(0, 9), (3, 0), (2, 0), (0, 1)], false);
        assert_eq!(fixed, Standing::Fixed { last_bad: 1, passes: 9 });
        assert_eq!(standing(&[Seen::default()], false), None);
    }

    #[test]
    fn no_more_is_claimed_than_the_runs_show() {
        // One flake among many passes is no regression, and neither is one red run.
        let mut flake = vec![(0, 1); 30];
        flake.push((1, 0));
        flake.extend(vec![(0, 1); 29]);
        assert!(matches!(of(&flake, false), Standing::Intermittent { .. }));
        let mut alone = vec![(1, 0)];
        alone.extend(vec![(0, 1); 59]);
        assert!(matches!(of(&alone, false), Standing::Range { .. }));
        // What fails half of the time may have passed once by luck.
        let mut half = vec![(1, 1); 3];
        half.extend(vec![(0, 1); 60]);
        match of(&half, false) {
            Standing::Range { first_bad: 2, last_good, .. } => {
                assert!(last_good > 10, "{last_good}")
            }
            other => panic!("{other:?}"),
        }
        // A red run that nobody can read is no pass.
        let mut unread = seen(&[(0, 9), (3, 0), (2, 0), (0, 1)]);
        unread[0].unclear = 1;
        let (told, _) = standing(&unread, false).expect("it failed");
        assert!(!matches!(told, Standing::Fixed { .. }), "{told:?}");
    }

    proptest! {
        /// Ends are where they say, and certainty has its runs.
        #[test]
        fn ends_are_what_they_are_called(history in proptest::collection::vec((0u32..3, 0u32..4), 1..40)) {
            let all = seen(&history);
            let Some((told, reasons)) = standing(&all, false) else { return Ok(()) };
            prop_assert!(!reasons.is_empty());
            match told {
                Standing::New { first_bad, last_good } => {
                    prop_assert_eq!(last_good, first_bad + 1);
                    prop_assert!(all[first_bad].failed > 0 && all[last_good].passed > 0);
                    prop_assert!(all[last_good..].iter().all(|seen| seen.failed == 0));
                }
                Standing::Range { first_bad, last_good, untested } => {
                    prop_assert_eq!(untested, last_good - first_bad - 1);
                    prop_assert!(all[first_bad].failed > 0 && all[last_good].passed > 0);
                }
                Standing::Fixed { last_bad, passes } => {
                    prop_assert!(all[..last_bad].iter().all(|seen| seen.failed == 0));
                    prop_assert!(passes > 2);
                }
                Standing::Older { first_bad } => prop_assert!(all[first_bad].failed > 0),
                Standing::Intermittent { .. } | Standing::Known { .. } => {}
            }
        }
    }
}
