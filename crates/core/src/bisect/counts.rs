//! What was observed: for each push how many runs failed, passed, or said nothing.

use serde::{Deserialize, Serialize};

/// What one run says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// What is chased failed there.
    Failed,
    /// It ran there and passed.
    Passed,
    /// Nothing: the infrastructure, another failure, or it did not run.
    Unknown,
    /// It cannot run there: the push's build fails.
    Unbuildable,
}

/// What was observed of one push.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Runs that failed.
    pub failed: u32,
    /// Runs that passed.
    pub passed: u32,
    /// Runs that said nothing.
    pub unknown: u32,
    /// Whether no run is to be had there.
    pub unbuildable: bool,
}

/// Runs in a row that say nothing of a push, after which no more are requested there.
const SILENT: u32 = 4;

impl Counts {
    /// Adds a run.
    pub(super) fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Failed => self.failed += 1,
            Outcome::Passed => self.passed += 1,
            Outcome::Unknown => self.unknown += 1,
            Outcome::Unbuildable => self.unbuildable = true,
        }
    }

    /// Runs that say something.
    pub fn telling(self) -> u32 {
        self.failed + self.passed
    }

    /// Runs that were made, whatever they say.
    pub fn runs(self) -> u32 {
        self.telling() + self.unknown
    }

    /// Whether many runs were made and none of them says anything, so that the push is taken for one
    /// that cannot be built.
    pub fn is_silent(self) -> bool {
        self.telling() == 0 && self.unknown >= SILENT
    }

    /// Whether runs may be requested there.
    pub fn is_testable(self) -> bool {
        self.telling() > 0 || !(self.unbuildable || self.is_silent())
    }
}
