//! How often something fails, and how sure that is.

use serde::Serialize;
use statrs::distribution::{Beta, ContinuousCDF};
use statrs::function::beta::ln_beta;

/// A failure rate with its interval of 95 % (Clopper and Pearson 1934), and the runs behind it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// Runs that say something.
    pub runs: u32,
    /// Runs that failed.
    pub failures: u32,
    /// The share that failed; 0 where there are no runs.
    pub rate: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

impl Rate {
    /// Of so many runs so many failed.
    pub fn of(failures: u32, runs: u32) -> Self {
        let failures = failures.min(runs);
        let (f, p) = (f64::from(failures), f64::from(runs - failures));
        let quantile = |a: f64, b: f64, at: f64, otherwise: f64| {
            Beta::new(a, b).map_or(otherwise, |beta| beta.inverse_cdf(at))
        };
        Self {
            runs,
            failures,
            rate: if runs == 0 { 0.0 } else { f / f64::from(runs) },
            low: if failures == 0 { 0.0 } else { quantile(f, p + 1.0, 0.025, 0.0) },
            high: if failures == runs { 1.0 } else { quantile(f + 1.0, p, 0.975, 1.0) },
        }
    }
}

/// How many runs it takes to see something that fails at this rate at least once, this surely; also
/// how many have to pass before a fix can be trusted as much. `None` where no number suffices.
pub fn runs_to_see(rate: f64, confidence: f64) -> Option<u32> {
    if rate <= 0.0 || rate.is_nan() || !(0.0..1.0).contains(&confidence) {
        return None;
    }
    if rate >= 1.0 {
        return Some(1);
    }
    let runs = ((1.0 - confidence).ln() / (1.0 - rate).ln()).ceil().max(1.0);
    (runs < f64::from(u32::MAX)).then_some(runs as u32)
}

/// How likely these results are of a rate of which nothing is known, as a logarithm (beta-binomial).
pub(crate) fn ln_likelihood(failed: u32, passed: u32) -> f64 {
    ln_beta(f64::from(failed) + 1.0, f64::from(passed) + 1.0)
}

/// A share of a hundred, as exact as it is of use.
pub fn percent(share: f64) -> String {
    match share * 100.0 {
        none if none <= 0.0 => "0 %".to_owned(),
        small if small < 1.0 => format!("{small:.2} %"),
        some if some < 10.0 => format!("{some:.1} %"),
        many => format!("{many:.0} %"),
    }
}

/// A probability that may be near one or zero: never rounded to certainty.
pub fn probability(share: f64) -> String {
    match share {
        hardly if hardly < 5e-4 => "<0.1 %".to_owned(),
        sure if sure > 0.9999 => ">99.9 %".to_owned(),
        near if near >= 0.9 => format!("{:.1} %", (near * 1000.0).floor() / 10.0),
        other => percent(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_never_rounded_up_to_certainty() {
        let all = [
            (1.0, ">99.9 %"),
            (0.99995, ">99.9 %"),
            (0.9996, "99.9 %"),
            (0.995, "99.5 %"),
            (0.31, "31 %"),
            (0.0, "<0.1 %"),
        ];
        for (share, text) in all {
            assert_eq!(probability(share), text);
        }
    }

    #[test]
    fn intervals_are_those_of_the_tables() {
        let check = |failures, runs, low: f64, high: f64| {
            let rate = Rate::of(failures, runs);
            assert!((rate.low - low).abs() < 5e-4, "{rate:?}");
            assert!((rate.high - high).abs() < 5e-4, "{rate:?}");
        };
        check(0, 10, 0.0, 0.3085);
        check(2, 10, 0.0252, 0.5561);
        check(10, 10, 0.6915, 1.0);
        check(1, 240, 0.0001, 0.0230);
        check(0, 0, 0.0, 1.0);
    }

    #[test]
    fn runs_to_see_a_rate() {
        for (rate, runs) in [(0.5, 7), (0.1, 44), (0.02, 228), (1.0, 1)] {
            assert_eq!(runs_to_see(rate, 0.99), Some(runs), "{rate}");
        }
        assert_eq!(runs_to_see(0.0, 0.99), None);
        assert_eq!(runs_to_see(0.2, 0.99), Some(21));
        assert_eq!(runs_to_see(Rate::of(2, 10).low, 0.99), Some(181));
    }
}
