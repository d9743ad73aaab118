//! A history made for the search of a culprit: a job that hardly ran between a good push and the
//! newest one, and a test that fails as often as is said.

use super::catalog::Catalog;
use super::random::{For, unit};

/// What is hunted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HuntConfig {
    /// Pushes after the good one; the last of them is the newest of all, and bad.
    pub suspects: u32,
    /// Which of them did it, from 1; none where it only comes and goes.
    pub culprit: Option<u32>,
    /// How often what it broke fails.
    pub rate: f64,
    /// How often the same test fails for other reasons.
    pub background: f64,
    /// The share of suspects whose build fails.
    pub broken: f64,
}

/// The hunt, placed in a history.
#[derive(Debug, Clone)]
pub struct Hunt {
    /// What is hunted.
    pub config: HuntConfig,
    /// The job, by its place in the catalog.
    pub job: usize,
    /// The build that it hangs on.
    pub build: usize,
    /// The good push.
    pub good: u32,
    /// The newest push.
    pub tip: u32,
    seed: u64,
}

impl Hunt {
    /// Places it at the end of a history; `None` where that is too short.
    pub fn new(config: HuntConfig, catalog: &Catalog, pushes: u32, seed: u64) -> Option<Self> {
        let job = catalog.find("test-linux2404-64/opt-mochitest-plain-1")?;
        let build = catalog.jobs[job].build?;
        let tip = pushes.checked_sub(1)?;
        let good = tip.checked_sub(config.suspects)?;
        Some(Self { config, job, build, good, tip, seed })
    }

    /// The culprit's place in the history.
    pub fn culprit(&self) -> Option<u32> {
        self.config.culprit.map(|number| self.good + number)
    }

    fn is_suspect(&self, push: u32) -> bool {
        (self.good + 1..self.tip).contains(&push)
    }

    fn is_end(&self, push: u32) -> bool {
        push == self.good || push == self.tip
    }

    /// Whether it says if a job is scheduled on a push: the job runs on both ends, and before them
    /// on most pushes, so that its background is known.
    pub fn scheduled(&self, job: usize, push: u32) -> Option<bool> {
        if job == self.build && (self.is_end(push) || self.is_suspect(push)) {
            return Some(self.is_end(push) || unit(self.seed, &draw(For::Scheduled, push)) < 0.8);
        }
        if job != self.job {
            return None;
        }
        Some(self.is_end(push) || (push < self.good && !push.is_multiple_of(3)))
    }

    /// Whether it says how a push's build ended.
    pub fn build_broken(&self, job: usize, push: u32) -> Option<bool> {
        if job != self.build || push < self.good {
            return None;
        }
        let broken = unit(self.seed, &draw(For::Dead, push)) < self.config.broken;
        Some(self.is_suspect(push) && broken)
    }

    /// Whether it says how a push's decision task ended.
    pub fn decision_failed(&self, push: u32) -> Option<bool> {
        if self.is_end(push) {
            return Some(false);
        }
        self.is_suspect(push).then(|| unit(self.seed, &draw(For::Decision, push)) < 0.03)
    }

    /// Whether it says how the first run of the job on a push ended: well on the good one, badly on
    /// the bad one, since that is why it is hunted.
    pub fn failed(&self, job: usize, push: u32, n: u8) -> Option<bool> {
        (job == self.job && n == 0 && self.is_end(push)).then_some(push == self.tip)
    }
}

fn draw(what: For, push: u32) -> [u64; 2] {
    [what as u64, u64::from(push)]
}
