//! The search itself: what was observed in, the next runs and the verdict out.

use std::sync::OnceLock;

use super::bound::{Bound, bound};
use super::choice::Of;
use super::counts::{Counts, Outcome};
use super::fit::{Misfit, misfit};
use super::gone::{Belief, believe, without};
use super::posterior::{Posterior, Weights};
use super::prior::{Backout, Cell, History, Setup, cells, known};
use super::since::likelihoods;
use super::verdict::{Possibility, Verdict, Why};
use super::world::World;

/// A search for the push that broke something.
///
/// Pushes are counted from 0, the one that was seen to be good; suspects from 1. A search is a
/// function of its setup and of how many runs of each push said what: the order in which they came
/// makes no difference.
#[derive(Debug, Clone)]
pub struct Search {
    setup: Setup,
    pub(super) cells: Vec<Cell>,
    pub(super) weights: Weights,
    counts: Vec<Counts>,
    /// What is believed of these counts, once somebody asked.
    belief: OnceLock<Belief>,
}

/// How much surer than asked a search has to be: what is requested holds at every rate, and what is
/// believed is right on average over all of them.
const SURER: f64 = 0.42;

/// How much less sure it may be that there is no culprit: nobody is convicted by that, and it is one
/// possibility, where the culprit is the likeliest of many.
const NONE_LESS: f64 = 1.2;

/// Of how unsure a search may be at the most, the share that may be left to "older" when it names a culprit and
/// nothing is known of what was before: the good push is one of many that passed, and was chosen because it did,
/// and whichever suspect is named by mistake, it is this one mistake.
const OLDER_LEFT: f64 = 0.12;

/// The same where failures since the bad push tell how often it fails, so that the good push passes by luck as
/// often as is believed and no oftener: so many of them, and up to there in proportion.
const TOLD_SINCE: (f64, f64) = (8.0, 0.5);

/// Worlds that are drawn to see what runs that are under way may tell.
const WORLDS: usize = 10;

impl Search {
    /// Begins a search.
    pub fn new(setup: Setup) -> Self {
        let cells = cells(&setup);
        Self::with(setup, cells)
    }

    /// One that knows how often what the culprit broke fails, and how often it fails for other
    /// reasons: what others are measured against.
    pub fn oracle(setup: Setup, p: f64, q: f64) -> Self {
        Self::with(setup, known(p, q))
    }

    fn with(setup: Setup, mut cells: Vec<Cell>) -> Self {
        let since = likelihoods(&cells, &setup.since);
        cells.iter_mut().zip(since).for_each(|(cell, since)| cell.since = since);
        let weights = Weights::of(&setup);
        let counts = vec![Counts::default(); weights.suspects.len()];
        Self { cells, weights, counts, setup, belief: OnceLock::new() }
    }

    /// Adds what a run on a push says. A push that there is not is passed over.
    pub fn observe(&mut self, push: usize, outcome: Outcome) {
        if let Some(counts) = self.counts.get_mut(push) {
            counts.add(outcome);
            self.belief.take();
        }
    }

    /// What was observed, by push.
    pub fn counts(&self) -> &[Counts] {
        &self.counts
    }

    /// What is believed now.
    pub fn posterior(&self) -> Posterior {
        self.belief().posterior.clone()
    }

    /// What is believed now. A verdict and the choice of the next run both ask.
    fn belief(&self) -> &Belief {
        self.belief.get_or_init(|| self.believed(&self.counts))
    }

    fn believed(&self, counts: &[Counts]) -> Belief {
        believe(&self.cells, &self.weights, counts, &self.setup.backouts)
    }

    /// The suspect that was backed out before the last push, and that most likely made runs fail while
    /// it was in: these say nothing of the others.
    pub fn set_aside(&self) -> Option<Backout> {
        self.belief().set_aside
    }

