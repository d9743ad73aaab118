//! Many open watches in one process: how long until the first of them reacts after a restart, and what
//! they take of processor and memory while events come.
//!
//! `many_watches MOZCI BROKER WATCHES SECONDS`: a simulated CI runs in this process at real speed; so
//! many watches are open in the store, each of a job on a push; `investigations resume --all` is started; a
//! hundred events a second are published for so long. Prints one line of JSON.
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use mozci_core::time::At;
use mozci_engine::store::{SharedStore, Sqlite};
use mozci_sim::world::{TaskRef, TaskState};
use mozci_sim::{Sim, SimConfig, SimCredentials, WorldConfig};
use serde_json::json;

type Failed = Box<dyn std::error::Error>;

/// Events a second.
const RATE: u64 = 100;

/// Clock ticks a second, as Linux counts processor time for programs.
const TICKS: f64 = 100.0;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mozci, broker, count, seconds] = arguments.as_slice() else {
        return Err("usage: many_watches MOZCI BROKER WATCHES SECONDS".into());
    };
    let (count, seconds): (usize, u64) = (count.parse()?, seconds.parse()?);
    let world = WorldConfig {
        jobs: 400,
        full_every: 1,
        speed: 1.0,
        newest_minutes_ago: 45,
        ..WorldConfig::default()
    };
    let sim = Sim::start(SimConfig { world, ..SimConfig::default() }).await?;
    let home = tempfile::tempdir()?;
    let config = home.path().join("config.toml");
    let credentials = json!(SimCredentials::sheriff()).to_string();
    std::fs::write(
        &config,
        format!(
            "[ci.sim]\nkind = \"taskcluster\"\nroot_url = \"{}\"\ntreeherder_url = \"{}\"\n\
             pulse_url = \"{broker}\"\npoll_seconds = 600\nrequests_per_minute = 100000\n\
             credentials_command = {}\n[ci.sim.repos.autoland]\npushlog = \"hg\"\n\
             url = \"{}/integration/autoland\"\n\
             [guards]\nruns_per_plan = 100000\nruns_per_push = 1000\nruns_per_day = 1000000\n",
            sim.urls.taskcluster,
            sim.urls.treeherder,
            json!(["echo", credentials]),
            sim.urls.hg
        ),
    )?;
    let store: SharedStore = std::sync::Arc::new(Sqlite::open(&home.path().join("state/mozci"))?);
    let pushes = &sim.world.autoland.pushes;
    let tests: Vec<usize> = (0..sim.world.catalog.jobs.len())
        .filter(|job| sim.world.catalog.jobs[*job].label.starts_with("test-"))
        .collect();
    // Of a push that is under way and of two that have ended, a job each, as often as it takes.
    for n in 0..count {
        let push = pushes.len() - 1 - 12 * (n % 3);
        let label = &sim.world.catalog.jobs[tests[n / 3 % tests.len()]].label;
        let question = json!({
            "kind": "watch", "job": label, "jobs": [label], "pushes": [pushes[push].node()],
            "retry_failed": 1, "fill": false, "until_failure": null, "most": 20,
        });
        store
            .begin(&sim.urls.taskcluster, "autoland", &question, At(1_795_000_000 + n as i64))
            .await?;
    }
    let started = Instant::now();
    let mut child = Command::new(mozci)
        .args(["--config", &config.to_string_lossy(), "investigations", "resume", "--all", "--yes"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("XDG_STATE_HOME", home.path().join("state"))
        .env("PULSE_USER", "watcher")
        .env("PULSE_PASSWORD", "watcher-password")
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()?;
    let mut first = None;
    while first.is_none() && started.elapsed() < Duration::from_secs(40) {
        first = (!sim.world.dynamic().actions.is_empty()).then(|| started.elapsed());
        if child.try_wait()?.is_some() {
            return Err("mozci ended before anything happened".into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut rows = Vec::new();
    if seconds > 0 {
        // What there was to be requested at the start is requested first.
        let mut quiet = (0, Instant::now());
        while quiet.1.elapsed() < Duration::from_secs(3) {
            let actions = sim.world.dynamic().actions.len();
            if actions != quiet.0 {
                quiet = (actions, Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        rows = steady(&sim, broker, seconds, child.id()).await?;
    }
    child.kill()?;
    child.wait()?;
    let told = json!({
        "watches": count,
        "first_reaction_ms": first.map(|first| first.as_millis() as u64),
        "actions": sim.world.dynamic().actions.len(),
        "samples": rows,
    });
    println!("{told}");
    Ok(())
}

/// Publishes events at a steady rate, and looks at the process.
async fn steady(
    sim: &Sim,
    broker: &str,
    seconds: u64,
    process: u32,
) -> Result<Vec<serde_json::Value>, Failed> {
    let url = broker.replacen("://", "://queue:queue-password@", 1);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let push = sim.world.config.pushes - 1;
    let group = TaskRef::Decision { push }.id(sim.world.seed()).to_string();
    let under_way: Vec<(String, String)> = (0..sim.world.catalog.jobs.len())
        .filter(|job| {
            let (dynamic, task) = (sim.world.dynamic(), TaskRef::Job { push, job: *job, n: 0 });
            let life = sim.world.life(task, &dynamic);
            let state = life.map(|life| life.state_at(sim.world.clock.now()));
            matches!(state, Some(TaskState::Running | TaskState::Pending))
        })
        .map(|job| {
            let task = TaskRef::Job { push, job, n: 0 }.id(sim.world.seed()).to_string();
            (task, sim.world.catalog.jobs[job].label.clone())
        })
        .collect();
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
    let (mut rows, started, before) = (Vec::new(), Instant::now(), usage(process)?);
    for n in 0..seconds * RATE {
        ticks.tick().await;
        let Some((task, label)) = under_way.get(n as usize % under_way.len().max(1)) else { break };
        let body = json!({
            "status": {
                "taskId": task, "taskGroupId": group, "state": "running",
                "runs": [{"runId": 0, "state": "running", "started": "2026-11-22T14:13:16.504Z"}],
            },
            "runId": 0, "task": {"tags": {"label": label}}, "version": 1,
        })
        .to_string();
        let key = format!("primary.{task}.0.g.w.gecko-t.t-linux.gecko-level-3.{group}._");
        let sent = channel.basic_publish(
            "exchange/taskcluster-queue/v1/task-running".into(),
            key.as_str().into(),
            BasicPublishOptions::default(),
            body.as_bytes(),
            BasicProperties::default(),
        );
        sent.await?;
        if n % (RATE * 30) == RATE * 30 - 1 {
            let (ticks, kib) = usage(process)?;
            let spent = (ticks - before.0) as f64 / TICKS;
            let share = 100.0 * spent / started.elapsed().as_secs_f64();
            rows.push(json!({"seconds": (n + 1) / RATE, "cpu_percent": share, "rss_kib": kib}));
        }
    }
    Ok(rows)
}

/// Processor time in ticks and resident memory in KiB of a process.
fn usage(process: u32) -> Result<(u64, u64), Failed> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no stat")?.1.split_whitespace().collect();
    let number = |place: usize| fields.get(place).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    Ok((number(11) + number(12), number(21) * 4))
}
