//! Runs and the states they can be in.

use serde::{Serialize, Serializer};

use crate::ids::{BuildId, JobName, RequestId, TaskId};
use crate::time::{At, Minutes};

/// What merges two sightings of one run: the request's id and the run's number within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RunKey {
    /// The request.
    #[serde(flatten)]
    pub request: RequestId,
    /// The run's number; a request that has not run yet is shown as its run 0.
    pub run: u32,
}

impl RunKey {
    /// The task that it is a run of, where it is one.
    pub fn task(&self) -> Option<TaskId> {
        self.request.task()
    }
}

/// The state of a run, or of a request that is still waiting for its first run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// The request waits for what it depends on.
    Unscheduled,
    /// The request waits for a machine.
    Pending,
    /// At work.
    Running,
    /// Ended well.
    Passed,
    /// Ended with warnings, which are no failures.
    Warnings,
    /// Its tests failed.
    Failed,
    /// It broke before or outside its tests: a build error, a harness that fell over.
    Busted,
    /// The infrastructure failed it; says nothing of the push.
    Exception,
    /// The infrastructure failed it and it is run again as another run of the same request.
    Retried,
    /// Somebody took it back.
    Cancelled,
    /// Another request was run in its place.
    Coalesced,
    /// It was decided not to run it.
    Skipped,
    /// Its deadline passed before it ran.
    Expired,
    /// A word that this version does not know, kept as it came.
    Unknown(Box<str>),
}

impl State {
    /// The state's mark, the same on a terminal and on a page. Each differs from the others in shape, so that no colour is
    /// needed.
    pub fn mark(&self) -> &'static str {
        match self {
            Self::Passed => "✓",
            Self::Warnings => "w",
            Self::Failed => "✗",
            Self::Busted => "b",
            Self::Exception => "!",
            Self::Running => "▸",
            Self::Pending => "◌",
            Self::Unscheduled => "⌫",
            Self::Coalesced => "⇣",
            Self::Cancelled => "⊘",
            Self::Retried => "↻",
            Self::Skipped => "–",
            Self::Expired => "⧖",
            Self::Unknown(_) => "?",
        }
    }

    /// The state's one word, as every output writes it.
    pub fn word(&self) -> &str {
        match self {
            Self::Unscheduled => "unscheduled",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Warnings => "warnings",
            Self::Failed => "failed",
            Self::Busted => "busted",
            Self::Exception => "exception",
            Self::Retried => "retried",
            Self::Cancelled => "cancelled",
            Self::Coalesced => "coalesced",
            Self::Skipped => "skipped",
            Self::Expired => "expired",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The state of a word that [`word`](Self::word) or the state's serialized form has.
    pub fn from_word(word: &str) -> Self {
        const KNOWN: [State; 13] = [
            State::Unscheduled,
            State::Pending,
            State::Running,
            State::Passed,
            State::Warnings,
            State::Failed,
            State::Busted,
            State::Exception,
            State::Retried,
            State::Cancelled,
            State::Coalesced,
            State::Skipped,
            State::Expired,
        ];
        let unknown = || {
            let inner = word.strip_prefix("unknown(").and_then(|rest| rest.strip_suffix(')'));
            Self::Unknown(inner.unwrap_or(word).into())
        };
        KNOWN.into_iter().find(|state| state.word() == word).unwrap_or_else(unknown)
    }

    /// Whether nothing more is to be expected of this run.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Unscheduled | Self::Pending | Self::Running | Self::Unknown(_))
    }

    /// Whether the run is requested or at work, so that it will still say something.
    pub fn is_waiting(&self) -> bool {
        matches!(self, Self::Unscheduled | Self::Pending | Self::Running)
    }

    /// Whether the run ended well.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Passed | Self::Warnings)
    }

    /// Whether the run ended in a failure of the push's own.
    pub fn is_bad(&self) -> bool {
        matches!(self, Self::Failed | Self::Busted)
    }

    /// Whether the run counts where N runs are wanted: it said something or is going to.
    ///
    /// An unknown state counts, since what cannot be understood must not be taken for missing.
    pub fn counts(&self) -> bool {
        self.is_good() || self.is_bad() || self.is_waiting() || matches!(self, Self::Unknown(_))
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown(text) => serializer.collect_str(&format_args!("unknown({text})")),
            known => serializer.serialize_str(known.word()),
        }
    }
}

/// One execution of a request, or a request that waits for its first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Which run this is.
    #[serde(flatten)]
    pub key: RunKey,
    /// Where it stands.
    pub state: State,
    /// How long it took, where it has ended and a source says so.
    #[serde(rename = "minutes")]
    pub duration: Option<Minutes>,
    /// When a source last heard of it.
    #[serde(skip)]
    pub seen: Option<At>,
    /// What else is known, as of few runs.
    #[serde(flatten)]
    pub more: Option<Box<More>>,
}

impl Run {
    /// A run of which nothing is known but where it stands.
    pub fn new(key: RunKey, state: State) -> Self {
        Self { key, state, duration: None, seen: None, more: None }
    }

