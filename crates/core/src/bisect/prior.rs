//! What is believed before a run is requested.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Beta, ContinuousCDF};

use super::pool::{NOTHING, Pool};
use super::since::After;

/// What was seen of the job where it should have passed: the background.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Runs that say something.
    pub runs: u32,
    /// Runs that failed in the way that is chased.
    pub failures: u32,
}

/// One push that may have done it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    /// How likely it is before anything is observed, relative to the others.
    pub weight: f64,
    /// What a run there costs, relative to the others: more where its build has to be made first.
    pub cost: f64,
}

impl Default for Suspect {
    fn default() -> Self {
        Self { weight: 1.0, cost: 1.0 }
    }
}

/// Everything that a search begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// The push before the first suspect, which was seen to be good; a run there costs this.
    pub good: Suspect,
    /// The suspects, oldest first. The last one was seen to be bad, which is how the search began:
    /// that failure is no evidence, since somebody chose it because it failed.
    pub suspects: Vec<Suspect>,
    /// The background.
    pub history: History,
    /// What other configurations tell of the background beforehand; none where nothing is known of any.
    #[serde(default)]
    pub pool: Option<Pool>,
    /// How often it may be wrong: δ.
    pub delta: f64,
    /// The lowest failure rate that is looked for. What fails less often is not found, and is said
    /// not to be there.
    pub p_min: f64,
    /// How likely it is before anything is observed that there is no culprit.
    pub none: f64,
    /// Whether it always fails after the culprit, so that one pass proves innocence.
    pub deterministic: bool,
    /// Runs of one push at the most.
    pub most_on_a_push: u32,
    /// Runs on each push, the good one first, that count for how many may be requested there, and
    /// that are not observed: the failure that the search began with.
    #[serde(default)]
    pub taken: Vec<u32>,
    /// Suspects that were backed out by the last suspect, or by a push before it.
    #[serde(default)]
    pub backouts: Vec<Backout>,
    /// What the runs of each push after the bad one said, oldest first.
    #[serde(default)]
    pub since: Vec<After>,
    /// What runs before the good push tell of "older"; none where nothing is known.
    #[serde(default)]
    pub before: Option<Before>,
}

/// What is known of the pushes before the good one, newest first, up to some that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The pushes since the newest of them that passed, the good one included: what is older than the suspects
    /// can have come with one of these, whatever passed before.
    pub gap: u32,
    /// Runs of these pushes that passed, without one that failed.
    pub passes: u32,
}

/// A suspect that was backed out within the range. It is no reason for why the last push fails, but
/// it may well be why pushes failed in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backout {
    /// The suspect, by its number.
    pub suspect: usize,
    /// The push by which it was gone, by its number.
    pub until: usize,
}

impl Setup {
    /// A search among `count` suspects of which nothing is known.
    pub fn among(count: usize) -> Self {
        Self {
            good: Suspect::default(),
            suspects: vec![Suspect::default(); count],
            history: History::default(),
            pool: None,
            delta: 0.01,
            p_min: 0.05,
            none: 0.1,
            deterministic: false,
            most_on_a_push: u32::MAX,
            taken: Vec::new(),
            backouts: Vec::new(),
            since: Vec::new(),
            before: None,
        }
    }
}

/// One pair of rates that is thought possible, with logarithms at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    /// How often a run fails at or after the culprit, from either cause.
    pub(super) bad: f64,
    /// How often a run fails before it.
    pub(super) good: f64,
    /// The logarithm of how likely the pair is.
    pub(super) log_weight: f64,
    /// Logarithms of how likely the runs after the bad push are, with a culprit and without one.
    pub(super) since: (f64, f64),
    /// Logarithms of a failure and of a pass, at or after the culprit and before it.
    pub(super) logs: [f64; 4],
}

/// How likely it is, of a culprit, that what it broke fails every time, next to all other rates.
const ALWAYS: f64 = 0.26;

/// How likely other rates are: logarithms of weights at these rates, and straight lines between them
/// over the rates' logarithms. Found by trying: what has about the same wrong rate, whatever the
/// rate, with the fewest runs (`bisect_grid`).
const SHAPE: [(f64, f64); 5] = [(0.05, -1.5), (0.1, -1.15), (0.2, -0.65), (0.4, 0.1), (0.8, 1.07)];

/// Rates between the lowest and one.
const RATES: usize = 16;

/// Backgrounds, at as many quantiles of what history leaves possible.
const BACKGROUNDS: usize = 7;

/// A rate that is as good as one.
const ONE: f64 = 0.9995;

/// The highest of the other rates.
const HIGHEST: f64 = 0.97;

/// All pairs of rates: the culprit's own between `p_min` and one, over its logarithm, or one;
/// the background by its history. Pairs in which the culprit would hardly be seen are left out.
pub(super) fn cells(setup: &Setup) -> Vec<Cell> {
    let mut rates: Vec<(f64, f64)> = Vec::new();
    if setup.deterministic {
        rates.push((ONE, 1.0));
    } else {
        rates.push((ONE, ALWAYS));
        let low = setup.p_min.clamp(1e-4, 0.95);
        let step = (HIGHEST / low).ln() / RATES as f64;
        let between = (0..RATES).map(|i| low * ((i as f64 + 0.5) * step).exp());
        rates.extend(between.map(|p| (p, (1.0 - ALWAYS) / RATES as f64 * shape(p))));
    }
    let mut cells = Vec::new();
    for q in backgrounds(setup.history, setup.pool.unwrap_or(NOTHING)) {
        for (p, weight) in &rates {
            if *p > 1.25 * q {
                cells.push(cell(*p, q, *weight));
            }
        }
    }
    cells
}

/// How likely a rate is, next to others that are as far apart by their logarithms.
fn shape(p: f64) -> f64 {
    let x = p.ln();
    let (first, last) = (SHAPE[0], SHAPE[SHAPE.len() - 1]);
    let log = match SHAPE.windows(2).find(|pair| (pair[0].0..pair[1].0).contains(&p)) {
        Some(pair) => {
            let (from, until) = (pair[0].0.ln(), pair[1].0.ln());
            let part = (x - from) / (until - from);
            pair[0].1 * (1.0 - part) + pair[1].1 * part
        }
        None if p < first.0 => first.1,
        None => last.1,
    };
    log.exp()
}

fn cell(p: f64, q: f64, weight: f64) -> Cell {
    let bad = 1.0 - (1.0 - p) * (1.0 - q);
    let logs = [bad.ln(), (1.0 - bad).ln(), q.ln(), (1.0 - q).ln()];
    Cell { bad, good: q, log_weight: weight.ln(), since: (0.0, 0.0), logs }
}

/// Background rates that are equally likely by the job's history, and by what is known beforehand.
fn backgrounds(history: History, pool: Pool) -> Vec<f64> {
    let failures = f64::from(history.failures.min(history.runs)) + pool.failures;
    let passes = f64::from(history.runs.saturating_sub(history.failures)) + pool.passes;
    let Ok(beta) = Beta::new(failures, passes) else { return vec![0.01] };
    (0..BACKGROUNDS)
        .map(|i| beta.inverse_cdf((i as f64 + 0.5) / BACKGROUNDS as f64).clamp(1e-6, 0.8))
        .collect()
}

/// One pair of rates that is known, for the oracle that searches are measured against.
pub(super) fn known(p: f64, q: f64) -> Vec<Cell> {
    vec![cell(p.min(ONE), q.clamp(1e-6, 0.8), 1.0)]
}
