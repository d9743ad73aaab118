//! How a failure stands, judged by the runs of the jobs that showed it: new, a suspected range, intermittent,
//! known, or fixed; with the reasons.

use serde::Serialize;

use crate::rate::{Rate, percent, runs_to_see};

/// What the runs on one push say of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Seen {
    /// Runs in which it occurred.
    pub failed: u32,
    /// Green runs of a job in which it occurred elsewhere.
    pub passed: u32,
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
        /// Pushes between them that have no result.
        untested: usize,
    },
    /// It fails now and then.
    Intermittent {
        /// How often, over all pushes that were read.
        rate: Rate,
    },
    /// It failed on the oldest push that was read, so that it is not known when it began.
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
            Self::Older { .. } => "older than what was read",
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

/// Judges a failure by what the runs on each push say, newest push first. `known` is whether people or logs call it
/// intermittent. None where it never failed. The reasons are in words.
pub fn standing(seen: &[Seen], known: bool) -> Option<(Standing, Vec<String>)> {
    let newest_bad = seen.iter().position(|seen| seen.failed > 0)?;
    let oldest_bad = seen.iter().rposition(|seen| seen.failed > 0)?;
    let sum = |part: &[Seen]| {
        part.iter()
            .fold((0, 0), |(failed, passed), seen| (failed + seen.failed, passed + seen.passed))
    };
    let (failed, passed) = sum(&seen[newest_bad..=oldest_bad]);
    let (_, passes_since) = sum(&seen[..newest_bad]);
    let (_, passes_before) = sum(&seen[oldest_bad + 1..]);
    let within = Rate::of(failed, failed + passed);
    let overall = Rate::of(failed, failed + passed + passes_since + passes_before);
    let mut reasons = vec![format!(
        "it failed in {failed} runs, and the same jobs passed {passed} times between"
    )];
    let needed = runs_to_see(within.low.max(0.01), CONFIDENCE).unwrap_or(u32::MAX);
    if passes_since >= needed {
        reasons.push(format!("{passes_since} passes since; {needed} were enough to confirm a fix"));
        return Some((Standing::Fixed { last_bad: newest_bad, passes: passes_since }, reasons));
    }
    if passes_since > 0 {
        reasons.push(format!("{passes_since} passes since; {needed} would confirm a fix"));
    }
    if known {
        reasons.push("people or its logs call it intermittent".to_owned());
        return Some((Standing::Known { rate: overall }, reasons));
    }
    // What fails now and then is new only where it would have shown before.
    let would_show = runs_to_see(within.low.max(0.01), CONFIDENCE).unwrap_or(u32::MAX);
    if passed > 0 && passes_before < would_show {
        reasons.push(format!(
            "it fails {} of the time, and {passes_before} passes before do not show that it is new",
            percent(within.rate)
        ));
        return Some((Standing::Intermittent { rate: overall }, reasons));
    }
    let last_good = (oldest_bad + 1..seen.len()).find(|place| seen[*place].passed > 0);
    let Some(last_good) = last_good else {
        reasons.push("no run before passed, as far back as was read".to_owned());
        return Some((Standing::Older { first_bad: oldest_bad }, reasons));
    };
    let untested = last_good - oldest_bad - 1;
    reasons.push(format!(
        "{passes_before} runs before passed, the newest of them right before the range"
    ));
    Some(match untested {
        0 => (Standing::New { first_bad: oldest_bad, last_good }, reasons),
        _ => (Standing::Range { first_bad: oldest_bad, last_good, untested }, reasons),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seen: &[(u32, u32)], known: bool) -> Standing {
        let seen: Vec<Seen> =
            seen.iter().map(|(failed, passed)| Seen { failed: *failed, passed: *passed }).collect();
        standing(&seen, known).expect("it failed").0
    }

    #[test]
    fn each_standing_is_told() {
        assert_eq!(
            of(&[(1, 0), (1, 0), (0, 1)], false),
            Standing::New { first_bad: 1, last_good: 2 }
        );
        let range = Standing::Range { first_bad: 1, last_good: 4, untested: 2 };
        assert_eq!(of(&[(1, 0), (1, 0), (0, 0), (0, 0), (0, 3)], false), range);
        assert_eq!(of(&[(1, 0), (0, 0)], false), Standing::Older { first_bad: 0 });
        assert!(matches!(
            of(&[(1, 0), (0, 3), (1, 0), (0, 2)], false),
            Standing::Intermittent { .. }
        ));
        assert!(matches!(of(&[(1, 0), (0, 3), (1, 0), (0, 2)], true), Standing::Known { .. }));
        let fixed = of(&[(0, 9), (3, 0), (2, 0), (0, 1)], false);
        assert_eq!(fixed, Standing::Fixed { last_bad: 1, passes: 9 });
        // One pass after a rare failure confirms nothing.
        assert!(!matches!(of(&[(0, 1), (1, 3), (0, 1)], false), Standing::Fixed { .. }));
        assert_eq!(standing(&[Seen::default()], false), None);
    }

    #[test]
    fn an_intermittent_failure_is_new_only_where_it_would_have_shown_before() {
        let mut seen = vec![(3, 3), (3, 3)];
        seen.extend([(0, 2); 3]);
        assert!(matches!(of(&seen, false), Standing::Intermittent { .. }));
        seen.extend([(0, 5); 10]);
        assert!(matches!(of(&seen, false), Standing::New { first_bad: 1, .. }));
    }
}
