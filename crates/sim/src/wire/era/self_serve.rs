//! Self-serve BuildAPI.

use serde_json::{Value, json};

use super::builds::{Build, left_for, of_job};
use super::names::{builder, job_of, request, task_of};
use crate::wire::reply::{Reply, Request};
use crate::world::{Dynamic, TaskRef, TaskState, World};

const SECOND: i64 = 1000;

/// Answers `GET <branch>/rev/<revision>`.
pub(super) fn of_revision(world: &World, revision: &str) -> Reply {
    let nothing = || {
        let branch = &world.autoland.name;
        no(404, &format!("Revision {revision} not found on branch {branch}"))
    };
    let Some(push) = push_of(world, revision) else {
        return nothing();
    };
    let node = world.autoland.pushes[push as usize].node();
    let dynamic = world.dynamic();
    let mut entries: Vec<Value> = Vec::new();
    for job in 0..world.catalog.jobs.len() {
        let own = of_job(world, push, job, &dynamic);
        let own = own.iter().filter(|build| is_listed(world, build.task, &dynamic));
        entries.extend(own.map(|build| entry(world, build, build.requests[0].0, node)));
        let Some(later) = left_for(world, push, job) else { continue };
        let carried = of_job(world, later, job, &dynamic).into_iter().find(|build| {
            matches!(build.task, TaskRef::Job { n: 0, .. })
                && matches!(build.state, TaskState::Resolved(_))
        });
        let number = request(push, job, 0);
        entries.extend(match (carried, builder(world, job)) {
            (Some(build), _) => Some(entry(world, &build, number, node)),
            (None, Some(builder)) => {
                Some(json!({"buildername": builder.name, "request_id": number}))
            }
            (None, None) => None,
        });
    }
    // So it says that nothing was ever requested there.
    match entries.is_empty() {
        true => nothing(),
        false => {
            // The newest builds stand first.
            entries.sort_by_key(|entry| std::cmp::Reverse(entry["endtime"].as_i64()));
            Reply::json(200, &entries)
        }
    }
}

/// How long a list is kept before it is made anew, in milliseconds.
const LIST_KEPT: i64 = 120 * SECOND;

/// Whether a request is in a list that may be that old.
fn is_listed(world: &World, task: TaskRef, dynamic: &Dynamic) -> bool {
    let TaskRef::Job { push, job, n } = task else { return true };
    let place = usize::from(n).checked_sub(1);
    let asked = place.and_then(|place| dynamic.tasks.get(&(push, job))?.get(place));
    asked.is_none_or(|asked| asked.created + LIST_KEPT <= world.clock.now())
}

fn entry(world: &World, build: &Build, number: u64, node: &str) -> Value {
    let shown = |at: i64| world.clock.shown(at) / SECOND;
    match build.state {
        TaskState::Unscheduled | TaskState::Pending => {
            json!({"buildername": build.builder, "request_id": number})
        }
        TaskState::Running => json!({
            "buildername": build.builder, "status": null, "revision": node,
            "requests": [{"request_id": number, "revision": node}],
        }),
        TaskState::Resolved(_) => {
            let ended = shown(build.life.resolved);
            json!({
                "buildername": build.builder, "status": build.result(world), "endtime": ended,
                "build_id": number * 10 + build.run as u64, "revision": node,
                "requests": [{"request_id": number, "complete_at": ended, "revision": node}],
            })
        }
    }
}

/// The push of a revision, whole or shortened.
fn push_of(world: &World, revision: &str) -> Option<u32> {
    if revision.len() < 12 {
        return None;
    }
    let found = world.autoland.pushes.iter().position(|push| push.node().starts_with(revision));
    found.and_then(|place| u32::try_from(place).ok())
}

fn no(status: u16, words: &str) -> Reply {
    Reply::json(status, &json!({"msg": words}))
}

/// What was taken on has a number of its own, which is not that of the build request it makes.
fn accepted(number: u64) -> Reply {
    Reply::json(202, &json!({"status": "OK", "request_id": number % 999_983 + 1}))
}

/// Answers what changes something; the user is known already.
pub(super) fn act(world: &World, request: &Request<'_>, path: &[&str]) -> Reply {
    let fields: Vec<(String, String)> =
        url::form_urlencoded::parse(request.body).into_owned().collect();
    let field = |name: &str| {
        fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    match (request.method, path) {
        ("POST", ["builders", name, revision]) => {
            let (Some(job), Some(push)) = (job_of(world, name), push_of(world, revision)) else {
                return no(404, "no such builder or revision");
            };
            let files: Vec<String> =
                field("files").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            ask(world, push, job, !files.is_empty())
        }
        ("POST", ["request"]) => {
            let task = field("request_id").and_then(|id| id.parse().ok()).and_then(task_of);
            let count: u32 = field("count").and_then(|count| count.parse().ok()).unwrap_or(1);
            let Some(TaskRef::Job { push, job, .. }) = task.filter(|task| is_there(world, *task))
            else {
                return no(404, "no such request");
            };
            let mut dynamic = world.dynamic();
            let now = world.clock.now();
            let made = (0..count).map(|_| dynamic.add_task(push, job, now, None)).last();
            start_tests(world, push, job, now, &mut dynamic);
            made.map_or_else(
                || no(400, "count is 0"),
                |n| accepted(super::names::request(push, job, n)),
            )
        }
        ("DELETE", ["request", id]) => {
            let Some(task) = id.parse().ok().and_then(task_of).filter(|t| is_there(world, *t))
            else {
                return no(404, "no such request");
            };
            let now = world.clock.now();
            let mut dynamic = world.dynamic();
            let ended = world.life(task, &dynamic).and_then(|life| life.end());
            if ended.is_none_or(|(at, _)| at > now) {
                dynamic.cancelled.insert(task, now);
            }
            accepted(id.parse().unwrap_or_default())
        }
        _ => no(404, "no such resource"),
    }
}

fn is_there(world: &World, task: TaskRef) -> bool {
    let TaskRef::Job { push, job, .. } = task else { return false };
    push < world.config.pushes && job < world.catalog.jobs.len()
}

/// Makes a request. A build that was requested by itself starts every test that depends on it; a test
/// that was given files needs no build.
fn ask(world: &World, push: u32, job: usize, has_files: bool) -> Reply {
    let now = world.clock.now();
    let mut dynamic = world.dynamic();
    let n = dynamic.add_task(push, job, now, None);
    if !has_files {
        start_tests(world, push, job, now, &mut dynamic);
    }
    accepted(request(push, job, n))
}

/// Makes the tests that a build starts, where there are none.
fn start_tests(world: &World, push: u32, build: usize, now: i64, dynamic: &mut Dynamic) {
    let tests =
        (0..world.catalog.jobs.len()).filter(|test| world.catalog.jobs[*test].build == Some(build));
    for test in tests.collect::<Vec<_>>() {
        if world.tasks_of_job(push, test, dynamic).next().is_none() {
            dynamic.add_task(push, test, now, None);
        }
    }
}
