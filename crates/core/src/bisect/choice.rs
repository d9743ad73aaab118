//! Which run to request next: the one that tells most about the culprit for what it costs.

use super::posterior::Posterior;

/// Of which pushes it is worked out how much a run is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// All.
    All,
    /// Those that may be worth most where all may be requested at the same cost; the others are told as 0.
    Best,
}

/// How much one more run on each push is expected to tell, in nats: the mutual information between
/// the culprit and the outcome. All pushes at once, by sums over the suspects before and after.
pub(super) fn information(posterior: &Posterior, of: Of, into: &mut Vec<f64>) {
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
    let mut sums = Vec::with_capacity(count);
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
        sums.push((fails, spread));
    }
    let told = |i: usize| (entropy(sums[i].0) - sums[i].1).max(0.0);
    if of == Of::All {
        into.extend((0..count).map(told));
        return;
    }
    into.resize(count, 0.0);
    for (first, last) in alike(posterior) {
        // Within such a stretch it is concave in how likely the suspects up to a push are together. Where that
        // hardly changes from push to push the slope still tells on which side the highest lies; what is told
        // does not.
        let (good, bad) = (posterior.good[first], posterior.bad[first]);
        let rises = |i: usize| {
            let fails = sums[i].0.clamp(1e-12, 1.0 - 1e-12);
            (bad - good) * ((1.0 - fails) / fails).ln() > entropy(bad) - entropy(good)
        };
        let (mut low, mut high) = (first, last);
        while low < high {
            let middle = low.midpoint(high);
            match rises(middle) {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        for i in [first, low.saturating_sub(1).max(first), low, last] {
            into[i] = told(i);
        }
    }
}

/// The stretches of suspects with the same rates, as their first and last.
fn alike(posterior: &Posterior) -> impl Iterator<Item = (usize, usize)> {
    let (good, bad) = (&posterior.good, &posterior.bad);
    let mut first = 0;
    (0..good.len()).filter_map(move |i| {
        let same = i + 1 < good.len() && good[i] == good[i + 1] && bad[i] == bad[i + 1];
        (!same).then(|| (std::mem::replace(&mut first, i + 1), i))
    })
}

/// How much one more run on each push is expected to speak for the likeliest possibility against all others
/// together, in nats, where one is likelier than all others (extrinsic Jensen-Shannon divergence: Naghshvar,
/// Javidi and Wigger 2015); false where none is. Whoever is nearly sure has no use for information about
/// the rest.
pub(super) fn against_the_rest(posterior: &Posterior, of: Of, into: &mut Vec<f64>) -> bool {
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
    let sums = (0..count).map(|i| {
        others += posterior.suspects[i] * (posterior.bad[i] - posterior.good[i]);
        others
    });
    let sums: Vec<f64> = sums.collect();
    let told = |i: usize| {
        let rate = if top.is_some_and(|top| i >= top) { rates.1 } else { rates.0 };
        divergence(rate, ((sums[i] - share * rate) / rest).clamp(1e-9, 1.0 - 1e-9))
    };
    into.clear();
    if of == Of::All {
        into.extend((0..count).map(told));
        return true;
    }
    into.resize(count, 0.0);
    // Within a stretch it is convex, but for the step at the likeliest.
    let step = top.into_iter().flat_map(|top| [top.saturating_sub(1), top]);
    for i in alike(posterior).flat_map(|(first, last)| [first, last]).chain(step) {
        into[i] = told(i);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn posterior(suspects: Vec<f64>, bad: &[f64]) -> Posterior {
        let all: f64 = suspects.iter().sum::<f64>() + 0.02;
        let rate = |i: usize| bad[i * bad.len() / suspects.len()];
        Posterior {
            bad: (0..suspects.len()).map(rate).collect(),
            good: vec![0.01; suspects.len()],
            suspects: suspects.iter().map(|one| one / all).collect(),
            none: 0.02 / all,
            rate_of_none: 0.01,
            background: 0.01,
        }
    }

    #[test]
    fn the_push_that_is_worth_most_is_found_without_working_out_all() {
        let mut random = fastrand::Rng::with_seed(5);
        for round in 0..400 {
            let count = 2 + random.usize(..600);
            // Most of them are ruled out, some so far that adding them changes no sum.
            let (from, width) = (random.usize(..count), 1 + random.usize(..20));
            let suspects: Vec<f64> = (0..count)
                .map(|i| match (from..from + width).contains(&i) {
                    true => random.f64(),
                    false => 10f64.powi(-(random.i32(0..40))) * 1e-3,
                })
                .collect();
            let rates = [[0.5].as_slice(), &[0.9, 0.3], &[0.2, 0.99, 0.4]][round % 3];
            let posterior = posterior(suspects, rates);
            let (mut all, mut best) = (Vec::new(), Vec::new());
            information(&posterior, Of::All, &mut all);
            information(&posterior, Of::Best, &mut best);
            let most = |told: &[f64]| told.iter().copied().fold(0.0, f64::max);
            assert!(
                (most(&all) - most(&best)).abs() < 1e-12,
                "{round}: {} {}",
                most(&all),
                most(&best)
            );
            if against_the_rest(&posterior, Of::All, &mut all) {
                against_the_rest(&posterior, Of::Best, &mut best);
                assert!((most(&all) - most(&best)).abs() < 1e-9 * most(&all), "{round}");
            }
        }
    }
}
