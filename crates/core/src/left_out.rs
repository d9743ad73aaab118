//! What a plan leaves out, and why.

use std::fmt;

use serde::Serialize;

use crate::ids::JobName;
use crate::push::PushRef;
use crate::run::State;

/// A push that lacks runs and gets none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Where.
    pub push: PushRef,
    /// What.
    pub job: JobName,
    /// Why not.
    pub why: LeftOutReason,
}

/// Why a push that lacks runs gets none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason", content = "of")]
pub enum LeftOutReason {
    /// The job cannot run without that build.
    BuildFailed(JobName),
    /// A job that is requested would wait for that build for ever: it has to be run again first.
    BuildDead(JobName),
    /// That build was never made, and only pushes with a build were requested.
    NotBuilt(JobName),
    /// The push has no task graph.
    DecisionFailed,
    /// Nobody knows of a decision task.
    DecisionMissing,
    /// There is no task graph yet.
    DecisionUnderWay,
    /// The push has no task of the job that could be repeated, and tasks of other pushes must not
    /// be: they would run on the wrong revision.
    NoDefinition,
    /// No force scheduler carries the push's revision to the builder, and the push has no build of it that could be
    /// repeated.
    NotForceable,
    /// That build is missing, and no force scheduler carries the push's revision to its builder.
    BuildNotForceable(JobName),
    /// Which build it depends on is not known, and so not on what it would run.
    BuildNotKnown,
    /// On which of these two builds it hangs is not known.
    BuildAmbiguous(JobName, JobName),
    /// That build is on its way, and starts the job when it is there.
    ComesWith(JobName),
    /// `--every` passes it over.
    NotEvery,
    /// The push's actions do not offer what is needed.
    NoAction(String),
    /// The push's actions name a hook that its decision task may not use: this scope is missing.
    NotTrusted(String),
    /// Somebody else requested it, which Treeherder does not show yet.
    AskedElsewhere(String),
    /// A closer look at Taskcluster found the runs, which Treeherder did not show yet.
    AlreadyThere(String),
    /// Another command requested it since the plan was made.
    JustAsked,
    /// It would have been requested together with a job that another command has just requested.
    JustAskedWith(JobName),
    /// Its runs ended in a way that somebody or something meant: only named it is requested.
    Ended(State),
    /// The job's runs mostly end in infrastructure failures: more of them would say nothing.
    Infra,
}

impl LeftOutReason {
    /// Whether somebody else has requested it and it does not show yet, so that it comes without being asked
    /// for here.
    pub fn comes_from_others(&self) -> bool {
        matches!(
            self,
            Self::JustAsked
                | Self::JustAskedWith(_)
                | Self::AskedElsewhere(_)
                | Self::AlreadyThere(_)
        )
    }

    /// Whether the user meant it to be left out, or it comes by itself.
    pub fn is_fine(&self) -> bool {
        self.comes_from_others() || matches!(self, Self::NotEvery | Self::ComesWith(_))
    }

    /// Whether there is no way to request it until somebody changes something: no build and no result is at
    /// fault.
    pub fn has_no_way(&self) -> bool {
        self.is_refusal()
            || matches!(
                self,
                Self::NotForceable
                    | Self::BuildNotForceable(_)
                    | Self::BuildAmbiguous(..)
                    | Self::BuildNotKnown
                    | Self::NoDefinition
            )
    }

    /// Whether the CI could not be asked, though the plan meant to: somebody has to do something
    /// about it.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::NoAction(_) | Self::NotTrusted(_))
    }
}

impl fmt::Display for LeftOutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuildFailed(build) => write!(f, "{build} failed: the job cannot run without it"),
            Self::BuildDead(build) => {
                write!(f, "{build} never ended by itself: run it again first")
            }
            Self::NotBuilt(build) => write!(f, "{build} was never made"),
            Self::DecisionFailed => f.write_str("its decision task failed: there is no task graph"),
            Self::DecisionMissing => f.write_str("no decision task is known"),
            Self::DecisionUnderWay => f.write_str("its decision task has not ended yet"),
            Self::NoDefinition => f.write_str("no definition here: there is no task to repeat"),
            Self::NotForceable => f.write_str(
                "no force scheduler can request it here, and there is not a build of it to repeat",
            ),
            Self::BuildNotForceable(build) => {
                write!(f, "{build} is missing here, and no force scheduler can request it")
            }
            Self::BuildNotKnown => {
                f.write_str("which build it depends on is not known, and so not on what it would run")
            }
            Self::BuildAmbiguous(first, second) => write!(
                f,
                "depends on {first} or on {second}, and the history does not tell on which: say it with `build_of` in the config"
            ),
            Self::ComesWith(build) => write!(f, "{build} is on its way and starts it"),
            Self::NotEvery => f.write_str("passed over by --every"),
            Self::NoAction(text) => f.write_str(text),
            Self::NotTrusted(scope) => write!(
                f,
                "its decision task does not have the scope {scope}, so that its actions.json is not trusted"
            ),
            Self::AskedElsewhere(by) => write!(f, "{by} requested it already"),
            Self::AlreadyThere(what) => {
                write!(f, "already there, though not in Treeherder: {what}")
            }
            Self::JustAsked => f.write_str("another command has just requested it"),
            Self::JustAskedWith(job) => write!(
                f,
                "another command has just requested {job}, with which it would have gone: run this again"
            ),
            Self::Ended(state) => {
                write!(f, "its last run ended {}: name the job to request it", state.word())
            }
            Self::Infra => f.write_str(
                "most of the job's last runs ended in infrastructure failures: more would say nothing",
            ),
        }
    }
}
