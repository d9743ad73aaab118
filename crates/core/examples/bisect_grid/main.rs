//! Measures the search for a culprit on simulated histories: `--help` says how.

#![allow(clippy::print_stdout, reason = "what an example is for")]

mod calibrate;
mod trial;

use clap::Parser;
use mozci_core::bisect::{bound, floor};
use mozci_core::rate::Rate;
use serde_json::json;

use trial::{Trial, trial};

/// One cell of the grid: how many runs the search requests, how often it is wrong, and what a lower
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
    /// Runs requested at once
    #[arg(long, default_value_t = 1)]
    k: usize,
    /// Share of pushes that cannot be built, which shows when a run is requested
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
    /// Results come back one by one, in any order, and another run is requested at each
    #[arg(long)]
    shuffle: bool,
    /// Assume that it always fails
    #[arg(long)]
    deterministic: bool,
    /// Histories that are otherwise than a search believes; it should not be sure of anything wrong
    #[arg(long, value_enum)]
    misfit: Option<Misfit>,
    /// It failed before all suspects already: the good push passed by luck
    #[arg(long, conflicts_with = "misfit")]
    older: bool,
    /// How often the good push is known to have passed when the search begins
    #[arg(long, default_value_t = 1)]
    good_passes: u32,
    /// Runs known of pushes after the bad one, one a push
    #[arg(long, default_value_t = 0)]
    since: u32,
    /// What was broken is fixed at some push after the bad one
    #[arg(long, requires = "since")]
    since_fixed: bool,
    /// Draw the histories from what is believed beforehand, and say for each confidence how often a
    /// search that stops there is right
    #[arg(long)]
    calibrate: bool,
    /// Leave the oracle out
    #[arg(long)]
    no_oracle: bool,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

impl Args {
    /// The lowest rate that is looked for.
    fn lowest(&self) -> f64 {
        self.p_min.unwrap_or(0.05f64.min(self.p / 2.0))
    }
}

/// Histories that are otherwise than a search believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Misfit {
    /// A second culprit makes it fail more often.
    Two,
    /// It is fixed within the range; the bad push failed for other reasons.
    Fix,
    /// No culprit: the background rises over the range to five times p.
    Drift,
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

fn main() {
    let args = Args::parse();
    if args.calibrate {
        return calibrate::run(&args);
    }
    let trials = all(&args, false);
    let oracle =
        if args.no_oracle || args.misfit.is_some() { Vec::new() } else { all(&args, true) };
    let count = |is: fn(&Trial) -> bool| trials.iter().filter(|trial| is(trial)).count() as u64;
    let mut jobs: Vec<usize> = trials.iter().map(|trial| trial.jobs).collect();
    jobs.sort_unstable();
    let wrong = count(|trial| trial.wrong);
    let wrong_rate = Rate::of(wrong as u32, args.trials as u32);
    let bad = 1.0 - (1.0 - args.p) * (1.0 - args.q);
    let lowest = bound(args.n, bad, args.q, args.delta);
    let least = 1.0 - (1.0 - args.lowest()) * (1.0 - args.q);
    let unknown = floor(args.n, bad, args.q, args.delta, least);
    let decisions: f64 = trials.iter().map(|trial| f64::from(trial.decisions)).sum();
    let time: f64 = trials.iter().map(|trial| trial.time.as_secs_f64()).sum();
    let told = json!({
        "n": args.n, "p": args.p, "q": args.q, "k": args.k, "trials": args.trials,
        "jobs_mean": mean(trials.iter().map(|trial| trial.jobs as f64)),
        "jobs_p95": jobs[(jobs.len() * 95 / 100).min(jobs.len() - 1)],
        "jobs_p99": jobs[(jobs.len() * 99 / 100).min(jobs.len() - 1)],
        "rounds_mean": mean(trials.iter().map(|trial| trial.rounds as f64)),
        "cost_mean": mean(trials.iter().map(|trial| trial.cost)),
        "wrong_rate": wrong_rate.rate,
        "wrong_rate_low": wrong_rate.low,
        "wrong_rate_high": wrong_rate.high,
        "none_rate": count(|trial| trial.none) as f64 / args.trials as f64,
        "older_rate": count(|trial| trial.older) as f64 / args.trials as f64,
        "undecided_rate": count(|trial| trial.undecided) as f64 / args.trials as f64,
        "gave_up_rate": count(|trial| trial.gave_up) as f64 / args.trials as f64,
        "answer_size_mean": mean(trials.iter().filter(|t| t.answer > 0).map(|t| t.answer as f64)),
        "bound_jobs": lowest.jobs(),
        "runs_bound_unknown": unknown.neighbours,
        "runs_bound_older": unknown.older,
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
