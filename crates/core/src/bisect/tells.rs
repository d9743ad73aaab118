//! What one more run is expected to tell, for people.

use super::counts::Outcome;
use super::posterior::Posterior;
use super::search::Search;

/// What a run on a push may say, and what is believed then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tells {
    /// How likely the run is to fail.
    pub fails: f64,
    /// How likely it is now that a suspect up to and with the push did it, "older" included.
    pub now: f64,
    /// The same after a failure.
    pub if_it_fails: f64,
    /// The same after a pass.
    pub if_it_passes: f64,
}

impl Search {
    /// What a run on a push is expected to tell. A push that there is not tells nothing.
    pub fn tells(&self, push: usize) -> Tells {
        let now = self.posterior();
        let up_to = |belief: &Posterior| -> f64 { belief.suspects.iter().take(push + 1).sum() };
        let after = |outcome| {
            let mut then = self.clone();
            then.observe(push, outcome);
            up_to(&then.posterior())
        };
        let rate = |(number, probability): (usize, &f64)| {
            probability * if number <= push { now.bad[number] } else { now.good[number] }
        };
        let fails: f64 = now.suspects.iter().enumerate().map(rate).sum();
        Tells {
            fails: fails + now.none * now.rate_of_none,
            now: up_to(&now),
            if_it_fails: after(Outcome::Failed),
            if_it_passes: after(Outcome::Passed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::prior::Setup;
    use super::*;

    #[test]
    fn a_failure_points_back_and_a_pass_ahead_and_both_add_up() {
        let mut search = Search::new(Setup::among(16));
        search.observe(0, Outcome::Passed);
        search.observe(12, Outcome::Failed);
        let tells = search.tells(6);
        assert!(tells.if_it_fails > tells.now && tells.now > tells.if_it_passes, "{tells:?}");
        let again = tells.fails * tells.if_it_fails + (1.0 - tells.fails) * tells.if_it_passes;
        assert!((again - tells.now).abs() < 1e-9, "{tells:?}");
    }
}
