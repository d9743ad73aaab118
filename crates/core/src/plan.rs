//! Plans: what would be asked for where, why, and what was left out and why.

use std::fmt;

use serde::Serialize;

use crate::estimate::{Estimate, median};
use crate::facts::{Build, Decision, PushFacts};
use crate::have::{have, lacks};
use crate::ids::{JobName, PushId, TaskId};
use crate::push::{PushRef, count_pushes};
use crate::run::{Run, State};

/// What would be asked for, as data: cheap to make, to print and to compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The jobs that were asked about.
    pub jobs: Vec<JobName>,
    /// How many runs each push is to have of each.
    pub times: u32,
    /// One entry a push and job, newest push first.
    pub requests: Vec<PlannedRequest>,
    /// Pushes whose build is under way: asked for once it is there, if it turns out well.
    pub waits_for: Vec<Waiting>,
    /// What lacks runs and is not asked for, each with its reason.
    pub left_out: Vec<LeftOut>,
    /// What all of it costs.
    pub estimate: Estimate,
}

impl Plan {
    /// A plan that asks for nothing.
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

    /// The most runs that any push would have of one job.
    pub fn most_on_a_push(&self) -> u32 {
        let asked = self.requests.iter().map(|r| r.have.saturating_add(r.times));
        let waits = self.waits_for.iter().map(|w| w.have.saturating_add(w.times));
        asked.chain(waits).max().unwrap_or(0)
    }

    /// Runs that this plan asks for.
    pub fn runs(&self) -> u32 {
        self.requests.iter().map(|request| request.times).sum()
    }

    /// The pushes that this plan asks for something on, each once.
    pub fn pushes(&self) -> usize {
        count_pushes(self.requests.iter().map(|request| request.push.id))
    }

