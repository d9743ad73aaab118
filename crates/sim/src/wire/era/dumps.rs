//! The dumps of builds, packed.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::builds::{Build, of_job};
use crate::server::Urls;
use crate::wire::graph::names;
use crate::wire::reply::Reply;
use crate::world::{Dynamic, JobKind, TaskRef, TaskState, World};

const SECOND: i64 = 1000;

/// How long after a build's end the four hours' dump has it, in milliseconds.
const WRITTEN: i64 = 60 * SECOND;

/// How long after a build's end its day's dump has it.
const DAYS_WRITTEN: i64 = 15 * 60 * SECOND;

const FOUR_HOURS: i64 = 4 * 3600 * SECOND;
const DAY: i64 = 24 * 3600 * SECOND;

/// Pushes whose builds' files are still there: the newest ones.
const KEPT: u32 = 30;

/// Answers a request for `builds-….js.gz`.
pub(super) fn dump(world: &World, name: &str, urls: &Urls) -> Reply {
    let wall = world.clock.wall();
    let (from, until, written) = match name {
        "4hr" => (wall - FOUR_HOURS, wall, WRITTEN),
        day => {
            let Ok(day) = chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d") else {
                return missing();
            };
            let start = day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis();
            (start, (start + DAY).min(wall), DAYS_WRITTEN)
        }
    };
    let dynamic = world.dynamic();
    let mut rows: Vec<Value> = Vec::new();
    for push in 0..world.config.pushes {
        // A day may have builds of pushes of the days before.
        let landed = world.autoland.pushes[push as usize].date * SECOND;
        if landed > until || (landed < from - 2 * DAY && !dynamic.touches(push)) {
            continue;
        }
        for job in 0..world.catalog.jobs.len() {
            let ended = of_job(world, push, job, &dynamic).into_iter().filter(|build| {
                let at = world.clock.shown(build.life.resolved);
                matches!(build.state, TaskState::Resolved(_))
                    && (from..=until).contains(&at)
                    && build.life.resolved + written <= world.clock.now()
            });
            rows.extend(ended.map(|build| row(world, &build, &dynamic, urls)));
        }
    }
    // Of a day before there was anything there is no dump.
    let first = world.autoland.pushes.first().map_or(0, |push| push.date * SECOND);
    if name != "4hr" && (until <= from || from + DAY <= first) {
        return missing();
    }
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let text = json!({"builds": rows}).to_string();
    match packer.write_all(text.as_bytes()).and_then(|()| packer.finish()) {
        Ok(packed) => Reply::new(200, "application/x-gzip", packed),
        Err(error) => Reply::new(500, "text/plain", error.to_string()),
    }
}

fn missing() -> Reply {
    Reply::new(404, "text/html", "<html><title>404 Not Found</title></html>")
}

fn row(world: &World, build: &Build, dynamic: &Dynamic, urls: &Urls) -> Value {
    let shown = |at: i64| world.clock.shown(at) / SECOND;
    let node = world.autoland.pushes[build.task.push() as usize].node();
    let requests: Vec<u64> = build.requests.iter().map(|(request, _)| *request).collect();
    let stored = |name: &str| {
        let task = build.task.id(world.seed());
        format!("{}/public-bucket/{task}/{}/{name}", urls.storage, build.run)
    };
    let mut properties = json!({
        "buildername": build.builder, "revision": node, "request_ids": requests,
        "branch": world.autoland.name, "buildnumber": requests[0] % 1000, "slavename": "sim-001",
        "log_url": stored("public/logs/live_backing.log"),
    });
    let TaskRef::Job { job, .. } = build.task else { return Value::Null };
    if world.catalog.jobs[job].kind == JobKind::Build && build.result(world) == Some(0) {
        let file = |name: &str| format!("{}/era-files/{}/{name}", urls.treeherder, requests[0]);
        properties["packageUrl"] = json!(file("firefox.tar.bz2"));
        properties["testsUrl"] = json!(file("firefox.tests.zip"));
    }
    let all = names(world, build.task, (build.run, &build.life), dynamic);
    let files: serde_json::Map<String, Value> = all
        .iter()
        .filter_map(|(name, _)| {
            Some((name.strip_prefix("public/test_info/")?.to_owned(), json!(stored(name))))
        })
        .collect();
    if !files.is_empty() {
        properties["blobber_files"] = json!(Value::Object(files).to_string());
    }
    json!({
        "request_ids": requests,
        "starttime": build.life.started.map(shown),
        "endtime": shown(build.life.resolved),
        "result": build.result(world),
        "properties": properties,
    })
}

/// Whether a build's file is still there, by its request.
pub(super) fn file(world: &World, request: &str) -> Reply {
    let task = request.parse().ok().and_then(super::names::task_of);
    match task {
        // What was made since is there, whatever it is of.
        Some(TaskRef::Job { push, n, .. }) if n > 0 || push + KEPT >= world.config.pushes => {
            Reply::new(200, "application/octet-stream", "")
        }
        _ => missing(),
    }
}
