//! Where a rate changed.
//!
//! A stretch of pushes with one rate is weighed against every way to cut it in two with a rate each,
//! all rates alike beforehand (beta-binomial). That the cut is twenty times as likely as none happens
//! by chance at most one time in twenty, whatever the rate (Ville's inequality). What is cut is
//! looked at again, each half for itself.

use std::ops::RangeInclusive;

use super::tally::Tally;
use crate::rate::{Rate, ln_likelihood};
use serde::Serialize;

/// What was seen on one push.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Runs that failed.
    pub failed: u32,
    /// Runs that passed.
    pub passed: u32,
}

impl From<&Tally> for Seen {
    fn from(tally: &Tally) -> Self {
        Self { failed: tally.failures, passed: tally.runs - tally.failures }
    }
}

/// A rate that changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Change {
    /// The first push with the new rate, by its place: the likeliest.
    pub at: usize,
    /// The earliest that it may be, with 95 %.
    pub earliest: usize,
    /// The latest that it may be.
    pub latest: usize,
    /// The rate before.
    pub before: Rate,
    /// The rate from there on.
    pub after: Rate,
    /// How many times as likely the change is as none.
    pub odds: f64,
}

/// How many times as likely as none a change has to be to be told.
const ODDS: f64 = 20.0;

/// How sure the interval of a change's place is.
const SURE: f64 = 0.95;

/// How sure the interval of a rise is that contradicts a verdict.
const CONTRADICTS: f64 = 0.999;

/// Where the rate changed, oldest first.
pub fn changes(pushes: &[Seen]) -> Vec<Change> {
    changes_within(pushes, SURE)
}

/// The same with intervals that are so sure.
fn changes_within(pushes: &[Seen], sure: f64) -> Vec<Change> {
    let mut found = Vec::new();
    cut(pushes, 0, sure, &mut found);
    found.sort_by_key(|change| change.at);
    // Rates are those between neighbouring changes.
    let ends: Vec<usize> = found.iter().map(|change| change.at).collect();
    for (i, change) in found.iter_mut().enumerate() {
        let from = if i == 0 { 0 } else { ends[i - 1] };
        let until = ends.get(i + 1).copied().unwrap_or(pushes.len());
        change.before = rate(&pushes[from..change.at]);
        change.after = rate(&pushes[change.at..until]);
    }
    found
}

/// The last rise of the rate, where it is at none of these pushes: whoever says that one of them is why the
/// last push fails is contradicted by it.
pub fn rises_elsewhere(pushes: &[Seen], culprits: RangeInclusive<usize>) -> Option<Change> {
    let rise =
        changes_within(pushes, CONTRADICTS).into_iter().rfind(|c| c.after.rate > c.before.rate)?;
    let is_there = rise.earliest <= *culprits.end() && *culprits.start() <= rise.latest;
    (!is_there).then_some(rise)
}

fn rate(pushes: &[Seen]) -> Rate {
    let (failed, passed) = sum(pushes);
    Rate::of(failed, failed + passed)
}

fn sum(pushes: &[Seen]) -> (u32, u32) {
    pushes.iter().fold((0, 0), |(f, p), seen| (f + seen.failed, p + seen.passed))
}

fn cut(pushes: &[Seen], offset: usize, sure: f64, found: &mut Vec<Change>) {
    let (failed, passed) = sum(pushes);
    if failed == 0 || passed == 0 {
        return;
    }
    let whole = ln_likelihood(failed, passed);
    let mut before = (0, 0);
    // Only where runs stand on both sides; a place without runs is as likely as the next.
    let mut logs: Vec<f64> = Vec::with_capacity(pushes.len());
    for seen in &pushes[..pushes.len() - 1] {
        before = (before.0 + seen.failed, before.1 + seen.passed);
        let log = ln_likelihood(before.0, before.1)
            + ln_likelihood(failed - before.0, passed - before.1)
            - whole;
        logs.push(log);
    }
    let Some(highest) = logs.iter().copied().reduce(f64::max) else { return };
    let sum: f64 = logs.iter().map(|log| (log - highest).exp()).sum();
    let odds = highest + (sum / logs.len() as f64).ln();
    if odds < ODDS.ln() {
        return;
    }
    let probabilities: Vec<f64> = logs.iter().map(|log| (log - highest).exp() / sum).collect();
    let (first, last) = interval(&probabilities, sure);
    let best = (0..probabilities.len())
        .max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]))
        .unwrap_or(0);
    let at = best + 1;
    found.push(Change {
        at: offset + at,
        earliest: offset + first + 1,
        latest: offset + last + 1,
        before: rate(&pushes[..at]),
        after: rate(&pushes[at..]),
        odds: odds.min(700.0).exp(),
    });
    cut(&pushes[..at], offset, sure, found);
    cut(&pushes[at..], offset + at, sure, found);
}