    /// One plan of several: pushes newest first, on each the jobs in their order. A build that
    /// several jobs of a push need is made, and counted, once.
    pub fn join(plans: impl IntoIterator<Item = Self>, times: u32) -> Self {
        let mut all = Self::empty(times);
        let mut minutes = Some(0);
        for plan in plans {
            all.jobs.extend(plan.jobs);
            all.requests.extend(plan.requests);
            all.waits_for.extend(plan.waits_for);
            all.left_out.extend(plan.left_out);
            all.estimate.samples += plan.estimate.samples;
            minutes = minutes.zip(plan.estimate.machine_minutes).map(|(a, b)| a + b);
        }
        let newest = |push: &PushRef| std::cmp::Reverse(push.id);
        all.requests.sort_by_key(|request| newest(&request.push));
        all.waits_for.sort_by_key(|waiting| newest(&waiting.push));
        all.left_out.sort_by_key(|left_out| newest(&left_out.push));
        let mut builds: Vec<(PushId, &JobName)> =
            all.requests.iter().filter_map(|r| Some((r.push.id, r.builds.as_ref()?))).collect();
        builds.sort_unstable();
        builds.dedup();
        // A build that is asked for itself is among the runs.
        builds.retain(|(push, build)| {
            !all.requests.iter().any(|r| r.push.id == *push && r.job == **build)
        });
        all.estimate.builds = u32::try_from(builds.len()).unwrap_or(u32::MAX);
        all.estimate.runs = all.runs();
        all.estimate.machine_minutes = minutes;
        all
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
    /// How many the push has already, there or asked for.
    pub have: u32,
    /// What for.
    pub why: Why,
    /// The build that has to be made first; asking for the job pulls it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builds: Option<JobName>,
    /// How it is asked for.
    #[serde(flatten)]
    pub through: Through,
}

/// How runs are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Through {
    /// Through an action of this decision task.
    DecisionTask(TaskId),
    /// By repeating this task of the push's own.
    ClonedTask(TaskId),
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
    /// Its last run failed.
    Failed,
    /// Another request was run in its place.
    Coalesced,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRun => f.write_str("not run"),
            Self::TooFew { have, want } => write!(f, "has {have} of {want}"),
            Self::Failed => f.write_str("its last run failed"),
            Self::Coalesced => f.write_str("coalesced"),
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
    /// How many the push has already, there or asked for.
    pub have: u32,
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
    /// That build was never made, and only pushes with a build were asked for.
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
    /// `--every` passes it over.
    NotEvery,
    /// The push's actions do not offer what is needed.
    NoAction(String),
    /// A closer look at Taskcluster found the runs, which Treeherder did not show yet.
    AlreadyThere(String),
    /// Another command asked for it since the plan was made.
    JustAsked,
    /// It would have been asked for together with a job that another command has just asked for.
    JustAskedWith(JobName),
    /// Its runs ended in a way that somebody or something meant: only named it is asked for.
    Ended(State),
    /// The job's runs mostly end in infrastructure failures: more of them would say nothing.
    Infra,
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
            Self::DecisionUnderWay => f.write_str("its decision task is not done yet"),
            Self::NoDefinition => f.write_str("no definition here: there is no task to repeat"),
            Self::NotEvery => f.write_str("passed over by --every"),
            Self::NoAction(text) => f.write_str(text),
            Self::AlreadyThere(what) => {
                write!(f, "already there, though not in Treeherder: {what}")
            }
            Self::JustAsked => f.write_str("another command has just asked for it"),
            Self::JustAskedWith(job) => write!(
                f,
                "another command has just asked for {job}, with which it would have gone: run this again"
            ),
            Self::Ended(state) => {
                write!(f, "its last run ended {}: name the job to ask for it", state.word())
            }
            Self::Infra => f.write_str(
                "most of the job's last runs ended in infrastructure failures: more would say nothing",
            ),
        }
    }
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
/// `facts` are newest first; `keeps` tells which of them may be asked for.
pub fn have_n<'a>(
    facts: impl IntoIterator<Item = (&'a PushFacts, bool)>,
    job: &JobName,
    wish: Wish,
    past: &PastRuns<'_>,
) -> Plan {
    let mut plan = Plan { jobs: vec![job.clone()], ..Plan::empty(wish.times) };
    for (facts, keeps) in facts {
        let lacking = lacks(facts, wish.times);
        if lacking > 0 {
            let why = match have(facts) {
                0 => Why::NotRun,
                have => Why::TooFew { have, want: wish.times },
            };
            place(&mut plan, facts, job, Asked { times: lacking, why, keeps, wish });
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
    /// Of the build that it hangs on.
    pub build: Vec<&'a Run>,
}

/// What a plan's requests cost, by what such runs took before.
pub(crate) fn estimate(plan: &Plan, past: &PastRuns<'_>) -> Estimate {
    let builds = plan.requests.iter().filter(|request| request.builds.is_some()).count();
    Estimate::new(
        plan.runs(),
        u32::try_from(builds).unwrap_or(u32::MAX),
        median(past.job.iter().copied()),
        median(past.build.iter().copied()),
    )
}

/// What a push lacks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) times: u32,
    pub(crate) why: Why,
    /// Whether `--every` keeps the push.
    pub(crate) keeps: bool,
    pub(crate) wish: Wish,
}

/// Puts a push that lacks runs where it belongs in the plan.
pub(crate) fn place(plan: &mut Plan, facts: &PushFacts, job: &JobName, asked: Asked) {
    let push = PushRef::from(&facts.push);
    let job = job.clone();
    let Asked { times, why, keeps, wish } = asked;
    let left_out = |why| LeftOut { push: push.clone(), job: job.clone(), why };
    let reason = match (&facts.decision, &facts.build) {
        (Decision::UnderWay, _) => Some(LeftOutReason::DecisionUnderWay),
        (Decision::Failed, _) => Some(LeftOutReason::DecisionFailed),
        (Decision::Missing, _) => Some(LeftOutReason::DecisionMissing),
        (_, Build::Failed(build)) => Some(LeftOutReason::BuildFailed(build.clone())),
        (_, Build::Dead(build)) => Some(LeftOutReason::BuildDead(build.clone())),
        _ if !keeps => Some(LeftOutReason::NotEvery),
        (Decision::NoGraph { own: None }, _) => Some(LeftOutReason::NoDefinition),
        (_, Build::Missing(build)) if wish.only_built => {
            Some(LeftOutReason::NotBuilt(build.clone()))
        }
        _ => None,
    };
    if let Some(reason) = reason {
        return plan.left_out.push(left_out(reason));
    }
    let through = match facts.decision {
        Decision::Done(task) => Through::DecisionTask(task),
        Decision::NoGraph { own: Some(task) } => Through::ClonedTask(task),
        _ => return,
    };
    let builds = match &facts.build {
        Build::UnderWay(build) => {
            let build = build.clone();
            return plan.waits_for.push(Waiting { push, job, times, have: have(facts), build });
        }
        Build::Missing(build) => Some(build.clone()),
        _ => None,
    };
    let have = have(facts);
    plan.requests.push(PlannedRequest { push, job, times, have, why, builds, through });
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
        let plan = have_n(all.iter().map(|f| (f, true)), &job, Wish::times(2), &past);
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
        let built = Wish { times: 2, only_built: true };
        let only = have_n([(&all[3], true)], &job, built, &past);
        assert_eq!(
            (only.requests.len(), only.left_out[0].why.clone()),
            (0, LeftOutReason::NotBuilt(JobName::new("build")))
        );
        let mut bare = facts(50, &[]);
        bare.decision = Decision::NoGraph { own: None };
        let mut own = facts(49, &[Passed]);
        own.decision = Decision::NoGraph { own: Some(own.runs[0].key.task) };
        let clones = have_n([(&bare, true), (&own, true)], &job, Wish::times(2), &past);
        assert_eq!(clones.left_out[0].why, LeftOutReason::NoDefinition);
        assert_eq!(clones.requests[0].through, Through::ClonedTask(own.runs[0].key.task));
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
