//! What a search comes to.

use serde::{Deserialize, Serialize};

/// Why there is no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Why {
    /// What was observed does not say enough yet.
    NotEnough,
    /// There is nobody to suspect.
    NoSuspects,
    /// The rate changed more than once: there are two culprits, or a fix within the range.
    Misfit {
        /// The first push of the first new rate.
        first: usize,
        /// The first push of the second.
        second: usize,
    },
    /// The rate rises or falls all along, instead of changing at one push.
    Drift,
    /// The rates of failures alone say that it rose elsewhere.
    Elsewhere {
        /// The push that the search would have named.
        named: usize,
        /// The first push with the new rate.
        rises: usize,
    },
}

impl Why {
    /// Whether more runs would not help, since no single change explains what was observed.
    pub fn is_misfit(self) -> bool {
        matches!(self, Self::Misfit { .. } | Self::Drift | Self::Elsewhere { .. })
    }
}

/// What a search comes to. Suspects are told by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// One of these did it: a push, and those before it on which no runs can be made.
    Culprit {
        /// The oldest of them.
        first: usize,
        /// The newest, on which it fails.
        last: usize,
        /// How sure that is.
        probability: f64,
    },
    /// It failed before all suspects already.
    Older {
        /// How sure that is.
        probability: f64,
    },
    /// None of them did it: it fails for other reasons alone, or less often than was looked for.
    None {
        /// How sure that is.
        probability: f64,
        /// The lowest failure rate that was looked for.
        p_min: f64,
    },
    /// It is not known.
    Undecided {
        /// Why.
        why: Why,
    },
}

/// What may be the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Possibility {
    /// This suspect did it.
    Suspect(usize),
    /// It failed before all suspects already.
    Older,
    /// None of them did it.
    None,
}

impl Verdict {
    /// Whether anything was decided.
    pub fn is_decided(&self) -> bool {
        !matches!(self, Self::Undecided { .. })
    }
}
