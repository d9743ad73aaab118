//! Plans: what would be requested where, why, and what was left out and why.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;

use crate::add_to_plan::{MissingRuns, add_to_plan};
use crate::chunks::Narrow;
use crate::estimate::{Estimate, median};
use crate::facts::PushFacts;
use crate::ids::{BuildId, BuildRequestId, JobName, PushId, SchedulerName, TaskId};
pub use crate::left_out::{LeftOut, LeftOutReason};
use crate::push::{PushRef, count_pushes};
use crate::run::Run;
use crate::run_count::{missing_runs, run_count};

/// What would be requested, as data: cheap to make, to print and to compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The jobs that were asked about.
    pub jobs: Vec<JobName>,
    /// How many runs each push is to have of each.
    pub times: u32,
    /// One entry a push and job, newest push first.
    pub requests: Vec<PlannedRequest>,
    /// Pushes whose build is under way: requested once it is there, if it turns out well.
    pub waits_for: Vec<Waiting>,
    /// What lacks runs and is not requested, each with its reason.
    pub left_out: Vec<LeftOut>,
    /// What all of it costs.
    pub estimate: Estimate,
}

impl Plan {
    /// A plan that requests nothing.
    pub fn empty(times: u32) -> Self {
        Self {
            jobs: Vec::new(),
            times,
            requests: Vec::new(),
            waits_for: Vec::new(),
            left_out: Vec::new(),
            estimate: Estimate::new(0, 0, None, None),
        }
    }

    /// Leaves out what turns out not to be possible. Of the machine time it had in the estimate
    /// the same share goes.
    pub fn leave_out(&mut self, unfit: Vec<LeftOut>) {
        let before = self.runs();
        self.requests.retain(|request| {
            let is = |out: &&LeftOut| out.push.id == request.push.id && out.job == request.job;
            !unfit.iter().any(|out| is(&out))
        });
        let (before, now) = (u64::from(before), u64::from(self.runs()));
        if now < before {
            let share = |whole: u64| whole * now / before;
            let estimate = &mut self.estimate;
            estimate.runs = u32::try_from(share(u64::from(estimate.runs))).unwrap_or(u32::MAX);
            estimate.machine_minutes = estimate.machine_minutes.map(share);
        }
        self.left_out.extend(unfit);
        self.left_out.sort_by_key(|left_out| std::cmp::Reverse(left_out.push.id));
    }

    /// The most runs that any push would have of one job.
    pub fn most_on_a_push(&self) -> u32 {
        let requested = self.requests.iter().map(|r| r.have.saturating_add(r.times));
        let waits = self.waits_for.iter().map(|w| w.have.saturating_add(w.times));
        requested.chain(waits).max().unwrap_or(0)
    }

    /// Runs that this plan requests.
    pub fn runs(&self) -> u32 {
        self.requests.iter().map(|request| request.times).sum()
    }

    /// The pushes that this plan requests something on, each once.
    pub fn pushes(&self) -> usize {
        count_pushes(self.requests.iter().map(|request| request.push.id))
    }

    /// One plan of several: pushes newest first, on each the jobs in their order. A build that
    /// several jobs of a push need is made, and counted, once.
    pub fn join(plans: impl IntoIterator<Item = Self>, times: u32) -> Self {
        let mut all = Self::empty(times);
        let (mut minutes, mut runs) = (Some(0), 0u32);
        for plan in plans {
            all.jobs.extend(plan.jobs);
            all.requests.extend(plan.requests);
            all.waits_for.extend(plan.waits_for);
            all.left_out.extend(plan.left_out);
            all.estimate.samples += plan.estimate.samples;
            runs = runs.saturating_add(plan.estimate.runs);
            minutes = minutes.zip(plan.estimate.machine_minutes).map(|(a, b)| a + b);
        }
        // A build that several jobs need, or that is requested itself, is requested once.
        let mut seen: HashSet<(PushId, JobName)> = all
            .requests
            .iter()
            .filter(|request| !request.is_needed())
            .map(|request| (request.push.id, request.job.clone()))
            .collect();
        all.requests.retain(|request| {
            !request.is_needed() || seen.insert((request.push.id, request.job.clone()))
        });
        let newest = |push: &PushRef| std::cmp::Reverse(push.id);
        all.requests.sort_by_key(|request| newest(&request.push));
        all.waits_for.sort_by_key(|waiting| newest(&waiting.push));
        all.left_out.sort_by_key(|left_out| newest(&left_out.push));
        let mut builds: Vec<(PushId, &JobName)> =
            all.requests.iter().filter_map(|r| Some((r.push.id, r.builds.as_ref()?))).collect();
        builds.sort_unstable();
        builds.dedup();
        // A build that is requested itself is among the runs.
        builds.retain(|(push, build)| {
            !all.requests.iter().any(|r| r.push.id == *push && r.job == **build)
        });
        let needed: u32 = all.requests.iter().filter(|r| r.is_needed()).map(|r| r.times).sum();
        all.estimate.builds = needed + u32::try_from(builds.len()).unwrap_or(u32::MAX);
        all.estimate.runs = runs;
        all.estimate.machine_minutes = minutes;
        all
    }
}

