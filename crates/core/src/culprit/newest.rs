//! Runs on a push after the bad one: they say how often it fails, which a search would learn from dearer
//! ones. Who did it they do not tell.

use std::collections::BTreeMap;

use super::hunt::{HuntSettings, SearchModel};
use crate::bisect::Search;
use crate::facts::Build;
use crate::run_count::run_count;

/// Failures since the bad push from which on more of them tell little.
const ENOUGH: u32 = 8;

/// Runs since from which on no more are made: it fails seldom, or is mended.
const MOST: u32 = 20;

/// How many times as dear the other runs have to be. About eight failures since save a search 5 to 7 runs
/// (`docs/bisect.md`), and take 8 to 16.
const DEARER: f64 = 2.5;

impl SearchModel<'_> {
    /// Puts runs on the newest push that has a build in the place of as many dear ones, where these would
    /// have builds made and little is known of how often it fails.
    pub(super) fn on_the_newest(
        &self,
        search: &Search,
        settings: &HuntSettings,
        wanted: &mut BTreeMap<usize, u32>,
    ) {
        let (newer, since) = self.newer();
        let failed: u32 = since.iter().map(|after| after.failed).sum();
        let runs: u32 = since.iter().map(|after| after.failed + after.passed).sum();
        let left = ENOUGH.saturating_sub(failed).min(MOST.saturating_sub(runs));
        let requested: u32 = wanted.values().sum();
        if left == 0 || requested == 0 {
            return;
        }
        let costs: f64 =
            wanted.iter().map(|(push, runs)| search.cost(*push) * f64::from(*runs)).sum();
        if costs / f64::from(requested) < DEARER {
            return;
        }
        // One that is at work already will tell; and one that cannot be asked tells nothing.
        let is_built = |build: &Build| matches!(build, Build::Ready(_) | Build::NotNeeded);
        let each = newer.iter().enumerate().rev();
        let mut each = each.map(|(place, facts)| (self.suspects() + 1 + place, facts));
        let newest = each.find(|(number, facts)| {
            is_built(&facts.build)
                && !facts.is_under_way()
                && run_count(facts) < settings.most_on_a_push
                && !settings.refused.contains(number)
                && self.hindrance(facts).is_none()
        });
        let Some((number, facts)) = newest else { return };
        let instead = left.min(requested).min(settings.most_on_a_push - run_count(facts));
        wanted.insert(number, instead);
        // The dearest go: they are made later, if they are wanted then.
        let mut dear: Vec<usize> =
            wanted.keys().copied().filter(|push| *push <= self.suspects()).collect();
        dear.sort_by(|a, b| search.cost(*b).total_cmp(&search.cost(*a)));
        let mut away = instead;
        for push in dear {
            let Some(runs) = wanted.get_mut(&push) else { continue };
            let taken = away.min(*runs);
            *runs -= taken;
            away -= taken;
        }
        wanted.retain(|_, runs| *runs > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::PushFacts;
    use crate::facts::test_support::facts;
    use crate::ids::JobName;
    use crate::plan::PastRuns;
    use crate::run::State::{self, Failed, Passed};

    fn wants(
        since: &[&[State]],
        suspects_built: bool,
        refused: Vec<usize>,
    ) -> BTreeMap<usize, u32> {
        let job = JobName::new("test");
        // Newest first: those since, the bad push, seven suspects, the good push.
        let mut all: Vec<PushFacts> = Vec::new();
        for (place, runs) in since.iter().enumerate() {
            all.push(facts(40 - place as u64, runs));
        }
        let bad = all.len();
        all.push(facts(30, &[Failed, Failed]));
        for place in 1..8 {
            let mut suspect = facts(30 - place, &[]);
            if !suspects_built {
                suspect.build = Build::Missing(JobName::new("build"));
            }
            all.push(suspect);
        }
        all.push(facts(20, &[Passed, Passed]));
        let good = all.len() - 1;
        // A run takes 20 minutes and a build 30 unless something is known: so a run with one costs 2.5.
        let hunt = SearchModel::new(&job, &all, PastRuns::default(), good, bad);
        let settings = HuntSettings {
            delta: 0.01,
            p_min: 0.05,
            deterministic: false,
            most_on_a_push: 21,
            weights: Vec::new(),
            backouts: Vec::new(),
            refused,
        };
        let search = hunt.search(&settings);
        let wanted = hunt.wants(&search, &settings, 4);
        assert_eq!(wanted.values().sum::<u32>(), 4, "{wanted:?}");
        let plan = hunt.plan(&wanted);
        assert_eq!(plan.runs(), 4, "{plan:?}");
        wanted
    }

    #[test]
    fn the_newest_push_is_run_where_the_suspects_lack_their_builds() {
        let newest =
            |wanted: &BTreeMap<usize, u32>| wanted.range(9..).next().map(|(n, r)| (*n, *r));
        // Numbers: 0 is the good push, 8 the bad one, 9 and 10 those since.
        assert_eq!(newest(&wants(&[&[], &[]], false, vec![])), Some((10, 4)));
        // What runs there already tells by itself; then the next is taken.
        assert_eq!(newest(&wants(&[&[State::Running], &[]], false, vec![])), Some((9, 4)));
        // Enough is known, or builds are there.
        assert_eq!(newest(&wants(&[&[const { Failed }; 8], &[]], false, vec![])), None);
        assert_eq!(newest(&wants(&[&[const { Passed }; 20], &[]], false, vec![])), None);
        assert_eq!(newest(&wants(&[&[], &[]], true, vec![])), None);
        assert_eq!(newest(&wants(&[], false, vec![])), None);
        // It was refused there.
        assert_eq!(newest(&wants(&[&[], &[]], false, vec![10])), Some((9, 4)));
        // One more, and there are twenty.
        assert_eq!(newest(&wants(&[&[const { Passed }; 19], &[]], false, vec![])), Some((10, 1)));
        // Three more failures are wanted, and the search has the rest.
        assert_eq!(newest(&wants(&[&[const { Failed }; 5]], false, vec![])), Some((9, 3)));
    }
}
