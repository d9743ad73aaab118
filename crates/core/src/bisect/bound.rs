//! How few runs can suffice at all.

use super::choice::entropy;

/// A lower bound on the expected number of runs, whatever the method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// Runs to find the culprit among the suspects: each tells at most the capacity of a noisy answer.
    pub search: f64,
    /// Runs to be as sure as was asked of the two pushes on either side.
    pub confirm: f64,
}

impl Bound {
    /// The higher of the two.
    pub fn jobs(self) -> f64 {
        self.search.max(self.confirm)
    }
}

/// The bound for `suspects`, where runs fail at a rate of `bad` from the culprit on and of `good`
/// before it, at a wrong rate of `delta`. Search: Fano's inequality over the channel's capacity;
/// confirm: Wald's sequential test between two neighbours.
pub fn bound(suspects: usize, bad: f64, good: f64, delta: f64) -> Bound {
    let n = suspects.max(1) as f64;
    let bits = n.ln() - entropy(delta) - delta * (n - 1.0).max(1.0).ln();
    let search = (bits / capacity(bad, good)).max(0.0);
    let odds = (1.0 - 2.0 * delta) * ((1.0 - delta) / delta).ln();
    let confirm = odds * (1.0 / divergence(good, bad) + 1.0 / divergence(bad, good));
    Bound { search, confirm: if suspects > 1 { confirm } else { 0.0 } }
}

/// What one run can tell at the most, in nats.
fn capacity(bad: f64, good: f64) -> f64 {
    let told =
        |x: f64| entropy(x * bad + (1.0 - x) * good) - x * entropy(bad) - (1.0 - x) * entropy(good);
    // It is concave in how likely the run is to stand after the culprit.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        match told(a) < told(b) {
            true => low = a,
            false => high = b,
        }
    }
    told((low + high) / 2.0).max(1e-12)
}

/// The Kullback-Leibler divergence of two rates, in nats.
pub(super) fn divergence(a: f64, b: f64) -> f64 {
    let part = |a: f64, b: f64| match (a, b) {
        (a, _) if a <= 0.0 => 0.0,
        (_, b) if b <= 0.0 => f64::INFINITY,
        (a, b) => a * (a / b).ln(),
    };
    (part(a, b) + part(1.0 - a, 1.0 - b)).max(1e-12)
}
