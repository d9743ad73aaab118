//! The world's runs as builds of that farm, coalescing included.

use super::names::{builder, request};
use crate::world::{Dynamic, JobKind, Outcome, RunLife, TaskRef, TaskState, World};

/// A build: one run of a task, and the requests that it carries out.
#[derive(Debug, Clone)]
pub(super) struct Build {
    pub(super) task: TaskRef,
    pub(super) run: usize,
    pub(super) builder: String,
    pub(super) life: RunLife,
    pub(super) state: TaskState,
    /// The requests with the pushes that they are of, its own first.
    pub(super) requests: Vec<(u64, u32)>,
}

/// How many pushes before a build's own its builder may have left for it.
const LEFT: u32 = 3;

impl Build {
    /// Buildbot's number for how it ended.
    pub(super) fn result(&self, world: &World) -> Option<i64> {
        let TaskState::Resolved(outcome) = self.state else { return None };
        let TaskRef::Job { job, .. } = self.task else { return None };
        Some(match outcome {
            Outcome::Completed => 0,
            Outcome::Failed if world.catalog.jobs[job].kind == JobKind::Build => 2,
            Outcome::Failed => 1,
            Outcome::Exception("superseded") => 3,
            Outcome::Exception("canceled") => 6,
            Outcome::Exception(_) if outcome.is_retried() => 5,
            Outcome::Exception(_) => 4,
        })
    }
}

/// The builds of a job on a push that anybody can see by now.
pub(super) fn of_job(world: &World, push: u32, job: usize, dynamic: &Dynamic) -> Vec<Build> {
    let Some(builder) = builder(world, job) else { return Vec::new() };
    let now = world.clock.now();
    let mut builds = Vec::new();
    for task in world.tasks_of_job(push, job, dynamic) {
        let (TaskRef::Job { n, .. }, Some(life)) = (task, world.life(task, dynamic)) else {
            continue;
        };
        let mut requests = vec![(request(push, job, n), push)];
        if n == 0 {
            let before = (push.saturating_sub(LEFT)..push).rev();
            let left = before.filter(|earlier| left_for(world, *earlier, job) == Some(push));
            requests.extend(left.map(|earlier| (request(earlier, job, 0), earlier)));
        }
        for (run, (life, state)) in life.runs_at(now).enumerate() {
            builds.push(Build {
                task,
                run,
                builder: builder.name.clone(),
                life: *life,
                state,
                requests: requests.clone(),
            });
        }
    }
    builds
}

/// The later push with whose build a job's request on a push was carried out: that farm coalesced what
/// waited for a tester.
pub(super) fn left_for(world: &World, push: u32, job: usize) -> Option<u32> {
    let is_test = world.catalog.jobs[job].kind == JobKind::Test;
    let decided = world.decision_outcome(push) == Some(Outcome::Completed);
    if !is_test || !decided || world.scheduled(push, job) {
        return None;
    }
    let last = (push + LEFT).min(world.config.pushes.saturating_sub(1));
    (push + 1..=last).find(|later| world.scheduled(*later, job))
}
