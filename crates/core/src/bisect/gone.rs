//! Suspects that were backed out before the push that the search began with.
//!
//! Such a one is no reason for why that push fails: its prior is nothing. But while it was in, it may
//! have made runs fail, and these would be held against its neighbours. So what was observed is
//! believed in as a mixture: either no backed-out suspect broke anything, or one of them did, and the
//! runs between its landing and its backout have a rate of their own, of which nothing is known
//! (a uniform prior, integrated out). Then they say nothing of anybody else.

use super::choice::{Of, against_the_rest, entropy, information};
use super::counts::Counts;
use super::posterior::{Posterior, Weights, posterior};
use super::prior::{Backout, Cell};
use crate::rate::ln_likelihood;

/// How likely it is beforehand that one of the backed-out suspects broke what is chased.
const ONE_OF_THEM: f64 = 0.2;

/// Backed-out suspects that are weighed at once: of more, those with the most failures.
const MOST: usize = 8;

/// What is believed, and which backed-out suspect explains failures of its own, if one does.
#[derive(Debug, Clone)]
pub(super) struct Belief {
    pub(super) posterior: Posterior,
    /// The likeliest of them, where it is likelier than none.
    pub(super) set_aside: Option<Backout>,
    /// What the posterior is mixed of; nothing where it is not.
    parts: Vec<Part>,
}

/// One way in which things may stand.
#[derive(Debug, Clone)]
struct Part {
    /// How likely it is.
    share: f64,
    posterior: Posterior,
    /// The backed-out suspect that broke it, and how often runs failed while it was in.
    own: Option<(Backout, f64)>,
}

impl Part {
    /// How often runs on a push fail if this is how things stand and the suspect is the culprit; none
    /// for no culprit.
    fn rate(&self, push: usize, suspect: Option<usize>) -> f64 {
        match (self.own, suspect) {
            (Some((backout, rate)), _) if (backout.suspect..backout.until).contains(&push) => rate,
            (_, Some(suspect)) if push >= suspect => self.posterior.bad[suspect],
            (_, Some(suspect)) => self.posterior.good[suspect],
            (_, None) => self.posterior.rate_of_none,
        }
    }
}

impl Belief {
    /// How much one run on each push is worth, requested alone.
    pub(super) fn worth(&self, of: Of, told: &mut Vec<f64>) {
        if !self.parts.is_empty() {
            self.information(told);
        } else if !against_the_rest(&self.posterior, of, told) {
            information(&self.posterior, of, told);
        }
    }

    /// How much a run on each push tells about the culprit. On a push on which a backed-out suspect was
    /// in, a failure may be that one's.
    pub(super) fn information(&self, told: &mut Vec<f64>) {
        information(&self.posterior, Of::All, told);
        let troubled = |push: &usize| {
            let inside =
                |part: &Part| part.own.is_some_and(|(b, _)| (b.suspect..b.until).contains(push));
            self.parts.iter().any(inside)
        };
        let pushes: Vec<usize> = (0..told.len()).filter(troubled).collect();
        let classes = || {
            let suspects = (0..self.posterior.suspects.len()).map(Some);
            suspects.chain([None])
        };
        for push in pushes {
            let (mut fails, mut within) = (0.0, 0.0);
            for class in classes() {
                let of =
                    |posterior: &Posterior| class.map_or(posterior.none, |c| posterior.suspects[c]);
                let (mut mass, mut rate) = (0.0, 0.0);
                for part in &self.parts {
                    let here = part.share * of(&part.posterior);
                    mass += here;
                    rate += here * part.rate(push, class);
                }
                if mass > 0.0 {
                    fails += rate;
                    within += mass * entropy(rate / mass);
                }
            }
            told[push] = (entropy(fails) - within).max(0.0);
        }
    }
}

/// The counts without those of the pushes on which a backed-out suspect was in.
pub(super) fn without(counts: &[Counts], backout: Backout) -> Vec<Counts> {
    let mut left = counts.to_vec();
    let until = backout.until.min(left.len());
    for counts in &mut left[backout.suspect.min(until)..until] {
        // That cannot be run there stays so.
        (counts.failed, counts.passed) = (0, 0);
    }
    left
}

/// Works out what is believed.
pub(super) fn believe(
    cells: &[Cell],
    weights: &Weights,
    counts: &[Counts],
    backouts: &[Backout],
) -> Belief {
    let (base, evidence) = posterior(cells, weights, counts);
    let mut troubled: Vec<(Backout, u32, u32)> = backouts
        .iter()
        .filter(|backout| backout.suspect < backout.until)
        .map(|backout| {
            let until = backout.until.min(counts.len());
            let inside = &counts[backout.suspect.min(until)..until];
            let failed = inside.iter().map(|counts| counts.failed).sum();
            (*backout, failed, inside.iter().map(|counts| counts.passed).sum())
        })
        .filter(|(_, failed, _)| *failed > 0)
        .collect();
    if troubled.is_empty() {
        return Belief { posterior: base, set_aside: None, parts: Vec::new() };
    }
    troubled.sort_by_key(|(backout, failed, _)| (std::cmp::Reverse(*failed), backout.suspect));
    troubled.truncate(MOST);
    let each = (ONE_OF_THEM / troubled.len() as f64).ln();
    let mut parts = vec![((1.0 - ONE_OF_THEM).ln() + evidence, base, None)];
    for (backout, failed, passed) in troubled {
        let (posterior, evidence) = posterior(cells, weights, &without(counts, backout));
        let own = ln_likelihood(failed, passed);
        let rate = f64::from(failed + 1) / f64::from(failed + passed + 2);
        parts.push((each + evidence + own, posterior, Some((backout, rate))));
    }
    let highest = parts.iter().map(|(log, ..)| *log).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = parts.iter().map(|(log, ..)| (log - highest).exp()).sum();
    let shares: Vec<f64> = parts.iter().map(|(log, ..)| (log - highest).exp() / sum).collect();
    let likeliest = (0..parts.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b]));
    let set_aside = likeliest.and_then(|i| parts[i].2).map(|(backout, _)| backout);
    let parts: Vec<Part> = shares
        .into_iter()
        .zip(parts)
        .map(|(share, (_, posterior, own))| Part { share, posterior, own })
        .collect();
    Belief { posterior: Posterior::mixed(&parts), set_aside, parts }
}

impl Posterior {
    /// What is believed where each of several is the case with a probability.
    fn mixed(parts: &[Part]) -> Self {
        let count = parts.first().map_or(0, |part| part.posterior.suspects.len());
        let over = |of: &dyn Fn(&Posterior) -> f64| -> f64 {
            parts.iter().map(|part| part.share * of(&part.posterior)).sum()
        };
        let suspects: Vec<f64> = (0..count).map(|i| over(&|part| part.suspects[i])).collect();
        // Rates are those of the parts in which the suspect is the culprit.
        let rate = |i: usize, of: fn(&Posterior) -> &[f64]| match suspects[i] > 0.0 {
            true => over(&|part| part.suspects[i] * of(part)[i]) / suspects[i],
            false => over(&|part| of(part)[i]),
        };
        let none = over(&|part| part.none);
        let rate_of_none = match none > 0.0 {
            true => over(&|part| part.none * part.rate_of_none) / none,
            false => over(&|part| part.rate_of_none),
        };
        Self {
            bad: (0..count).map(|i| rate(i, |part| &part.bad)).collect(),
            good: (0..count).map(|i| rate(i, |part| &part.good)).collect(),
            none,
            rate_of_none,
            background: over(&|part| part.background),
            suspects,
        }
    }
}
