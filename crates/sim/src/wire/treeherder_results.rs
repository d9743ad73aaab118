//! How Treeherder says that a run ended, and what is said of it.

use crate::world::{Dynamic, JobKind, Outcome, TaskRef, TaskState, World};

/// What people and Treeherder itself say of a run: of two in three failures that are known to come
/// and go a person said so, a regression that was backed out is said to be fixed, and a failure whose
/// job also passed on the push is taken for an intermittent without a bug.
pub(super) fn classification(
    world: &World,
    task: TaskRef,
    state: TaskState,
    dynamic: &Dynamic,
) -> u8 {
    let TaskRef::Job { push, job, n } = task else { return 1 };
    if state != TaskState::Resolved(Outcome::Failed) {
        return 1;
    }
    let failing = world.failing(push, job, n, &world.given(push, job, n, dynamic));
    let passes = |other: TaskRef| {
        let life = world.life(other, dynamic);
        let end = life.map(|life| life.state_at(world.clock.now()));
        end == Some(TaskState::Resolved(Outcome::Completed))
    };
    match failing.first() {
        Some(known) if known.intermittent && world.is_classified(task) => 4,
        _ if world.tasks_of_job(push, job, dynamic).any(passes) => 8,
        Some(bad) if !bad.intermittent && world.planted[bad.number].fixed.is_some() => 2,
        _ => 1,
    }
}

pub(super) fn result(state: TaskState, kind: JobKind) -> &'static str {
    match state {
        TaskState::Resolved(Outcome::Completed) => "success",
        TaskState::Resolved(Outcome::Failed) if kind == JobKind::Test => "testfailed",
        TaskState::Resolved(Outcome::Failed) => "busted",
        TaskState::Resolved(Outcome::Exception("canceled")) => "usercancel",
        TaskState::Resolved(Outcome::Exception("superseded")) => "superseded",
        TaskState::Resolved(outcome) if outcome.is_retried() => "retry",
        TaskState::Resolved(_) => "exception",
        _ => "unknown",
    }
}
