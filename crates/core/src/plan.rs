//! Plans: what would be asked for where, why, and what was left out and why.

use std::fmt;

use serde::Serialize;

use crate::estimate::{Estimate, median};
use crate::facts::{Build, Decision, PushFacts};
use crate::have::{have, lacks};
use crate::ids::{JobName, TaskId};
use crate::push::PushRef;
use crate::run::Run;

/// What would be asked for, as data: cheap to make, to print and to compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The job that is asked for.
    pub job: JobName,
    /// How many runs each push is to have.
    pub times: u32,
    /// One entry a push, newest first.
    pub requests: Vec<PlannedRequest>,
    /// Pushes whose build is under way: asked for once it is there, if it turns out well.
    pub waits_for: Vec<Waiting>,
    /// What lacks runs and is not asked for, each with its reason.
    pub left_out: Vec<LeftOut>,
    /// What all of it costs.
    pub estimate: Estimate,
}

impl Plan {
    /// Runs of the job that this plan asks for.
    pub fn runs(&self) -> u32 {
        self.requests.iter().map(|request| request.times).sum()
    }
}

/// Runs of a job to be asked for on one push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedRequest {
    /// Where.
    pub push: PushRef,
    /// What.
    pub job: JobName,
    /// How many.
    pub times: u32,
    /// What for.
    pub why: Why,
    /// The build that has to be made first; asking for the job pulls it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builds: Option<JobName>,
    /// The task through whose actions it is asked for.
    pub decision_task: TaskId,
}

/// Why runs are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Why {
    /// There is no run that counts.
    NotRun,
    /// There are some, and more are wanted.
    TooFew {
        /// Runs that count and are there or asked for.
        have: u32,
        /// Runs that were wanted.
        want: u32,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRun => f.write_str("not run"),
            Self::TooFew { have, want } => write!(f, "has {have} of {want}"),
        }
    }
}

/// A push on which the job is asked for once its build is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Where.
    pub push: PushRef,
    /// What.
    pub job: JobName,
    /// How many runs it lacks.
    pub times: u32,
    /// The build that is under way.
    pub build: JobName,
}

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
    /// A job that is asked for would wait for that build for ever: it has to be run again first.
    BuildDead(JobName),
    /// The push has no task graph.
    DecisionFailed,
    /// Nobody knows of a decision task.
    DecisionMissing,
    /// There is no task graph yet.
    DecisionUnderWay,
    /// `--every` passes it over.
    NotEvery,
    /// The push's actions do not offer what is needed.
    NoAction(String),
    /// A closer look at Taskcluster found the runs, which Treeherder did not show yet.
    AlreadyThere(String),
    /// Another command asked for it since the plan was made.
    JustAsked,
}

impl fmt::Display for LeftOutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuildFailed(build) => write!(f, "{build} failed: the job cannot run without it"),
            Self::BuildDead(build) => {
                write!(f, "{build} never ended by itself: run it again first")
            }
            Self::DecisionFailed => f.write_str("its decision task failed: there is no task graph"),
            Self::DecisionMissing => f.write_str("no decision task is known"),
            Self::DecisionUnderWay => f.write_str("its decision task is not done yet"),
            Self::NotEvery => f.write_str("passed over by --every"),
            Self::NoAction(text) => f.write_str(text),
            Self::AlreadyThere(what) => {
                write!(f, "already there, though not in Treeherder: {what}")
            }
            Self::JustAsked => f.write_str("another command has just asked for it"),
        }
    }
}

/// Plans that every one of these pushes has `times` runs of the job.
///
/// `facts` are newest first; `keeps` tells which of them may be asked for.
pub fn have_n<'a>(
    facts: impl IntoIterator<Item = (&'a PushFacts, bool)>,
    job: &JobName,
    times: u32,
    past: &PastRuns<'_>,
) -> Plan {
    let mut plan = Plan {
        job: job.clone(),
        times,
        requests: Vec::new(),
        waits_for: Vec::new(),
        left_out: Vec::new(),
        estimate: Estimate::new(0, 0, None, None),
    };
    for (facts, keeps) in facts {
        let lacking = lacks(facts, times);
        if lacking > 0 {
            place(&mut plan, facts, keeps, lacking);
        }
    }
    let builds = plan.requests.iter().filter(|request| request.builds.is_some()).count();
    plan.estimate = Estimate::new(
        plan.runs(),
        u32::try_from(builds).unwrap_or(u32::MAX),
        median(past.job.iter().copied()),
        median(past.build.iter().copied()),
    );
    plan
}