/// The places that together are sure enough: what is least likely at either end is left out.
fn interval(probabilities: &[f64], sure: f64) -> (usize, usize) {
    let (mut first, mut last) = (0, probabilities.len() - 1);
    let mut out = 1.0 - sure;
    while first < last {
        let (left, right) = (probabilities[first], probabilities[last]);
        if left.min(right) > out {
            break;
        }
        match left <= right {
            true => {
                out -= left;
                first += 1;
            }
            false => {
                out -= right;
                last -= 1;
            }
        }
    }
    (first, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_rise_contradicts_whoever_is_convicted_elsewhere() {
        let seen = |failed, passed| Seen { failed, passed };
        let (good, bad, none) = (seen(0, 4), seen(4, 0), seen(0, 0));
        // It broke at 6, was backed out at 7, and broke again at 13; on 12 nothing ran.
        let mut pushes = vec![good; 6];
        pushes.push(bad);
        pushes.extend([good; 5]);
        pushes.push(none);
        pushes.extend([bad; 6]);
        assert!(rises_elsewhere(&pushes, 6..=6).is_some_and(|rise| rise.at >= 12));
        assert_eq!(rises_elsewhere(&pushes, 13..=13), None);
        assert_eq!(rises_elsewhere(&pushes, 12..=13), None);
        assert!(rises_elsewhere(&pushes, 16..=16).is_some());
        // A fix is no rise, and of few runs nothing is known.
        assert_eq!(rises_elsewhere(&[bad, bad, good, good], 1..=1), None);
        assert_eq!(rises_elsewhere(&[seen(0, 1), seen(1, 0)], 0..=0), None);
        assert_eq!(rises_elsewhere(&[], 0..=0), None);
    }

    fn drawn(rates: impl Iterator<Item = f64>, seed: u64) -> Vec<Seen> {
        let mut random = fastrand::Rng::with_seed(seed);
        rates
            .map(|rate| {
                let mut seen = Seen::default();
                for _ in 0..2 {
                    match random.f64() < rate {
                        true => seen.failed += 1,
                        false => seen.passed += 1,
                    }
                }
                seen
            })
            .collect()
    }

    #[test]
    fn a_step_lies_in_its_interval_and_no_step_is_seen_where_there_is_none() {
        let (mut within, mut found, mut alarms) = (0, 0, 0);
        for seed in 0..400u64 {
            let step = 20 + (seed as usize * 7) % 80;
            let (low, high) = [(0.02, 0.3), (0.05, 0.5), (0.4, 0.05)][seed as usize % 3];
            let rates = (0..120).map(|i| if i < step { low } else { high });
            let all = changes(&drawn(rates, seed));
            if let Some(change) = all.iter().max_by(|a, b| a.odds.total_cmp(&b.odds)) {
                found += 1;
                within += u32::from((change.earliest..=change.latest).contains(&step));
            }
            let rate = [0.01, 0.1, 0.3, 0.5][seed as usize % 4];
            let none = changes(&drawn(std::iter::repeat_n(rate, 120), seed + 10_000));
            alarms += u32::from(!none.is_empty());
        }
        assert!(found > 360, "{found} of 400 steps are seen");
        assert!(f64::from(within) >= 0.9 * f64::from(found), "{within} of {found}");
        assert!(alarms <= 20, "{alarms} false alarms in 400");
    }

    #[test]
    fn several_changes_are_all_told_with_the_rates_between_them() {
        let rates = (0..300).map(|i| match i {
            0..100 => 0.0,
            100..200 => 0.6,
            _ => 0.1,
        });
        let all = changes(&drawn(rates, 5));
        assert_eq!(all.len(), 2, "{all:?}");
        assert!(all[0].at.abs_diff(100) < 6 && all[1].at.abs_diff(200) < 8, "{all:?}");
        assert_eq!(all[0].after, all[1].before);
    }

    #[test]
    fn nothing_changes_where_nothing_is_known() {
        assert!(changes(&[]).is_empty());
        assert!(changes(&[Seen { failed: 3, passed: 0 }; 9]).is_empty());
        assert!(changes(&[Seen::default(); 9]).is_empty());
    }
}