/// Runs of a job to be requested on one push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedRequest {
    /// Where.
    pub push: PushRef,
    /// What.
    pub job: JobName,
    /// How many.
    pub times: u32,
    /// How many the push has already, there or requested.
    pub have: u32,
    /// What for.
    pub why: Why,
    /// The build that has to be made first; requesting the job pulls it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builds: Option<JobName>,
    /// What of the job is to run, where a test or manifest is what is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub narrow: Option<Narrow>,
    /// How it is requested.
    #[serde(flatten)]
    pub through: Through,
}

impl PlannedRequest {
    /// Whether it is requested only since another job needs it.
    pub fn is_needed(&self) -> bool {
        matches!(self.why, Why::NeededBy { .. })
    }
}

/// How runs are requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// Through an action of this decision task.
    DecisionTask(TaskId),
    /// By repeating this task of the push's own.
    ClonedTask(TaskId),
    /// Through this force scheduler of a Buildbot master.
    ForceScheduler(SchedulerName),
    /// By repeating this build of the push's own.
    RepeatedBuild(BuildId),
    /// By asking a self-serve BuildAPI for this request of the push's own again.
    Again(BuildRequestId),
    /// By a route of the backend's own, which only it understands.
    Route(String),
    /// By asking a self-serve BuildAPI for the builder.
    SelfServe {
        /// With these files, on which a test runs.
        files: Vec<String>,
    },
}

/// Why runs are requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum Why {
    /// There is no run that counts.
    NotRun,
    /// There are some, and more are wanted.
    TooFew {
        /// Runs that count and are there or requested.
        have: u32,
        /// Runs that were wanted.
        want: u32,
    },
    /// Its last run failed.
    Failed,
    /// It ran where its build was never made, which proves nothing.
    BuildAbsent,
    /// A job depends on it that is wanted there.
    NeededBy {
        /// That job.
        job: JobName,
    },
    /// Another request was run in its place.
    Coalesced,
    /// The infrastructure or its deadline ended it before it said anything.
    Lost,
    /// It is run until it fails.
    UntilFailure {
        /// How often it has passed so far.
        passed: u32,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRun => f.write_str("not run"),
            Self::TooFew { have, want } => write!(f, "has {have} of {want}"),
            Self::Failed => f.write_str("its last run failed"),
            Self::BuildAbsent => f.write_str("it ran without its build"),
            Self::NeededBy { job } => write!(f, "{job} needs it"),
            Self::Coalesced => f.write_str("coalesced"),
            Self::Lost => f.write_str("lost before it said anything"),
            Self::UntilFailure { passed } => write!(f, "until it fails: passed {passed} so far"),
        }
    }
}

/// A push on which the job is requested once its build is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Where.
    pub push: PushRef,
    /// What.
    pub job: JobName,
    /// How many runs it lacks.
    pub times: u32,
    /// How many the push has already, there or requested.
    pub have: u32,
    /// The build that is under way.
    pub build: JobName,
}

/// What is asked of a plan, besides the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// How many runs each push is to have.
    pub times: u32,
    /// Whether pushes whose build was never made are left out, instead of having it made.
    pub only_built: bool,
}

impl Wish {
    /// So many runs, builds made where they are missing.
    pub fn times(times: u32) -> Self {
        Self { times, only_built: false }
    }
}

