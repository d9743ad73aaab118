//! How things may stand, and what runs that are under way would then say.

use super::counts::{Counts, Outcome};
use super::posterior::Posterior;
use super::search::Search;

/// A world as it may be before anything is observed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    /// The culprit by its number, 0 where it is older than all suspects; none where there is none.
    pub culprit: Option<usize>,
    /// How often runs fail at or after the culprit.
    pub bad: f64,
    /// How often runs fail before it.
    pub good: f64,
}

/// One way in which things may stand.
#[derive(Debug, Clone)]
pub(super) struct World {
    /// What was observed, and what is imagined to be.
    pub(super) counts: Vec<Counts>,
    culprit: usize,
    /// How often runs fail at or after the culprit, and before it.
    rates: (f64, f64),
}

impl World {
    /// The one in which the culprit is at this quantile of what is believed.
    pub(super) fn drawn(posterior: &Posterior, counts: &[Counts], at: f64) -> Self {
        let mut sum = 0.0;
        let culprit = posterior.suspects.iter().position(|probability| {
            sum += probability;
            sum >= at
        });
        let (culprit, rates) = match culprit {
            Some(culprit) => (culprit, (posterior.bad[culprit], posterior.good[culprit])),
            None => (usize::MAX, (1.0, posterior.rate_of_none)),
        };
        Self { counts: counts.to_vec(), culprit, rates }
    }

    /// What a run on a push would say.
    pub(super) fn outcome(&self, push: usize, random: &mut fastrand::Rng) -> Outcome {
        let rate = if push >= self.culprit { self.rates.0 } else { self.rates.1 };
        if random.f64() < rate { Outcome::Failed } else { Outcome::Passed }
    }

    /// Imagines a run.
    pub(super) fn run(&mut self, push: usize, random: &mut fastrand::Rng) {
        let outcome = self.outcome(push, random);
        if let Some(counts) = self.counts.get_mut(push) {
            counts.add(outcome);
        }
    }
}

impl Search {
    /// A world drawn from what is believed before anything was observed, for those who measure
    /// searches.
    pub fn draw(&self, seed: u64) -> Drawn {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut at = random.f64();
        let culprit = self.weights.suspects.iter().position(|weight| {
            at -= weight;
            at < 0.0
        });
        let all: f64 = self.cells.iter().map(|cell| cell.log_weight.exp()).sum();
        let mut at = random.f64() * all;
        let cell = self.cells.iter().find(|cell| {
            at -= cell.log_weight.exp();
            at < 0.0
        });
        let cell = cell.or(self.cells.last());
        Drawn {
            culprit,
            bad: cell.map_or(1.0, |cell| cell.bad),
            good: cell.map_or(0.0, |cell| cell.good),
        }
    }
}
