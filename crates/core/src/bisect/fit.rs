//! Whether one change explains what was observed.
//!
//! Two culprits, a fix within the range, or a background that drifts make a search that believes in
//! one change sure of something wrong. So what was observed is weighed twice: as one rate that
//! changes at most once, and as one that changes twice, all places and rates alike beforehand. That
//! two changes are a hundred times as likely happens to a single change at most one time in a
//! hundred (Ville's inequality).

use super::counts::Counts;
use super::prior::History;
use crate::rate::ln_likelihood;

/// How many times as likely two changes have to be.
const ODDS: f64 = 100.0;

/// How many times as likely a rate that rises or falls all along has to be.
const DRIFT_ODDS: f64 = 30.0;

/// Rates at either end of a drift that are tried.
const ENDS: usize = 24;

/// What explains what was observed better than one change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Two changes.
    Twice {
        /// The first push of the first new rate that has runs.
        first: usize,
        /// The first push of the second.
        second: usize,
    },
    /// A rate that rises or falls all along.
    Drift,
}

/// What was seen at one place.
#[derive(Debug, Clone, Copy)]
struct Point {
    push: usize,
    failed: u32,
    passed: u32,
}

/// Looks whether something else explains it better. What the job's history tells stands before all
/// pushes: a background that rose since then is a change, too.
pub(super) fn misfit(counts: &[Counts], history: History) -> Option<Misfit> {
    let failed = history.failures.min(history.runs);
    let before = Point { push: 0, failed, passed: history.runs - failed };
    let seen = counts.iter().enumerate().map(|(push, counts)| Point {
        push,
        failed: counts.failed,
        passed: counts.passed,
    });
    let points: Vec<Point> =
        [before].into_iter().chain(seen).filter(|p| p.failed + p.passed > 0).collect();
    if points.len() < 3 {
        return None;
    }
    let mut sums = vec![(0u32, 0u32)];
    for point in &points {
        let (failed, passed) = sums[sums.len() - 1];
        sums.push((failed + point.failed, passed + point.passed));
    }
    let last = points.len();
    let part = |from: usize, until: usize| {
        ln_likelihood(sums[until].0 - sums[from].0, sums[until].1 - sums[from].1)
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
    if mean(&twice) - explained > ODDS.ln() {
        return Some(Misfit::Twice { first: points[best.1].push, second: points[best.2].push });
    }
    (drift(&points) - explained > DRIFT_ODDS.ln()).then_some(Misfit::Drift)
}

/// How likely a rate is that goes evenly from one value at the oldest push to another at the newest,
/// all pairs of them alike beforehand.
fn drift(points: &[Point]) -> f64 {
    let (oldest, newest) = (points[0].push, points[points.len() - 1].push);
    let length = (newest - oldest).max(1) as f64;
    let end = |i: usize| ((i as f64 + 0.5) / ENDS as f64).powi(2);
    let mut logs = Vec::with_capacity(ENDS * ENDS);
    for from in 0..ENDS {
        for until in (0..ENDS).filter(|until| *until != from) {
            let (a, b) = (end(from), end(until));
            // Squares lie closer where rates are low, and weigh as much as the gap between them.
            let weight = (a * b).sqrt().sqrt().ln();
            let each = points.iter().map(|point| {
                let rate = a + (b - a) * (point.push - oldest) as f64 / length;
                f64::from(point.failed) * rate.ln() + f64::from(point.passed) * (1.0 - rate).ln()
            });
            logs.push(weight + each.sum::<f64>());
        }
    }
    mean(&logs)
}

/// The logarithm of the mean of what these are logarithms of.
fn mean(logs: &[f64]) -> f64 {
    let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|log| (log - highest).exp()).sum();
    highest + (sum / logs.len().max(1) as f64).ln()
}