    /// The pushes on which to request runs: `k` of them, one several times where several runs are
    /// worth it, none where no push is left to test. `pending` are those on which runs are under
    /// way, one for each run.
    ///
    /// Each is the one that tells most about the culprit for what it costs, given what was observed;
    /// of runs that are under way, on an average of what they may say.
    pub fn next(&self, k: usize, pending: &[usize]) -> Vec<usize> {
        let mut told = Vec::new();
        let belief = self.belief();
        if k == 1 && pending.is_empty() {
            let same =
                |push: usize| self.can_send(push, pending) && self.cost(push) == self.cost(0);
            let all_alike = (0..self.counts.len()).all(same);
            belief.worth(if all_alike { Of::Best } else { Of::All }, &mut told);
            return self.best(&told, pending).into_iter().collect();
        }
        let now = &belief.posterior;
        let mut random = fastrand::Rng::with_seed(self.fingerprint());
        let quantile = |i: usize| (i as f64 + 0.5) / WORLDS as f64;
        let mut worlds: Vec<World> =
            (0..WORLDS).map(|i| World::drawn(now, &self.counts, quantile(i))).collect();
        for world in &mut worlds {
            pending.iter().for_each(|push| world.run(*push, &mut random));
        }
        let (mut chosen, mut pending) = (Vec::with_capacity(k), pending.to_vec());
        while chosen.len() < k {
            let mut sum = vec![0.0; self.counts.len()];
            for world in &worlds {
                self.believed(&world.counts).information(&mut told);
                sum.iter_mut().zip(&told).for_each(|(sum, told)| *sum += told);
            }
            let Some(best) = self.best(&sum, &pending) else { break };
            chosen.push(best);
            pending.push(best);
            worlds.iter_mut().for_each(|world| world.run(best, &mut random));
        }
        chosen
    }

