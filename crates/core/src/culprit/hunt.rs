//! What a job's history says to a search, and what the search wants of the job.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::bisect::{After, Backout, Before, History, Outcome, Pool, Search, Setup, Suspect};
use crate::estimate::median;
use crate::facts::{Build, PushFacts};
use crate::flakiness::{Seen, Tally, Told, rises_elsewhere};
use crate::ids::{JobName, PushId};
use crate::plan::{LeftOutReason, PastRuns, Plan, Wish, have_n};
use crate::rate::ln_likelihood;
use crate::run::Run;
use crate::run_count::run_count;

/// How a search is to go.
#[derive(Debug, Clone, PartialEq)]
pub struct HuntSettings {
    /// How often it may be wrong.
    pub delta: f64,
    /// The lowest failure rate that is looked for.
    pub p_min: f64,
    /// Whether one pass proves innocence.
    pub deterministic: bool,
    /// Runs of one push at the most.
    pub most_on_a_push: u32,
    /// How likely each suspect is next to the others, oldest first; all alike where there are none.
    pub weights: Vec<f64>,
    /// Suspects that were backed out within the range.
    pub backouts: Vec<Backout>,
    /// Pushes on which what was requested was refused, by their numbers, those since the bad one as well.
    pub refused: Vec<usize>,
}

/// A job's history between a good push and a bad one.
#[derive(Debug, Clone)]
pub struct SearchModel<'a> {
    job: &'a JobName,
    /// Oldest first: the good push, then the suspects, the last of which is the bad one.
    facts: Vec<&'a PushFacts>,
    past: PastRuns<'a>,
    history: History,
    /// What other configurations tell of the background.
    pool: Option<Pool>,
    /// What the runs of the pushes after the bad one said, oldest first.
    since: Vec<After>,
    /// These pushes, oldest first.
    newer: Vec<&'a PushFacts>,
    /// What the pushes before the good one tell.
    before: Option<Before>,
}

/// Runs before the good push from which on they tell, and at most.
const PASSES_BEFORE: (u32, u32) = (3, 200);

/// What the pushes before the good one (newest first) tell of whether it failed before already: how far back the
/// newest is that passed, and how many runs passed until one failed. None where they are too few.
fn passes_before(before: &[PushFacts]) -> Option<Before> {
    let (mut passes, mut gap) = (0, None);
    for (at, facts) in before.iter().enumerate() {
        let Tally { runs, failures, .. } = tally(facts);
        if failures > 0 || passes >= PASSES_BEFORE.1 {
            break;
        }
        if runs > 0 {
            gap.get_or_insert(at);
            passes += runs;
        }
    }
    let gap = u32::try_from(gap?).ok()? + 1;
    (passes >= PASSES_BEFORE.0).then_some(Before { gap, passes })
}

/// Pushes after the bad one whose runs are evidence: what fails later may well fail for other reasons.
const SINCE: usize = 60;

/// A push on which no run can be requested, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Out {
    /// The push, by its number in the search.
    pub push: usize,
    /// Why.
    pub why: LeftOutReason,
}

impl<'a> SearchModel<'a> {
    /// Of a history, newest first, with its good and its bad push by their places. What is older than
    /// the good push tells the background, what is newer than the bad one how often it fails since.
    pub fn new(
        job: &'a JobName,
        facts: &'a [PushFacts],
        past: PastRuns<'a>,
        good: usize,
        bad: usize,
    ) -> Self {
        let mut history = History::default();
        for run in facts[good + 1..].iter().flat_map(|facts| &facts.runs) {
            match Told::of(run) {
                Told::Failed => history.failures += 1,
                Told::Passed => {}
                _ => continue,
            }
            history.runs += 1;
        }
        let newer: Vec<&PushFacts> = facts[..bad].iter().rev().take(SINCE).collect();
        let since = newer.iter().map(|facts| {
            let Tally { runs, failures, .. } = tally(facts);
            After { failed: failures, passed: runs - failures }
        });
        let since = since.collect();
        let before = passes_before(&facts[good + 1..]);
        let facts = facts[bad..=good].iter().rev().collect();
        Self { job, facts, past, history, pool: None, since, newer, before }
    }

