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
    /// Which push backs the culprit out again, from 1: from there on it is not why anything fails.
    pub backed_out: Option<u32>,
    /// Which push lands it once more.
    pub relanded: Option<u32>,
    /// Another push that breaks the same test in the same way, half as often.
    pub second: Option<u32>,
    /// How many pushes chunks stay as they were dealt: the manifest that fails moves between them, and the
    /// job is the one that runs it on the newest push. None where it stays in its chunk.
    pub deal_every: Option<u32>,
}

impl Default for HuntConfig {
    fn default() -> Self {
        Self {
            suspects: 20,
            culprit: None,
            rate: 1.0,
            background: 0.0,
            broken: 0.0,
            backed_out: None,
            relanded: None,
            second: None,
            deal_every: None,
        }
    }
}

/// The hunt, placed in a history.
#[derive(Debug, Clone)]
pub struct Hunt {
    /// What is hunted.
    pub config: HuntConfig,
    /// The job, by its place in the catalog.
    pub job: usize,
    /// The build that it depends on.
    pub build: usize,
    /// The good push.
    pub good: u32,
    /// The newest push.
    pub tip: u32,
    /// The manifest that fails, of the first suite.
    pub manifest: u32,
    seed: u64,
}

impl Hunt {
    /// Places it at the end of a history; `None` where that is too short.
    pub fn new(config: HuntConfig, catalog: &Catalog, pushes: u32, seed: u64) -> Option<Self> {
        let tip = pushes.checked_sub(1)?;
        let good = tip.checked_sub(config.suspects)?;
        // A suite's first manifest never moves.
        let manifest = u32::from(config.deal_every.is_some());
        let chunk = catalog.chunk_of(seed, 0, manifest, tip);
        let job = catalog.find(&format!("test-linux2404-64/opt-mochitest-plain-{chunk}"))?;
        let build = catalog.jobs[job].build?;
        Some(Self { config, job, build, good, tip, manifest, seed })
    }

    /// The place in the history of the push that is why the newest one fails: the last landing of what broke
    /// it, else another cause. None where nothing that is still there broke it.
    pub fn culprit(&self) -> Option<u32> {
        let HuntConfig { culprit, backed_out, relanded, second, .. } = self.config;
        let first = culprit.filter(|_| backed_out.is_none());
        let number = relanded.or(first).or(second)?;
        Some(self.good + number)
    }

    /// Every push that is why the newest one fails.
    pub fn culprits(&self) -> Vec<u32> {
        let second = self.config.second.map(|number| self.good + number);
        let mut all: Vec<u32> = self.culprit().into_iter().chain(second).collect();
        all.dedup();
        all
    }

    /// What broke the test: from which push on, until which, and how often it fails.
    pub fn causes(&self) -> Vec<(u32, Option<u32>, f64)> {
        let HuntConfig { culprit, backed_out, relanded, second, rate, .. } = self.config;
        let place = |number: u32| self.good + number;
        let first = culprit.map(|number| (place(number), backed_out.map(place), rate));
        let again = relanded.map(|number| (place(number), None, rate));
        let second = second.map(|number| (place(number), None, rate / 2.0));
        first.into_iter().chain(again).chain(second).collect()
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
