//! What is known of one job on one push when a decision is made.

use serde::Serialize;

use crate::chunks::Narrow;
use crate::classify::PushClass;
use crate::ids::{BuildId, BuildRequestId, JobName, SchedulerName, TaskId};
use crate::plan::Through;
use crate::push::Push;
use crate::run::{Run, State};

/// Everything a decision needs to know of one push.
#[derive(Debug, Clone)]
pub struct PushFacts {
    /// The push.
    pub push: Push,
    /// Every run of the job there, every retry included.
    pub runs: Vec<Run>,
    /// Runs requested by actions that have not created them yet, so that no source shows them.
    pub requested: u32,
    /// Of these, the ones of which nobody can tell whether they were sent.
    pub doubtful: u32,
    /// The build that the job depends on.
    pub build: Build,
    /// The task that made the push's task graph.
    pub decision: Decision,
    /// Which chunk is requested here, where a test or manifest is what is meant, and what of it.
    pub chunk: Option<(JobName, Narrow)>,
}

impl PushFacts {
    /// What the job's runs say of the push.
    pub fn push_class(&self) -> PushClass {
        PushClass::of(&self.runs)
    }

    /// Whether something is under way on the push that will still say something: a run, or an
    /// asking that is known to have been sent. A job whose build failed is waiting for nothing.
    pub fn is_under_way(&self) -> bool {
        let waits = |run: &Run| run.state.is_waiting() && !self.waits_for_ever(run);
        self.requested > self.doubtful || self.runs.iter().any(waits)
    }

    /// Whether a run waits for a build that did not come about.
    pub fn waits_for_ever(&self, run: &Run) -> bool {
        let no_build = matches!(self.build, Build::Failed(_) | Build::Dead(_));
        no_build && run.state == State::Unscheduled
    }
}

/// The build that a job depends on, on one push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "build")]
pub enum Build {
    /// The job depends on no build.
    NotNeeded,
    /// Which build it depends on could not be found out.
    NotKnown,
    /// It was never requested: whoever requests the job requests it too.
    Missing(JobName),
    /// It is requested or at work.
    UnderWay(JobName),
    /// On which of these two it hangs nobody can tell.
    OneOf(JobName, JobName),
    /// It is there.
    Ready(JobName),
    /// It failed, so that the job cannot run.
    Failed(JobName),
    /// The infrastructure, a person or a deadline ended it; a job that is requested would wait
    /// for that same request for ever.
    Dead(JobName),
}

impl Build {
    /// Reads the state of a build from its runs on one push.
    pub fn from_runs(name: &JobName, runs: &[Run]) -> Self {
        let name = name.clone();
        if runs.iter().any(|run| run.state.is_good()) {
            Self::Ready(name)
        } else if runs.iter().any(|run| !run.state.is_final()) {
            Self::UnderWay(name)
        } else if runs.iter().any(|run| run.state.is_bad()) {
            Self::Failed(name)
        } else if runs.is_empty() {
            Self::Missing(name)
        } else {
            Self::Dead(name)
        }
    }

    /// Of several builds that a job needs all of, the one that decides, with its place: one that failed, then
    /// one that has to be requested, then one that is under way.
    pub fn deciding(builds: Vec<Self>) -> Option<(usize, Self)> {
        let rank = |build: &Self| match build {
            Self::Failed(_) => 0,
            Self::Missing(_) => 1,
            Self::Dead(_) => 2,
            Self::UnderWay(_) => 3,
            Self::NotKnown | Self::OneOf(..) | Self::NotNeeded | Self::Ready(_) => 4,
        };
        builds.into_iter().enumerate().min_by_key(|(_, build)| rank(build))
    }
}

/// The task that made a push's task graph, and through whose actions jobs are requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "task")]
pub enum Decision {
    /// It ended well: jobs can be requested.
    Done(TaskId),
    /// It is not done yet.
    UnderWay,
    /// It failed: the push has no task graph.
    Failed,
    /// Nobody knows of one.
    Missing,
    /// This CI has no such tasks: a job is requested by repeating a task of the push's own.
    NoGraph {
        /// The newest task of the job on this push, if there is one.
        own: Option<TaskId>,
    },
    /// This CI has no such tasks: jobs are requested one by one.
    Forced(Forced),
}

/// How jobs of a push are requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forced {
    /// The job itself.
    pub job: Forcing,
    /// The build that it depends on, where it depends on one.
    pub build: Forcing,
    /// Whether that build starts the job by itself when it ends well.
    pub starts: bool,
}

/// What a builder can be requested through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forcing {
    /// This force scheduler covers it.
    Scheduler(SchedulerName),
    /// None does: a build of the push's own can be repeated, where there is one.
    Repeats {
        /// The newest build of the push's own.
        own: Option<BuildId>,
    },
    /// The backend has a route of its own, which only it understands.
    Route(String),
    /// A self-serve BuildAPI takes it.
    SelfServe {
        /// The push's own request that is requested again, where one was run.
        again: Option<BuildRequestId>,
        /// The files that a test runs on.
        files: Vec<String>,
    },
}

impl Forcing {
    /// The way to ask, where there is one.
    pub fn through(&self) -> Option<Through> {
        match self {
            Self::Scheduler(name) => Some(Through::ForceScheduler(name.clone())),
            Self::Repeats { own } => own.map(Through::RepeatedBuild),
            Self::Route(route) => Some(Through::Route(route.clone())),
            Self::SelfServe { again: Some(request), .. } => Some(Through::Again(*request)),
            Self::SelfServe { again: None, files } => {
                Some(Through::SelfServe { files: files.clone() })
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod test_support {
    use super::*;
    use crate::ids::{PushId, PushlogId, Revision, Vcs};
    use crate::run::RunKey;
    use crate::time::{At, Minutes};

    pub(crate) fn runs(states: &[State]) -> Vec<Run> {
        states
            .iter()
            .enumerate()
            .map(|(i, state)| Run {
                duration: state.is_final().then_some(Minutes(20)),
                ..Run::new(
                    RunKey { request: TaskId::from_bytes([i as u8 + 1; 16]).into(), run: 0 },
                    state.clone(),
                )
            })
            .collect()
    }

    /// A push with a finished decision task and a finished build.
    pub(crate) fn facts(id: u64, states: &[State]) -> PushFacts {
        PushFacts {
            push: Push {
                id: PushId::Pushlog(PushlogId(id)),
                revision: Revision::new(Vcs::Hg, &format!("{id:040x}")).unwrap(),
                git: None,
                author: "dev@example.com".into(),
                date: At(1_700_000_000 + id as i64 * 600),
                changesets: vec![],
                summary: None,
            },
            runs: runs(states),
            requested: 0,
            doubtful: 0,
            build: Build::Ready(JobName::new("build")),
            decision: Decision::Done(TaskId::from_bytes([id as u8; 16])),
            chunk: None,
        }
    }
}