    /// The same with more of the background: runs of the job further back, and what other configurations
    /// tell.
    #[must_use]
    pub fn knowing(mut self, further: History, pool: Option<Pool>) -> Self {
        self.history.runs += further.runs;
        self.history.failures += further.failures;
        self.pool = pool;
        self
    }

    /// The push with a number: 0 is the good one, and after the bad one come those since.
    pub fn push(&self, number: usize) -> Option<&'a PushFacts> {
        let newer = || self.newer.get(number.checked_sub(self.facts.len())?);
        self.facts.get(number).or_else(newer).copied()
    }

    /// The number of a push, where it has one.
    pub fn number(&self, push: PushId) -> Option<usize> {
        self.facts.iter().chain(&self.newer).position(|facts| facts.push.id == push)
    }

    /// How many suspects there are.
    pub fn suspects(&self) -> usize {
        self.facts.len().saturating_sub(1)
    }

    /// The background, from what is older than the good push.
    pub fn history(&self) -> History {
        self.history
    }

    /// The pushes after the bad one, oldest first, and what their runs said.
    pub(super) fn newer(&self) -> (&[&'a PushFacts], &[After]) {
        (&self.newer, &self.since)
    }

    /// Why no run can be requested on a push, if none can.
    pub(super) fn hindrance(&self, facts: &PushFacts) -> Option<LeftOutReason> {
        let one_more = Wish::times(run_count(facts).saturating_add(1));
        let plan = have_n([(facts, true)], self.job, one_more, &PastRuns::default());
        plan.left_out.into_iter().next().map(|left_out| left_out.why)
    }

    /// The pushes on which no run can be requested.
    pub fn out(&self) -> Vec<Out> {
        let all = self.facts.iter().enumerate();
        all.filter_map(|(push, facts)| Some(Out { push, why: self.hindrance(facts)? })).collect()
    }

    /// A search that has seen every run there is.
    ///
    /// One failure of the bad push is no evidence, since it is how the search began: somebody chose
    /// that push because it failed.
    pub fn search(&self, settings: &HuntSettings) -> Search {
        let minutes = |median: Option<(crate::time::Minutes, usize)>, otherwise: u32| {
            f64::from(median.map_or(otherwise, |(minutes, _)| minutes.0).max(1))
        };
        let run = minutes(median(self.past.job.iter().copied()), 20);
        let build = minutes(median(self.past.build.iter().copied()), 30);
        let suspect = |number: usize, facts: &PushFacts| {
            let needs = matches!(facts.build, Build::Missing(_) | Build::Dead(_));
            let weight = number.checked_sub(1).and_then(|at| settings.weights.get(at));
            Suspect {
                weight: weight.copied().unwrap_or(1.0),
                cost: if needs { (run + build) / run } else { 1.0 },
            }
        };
        let mut each = self.facts.iter().enumerate().map(|(i, facts)| suspect(i, facts));
        let good = each.next().unwrap_or_default();
        let mut search = Search::new(Setup {
            good,
            suspects: each.collect(),
            history: self.history,
            pool: self.pool,
            delta: settings.delta,
            p_min: settings.p_min,
            deterministic: settings.deterministic,
            most_on_a_push: settings.most_on_a_push,
            taken: self.taken(),
            backouts: settings.backouts.clone(),
            since: self.since.clone(),
            before: self.before,
            ..Setup::among(0)
        });
        for (number, facts) in self.facts.iter().enumerate() {
            let mut chosen = number == self.suspects() && number > 0;
            for run in &facts.runs {
                match Told::of(run) {
                    Told::Failed if std::mem::take(&mut chosen) => {}
                    Told::Failed => search.observe(number, Outcome::Failed),
                    Told::Passed => search.observe(number, Outcome::Passed),
                    Told::Infra | Told::Unknown | Told::NotRun => {
                        search.observe(number, Outcome::Unknown);
                    }
                    Told::Open => {}
                }
            }
        }
        for out in self.out() {
            search.observe(out.push, Outcome::Unbuildable);
        }
        for push in &settings.refused {
            search.observe(*push, Outcome::Unbuildable);
        }
        search
    }

    /// Runs on each push that guards count and that the search neither observes nor waits for.
    fn taken(&self) -> Vec<u32> {
        let of = |(number, facts): (usize, &&PushFacts)| {
            let chosen = number == self.suspects() && number > 0;
            let told = facts.runs.iter().map(Told::of);
            let observed = told.filter(|told| !matches!(told, Told::Open)).count();
            let chosen = usize::from(chosen && facts.runs.iter().any(|run| run.is_bad()));
            let waiting = facts.runs.iter().filter(|run| waits(facts, run)).count();
            let requested = facts.requested.saturating_sub(facts.doubtful);
            let known = u32::try_from(observed - chosen + waiting).unwrap_or(u32::MAX);
            run_count(facts).saturating_sub(known.saturating_add(requested))
        };
        self.facts.iter().enumerate().map(of).collect()
    }

    /// Whether the good push fails, too, as far as its runs tell: more often than the background
    /// explains, and not clearly less often than the bad one. Then it is not good, and what is chased
    /// is older, or comes and goes.
    pub fn good_fails(&self) -> Option<[Tally; 2]> {
        /// How unlikely its failures have to be of the background alone.
        const SURPRISING: f64 = 0.02;
        /// How many times as likely two rates may be as one.
        const ODDS: f64 = 3.0;
        let (good, bad) = (tally(self.facts.first()?), tally(self.facts.last()?));
        // One failure of the bad push is how the search began.
        let (failures, runs) = (bad.failures.saturating_sub(1), bad.runs.saturating_sub(1));
        let part = |failures: u32, runs: u32| ln_likelihood(failures, runs - failures);
        let same = part(good.failures + failures, good.runs + runs);
        let differ = part(good.failures, good.runs) + part(failures, runs);
        let History { runs: past, failures: failed } = self.history;
        // Of few runs before little is known: then five in a hundred are taken for usual.
        let usual = match past {
            0..20 => 0.05,
            past => (f64::from(failed) + 1.0) / (f64::from(past) + 2.0),
        };
        let surprises =
            good.failures >= 2 && at_least(good.failures, good.runs, usual) < SURPRISING;
        (surprises && runs >= 4 && differ - same < ODDS.ln()).then_some([good, bad])
    }

    /// The last rise of the failure rate over all its runs, where it contradicts that one of these pushes
    /// is the culprit.
    pub fn rises_elsewhere(&self, culprits: RangeInclusive<usize>) -> Option<usize> {
        let seen: Vec<Seen> = self.facts.iter().map(|facts| Seen::from(&tally(facts))).collect();
        rises_elsewhere(&seen, culprits).map(|rise| rise.at)
    }

    /// The pushes on which runs are under way, one for each run.
    pub fn pending(&self) -> Vec<usize> {
        let mut pending = Vec::new();
        for (number, facts) in self.facts.iter().enumerate() {
            let waiting = facts.runs.iter().filter(|run| waits(facts, run)).count();
            // Of what is unconfirmed nobody can say that it will come.
            let requested = facts.requested.saturating_sub(facts.doubtful) as usize;
            pending.extend(std::iter::repeat_n(number, waiting + requested));
        }
        pending
    }

    /// Whether anything is under way that will still say something.
    pub fn is_under_way(&self) -> bool {
        self.facts.iter().any(|facts| facts.is_under_way())
    }

    /// Whether the failure has shown itself on the bad push besides the one time that it began with.
    pub fn is_confirmed(&self) -> bool {
        let failures = |facts: &&PushFacts| facts.runs.iter().filter(|run| run.is_bad()).count();
        self.facts.last().is_some_and(|bad| failures(bad) >= 2)
    }

    /// The next pushes to run on, with how many runs each: what the search wants, and as long as the
    /// failure has not been seen again, one on the bad push among them.
    pub fn wants(
        &self,
        search: &Search,
        settings: &HuntSettings,
        at_once: usize,
    ) -> BTreeMap<usize, u32> {
        let pending = self.pending();
        let bad = self.suspects();
        let mut wanted = BTreeMap::new();
        let mut rest = at_once;
        if !self.is_confirmed() && !pending.contains(&bad) && search.can_send(bad, &pending) {
            wanted.insert(bad, 1);
            rest = rest.saturating_sub(1);
        }
        let mut pending = pending;
        pending.extend(wanted.keys());
        if rest > 0 {
            for push in search.next(rest, &pending) {
                *wanted.entry(push).or_insert(0) += 1;
            }
        }
        self.on_the_newest(search, settings, &mut wanted);
        wanted
    }

    /// The plan that requests them.
    pub fn plan(&self, wanted: &BTreeMap<usize, u32>) -> Plan {
        let each = wanted.iter().rev().filter_map(|(push, runs)| {
            let facts = self.push(*push)?;
            let wish = Wish::times(run_count(facts).saturating_add(*runs));
            Some(have_n([(facts, true)], self.job, wish, &self.past))
        });
        let times = wanted.values().copied().max().unwrap_or(0);
        let mut plan = Plan::join(each, times);
        plan.jobs = vec![self.job.clone()];
        plan
    }
}