    /// Whether it ran on a build that was never made, or never had the push's revision, so that it proves
    /// nothing.
    pub fn is_unfounded(&self) -> bool {
        self.lacks_build() || self.lacks_source()
    }

    /// Whether the build that it should have been run on was never made.
    pub fn lacks_build(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.build_absent.is_some())
    }

    /// Whether it failed before it had the push's revision.
    pub fn lacks_source(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.no_source)
    }

    /// What people say of its failure, where they have.
    pub fn classification(&self) -> Option<Classification> {
        self.more.as_ref().and_then(|more| more.classification)
    }

    /// What it says of the test, group or failure that is asked about, where one is.
    pub fn proof(&self) -> Option<&Proof> {
        self.more.as_ref().and_then(|more| more.proof.as_ref())
    }

    /// Whether it says that the push is good.
    pub fn is_good(&self) -> bool {
        let says = match self.proof() {
            Some(proof) => proof.says == Says::Good,
            None => self.state.is_good(),
        };
        says && !self.is_unfounded()
    }

    /// Whether it says that the push is bad.
    pub fn is_bad(&self) -> bool {
        let says = match self.proof() {
            Some(proof) => proof.says == Says::Bad,
            None => self.state.is_bad(),
        };
        says && !self.is_unfounded()
    }

    /// Whether it counts where N runs are wanted. One that proves nothing and has ended does not; one
    /// that ran and of which nothing is known of the test that is asked about does: the same again
    /// would tell no more.
    pub fn counts(&self) -> bool {
        self.state.counts() && !(self.is_unfounded() && self.state.is_final())
    }
}

/// What a run says of a test, group or failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// What it says.
    pub says: Says,
    /// Why, in words.
    pub why: Box<str>,
}

/// Whether a run speaks for or against its push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Says {
    /// It ran there and passed.
    Good,
    /// It failed there.
    Bad,
    /// What is asked about did not run there.
    NotRun,
    /// It failed in another way, or nothing tells.
    Unknown,
}

/// What people, or Treeherder itself, say a failure is: its classification, by the numbers of
/// `failureclassification/`. That nobody has said anything (1) is no classification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Classification {
    /// A later commit mended it (2).
    FixedByCommit,
    /// It was expected to fail (3).
    ExpectedFail,
    /// A person says that it is known to come and go (4).
    Intermittent,
    /// The infrastructure failed it (5).
    Infra,
    /// Not seen before, and nobody has looked at it (6).
    NewFailure,
    /// Treeherder takes it for one that is known to come and go (7).
    AutoIntermittent,
    /// It comes and goes, and no bug is filed (8): what one failure and one pass come to.
    IntermittentNeedsBug,
    /// A number that this version does not know.
    Unknown(u32),
}

impl Classification {
    /// Reads Treeherder's number.
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => None,
            2 => Some(Self::FixedByCommit),
            3 => Some(Self::ExpectedFail),
            4 => Some(Self::Intermittent),
            5 => Some(Self::Infra),
            6 => Some(Self::NewFailure),
            7 => Some(Self::AutoIntermittent),
            8 => Some(Self::IntermittentNeedsBug),
            other => Some(Self::Unknown(other)),
        }
    }

    /// Whether a person says that the failure comes and goes. What Treeherder says by itself follows from
    /// one failure and one pass, and is no such word: how often it fails decides.
    pub fn is_intermittent(self) -> bool {
        matches!(self, Self::Intermittent)
    }

    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::FixedByCommit => "fixed by commit".into(),
            Self::ExpectedFail => "expected fail".into(),
            Self::Intermittent => "intermittent".into(),
            Self::Infra => "infra".into(),
            Self::NewFailure => "new failure".into(),
            Self::AutoIntermittent => "intermittent (Treeherder, by itself)".into(),
            Self::IntermittentNeedsBug => {
                "intermittent without a bug (Treeherder, by itself)".into()
            }
            Self::Unknown(number) => format!("classification {number}"),
        }
    }
}

/// What is known of a run besides where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct More {
    /// Its build on a Buildbot master.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildId>,
    /// What Treeherder's people say of its failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification: Option<Classification>,
    /// The request that was run in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coalesced_into: Option<RequestId>,
    /// The build that it should have been run on, and that was never made of its push.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_absent: Option<JobName>,
    /// Whether it failed before it had the push's revision: the checkout failed, and nothing was tried.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_source: bool,
    /// What it says of the test, group or failure that is asked about, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// The chunk that it is of, where that is another one than the job that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk: Option<JobName>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_person_s_word_makes_a_failure_known_to_come_and_go() {
        let known: Vec<u32> = (0..20)
            .filter(|number| {
                Classification::from_number(*number).is_some_and(Classification::is_intermittent)
            })
            .collect();
        assert_eq!(known, [4]);
        for number in [7, 8] {
            let said = Classification::from_number(number).expect("a class of Treeherder").words();
            assert!(said.contains("by itself"), "{said}");
        }
    }
}
