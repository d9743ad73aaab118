//! What was planted.

use serde::Serialize;

/// Something planted into the history.
#[derive(Debug, Clone, Serialize)]
pub struct Planted {
    /// What it is.
    #[serde(flatten)]
    pub kind: PlantedKind,
    /// The first push that has it, by its place in the history.
    pub first: u32,
    /// The first push that no longer has it; `None` where it stays.
    pub fixed: Option<u32>,
}

impl Planted {
    /// Whether a push has it.
    pub fn covers(&self, push: u32) -> bool {
        push >= self.first && self.fixed.is_none_or(|fixed| push < fixed)
    }
}

/// Something planted that fails in one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failing {
    /// Which, by its place among what was planted.
    pub number: usize,
    /// In which manifest of the suite.
    pub manifest: u32,
    /// Whether it comes and goes.
    pub intermittent: bool,
}

/// The kinds of things that are planted.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum PlantedKind {
    /// A manifest fails, as a rule on every run.
    Regression {
        /// The suite.
        suite: &'static str,
        /// The manifest.
        manifest: String,
        /// Their places.
        #[serde(skip)]
        place: (usize, u32),
        /// Only on builds of this kind: `opt`, `debug`, or both.
        #[serde(skip_serializing_if = "Option::is_none")]
        option: Option<&'static str>,
        /// How often.
        rate: f64,
    },
    /// A manifest fails now and then.
    Intermittent {
        /// The suite.
        suite: &'static str,
        /// The manifest.
        manifest: String,
        /// Their places.
        #[serde(skip)]
        place: (usize, u32),
        /// How often.
        rate: f64,
    },
    /// A build fails.
    BrokenBuild {
        /// The build.
        job: String,
        /// Its place.
        #[serde(skip)]
        place: usize,
    },
}

impl PlantedKind {
    /// The suite and the manifest that fail, by their places.
    pub(crate) fn place(&self) -> Option<(usize, u32)> {
        match self {
            Self::Regression { place, .. } | Self::Intermittent { place, .. } => Some(*place),
            Self::BrokenBuild { .. } => None,
        }
    }
}

/// Everything that was planted, as `truth_file` has it.
#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    /// The seed.
    pub seed: u64,
    /// The repository.
    pub repo: String,
    /// Every push, oldest first.
    pub pushes: Vec<TruthPush>,
    /// Regressions, intermittents and broken builds.
    pub planted: Vec<TruthPlanted>,
    /// The job of the demo's story, with its culprit and its last good push.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story: Option<TruthStory>,
    /// What is hunted, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hunt: Option<TruthHunt>,
}

/// What is hunted.
#[derive(Debug, Clone, Serialize)]
pub struct TruthHunt {
    /// The job.
    pub job: String,
    /// The good push.
    pub good: String,
    /// The bad push.
    pub bad: String,
    /// The push that did it; none where it only comes and goes.
    pub culprit: Option<String>,
    /// Every push that did it, where several break the same test.
    pub culprits: Vec<String>,
    /// The test.
    pub test: String,
}

/// One push of the truth.
#[derive(Debug, Clone, Serialize)]
pub struct TruthPush {
    /// Its place in the history, which `first` and `fixed` refer to.
    pub index: u32,
    /// Its number in the pushlog.
    pub id: u64,
    /// Its number in Treeherder.
    pub treeherder_id: u64,
    /// Its head.
    pub revision: String,
    /// How its decision task ends: completed, failed or missing.
    pub decision: &'static str,
    /// Its decision task.
    pub decision_task: String,
    /// Labels that were scheduled, each with the outcomes of its runs in their order.
    pub scheduled: std::collections::BTreeMap<String, Vec<&'static str>>,
}

/// A planted thing with revisions instead of places.
#[derive(Debug, Clone, Serialize)]
pub struct TruthPlanted {
    /// What and where.
    #[serde(flatten)]
    pub planted: Planted,
    /// The push that brought it.
    pub culprit: String,
    /// The push that took it away.
    pub fixed_by: Option<String>,
}

/// The demo's story.
#[derive(Debug, Clone, Serialize)]
pub struct TruthStory {
    /// The job.
    pub job: String,
    /// The push that broke it.
    pub culprit: String,
    /// The newest push, on which it fails.
    pub bad: String,
    /// The newest push before the culprit on which it ran and passed.
    pub last_good_run: String,
}
