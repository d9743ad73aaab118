//! Measures the search for a culprit on simulated histories: `--help` says how.

use std::time::{Duration, Instant};

use clap::Parser;
use mozci_core::bisect::{History, Outcome, Search, Setup, Verdict, bound};
use serde_json::json;

/// One cell of the grid: how many runs the search asks for, how often it is wrong, and what a lower
/// bound and an oracle say.
#[derive(Debug, Clone, Parser)]
struct Args {
    /// Suspects
    #[arg(long, default_value_t = 128)]
    n: usize,
    /// How often what the culprit broke fails
    #[arg(long, default_value_t = 0.5)]
    p: f64,
    /// How often it fails for other reasons
    #[arg(long, default_value_t = 0.01)]
    q: f64,
    /// Histories
    #[arg(long, default_value_t = 1000)]
    trials: u64,
    /// What everything is drawn by
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs asked for at once
    #[arg(long, default_value_t = 1)]
    k: usize,
    /// Share of pushes that cannot be built, which shows when a run is asked for
    #[arg(long, default_value_t = 0.0)]
    unbuildable: f64,
    /// Share of histories without a culprit
    #[arg(long, default_value_t = 0.0)]
    absent: f64,
    /// Runs of the job from which the background is known
    #[arg(long, default_value_t = 200)]
    history: u32,
    /// How often the answer may be wrong
    #[arg(long, default_value_t = 0.01)]
    delta: f64,
    /// The lowest rate that is looked for [default: 0.05, or half of p where that is lower]
    #[arg(long)]
    p_min: Option<f64>,
    /// How likely it is thought that there is no culprit
    #[arg(long, default_value_t = 0.1)]
    none: f64,
    /// Share of pushes that are built already; a build costs three runs
    #[arg(long, default_value_t = 1.0)]
    built: f64,
    /// Runs at the most
    #[arg(long, default_value_t = 20_000)]
    budget: usize,
    /// Results come back one by one, in any order, and another run is asked for at each
    #[arg(long)]
    shuffle: bool,
    /// Assume that it always fails
    #[arg(long)]
    deterministic: bool,
    /// Leave the oracle out
    #[arg(long)]
    no_oracle: bool,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// What one history came to.
#[derive(Debug, Clone, Default)]
struct Trial {
    jobs: usize,
    rounds: usize,
    cost: f64,
    wrong: bool,
    gave_up: bool,
    answer: usize,
    decisions: u32,
    time: Duration,
}

/// A history with its truth.
struct Truth {
    culprit: usize,
    bad: f64,
    good: f64,
    unbuildable: Vec<bool>,
    built: Vec<bool>,
}

impl Truth {
    fn drawn(args: &Args, random: &mut fastrand::Rng) -> Self {
        let absent = random.f64() < args.absent;
        let culprit = if absent { usize::MAX } else { random.usize(1..=args.n) };
        let unbuildable =
            (0..=args.n).map(|i| i > 0 && i < args.n && random.f64() < args.unbuildable).collect();
        let built = (0..=args.n).map(|_| random.f64() < args.built).collect();
        let bad = 1.0 - (1.0 - args.p) * (1.0 - args.q);
        Self { culprit, bad, good: args.q, unbuildable, built }
    }

