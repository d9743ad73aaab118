//! Whether a search is right as often as it says.

use mozci_core::bisect::{History, Outcome, Search, Setup, Verdict};
use mozci_core::rate::Rate;
use serde_json::json;

use super::Args;

const CONFIDENCES: [f64; 8] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.995];

/// Searches that stopped at one confidence.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    stopped: u32,
    right: u32,
    claimed: f64,
}

/// Plays searches in worlds that are drawn from what is believed beforehand. At each confidence each
/// of them stops once, and is right or not.
pub(crate) fn run(args: &Args) {
    let mut bins = [Bin::default(); CONFIDENCES.len()];
    for number in 0..args.trials {
        let seed = args.seed.wrapping_mul(1_000_003).wrapping_add(number);
        play(args, &mut fastrand::Rng::with_seed(seed), &mut bins);
    }
    for (confidence, bin) in CONFIDENCES.iter().zip(&bins) {
        let rate = Rate::of(bin.right, bin.stopped);
        let said = bin.claimed / f64::from(bin.stopped.max(1));
        let line = json!({
            "confidence": confidence, "stopped": bin.stopped, "claimed_mean": said,
            "right_rate": rate.rate, "right_low": rate.low, "right_high": rate.high,
            "calibrated": (rate.low..=rate.high).contains(&said),
        });
        println!("{line}");
    }
}

fn play(args: &Args, random: &mut fastrand::Rng, bins: &mut [Bin]) {
    let failures = (0..args.history).filter(|_| random.f64() < args.q).count() as u32;
    let mut search = Search::new(Setup {
        history: History { runs: args.history, failures },
        p_min: args.p_min.unwrap_or(0.05),
        none: args.none,
        deterministic: args.deterministic,
        ..Setup::among(args.n)
    });
    let world = search.draw(random.u64(..));
    let mut at = 0;
    for _ in 0..args.budget {
        while at < bins.len() {
            let (says, is) = match search.verdict_at(CONFIDENCES[at]) {
                Verdict::Culprit { first, last, probability } => {
                    (probability, world.culprit.is_some_and(|c| (first..=last).contains(&c)))
                }
                Verdict::None { probability, .. } => (probability, world.culprit.is_none()),
                Verdict::Older { probability } => (probability, world.culprit == Some(0)),
                Verdict::Undecided { .. } => break,
            };
            bins[at].stopped += 1;
            bins[at].right += u32::from(is);
            bins[at].claimed += says;
            at += 1;
        }
        let next = if at == bins.len() { None } else { search.next(1, &[]).first().copied() };
        let Some(push) = next else { return };
        let rate = if world.culprit.is_some_and(|c| push >= c) { world.bad } else { world.good };
        let failed = random.f64() < rate;
        search.observe(push, if failed { Outcome::Failed } else { Outcome::Passed });
    }
}