/// Plans that every one of these pushes has so many runs of the job.
///
/// `facts` are newest first; `keeps` tells which of them may be requested.
pub fn have_n<'a>(
    facts: impl IntoIterator<Item = (&'a PushFacts, bool)>,
    job: &JobName,
    wish: Wish,
    past: &PastRuns<'_>,
) -> Plan {
    let mut plan = Plan { jobs: vec![job.clone()], ..Plan::empty(wish.times) };
    for (facts, keeps) in facts {
        let lacking = missing_runs(facts, wish.times);
        if lacking > 0 {
            let why = match run_count(facts) {
                0 => Why::NotRun,
                have => Why::TooFew { have, want: wish.times },
            };
            add_to_plan(&mut plan, facts, job, MissingRuns { times: lacking, why, keeps, wish });
        }
    }
    plan.estimate = estimate(&plan, past);
    plan
}

/// Past runs that durations are taken from.
#[derive(Debug, Clone, Default)]
pub struct PastRuns<'a> {
    /// Of the job.
    pub job: Vec<&'a Run>,
    /// Of the build that it depends on.
    pub build: Vec<&'a Run>,
}

/// What a plan's requests cost, by what such runs took before.
pub(crate) fn estimate(plan: &Plan, past: &PastRuns<'_>) -> Estimate {
    let pulled = plan.requests.iter().filter(|request| request.builds.is_some()).count();
    let builds: u32 =
        plan.requests.iter().filter(|r| r.is_needed()).map(|request| request.times).sum();
    let waits: u32 = match builds {
        0 => 0,
        // What waits for a build that the plan requests is of the plan's own making.
        _ => plan.waits_for.iter().map(|waiting| waiting.times).sum(),
    };
    Estimate::new(
        plan.runs() - builds + waits,
        builds + u32::try_from(pulled).unwrap_or(u32::MAX),
        median(past.job.iter().copied()),
        median(past.build.iter().copied()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::facts;
    use crate::facts::{Build, Decision};
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
        all[8].requested = 2;
        let past = facts(1, &[Passed, Passed]);
        let past_build = facts(1, &[Passed]);
        let past =
            PastRuns { job: past.runs.iter().collect(), build: past_build.runs.iter().collect() };
        let plan = have_n(all.iter().map(|f| (f, true)), &job, Wish::times(2), &past);
        let requested: Vec<_> =
            plan.requests.iter().map(|r| (r.push.id.number(), r.times, r.why.clone())).collect();
        assert_eq!(
            requested,
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
        let built = Wish { times: 2, only_built: true };
        let only = have_n([(&all[3], true)], &job, built, &past);
        assert_eq!(
            (only.requests.len(), only.left_out[0].why.clone()),
            (0, LeftOutReason::NotBuilt(JobName::new("build")))
        );
        let mut bare = facts(50, &[]);
        bare.decision = Decision::NoGraph { own: None };
        let mut own = facts(49, &[Passed]);
        own.decision = Decision::NoGraph { own: own.runs[0].key.task() };
        let clones = have_n([(&bare, true), (&own, true)], &job, Wish::times(2), &past);
        assert_eq!(clones.left_out[0].why, LeftOutReason::NoDefinition);
        assert_eq!(
            clones.requests[0].through,
            Through::ClonedTask(own.runs[0].key.task().unwrap())
        );
        assert_eq!(plan.estimate.machine_minutes, Some(5 * 20 + 20));
        assert_eq!(plan.estimate.builds, 1);
    }

    #[test]
    fn joined_plans_are_by_push_and_make_a_build_once() {
        let build = JobName::new("build");
        let mut all: Vec<PushFacts> = (0..2).map(|i| facts(10 - i, &[])).collect();
        all[0].build = Build::Missing(build);
        let plan = |job: &str| {
            let (job, past) = (JobName::new(job), PastRuns::default());
            have_n(all.iter().map(|f| (f, true)), &job, Wish::times(1), &past)
        };
        let joined = Plan::join([plan("b"), plan("a")], 1);
        let order: Vec<_> =
            joined.requests.iter().map(|r| (r.push.id.number(), r.job.as_str())).collect();
        assert_eq!(order, [(10, "b"), (10, "a"), (9, "b"), (9, "a")]);
        assert_eq!((joined.runs(), joined.pushes(), joined.estimate.builds), (4, 2, 1));
    }
}
