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

/// How much one more run on each push is expected to speak for the likeliest possibility against all others
/// together, in nats, where one is likelier than all others (extrinsic Jensen-Shannon divergence: Naghshvar,
/// Javidi and Wigger 2015); false where none is. Whoever is nearly sure has no use for information about
/// the rest.
pub(super) fn against_the_rest(posterior: &Posterior, into: &mut Vec<f64>) -> bool {
    let count = posterior.suspects.len();
    let top = (0..count).find(|i| posterior.suspects[*i] >= HALF);
    let (share, rates) = match top {
        Some(top) => (posterior.suspects[top], (posterior.good[top], posterior.bad[top])),
        None if posterior.none >= HALF => {
            (posterior.none, (posterior.rate_of_none, posterior.rate_of_none))
        }
        None => return false,
    };
    // As if a run stood before all suspects; the older ones come to stand at or before it one by one.
    let mut others = posterior.none * posterior.rate_of_none;
    others += (0..count).map(|i| posterior.suspects[i] * posterior.good[i]).sum::<f64>();
    let rest = (1.0 - share).max(1e-300);
    into.clear();
    for i in 0..count {
        others += posterior.suspects[i] * (posterior.bad[i] - posterior.good[i]);
        let rate = if top.is_some_and(|top| i >= top) { rates.1 } else { rates.0 };
        into.push(divergence(rate, ((others - share * rate) / rest).clamp(1e-9, 1.0 - 1e-9)));
    }
    true
}

/// What a possibility has to be likelier than.
const HALF: f64 = 0.5;

/// How much an outcome of the one rate tells against the other, in nats.
fn divergence(rate: f64, other: f64) -> f64 {
    let part = |a: f64, b: f64| if a <= 0.0 { 0.0 } else { a * (a / b).ln() };
    (part(rate, other) + part(1.0 - rate, 1.0 - other)).max(0.0)
}

/// The entropy of something that happens with this probability, in nats.
pub(super) fn entropy(p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 { 0.0 } else { -p * p.ln() - (1.0 - p) * (1.0 - p).ln() }
}
