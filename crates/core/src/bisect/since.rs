//! Runs of pushes after the bad one: whoever broke it, it fails there as often, until somebody mends it.

use serde::{Deserialize, Serialize};

use super::prior::Cell;
use crate::rate::ln_likelihood;

/// What the runs of one push after the bad one said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// Runs that failed.
    pub failed: u32,
    /// Runs that passed.
    pub passed: u32,
}

/// How likely it is that these runs have to do with something else that changed since, and so say nothing. With
/// less drifts are convicted, with more failures since would tell little (`bisect_grid --since`).
const ELSE: f64 = 0.25;

/// How likely the runs since are at each pair of rates, as logarithms: with a culprit, and without one.
///
/// With a culprit they fail at its rate, or at the background's from some push on, since it was mended then: all
/// pushes alike, and as likely together as that it never was. Without one they fail at the background's rate.
pub(super) fn likelihoods(cells: &[Cell], since: &[After]) -> Vec<(f64, f64)> {
    let told: Vec<&After> = since.iter().filter(|after| after.failed + after.passed > 0).collect();
    if told.is_empty() {
        return vec![(0.0, 0.0); cells.len()];
    }
    let failed = told.iter().map(|after| after.failed).sum();
    let other = ELSE.ln() + ln_likelihood(failed, told.iter().map(|after| after.passed).sum());
    let ours = (1.0 - ELSE).ln();
    let of_cell = |cell: &Cell| {
        let [bad_fails, bad_passes, fails, passes] = cell.logs;
        let bad = |after: &After| {
            f64::from(after.failed) * bad_fails + f64::from(after.passed) * bad_passes
        };
        let good =
            |after: &After| f64::from(after.failed) * fails + f64::from(after.passed) * passes;
        let all_good: f64 = told.iter().map(|after| good(after)).sum();
        // Mended before the first of them, then before the second, and so on; never is the last.
        let mut log = all_good;
        let mut mended = vec![log];
        for after in &told {
            log += bad(after) - good(after);
            mended.push(log);
        }
        let never = mended.pop().unwrap_or(log);
        let each = (0.5 / told.len() as f64).ln();
        let some: Vec<f64> = mended.iter().map(|log| each + log).collect();
        let with = sum([0.5f64.ln() + never].into_iter().chain(some));
        (sum([ours + with, other]), sum([ours + all_good, other]))
    };
    cells.iter().map(of_cell).collect()
}

/// The logarithm of the sum of what these are logarithms of.
fn sum(logs: impl IntoIterator<Item = f64>) -> f64 {
    let logs: Vec<f64> = logs.into_iter().collect();
    let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    highest + logs.iter().map(|log| (log - highest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::super::prior::known;
    use super::*;

    #[test]
    fn failures_since_speak_for_high_rates_and_passes_against_none() {
        let cells: Vec<Cell> = [known(0.9, 0.01), known(0.1, 0.01)].concat();
        let of = |runs: &[(u32, u32)]| {
            let since: Vec<After> = runs
                .iter()
                .map(|(failed, passed)| After { failed: *failed, passed: *passed })
                .collect();
            likelihoods(&cells, &since)
        };
        assert_eq!(of(&[]), [(0.0, 0.0); 2]);
        assert_eq!(of(&[(0, 0)]), [(0.0, 0.0); 2]);
        let fails = of(&[(1, 0); 10]);
        assert!(fails[0].0 > fails[1].0 + 1.0, "{fails:?}");
        // There was another change, or there is a culprit: no failure is the background's.
        assert!(fails[0].0 > fails[0].1 + 0.5 && fails[0].1 < 0.0, "{fails:?}");
        // It was mended after the fifth.
        let mended =
            of(&[(1, 0), (1, 0), (1, 0), (1, 0), (1, 0), (0, 1), (0, 1), (0, 1), (0, 1), (0, 1)]);
        assert!(mended[0].0 > mended[1].0, "{mended:?}");
    }
}
