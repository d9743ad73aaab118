//! Simulated time: everything that happens after the start may happen faster than it would.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 on the simulation's own time line.
///
/// Up to the start of the simulation this is ordinary time. After it one ordinary second counts
/// for `speed` simulated ones; answers show ordinary time, so that clients' clocks agree.
#[derive(Debug)]
pub struct Clock {
    start: i64,
    speed: f64,
    /// How far the servers' clock is ahead of this machine's.
    skew: AtomicI64,
}

impl Clock {
    /// A clock that starts now, so many milliseconds ahead of this machine's.
    pub fn starting_now(speed: f64, skew: i64) -> Self {
        Self { start: wall() + skew, speed, skew: AtomicI64::new(skew) }
    }

    /// Another one that shows the same.
    pub fn beside(&self) -> Self {
        let skew = AtomicI64::new(self.skew.load(Ordering::Relaxed));
        Self { start: self.start, speed: self.speed, skew }
    }

    /// What the servers' clock shows, in milliseconds.
    pub fn wall(&self) -> i64 {
        wall() + self.skew.load(Ordering::Relaxed)
    }

    /// Lets so many milliseconds of ordinary time pass at once.
    pub fn advance(&self, ms: i64) {
        self.skew.fetch_add(ms, Ordering::Relaxed);
    }

    /// When the simulation started.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// The present on the simulation's time line.
    pub fn now(&self) -> i64 {
        self.start + ((self.wall() - self.start) as f64 * self.speed) as i64
    }

    /// What a client's clock shows at a simulated instant.
    pub fn shown(&self, at: i64) -> i64 {
        if at <= self.start {
            at
        } else {
            self.start + ((at - self.start) as f64 / self.speed) as i64
        }
    }
}

fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
