//! Whether one change explains what was observed.
//!
//! Two culprits, a fix within the range, or a background that drifts make a search that believes in
//! one change sure of something wrong. So what was observed is weighed twice: as one rate that
//! changes at most once, and as one that changes twice, all places and rates alike beforehand. That
//! two changes are a hundred times as likely happens to a single change at most one time in a
//! hundred (Ville's inequality).

use statrs::function::gamma::ln_gamma;

use super::counts::Counts;

/// How many times as likely two changes have to be.
const ODDS: f64 = 60.0;

/// Two changes that explain what was observed better than one does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The first push of the first new rate that has runs.
    pub(super) first: usize,
    /// The first push of the second.
    pub(super) second: usize,
}

/// Looks whether two changes explain it better.
pub(super) fn misfit(counts: &[Counts]) -> Option<Misfit> {
    let tested: Vec<usize> = (0..counts.len()).filter(|i| counts[*i].telling() > 0).collect();
    if tested.len() < 3 {
        return None;
    }
    let mut sums = vec![(0u32, 0u32)];
    for i in &tested {
        let (failed, passed) = sums[sums.len() - 1];
        sums.push((failed + counts[*i].failed, passed + counts[*i].passed));
    }
    let last = tested.len();
    let part = |from: usize, until: usize| {
        likelihood(sums[until].0 - sums[from].0, sums[until].1 - sums[from].1)
    };
    let all = part(0, last);
    let mut once = Vec::with_capacity(last);
    let mut twice = Vec::new();
    let mut best = (f64::NEG_INFINITY, 0, 0);
    for first in 1..last {
        let before = part(0, first);
        once.push(before + part(first, last));
        for second in first + 1..last {
            let log = before + part(first, second) + part(second, last);
            if log > best.0 {
                best = (log, first, second);
            }
            twice.push(log);
        }
    }
    let explained = mean(&once).max(all);
    (mean(&twice) - explained > ODDS.ln())
        .then(|| Misfit { first: tested[best.1], second: tested[best.2] })
}

/// The logarithm of the mean of what these are logarithms of.
fn mean(logs: &[f64]) -> f64 {
    let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|log| (log - highest).exp()).sum();
    highest + (sum / logs.len().max(1) as f64).ln()
}

/// How likely these results are of a rate of which nothing is known, as a logarithm.
fn likelihood(failed: u32, passed: u32) -> f64 {
    let (f, p) = (f64::from(failed), f64::from(passed));
    ln_gamma(f + 1.0) + ln_gamma(p + 1.0) - ln_gamma(f + p + 2.0)
}