/// Whether a run waits or runs, and for a build that is there or comes.
fn waits(facts: &PushFacts, run: &Run) -> bool {
    run.state.is_waiting() && !facts.waits_for_ever(run)
}

/// What the runs of a push say.
fn tally(facts: &PushFacts) -> Tally {
    let mut tally = Tally::default();
    tally.add(facts.runs.iter().map(Told::of));
    tally
}

/// How likely at least so many of some runs fail, of which each fails with this probability.
fn at_least(failures: u32, runs: u32, rate: f64) -> f64 {
    let mut term = (1.0 - rate).powi(i32::try_from(runs).unwrap_or(i32::MAX));
    let mut below = 0.0;
    for k in 0..failures {
        below += term;
        term *= f64::from(runs - k) / f64::from(k + 1) * rate / (1.0 - rate);
    }
    (1.0 - below).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_before_the_good_push_leave_little_room_for_older() {
        use crate::facts::test_support::facts;
        use crate::run::State::{Failed, Passed};
        let of = |runs: &[&[crate::run::State]]| {
            let before: Vec<PushFacts> =
                runs.iter().enumerate().map(|(i, runs)| facts(50 - i as u64, runs)).collect();
            passes_before(&before)
        };
        let before = |gap, passes| Some(Before { gap, passes });
        assert_eq!(of(&[&[Passed], &[Passed], &[Passed]]), before(1, 3));
        assert_eq!(of(&[&[], &[], &[Passed, Passed, Passed]]), before(3, 3));
        // What passed before a failure tells nothing of what came since.
        assert_eq!(
            of(&[&[Passed, Passed, Passed, Passed], &[Failed], &[Passed, Passed]]),
            before(1, 4)
        );
        // Too few: nothing is known.
        assert_eq!(of(&[&[Passed], &[], &[Passed]]), None);
        assert_eq!(of(&[&[Passed], &[Failed], &[Passed, Passed]]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_tail_of_the_binomial() {
        assert!((at_least(1, 10, 0.1) - (1.0 - 0.9f64.powi(10))).abs() < 1e-12);
        assert!((at_least(2, 2, 0.5) - 0.25).abs() < 1e-12);
        assert!((at_least(0, 5, 0.3) - 1.0).abs() < 1e-12);
    }
}
