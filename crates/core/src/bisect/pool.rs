//! What other configurations of a job tell of its background: partial pooling.
//!
//! The rates of configurations are taken for draws from one beta distribution, whose mean and strength
//! are not known. Where the others are alike, it is narrow, and says much of one more; where they differ,
//! it says little, and the job's own runs decide (Gelman et al., Bayesian Data Analysis, chapter 5).

use serde::{Deserialize, Serialize};
use statrs::function::beta::ln_beta;

use super::prior::History;

/// A beta distribution of the background beforehand, in runs: as though so many had failed and passed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// Failed.
    pub failures: f64,
    /// Passed.
    pub passes: f64,
}

/// What is believed where nothing is known: some percent, hardly more than a fifth.
pub(super) const NOTHING: Pool = Pool { failures: 0.5, passes: 10.0 };

/// Means that are weighed, over their logarithms.
const MEANS: (f64, f64, usize) = (0.0005, 0.5, 40);

/// Strengths that are weighed, over their logarithms: runs that one configuration's rate is worth to
/// another's.
const STRENGTHS: (f64, f64, usize) = (2.0, 1000.0, 24);

impl Pool {
    /// What the histories of other configurations say of one more. None where they have no runs, or hardly
    /// ever failed: what never fails elsewhere may well come and go here, and whoever takes their silence for
    /// a low background convicts a push of it (`scripts/bench_hunts.py 1 2017`).
    pub fn of(others: &[History]) -> Option<Self> {
        let others: Vec<&History> = others.iter().filter(|one| one.runs > 0).collect();
        if others.is_empty() {
            return None;
        }
        let mut each = Vec::with_capacity(MEANS.2 * STRENGTHS.2);
        for mean in steps(MEANS) {
            // As likely beforehand as where nothing is known; over logarithms once more.
            let before = NOTHING.failures * mean.ln() + (NOTHING.passes - 1.0) * (1.0 - mean).ln();
            for strength in steps(STRENGTHS) {
                let (a, b) = (mean * strength, (1.0 - mean) * strength);
                let told: f64 = others.iter().map(|one| likelihood(one, a, b)).sum();
                each.push((before + told, mean, strength));
            }
        }
        let highest = each.iter().map(|(log, ..)| *log).fold(f64::NEG_INFINITY, f64::max);
        let (mut all, mut first, mut second) = (0.0, 0.0, 0.0);
        for (log, mean, strength) in each {
            let weight = (log - highest).exp();
            let variance = mean * (1.0 - mean) / (strength + 1.0);
            all += weight;
            first += weight * mean;
            second += weight * (variance + mean * mean);
        }
        let (mean, variance) = (first / all, second / all - (first / all).powi(2));
        // The beta distribution of the same mean and variance.
        let strength = (mean * (1.0 - mean) / variance - 1.0).clamp(1.0, STRENGTHS.1);
        let pool = Self { failures: mean * strength, passes: (1.0 - mean) * strength };
        (pool.failures >= NOTHING.failures).then_some(pool)
    }
}

/// How likely a configuration's runs are where its rate is a draw from this beta distribution, as a
/// logarithm.
fn likelihood(history: &History, a: f64, b: f64) -> f64 {
    let failures = f64::from(history.failures.min(history.runs));
    let passes = f64::from(history.runs) - failures;
    ln_beta(a + failures, b + passes) - ln_beta(a, b)
}

/// Values that are as far apart by their logarithms.
fn steps((low, high, count): (f64, f64, usize)) -> impl Iterator<Item = f64> {
    let step = (high / low).ln() / count as f64;
    (0..count).map(move |i| low * ((i as f64 + 0.5) * step).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(others: &[(u32, u32)]) -> Pool {
        told(others).unwrap()
    }

    fn told(others: &[(u32, u32)]) -> Option<Pool> {
        let others: Vec<History> = others
            .iter()
            .map(|(failures, runs)| History { runs: *runs, failures: *failures })
            .collect();
        Pool::of(&others)
    }

    fn mean(pool: Pool) -> f64 {
        pool.failures / (pool.failures + pool.passes)
    }

    fn strength(pool: Pool) -> f64 {
        pool.failures + pool.passes
    }

    #[test]
    fn configurations_that_are_alike_tell_much_and_those_that_differ_little() {
        assert_eq!(Pool::of(&[]), None);
        assert_eq!(Pool::of(&[History::default()]), None);
        let alike = pool(&[(10, 500), (11, 500), (9, 500), (10, 500)]);
        assert!((0.015..0.03).contains(&mean(alike)), "{alike:?}");
        // Where they differ little is said: less than is believed anyway.
        let differ = told(&[(0, 500), (100, 500), (2, 500), (40, 500)]);
        assert!(differ.is_none_or(|differ| strength(alike) > 5.0 * strength(differ)), "{differ:?}");
        // That others hardly ever fail is no reason to think so of this one.
        for silent in [&[(0, 500)][..], &[(0, 500), (0, 500)], &[(0, 3)], &[(1, 5000), (0, 5000)]] {
            assert_eq!(told(silent), None, "{silent:?}");
        }
    }

    #[test]
    fn more_failures_raise_the_rate() {
        let mut before = 0.0;
        for failures in [10, 20, 40, 100] {
            let now = mean(pool(&[(failures, 300), (failures + 2, 300), (failures, 300)]));
            assert!(now > before, "{failures}: {now} after {before}");
            before = now;
        }
    }
}
