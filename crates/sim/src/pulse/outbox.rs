//! Messages on their way, and what goes wrong there: late, twice, in another order, never.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::wire::Message;

/// What goes wrong between the queue and whoever listens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PulseFaults {
    /// The seed.
    pub seed: u64,
    /// The share of messages that come twice.
    pub twice: f64,
    /// The share of messages that come late, so that others overtake them.
    pub late: f64,
    /// How late at the most.
    pub delay: Duration,
    /// The share of messages that never come.
    pub lost: f64,
}

/// Messages that wait for their time.
#[derive(Debug)]
pub(super) struct Outbox {
    faults: Option<PulseFaults>,
    random: Rng,
    /// By when they are due, then by how they came.
    waiting: BTreeMap<(Instant, u64), Message>,
    count: u64,
}

/// Messages that are kept for a broker that is away; the oldest of more are lost.
const MOST: usize = 200_000;

impl Outbox {
    pub(super) fn new(faults: Option<PulseFaults>) -> Self {
        let random = Rng::with_seed(faults.map_or(0, |faults| faults.seed));
        Self { faults, random, waiting: BTreeMap::new(), count: 0 }
    }

    pub(super) fn add(&mut self, message: Message) {
        let now = Instant::now();
        let Some(faults) = self.faults else {
            self.put(now, message);
            return;
        };
        if self.random.f64() < faults.lost {
            return;
        }
        if self.random.f64() < faults.twice {
            let at = now + faults.delay.mul_f64(self.random.f64());
            self.put(at, message.clone());
        }
        let late = self.random.f64() < faults.late;
        let delay = if late { faults.delay.mul_f64(self.random.f64()) } else { Duration::ZERO };
        self.put(now + delay, message);
    }

    fn put(&mut self, at: Instant, message: Message) {
        self.count += 1;
        self.waiting.insert((at, self.count), message);
        while self.waiting.len() > MOST {
            self.waiting.pop_first();
        }
    }

    /// The next message that is due, left where it is until it is [`sent`](Self::sent).
    pub(super) fn due(&self) -> Option<(&(Instant, u64), &Message)> {
        self.waiting.first_key_value().filter(|((at, _), _)| *at <= Instant::now())
    }

    pub(super) fn sent(&mut self, key: (Instant, u64)) {
        self.waiting.remove(&key);
    }
}