    fn run(&self, push: usize, random: &mut fastrand::Rng) -> Outcome {
        let rate = if push >= self.culprit { self.bad } else { self.good };
        match (self.unbuildable[push], random.f64() < rate) {
            (true, _) => Outcome::Unbuildable,
            (_, true) => Outcome::Failed,
            (_, false) => Outcome::Passed,
        }
    }
}

const BUILD: f64 = 3.0;

fn setup(args: &Args, truth: &Truth, random: &mut fastrand::Rng) -> Setup {
    let failures = (0..args.history).filter(|_| random.f64() < args.q).count() as u32;
    let mut setup = Setup {
        history: History { runs: args.history, failures },
        delta: args.delta,
        p_min: args.p_min.unwrap_or(0.05f64.min(args.p / 2.0)),
        none: args.none,
        deterministic: args.deterministic,
        ..Setup::among(args.n)
    };
    for (suspect, built) in setup.suspects.iter_mut().zip(&truth.built[1..]) {
        suspect.cost = if *built { 1.0 } else { 1.0 + BUILD };
    }
    setup
}

fn trial(args: &Args, number: u64, oracle: bool) -> Trial {
    let seed = args.seed.wrapping_mul(1_000_003).wrapping_add(number);
    let mut random = fastrand::Rng::with_seed(seed);
    let truth = Truth::drawn(args, &mut random);
    let setup = setup(args, &truth, &mut random);
    let mut search = match oracle {
        true => Search::oracle(setup.clone(), args.p, args.q),
        false => Search::new(setup.clone()),
    };
    let mut trial = Trial::default();
    let mut built = truth.built.clone();
    search.observe(0, Outcome::Passed);
    let mut pending: Vec<usize> = Vec::new();
    loop {
        let started = Instant::now();
        let verdict = search.verdict();
        let decided = verdict.is_decided();
        if decided || trial.jobs >= args.budget {
            trial.time += started.elapsed();
            trial.gave_up = !decided;
            judge(&verdict, &truth, &mut trial);
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
            search.observe(push, truth.run(push, &mut random));
        }
    }
}

fn judge(verdict: &Verdict, truth: &Truth, trial: &mut Trial) {
    match verdict {
        Verdict::Culprit { first, last, .. } => {
            let right = (*first..=*last).contains(&truth.culprit);
            // No more than the culprit and what is joined to it.
            let joined = (*first..*last).all(|push| truth.unbuildable[push]);
            trial.wrong = !(right && joined);
            trial.answer = last - first + 1;
        }
        Verdict::None { .. } => trial.wrong = truth.culprit != usize::MAX,
        Verdict::Older { .. } => trial.wrong = true,
        Verdict::Undecided { .. } => {}
    }
}

fn all(args: &Args, oracle: bool) -> Vec<Trial> {
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let of = |thread: u64| {
        (thread..args.trials).step_by(threads as usize).map(|number| trial(args, number, oracle))
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || of(thread).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no trial panics")).collect()
    })
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u32), |(sum, count), value| (sum + value, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

/// The Clopper-Pearson interval of a rate.
fn interval(hits: u64, all: u64) -> (f64, f64) {
    use statrs::distribution::{Beta, ContinuousCDF};
    let quantile =
        |a: f64, b: f64, at: f64| Beta::new(a, b).map_or(0.5, |beta| beta.inverse_cdf(at));
    let (hits, misses) = (hits as f64, (all - hits) as f64);
    let low = if hits == 0.0 { 0.0 } else { quantile(hits, misses + 1.0, 0.025) };
    let high = if misses == 0.0 { 1.0 } else { quantile(hits + 1.0, misses, 0.975) };
    (low, high)
}

fn main() {
    let args = Args::parse();
    let trials = all(&args, false);
    let oracle = if args.no_oracle { Vec::new() } else { all(&args, true) };
    let count = |is: fn(&Trial) -> bool| trials.iter().filter(|trial| is(trial)).count() as u64;
    let mut jobs: Vec<usize> = trials.iter().map(|trial| trial.jobs).collect();
    jobs.sort_unstable();
    let wrong = count(|trial| trial.wrong);
    let (low, high) = interval(wrong, args.trials);
    let bad = 1.0 - (1.0 - args.p) * (1.0 - args.q);
    let lowest = bound(args.n, bad, args.q, args.delta);
    let decisions: f64 = trials.iter().map(|trial| f64::from(trial.decisions)).sum();
    let time: f64 = trials.iter().map(|trial| trial.time.as_secs_f64()).sum();
    let told = json!({
        "n": args.n, "p": args.p, "q": args.q, "k": args.k, "trials": args.trials,
        "jobs_mean": mean(trials.iter().map(|trial| trial.jobs as f64)),
        "jobs_p95": jobs[(jobs.len() * 95 / 100).min(jobs.len() - 1)],
        "jobs_p99": jobs[(jobs.len() * 99 / 100).min(jobs.len() - 1)],
        "rounds_mean": mean(trials.iter().map(|trial| trial.rounds as f64)),
        "cost_mean": mean(trials.iter().map(|trial| trial.cost)),
        "wrong_rate": wrong as f64 / args.trials as f64,
        "wrong_rate_low": low,
        "wrong_rate_high": high,
        "gave_up_rate": count(|trial| trial.gave_up) as f64 / args.trials as f64,
        "answer_size_mean": mean(trials.iter().filter(|t| t.answer > 0).map(|t| t.answer as f64)),
        "bound_jobs": lowest.jobs(),
        "oracle_jobs_mean": mean(oracle.iter().map(|trial| trial.jobs as f64)),
        "oracle_wrong_rate": mean(oracle.iter().map(|trial| f64::from(u8::from(trial.wrong)))),
        "decision_us": time / decisions.max(1.0) * 1e6,
    });
    if args.json {
        println!("{told}");
        return;
    }
    for (name, value) in told.as_object().into_iter().flatten() {
        println!("{name:18} {value}");
    }
}
