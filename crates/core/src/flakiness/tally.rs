//! Runs, failures, retries, failures after a retry: what a rate is made of.

use serde::Serialize;

use crate::rate::Rate;
use crate::run::{Run, Says, State};

/// What one run adds to a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// It failed.
    Failed,
    /// It passed.
    Passed,
    /// The infrastructure or a person ended it.
    Infra,
    /// It ran and says nothing of what is asked about.
    Unknown,
    /// What is asked about was not part of it.
    NotRun,
    /// It has not ended, or never ran.
    Open,
}

impl Told {
    /// What a run says, of the job or of what runs are judged by.
    pub fn of(run: &Run) -> Self {
        if run.is_bad() {
            Self::Failed
        } else if run.is_good() {
            Self::Passed
        } else if run.proof().is_some_and(|proof| proof.says == Says::NotRun) {
            Self::NotRun
        } else {
            match &run.state {
                State::Exception | State::Retried | State::Cancelled | State::Expired => {
                    Self::Infra
                }
                State::Passed | State::Warnings | State::Failed | State::Busted => Self::Unknown,
                _ => Self::Open,
            }
        }
    }
}

/// Everything that a rate is made of, and what was left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Runs that say something.
    pub runs: u32,
    /// Runs that failed.
    pub failures: u32,
    /// Runs of a job on a push besides one that failed there: what was made to see whether it fails
    /// again. Which of them came first no source tells for sure.
    pub retried: u32,
    /// Of these, the ones that failed, too.
    pub failed_after_retry: u32,
    /// Left out: ended by the infrastructure, a person or a deadline.
    pub infra: u32,
    /// Left out: nothing is told of what is asked about.
    pub unknown: u32,
    /// Left out: what is asked about was not part of them.
    pub not_run: u32,
}

impl Tally {
    /// Adds the runs of one job on one push.
    pub fn add(&mut self, runs: impl IntoIterator<Item = Told>) {
        let (mut failed, mut passed) = (0, 0);
        for told in runs {
            match told {
                Told::Failed => failed += 1,
                Told::Passed => passed += 1,
                Told::Infra => self.infra += 1,
                Told::Unknown => self.unknown += 1,
                Told::NotRun => self.not_run += 1,
                Told::Open => {}
            }
        }
        self.runs += failed + passed;
        self.failures += failed;
        if failed > 0 {
            self.retried += failed + passed - 1;
            self.failed_after_retry += failed - 1;
        }
    }

    /// Both together.
    pub fn plus(self, other: &Self) -> Self {
        Self {
            runs: self.runs + other.runs,
            failures: self.failures + other.failures,
            retried: self.retried + other.retried,
            failed_after_retry: self.failed_after_retry + other.failed_after_retry,
            infra: self.infra + other.infra,
            unknown: self.unknown + other.unknown,
            not_run: self.not_run + other.not_run,
        }
    }

    /// The rate of failures.
    pub fn rate(&self) -> Rate {
        Rate::of(self.failures, self.runs)
    }

    /// The rate of failures right after one: how often running it again helps nothing.
    pub fn rate_after_retry(&self) -> Rate {
        Rate::of(self.failed_after_retry, self.retried)
    }
}

#[cfg(test)]
mod tests {
    use super::Told::{Failed, Infra, Open, Passed, Unknown};
    use super::*;

    #[test]
    fn all_four_are_kept() {
        let mut tally = Tally::default();
        tally.add([Failed, Infra, Passed, Failed, Open]);
        tally.add([Passed, Unknown, Passed]);
        let expected = Tally {
            runs: 5,
            failures: 2,
            retried: 2,
            failed_after_retry: 1,
            infra: 1,
            unknown: 1,
            not_run: 0,
        };
        assert_eq!(tally, expected);
        assert_eq!((tally.rate().runs, tally.rate_after_retry().runs), (5, 2));
    }
}
