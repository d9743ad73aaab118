//! One search in one simulated history.

use std::time::{Duration, Instant};

use mozci_core::bisect::{After, History, Outcome, Search, Setup, Verdict, Why};
use mozci_core::flakiness::{Seen, rises_elsewhere};

use super::{Args, Misfit};

/// What one history came to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trial {
    pub(crate) jobs: usize,
    pub(crate) rounds: usize,
    pub(crate) cost: f64,
    pub(crate) wrong: bool,
    pub(crate) gave_up: bool,
    /// Whether the search found that it does not fit.
    pub(crate) undecided: bool,
    /// Whether it was said that there is no culprit.
    pub(crate) none: bool,
    /// Whether it was said that it failed before all suspects.
    pub(crate) older: bool,
    pub(crate) answer: usize,
    pub(crate) decisions: u32,
    pub(crate) time: Duration,
}

/// A history with its truth.
struct Truth {
    /// How often a run of each push fails.
    rates: Vec<f64>,
    /// The pushes of which one may be named without being wrong.
    culprits: Vec<usize>,
    /// Whether it failed before all suspects.
    older: bool,
    unbuildable: Vec<bool>,
    built: Vec<bool>,
}

/// What a build costs, in runs.
const BUILD: f64 = 3.0;

/// How often each push fails, and which may be named.
fn rates(args: &Args, random: &mut fastrand::Rng) -> (Vec<f64>, Vec<usize>) {
    let (n, p, q) = (args.n, args.p, args.q);
    let bad = 1.0 - (1.0 - p) * (1.0 - q);
    let step = |culprit: usize| (0..=n).map(move |push| if push >= culprit { bad } else { q });
    let from = |rates: &mut dyn Iterator<Item = f64>, push: usize, rate: f64| -> Vec<f64> {
        rates.enumerate().map(|(i, before)| if i >= push { rate } else { before }).collect()
    };
    match args.misfit {
        None if args.older => (vec![bad; n + 1], Vec::new()),
        None => {
            let absent = random.f64() < args.absent;
            let culprit = random.usize(1..=n);
            match absent {
                true => (vec![q; n + 1], Vec::new()),
                false => (step(culprit).collect(), vec![culprit]),
            }
        }
        Some(Misfit::Two) => {
            let first = random.usize(1..=n / 2);
            let second = random.usize(first + n / 4..=n);
            let both = 1.0 - (1.0 - bad) * (1.0 - p);
            (from(&mut step(first), second, both), vec![first, second])
        }
        Some(Misfit::Fix) => {
            let first = random.usize(1..=n / 2);
            let fixed = random.usize(first + n / 4..n);
            (from(&mut step(first), fixed, q), vec![first])
        }
        Some(Misfit::Drift) => {
            let rates = (0..=n).map(|push| q + 4.0 * q * push as f64 / n as f64);
            (rates.collect(), Vec::new())
        }
    }
}

impl Truth {
    fn drawn(args: &Args, random: &mut fastrand::Rng) -> Self {
        let (rates, culprits) = rates(args, random);
        let unbuildable =
            (0..=args.n).map(|i| i > 0 && i < args.n && random.f64() < args.unbuildable).collect();
        let built = (0..=args.n).map(|_| random.f64() < args.built).collect();
        Self { rates, culprits, older: args.older, unbuildable, built }
    }

    fn run(&self, push: usize, random: &mut fastrand::Rng) -> Outcome {
        match (self.unbuildable[push], random.f64() < self.rates[push]) {
            (true, _) => Outcome::Unbuildable,
            (_, true) => Outcome::Failed,
            (_, false) => Outcome::Passed,
        }
    }

    fn judge(&self, verdict: &Verdict, trial: &mut Trial) {
        match verdict {
            Verdict::Culprit { first, last, .. } => {
                let right = self.culprits.iter().any(|culprit| (*first..=*last).contains(culprit));
                // No more than the culprit and what is joined to it.
                let joined = (*first..*last).all(|push| self.unbuildable[push]);
                trial.wrong = !(right && joined);
                trial.answer = last - first + 1;
            }
            // Where it is fixed by the bad push, nothing makes it fail there.
            Verdict::None { .. } => {
                trial.none = true;
                trial.wrong = self.rates.last() > self.rates.first() && !self.culprits.is_empty();
            }
            Verdict::Older { .. } => {
                trial.older = true;
                trial.wrong = !self.older;
            }
            Verdict::Undecided { .. } => {}
        }
    }
}

