//! The story that `mozci demo` tells, planted at the end of every history of 24 pushes or more.

use super::catalog::Catalog;

/// A failing job whose culprit hides among pushes that did not run it.
#[derive(Debug, Clone)]
pub struct Story {
    /// The job, by its place in the catalog: the first chunk of the first suite on Linux.
    pub job: usize,
    /// The build that it depends on.
    pub build: usize,
    /// The push that broke it; it is never backed out.
    pub culprit: u32,
    /// The newest push.
    pub tip: u32,
}

impl Story {
    /// Plants the story into a history of so many pushes; `None` where they are too few.
    pub fn new(catalog: &Catalog, pushes: u32) -> Option<Self> {
        let job = catalog.find("test-linux2404-64/opt-mochitest-plain-1")?;
        let build = catalog.jobs[job].build?;
        (pushes >= 24).then(|| Self { job, build, culprit: pushes - 7, tip: pushes - 1 })
    }

    /// Whether the story says if the job is scheduled on a push: it is on the newest push and
    /// three before it, then not until five pushes before the culprit.
    pub fn scheduled(&self, job: usize, push: u32) -> Option<bool> {
        let back = self.tip.checked_sub(push)?;
        (job == self.job && back <= 11).then_some(matches!(back, 0 | 3 | 11))
    }

    /// Whether the story says how a push's build ended: two pushes before the culprit it broke,
    /// everywhere else it is well, and the newest ones are done.
    pub fn build_broken(&self, job: usize, push: u32) -> Option<bool> {
        let back = self.tip.checked_sub(push)?;
        (job == self.build && back <= 11).then_some(back == 8)
    }

    /// Whether the story says how a push's decision task ended: one failed between the culprit
    /// and the newest push.
    pub fn decision_failed(&self, push: u32) -> Option<bool> {
        let back = self.tip.checked_sub(push)?;
        (back <= 11).then_some(back == 2)
    }

    /// Whether a push is part of the story, where nothing else may disturb it.
    pub fn covers(&self, push: u32) -> bool {
        self.tip.checked_sub(push).is_some_and(|back| back <= 11)
    }
}