/// Past runs that durations are taken from.
#[derive(Debug, Clone, Default)]
pub struct PastRuns<'a> {
    /// Of the job.
    pub job: Vec<&'a Run>,
    /// Of the build that it hangs on.
    pub build: Vec<&'a Run>,
}

/// Puts a push that lacks runs where it belongs in the plan.
fn place(plan: &mut Plan, facts: &PushFacts, keeps: bool, lacking: u32) {
    let push = PushRef::from(&facts.push);
    let job = plan.job.clone();
    let left_out = |why| LeftOut { push: push.clone(), job: job.clone(), why };
    let decision_task = match facts.decision {
        Decision::Done(task) => task,
        Decision::UnderWay => {
            return plan.left_out.push(left_out(LeftOutReason::DecisionUnderWay));
        }
        Decision::Failed => return plan.left_out.push(left_out(LeftOutReason::DecisionFailed)),
        Decision::Missing => return plan.left_out.push(left_out(LeftOutReason::DecisionMissing)),
    };
    let builds = match &facts.build {
        Build::Failed(build) => {
            return plan.left_out.push(left_out(LeftOutReason::BuildFailed(build.clone())));
        }
        Build::Dead(build) => {
            return plan.left_out.push(left_out(LeftOutReason::BuildDead(build.clone())));
        }
        _ if !keeps => return plan.left_out.push(left_out(LeftOutReason::NotEvery)),
        Build::UnderWay(build) => {
            let build = build.clone();
            return plan.waits_for.push(Waiting { push, job, times: lacking, build });
        }
        Build::Missing(build) => Some(build.clone()),
        Build::Ready(_) | Build::NotNeeded | Build::NotKnown => None,
    };
    let why = match have(facts) {
        0 => Why::NotRun,
        have => Why::TooFew { have, want: plan.times },
    };
    plan.requests.push(PlannedRequest { push, job, times: lacking, why, builds, decision_task });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::facts;
    use crate::run::State::*;

    #[test]
    fn each_push_lands_where_it_belongs() {
        let job = JobName::new("test");
        let build = JobName::new("build");
        let mut all: Vec<PushFacts> = (0..9).map(|i| facts(100 - i, &[])).collect();
        all[1].build = Build::Failed(build.clone());
        all[2].build = Build::UnderWay(build.clone());
        all[3].build = Build::Missing(build.clone());
        all[4].decision = Decision::Failed;
        all[5].decision = Decision::Missing;
        all[6].build = Build::Dead(build.clone());
        all[7].runs = crate::facts::test_support::runs(&[Failed]);
        all[8].asked = 2;
        let past = facts(1, &[Passed, Passed]);
        let past_build = facts(1, &[Passed]);
        let past =
            PastRuns { job: past.runs.iter().collect(), build: past_build.runs.iter().collect() };
        let plan = have_n(all.iter().map(|f| (f, true)), &job, 2, &past);
        let asked: Vec<_> =
            plan.requests.iter().map(|r| (r.push.id.number(), r.times, r.why)).collect();
        assert_eq!(
            asked,
            [
                (100, 2, Why::NotRun),
                (97, 2, Why::NotRun),
                (93, 1, Why::TooFew { have: 1, want: 2 })
            ]
        );
        assert_eq!(plan.requests[1].builds, Some(build.clone()));
        assert_eq!(plan.waits_for.len(), 1);
        let reasons: Vec<_> = plan.left_out.iter().map(|l| l.why.clone()).collect();
        assert_eq!(
            reasons,
            [
                LeftOutReason::BuildFailed(build.clone()),
                LeftOutReason::DecisionFailed,
                LeftOutReason::DecisionMissing,
                LeftOutReason::BuildDead(build),
            ]
        );
        assert_eq!(plan.estimate.machine_minutes, Some(5 * 20 + 20));
        assert_eq!(plan.estimate.builds, 1);
    }
}
