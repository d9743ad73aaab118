//! How few runs can suffice where nobody knows how often it fails.

use super::bound::divergence;

/// A lower bound on the expected number of runs, for any method that is wrong at most δ of the time
/// whatever the rate: by how much two possibilities have to be told apart, and at what each run does so at
/// the most (a change of measure). Runs to find the place are not counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// Runs to tell the culprit from the pushes on either side.
    pub neighbours: f64,
    /// Runs to tell it from something older than all suspects as well, where δ holds of that, too. One
    /// wrong name in a hundred is then shared by all suspects, so that it grows with their number.
    pub older: f64,
}

/// Rates that are tried in place of the true one, evenly spread.
const RATES: usize = 2000;

/// The floor for `suspects`, where runs fail at a rate of `bad` from the culprit on and of `good` before
/// it; the rates that are thought possible after a culprit begin at `lowest`.
///
/// Runs before the culprit and runs from it on have to speak against every rate x that would be theirs
/// alike, if the culprit were the push before it or older still; and runs on it against the background.
pub fn floor(suspects: usize, bad: f64, good: f64, delta: f64, lowest: f64) -> Floor {
    let step = (1.0 - lowest) / RATES as f64;
    let told: Vec<(f64, f64)> = (0..=RATES)
        .map(|i| lowest + step * i as f64)
        .map(|x| (divergence(good, x), divergence(bad, x)))
        .collect();
    let both = needed(1.0 - delta, delta);
    let each = needed(1.0 - delta, delta / suspects.max(1) as f64);
    let neighbours = fewest(&told, both, both / divergence(bad, good));
    Floor { neighbours, older: fewest(&told, each, 0.0).max(neighbours) }
}

/// How much has to be told for something to happen this often in one world and that seldom in another, in nats.
fn needed(often: f64, seldom: f64) -> f64 {
    divergence(often, seldom)
}

/// The fewest runs of two kinds, `least` of the second, that tell `needed` against every rate, where one run of
/// each kind tells as much as is given.
fn fewest(told: &[(f64, f64)], needed: f64, least: f64) -> f64 {
    let all = |second: f64| {
        let first = told.iter().map(|(of_first, of_second)| match needed - second * of_second {
            left if left > 0.0 => left / of_first,
            _ => 0.0,
        });
        second + first.fold(0.0, f64::max)
    };
    // It is convex in how many there are of the second kind.
    let (mut low, mut high) = (least, least + 1.0);
    while all(high * 2.0) < all(high) {
        high *= 2.0;
    }
    high *= 2.0;
    for _ in 0..100 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        match all(a) < all(b) {
            true => high = b,
            false => low = a,
        }
    }
    all((low + high) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(n: usize, p: f64, q: f64) -> Floor {
        let at = |p: f64| 1.0 - (1.0 - p) * (1.0 - q);
        floor(n, at(p), q, 0.01, at(0.05))
    }

    #[test]
    fn neighbours_are_told_apart_by_as_many_runs_as_were_worked_out() {
        let rows =
            [(8, 1.0, 0.0, 6.5), (8, 0.5, 0.01, 22.4), (8, 0.5, 0.05, 28.8), (24, 0.2, 0.03, 94.0)];
        for (n, p, q, runs) in rows {
            let found = of(n, p, q).neighbours;
            assert!((found - runs).abs() < 0.01 * runs, "{found} for {runs}");
        }
    }

    #[test]
    fn older_takes_more_the_more_suspects_there_are() {
        let rows = [
            (8, 1.0, 0.0, 9.5),
            (8, 0.5, 0.01, 32.7),
            (32, 0.5, 0.05, 50.7),
            (128, 0.1, 0.01, 282.5),
        ];
        for (n, p, q, runs) in rows {
            let found = of(n, p, q).older;
            assert!((found - runs).abs() < 0.01 * runs, "{found} for {runs}");
        }
    }

    #[test]
    fn it_is_never_below_what_suffices_where_rates_are_known() {
        for (n, p, q) in [(2, 1.0, 0.0), (8, 0.5, 0.01), (128, 0.1, 0.0), (1024, 0.9, 0.3)] {
            let bad = 1.0 - (1.0 - p) * (1.0 - q);
            let known = super::super::bound(n, bad, q, 0.01).confirm;
            let floor = of(n, p, q);
            assert!(
                floor.neighbours >= 0.5 * known && floor.older >= floor.neighbours,
                "{floor:?}"
            );
            assert!(floor.older.is_finite(), "{floor:?}");
        }
    }
}
