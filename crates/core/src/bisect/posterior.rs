//! What is believed after what was observed.

use super::counts::Counts;
use super::prior::{Before, Cell, Setup, Suspect};

/// What may be the case. The suspects are counted from 1, as the pushes are on which runs are made;
/// push 0 is the one that was seen to be good.
///
/// Suspects between two pushes that have runs are told apart by nothing that was observed, and have
/// the same likelihood. So as many likelihoods are worked out as there are pushes with runs, and not
/// as many as there are suspects; and since they are worked out from counts alone, neither the order
/// of observations nor how many there are makes any difference.
#[derive(Debug, Clone)]
pub struct Posterior {
    /// The probability of each suspect, by its number; of 0 that it was bad before all of them.
    pub suspects: Vec<f64>,
    /// The probability that there is no culprit.
    pub none: f64,
    /// For each suspect how often runs fail at or after it, and before it, if it is the culprit.
    pub(super) bad: Vec<f64>,
    pub(super) good: Vec<f64>,
    /// How often runs fail if there is no culprit.
    pub(super) rate_of_none: f64,
    /// How often runs fail before it.
    pub background: f64,
}

/// How likely it is that it was bad before all suspects already, next to all of them together: how often the
/// good push passed is evidence like any other, and here nothing of it is known yet.
const OLDER: f64 = 0.2;

/// Prior probabilities of "older", each suspect, and "none".
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub(super) suspects: Vec<f64>,
    pub(super) none: f64,
    /// The share of "older" that is older still than some runs before the good push that passed, and how many
    /// these are.
    beyond: (f64, f64),
}

impl Weights {
    pub(super) fn of(setup: &Setup) -> Self {
        let none = setup.none.clamp(0.0, 0.99);
        // What was backed out is no reason for why the last push fails.
        let gone = |number: usize| setup.backouts.iter().any(|backout| backout.suspect == number);
        let weight = |(at, suspect): (usize, &Suspect)| match gone(at + 1) {
            true => 0.0,
            false => suspect.weight,
        };
        let weights: Vec<f64> = setup.suspects.iter().enumerate().map(weight).collect();
        let all: f64 = weights.iter().sum();
        let count = weights.iter().filter(|weight| **weight > 0.0).count();
        // Where nobody is left it is older, or none.
        let unknown = OLDER * count as f64;
        let older = match count {
            0 => 1.0,
            count => all / count as f64 * unknown,
        };
        let scale = (1.0 - none) / (all + older);
        let suspects = [older].into_iter().chain(weights);
        let beyond = match setup.before {
            Some(Before { gap, passes }) => {
                ((1.0 - f64::from(gap) / unknown).max(0.0), f64::from(passes))
            }
            None => (0.0, 0.0),
        };
        Self { suspects: suspects.map(|weight| weight * scale).collect(), none, beyond }
    }
}

/// The runs before and at or after a boundary.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    failed: f64,
    passed: f64,
}

impl Sums {
    fn add(&mut self, counts: &Counts) {
        self.failed += f64::from(counts.failed);
        self.passed += f64::from(counts.passed);
    }
}

/// What was observed makes of the suspects between two pushes with runs.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// How likely what was observed is, relative to the likeliest of all.
    mass: f64,
    bad: f64,
    good: f64,
}

/// What is so much less likely than the likeliest of all, as a logarithm, adds nothing that a sum would show.
const NOTHING: f64 = 28.0;

/// The likelihoods of every stretch, oldest first: one more than there are pushes with runs, then that of no
/// culprit, and that of one which is older than so many passes besides; and the logarithm of what they are
/// relative to.
fn stretches(
    cells: &[Cell],
    counts: &[Counts],
    tested: &[usize],
    passes: f64,
) -> (Vec<Stretch>, f64) {
    let mut total = Sums::default();
    tested.iter().for_each(|i| total.add(&counts[*i]));
    let mut logs: Vec<f64> = Vec::with_capacity((tested.len() + 3) * cells.len());
    let mut before = Sums::default();
    for number in 0..=tested.len() {
        let after =
            Sums { failed: total.failed - before.failed, passed: total.passed - before.passed };
        logs.extend(cells.iter().map(|cell| {
            let [bad_fails, bad_passes, fails, passes] = cell.logs;
            cell.log_weight
                + cell.since.0
                + before.failed * fails
                + before.passed * passes
                + after.failed * bad_fails
                + after.passed * bad_passes
        }));
        if let Some(i) = tested.get(number) {
            before.add(&counts[*i]);
        }
    }
    // Without a culprit all runs stand before it, and those since as well.
    logs.extend(cells.iter().map(|cell| {
        let [_, _, fails, passes] = cell.logs;
        cell.log_weight + cell.since.1 + total.failed * fails + total.passed * passes
    }));
    logs.extend(cells.iter().map(|cell| {
        let [bad_fails, bad_passes, ..] = cell.logs;
        let passed = total.passed + passes;
        cell.log_weight + cell.since.0 + total.failed * bad_fails + passed * bad_passes
    }));
    let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let of_one = |logs: &[f64]| {
        let (mut mass, mut bad, mut good) = (0.0, 0.0, 0.0);
        for (log, cell) in logs.iter().zip(cells).filter(|(log, _)| **log > highest - NOTHING) {
            let likely = (log - highest).exp();
            mass += likely;
            bad += likely * cell.bad;
            good += likely * cell.good;
        }
        let or = |sum: f64, otherwise: f64| if mass > 0.0 { sum / mass } else { otherwise };
        Stretch { mass, bad: or(bad, 0.5), good: or(good, 0.01) }
    };
    (logs.chunks_exact(cells.len().max(1)).map(of_one).collect(), highest)
}

/// Works out what is believed, and how likely all that was observed is (a logarithm).
pub(super) fn posterior(cells: &[Cell], weights: &Weights, counts: &[Counts]) -> (Posterior, f64) {
    let tested: Vec<usize> = (0..counts.len()).filter(|i| counts[*i].telling() > 0).collect();
    let (share, passes) = weights.beyond;
    let (stretches, highest) = stretches(cells, counts, &tested, passes);
    let of_none = stretches[tested.len() + 1];
    let count = weights.suspects.len();
    let [mut suspects, mut bad, mut good] = [(); 3].map(|()| Vec::with_capacity(count));
    let mut number = 0;
    for (suspect, prior) in weights.suspects.iter().enumerate() {
        while tested.get(number).is_some_and(|last| *last < suspect) {
            number += 1;
        }
        let stretch = stretches[number];
        let mass = match suspect {
            0 => (1.0 - share) * stretch.mass + share * stretches[tested.len() + 2].mass,
            _ => stretch.mass,
        };
        suspects.push(prior * mass);
        bad.push(stretch.bad);
        good.push(stretch.good);
    }
    let none = weights.none * of_none.mass;
    let sum: f64 = suspects.iter().sum::<f64>() + none;
    let mut background = of_none.good * none / sum;
    for (i, probability) in suspects.iter_mut().enumerate() {
        *probability /= sum;
        background += *probability * good[i];
    }
    let none = none / sum;
    let rate_of_none = of_none.good;
    (Posterior { suspects, none, bad, good, rate_of_none, background }, highest + sum.ln())
}
