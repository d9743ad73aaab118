//! Which run to ask for next: the one that tells most about the culprit for what it costs.

use super::posterior::Posterior;

/// How much one more run on each push is expected to tell, in nats: the mutual information between
/// the culprit and the outcome. All pushes at once, by sums over the suspects before and after.
pub(super) fn information(posterior: &Posterior, into: &mut Vec<f64>) {
    let count = posterior.suspects.len();
    into.clear();
    // Over all suspects a run on a push before the oldest of them would stand before the culprit.
    let (mut fails, mut spread) = (0.0, 0.0);
    for i in 0..count {
        let (p, good) = (posterior.suspects[i], posterior.good[i]);
        fails += p * good;
        spread += p * entropy(good);
    }
    fails += posterior.none * posterior.rate_of_none;
    spread += posterior.none * entropy(posterior.rate_of_none);
    let (mut last_good, mut last_bad) = (f64::NAN, f64::NAN);
    let (mut entropy_good, mut entropy_bad) = (0.0, 0.0);
    for i in 0..count {
        let (p, good, bad) = (posterior.suspects[i], posterior.good[i], posterior.bad[i]);
        // Neighbours mostly share their rates.
        if good != last_good {
            (last_good, entropy_good) = (good, entropy(good));
        }
        if bad != last_bad {
            (last_bad, entropy_bad) = (bad, entropy(bad));
        }
        fails += p * (bad - good);
        spread += p * (entropy_bad - entropy_good);
        into.push((entropy(fails) - spread).max(0.0));
    }
}

/// The entropy of something that happens with this probability, in nats.
pub(super) fn entropy(p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 { 0.0 } else { -p * p.ln() - (1.0 - p) * (1.0 - p).ln() }
}
