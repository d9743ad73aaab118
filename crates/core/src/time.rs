//! Instants and spans, without a clock.

use serde::Serialize;

/// An instant: whole seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct At(pub i64);

impl At {
    /// Seconds from `earlier` to here; negative where the order is the other way round.
    pub fn since(self, earlier: At) -> i64 {
        self.0 - earlier.0
    }

    /// This instant moved by so many seconds.
    pub fn plus(self, seconds: i64) -> At {
        At(self.0 + seconds)
    }
}

/// Machine time in minutes, the unit in which Treeherder gives durations (at least 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct Minutes(pub u32);