    /// A number that depends on what was observed alone, so that the same question has the same answer.
    fn fingerprint(&self) -> u64 {
        self.counts.iter().enumerate().fold(7, |seed: u64, (i, counts)| {
            let both = u64::from(counts.failed) << 32 | u64::from(counts.passed);
            (seed ^ both.wrapping_add(i as u64)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        })
    }

    /// What a run on a push costs, relative to the others.
    pub(crate) fn cost(&self, push: usize) -> f64 {
        let suspect = push.checked_sub(1).map_or(&self.setup.good, |at| &self.setup.suspects[at]);
        suspect.cost.max(1e-9)
    }

    /// Whether another run may be requested on a push.
    pub fn can_send(&self, push: usize, pending: &[usize]) -> bool {
        let Some(counts) = self.counts.get(push) else { return false };
        let waiting = pending.iter().filter(|other| **other == push).count();
        let most = self.setup.most_on_a_push as usize;
        let taken = self.setup.taken.get(push).copied().unwrap_or(0) as usize;
        let runs = counts.runs() as usize + waiting + taken;
        !counts.unbuildable && counts.is_testable() && runs < most
    }

    /// The push on which a run tells most for what it costs; of those that tell as much, one that ran most.
    fn best(&self, told: &[f64], pending: &[usize]) -> Option<usize> {
        let runs = |push: usize| self.counts[push].telling();
        (0..told.len())
            .filter(|push| self.can_send(*push, pending))
            .map(|push| (push, told[push] / self.cost(push)))
            .max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| runs(a.0).cmp(&runs(b.0))))
            .map(|(push, _)| push)
    }

    /// What it comes to by now, as sure as the setup requests.
    pub fn verdict(&self) -> Verdict {
        self.verdict_at(self.sure())
    }

    /// How sure it has to be.
    fn sure(&self) -> f64 {
        1.0 - SURER * self.setup.delta
    }

    /// The share of what it may be unsure of that may be left to "older".
    fn older_left(&self) -> f64 {
        let since = &self.setup.since;
        let failed: u32 = since.iter().map(|after| after.failed).sum();
        let runs: u32 = since.iter().map(|after| after.failed + after.passed).sum();
        // Failures that the background does not explain.
        let History { runs: past, failures } = self.setup.history;
        let usual = (f64::from(failures) + 0.5) / (f64::from(past) + 10.0);
        let (enough, most) = TOLD_SINCE;
        let known = ((f64::from(failed) - 2.0 * usual * f64::from(runs)) / enough).clamp(0.0, 1.0);
        OLDER_LEFT + (most - OLDER_LEFT) * known
    }

    /// What it comes to for somebody who wants to be this sure.
    ///
    /// A verdict is given only where one change explains what was observed: where two explain it far
    /// better, it is undecided, and the two are named.
    pub fn verdict_at(&self, sure: f64) -> Verdict {
        let belief = self.belief();
        let verdict = self.likeliest(&belief.posterior, sure);
        if matches!(verdict, Verdict::Undecided { .. }) {
            return verdict;
        }
        let left = match belief.set_aside {
            Some(backout) => without(&self.counts, backout),
            None => self.counts.clone(),
        };
        match misfit(&left, self.setup.history) {
            Some(Misfit::Twice { first, second }) => {
                Verdict::Undecided { why: Why::Misfit { first, second } }
            }
            Some(Misfit::Drift) => Verdict::Undecided { why: Why::Drift },
            None => verdict,
        }
    }

    fn likeliest(&self, posterior: &Posterior, sure: f64) -> Verdict {
        if posterior.none >= 1.0 - NONE_LESS * (1.0 - sure) {
            return Verdict::None { probability: posterior.none, p_min: self.setup.p_min };
        }
        if posterior.suspects[0] >= sure {
            return Verdict::Older { probability: posterior.suspects[0] };
        }
        let top = (1..posterior.suspects.len())
            .max_by(|a, b| posterior.suspects[*a].total_cmp(&posterior.suspects[*b]));
        let Some(top) = top else { return Verdict::Undecided { why: Why::NoSuspects } };
        let (first, last) = self.together(top);
        let probability: f64 = posterior.suspects[first..=last].iter().sum();
        // If the good push cannot run, no run can tell more about it.
        let good_is_good = self.setup.before.is_some()
            || !self.can_send(0, &[])
            || posterior.suspects[0] <= self.older_left() * (1.0 - sure);
        match probability >= sure && good_is_good {
            true => Verdict::Culprit { first, last, probability },
            false => Verdict::Undecided { why: Why::NotEnough },
        }
    }

    /// The suspects that no run can tell from this one: those before it, and it, up to the next push
    /// on which runs can be made.
    pub fn together(&self, suspect: usize) -> (usize, usize) {
        let testable = |i: &usize| self.counts[*i].is_testable();
        let last = (suspect..self.counts.len()).find(testable);
        let last = last.unwrap_or(self.counts.len() - 1);
        let first = (0..suspect).rev().find(testable).map_or(1, |before| before + 1);
        (first.max(1), last)
    }

    /// The fewest of all possibilities that hold the truth this surely, likeliest first: the answer of
    /// a search that is not over.
    pub fn credible(&self, sure: f64) -> Vec<Possibility> {
        let posterior = self.posterior();
        let each = posterior.suspects.iter().enumerate();
        let mut order: Vec<(f64, Possibility)> = each
            .map(|(number, probability)| match number {
                0 => (*probability, Possibility::Older),
                number => (*probability, Possibility::Suspect(number)),
            })
            .collect();
        order.push((posterior.none, Possibility::None));
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut sum = 0.0;
        let enough = order.iter().position(|(probability, _)| {
            sum += probability;
            sum >= sure
        });
        order.truncate(enough.map_or(order.len(), |last| last + 1));
        order.into_iter().map(|(_, possibility)| possibility).collect()
    }

    /// About how many more runs it takes: played in a few worlds that may be, to their ends.
    pub fn expected(&self) -> f64 {
        const PLAYED: usize = 8;
        const MOST: usize = 400;
        let now = self.posterior();
        let mut random = fastrand::Rng::with_seed(self.fingerprint());
        let mut all = 0;
        for i in 0..PLAYED {
            let world = World::drawn(&now, &self.counts, (i as f64 + 0.5) / PLAYED as f64);
            let mut search = self.clone();
            for _ in 0..MOST {
                if search.likeliest(&search.posterior(), self.sure()).is_decided() {
                    break;
                }
                let Some(push) = search.next(1, &[]).first().copied() else { break };
                search.observe(push, world.outcome(push, &mut random));
                all += 1;
            }
        }
        f64::from(all) / PLAYED as f64
    }

    /// How few could suffice from the beginning in the best case: if it always fails.
    pub fn least(&self) -> Bound {
        let background = self.posterior().background;
        bound(self.setup.suspects.len(), 1.0, background, self.setup.delta)
    }
}