/// One run of each of some pushes after the bad one.
fn since(args: &Args, truth: &Truth, random: &mut fastrand::Rng) -> Vec<After> {
    if args.since == 0 {
        return Vec::new();
    }
    let mended = if args.since_fixed { random.u32(0..args.since) } else { args.since };
    let last = truth.rates.last().copied().unwrap_or(args.q);
    let runs = (0..args.since).map(|push| {
        let rate = if push >= mended { args.q } else { last };
        let failed = u32::from(random.f64() < rate);
        After { failed, passed: 1 - failed }
    });
    runs.collect()
}

/// What a search begins with.
fn setup(args: &Args, truth: &Truth, random: &mut fastrand::Rng) -> Setup {
    let failures = (0..args.history).filter(|_| random.f64() < args.q).count() as u32;
    let mut setup = Setup {
        history: History { runs: args.history, failures },
        delta: args.delta,
        p_min: args.lowest(),
        none: args.none,
        deterministic: args.deterministic,
        since: since(args, truth, random),
        ..Setup::among(args.n)
    };
    for (suspect, built) in setup.suspects.iter_mut().zip(&truth.built[1..]) {
        suspect.cost = if *built { 1.0 } else { 1.0 + BUILD };
    }
    setup
}

/// Plays one search to its end.
pub(crate) fn trial(args: &Args, number: u64, oracle: bool) -> Trial {
    let seed = args.seed.wrapping_mul(1_000_003).wrapping_add(number);
    let mut random = fastrand::Rng::with_seed(seed);
    let truth = Truth::drawn(args, &mut random);
    let setup = setup(args, &truth, &mut random);
    let mut search = match oracle {
        // It also knows whether there may be none.
        true => Search::oracle(Setup { none: args.absent, ..setup }, args.p, args.q),
        false => Search::new(setup),
    };
    let mut trial = Trial::default();
    let mut built = truth.built.clone();
    (0..args.good_passes).for_each(|_| search.observe(0, Outcome::Passed));
    let mut seen = vec![Seen::default(); args.n + 1];
    seen[0].passed = args.good_passes;
    let mut pending: Vec<usize> = Vec::new();
    loop {
        let started = Instant::now();
        let verdict = match search.verdict() {
            // As the program does it.
            Verdict::Culprit { first, last, .. }
                if let Some(rise) = rises_elsewhere(&seen, first..=last) =>
            {
                Verdict::Undecided { why: Why::Elsewhere { named: last, rises: rise.at } }
            }
            verdict => verdict,
        };
        let decided = verdict.is_decided();
        let misfits = matches!(verdict, Verdict::Undecided { why } if why.is_misfit());
        if decided || misfits || trial.jobs >= args.budget {
            trial.time += started.elapsed();
            trial.undecided = misfits;
            trial.gave_up = !decided && !misfits;
            truth.judge(&verdict, &mut trial);
            return trial;
        }
        let more = search.next(args.k - pending.len(), &pending);
        trial.time += started.elapsed();
        trial.decisions += 1;
        if more.is_empty() && pending.is_empty() {
            trial.gave_up = true;
            return trial;
        }
        for push in &more {
            trial.jobs += 1;
            trial.cost += if built[*push] { 1.0 } else { 1.0 + BUILD };
            built[*push] = true;
        }
        pending.extend(more);
        let back = match args.shuffle {
            true => vec![pending.swap_remove(random.usize(0..pending.len()))],
            false => std::mem::take(&mut pending),
        };
        trial.rounds += 1;
        for push in back {
            let outcome = truth.run(push, &mut random);
            match outcome {
                Outcome::Failed => seen[push].failed += 1,
                Outcome::Passed => seen[push].passed += 1,
                Outcome::Unknown | Outcome::Unbuildable => {}
            }
            search.observe(push, outcome);
        }
    }
}
