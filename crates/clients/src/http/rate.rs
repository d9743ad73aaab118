//! How slowly an answer may come: a server that sends a byte now and then holds nobody up.

use std::time::{Duration, Instant};

use super::error::Problem;

/// How long an answer may come slowly before that counts: a connection may stall for a moment.
const WINDOW: Duration = Duration::from_secs(10);

/// Bytes that an answer has to bring within each window, unless it ends.
const LEAST: usize = 64 << 10;

/// Watches how fast an answer comes.
#[derive(Debug)]
pub(super) struct LeastRate {
    started: Instant,
    /// The window that runs, and what it has brought.
    since: Instant,
    brought: usize,
    total: usize,
    window: Duration,
    /// When the whole answer has to be there.
    until: Instant,
}

impl LeastRate {
    /// Begins to watch an answer of which no chunk may take longer than `idle`, and which may take
    /// `whole` altogether.
    pub(super) fn new(idle: Duration, whole: Duration) -> Self {
        let now = Instant::now();
        let (window, until) = (WINDOW.min(idle), now + whole);
        Self { started: now, since: now, brought: 0, total: 0, window, until }
    }

    /// How long the next chunk may take before the window is looked at.
    pub(super) fn left(&self, now: Instant) -> Duration {
        let left = self.until.saturating_duration_since(now);
        self.window.saturating_sub(now.duration_since(self.since)).min(left)
    }

    /// Counts what came until now.
    ///
    /// # Errors
    /// [`Problem::TooSlow`] where the window that ends now brought too little, or the time is up.
    pub(super) fn received(&mut self, bytes: usize, now: Instant) -> Result<(), Problem> {
        self.brought += bytes;
        self.total += bytes;
        let slow = || {
            let seconds = now.duration_since(self.started).as_secs();
            Err(Problem::TooSlow { bytes: self.total, seconds })
        };
        if now >= self.until {
            return slow();
        }
        if now.duration_since(self.since) < self.window {
            return Ok(());
        }
        if self.brought < LEAST {
            return slow();
        }
        (self.since, self.brought) = (now, 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drips_is_too_slow_and_what_comes_in_bursts_is_not() {
        let mut rate = LeastRate::new(Duration::from_secs(60), Duration::from_secs(30));
        let at = |seconds| rate.started + Duration::from_secs(seconds);
        let (nine, eleven, later) = (at(9), at(11), at(22));
        rate.received(1, nine).unwrap();
        assert_eq!(rate.left(nine), Duration::from_secs(1));
        rate.received(LEAST, eleven).unwrap();
        assert_eq!(rate.left(eleven), WINDOW);
        let slow = rate.received(100, later).unwrap_err();
        assert_eq!(slow, Problem::TooSlow { bytes: LEAST + 101, seconds: 22 });
        // However fast it comes, it has to end.
        let mut rate = LeastRate::new(Duration::from_secs(60), Duration::from_secs(30));
        let (mid, late) =
            (rate.started + Duration::from_secs(29), rate.started + Duration::from_secs(30));
        rate.received(1 << 30, mid).unwrap();
        assert_eq!(rate.left(mid), Duration::from_secs(1));
        assert!(rate.received(1 << 30, late).is_err());
    }
}
