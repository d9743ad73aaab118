//! How long it takes from a task's end, as it is published, to the request that mozci sends because of
//! it. A simulated CI runs in this process, its clock at real speed; its tasks' ends are published by
//! hand, one after the other, and each has to be answered by an action before the next.
//!
//! `reaction MOZCI BROKER COUNT`; prints one line of JSON, in milliseconds.
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use mozci_sim::world::{Outcome, TaskRef, TaskState};
use mozci_sim::{Sim, SimConfig, SimCredentials, WorldConfig};
use serde_json::json;

type Failed = Box<dyn std::error::Error>;

/// How long one reaction may take.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mozci, broker, count] = arguments.as_slice() else {
        return Err("usage: reaction MOZCI BROKER COUNT".into());
    };
    let count: usize = count.parse()?;
    let world = WorldConfig {
        jobs: 500,
        full_every: 1,
        speed: 1.0,
        // Its builds are done, most of them, and its tests are not.
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
             [guards]\nruns_per_plan = 100000\nruns_per_day = 100000\n",
            sim.urls.taskcluster,
            sim.urls.treeherder,
            json!(["echo", credentials]),
            sim.urls.hg
        ),
    )?;
    let mut child = Command::new(mozci)
        .args(["--config", &config.to_string_lossy(), "watch", "--tests", "--rev", "tip"])
        .args(["--retry-failed", "1", "--yes"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("PULSE_USER", "watcher")
        .env("PULSE_PASSWORD", "watcher-password")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let stderr = child.stderr.take().ok_or("no stderr")?;
    let (told, listens) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = told.send(line);
        }
    });
    let mut said = String::new();
    while !said.contains("told by Pulse") {
        let line = listens.recv_timeout(Duration::from_secs(60));
        let line = line.map_err(|_| format!("mozci does not listen: {said}"))?;
        said.push_str(&line);
    }
    let url = broker.replacen("://", "://queue:queue-password@", 1);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let push = sim.world.config.pushes - 1;
    let group = TaskRef::Decision { push }.id(sim.world.seed()).to_string();
    let mut took = Vec::new();
    let jobs = sim.world.catalog.jobs.iter().enumerate();
    for (job, entry) in jobs.filter(|(_, entry)| entry.label.starts_with("test-")) {
        if took.len() == count {
            break;
        }
        let state = |job| {
            let (dynamic, task) = (sim.world.dynamic(), TaskRef::Job { push, job, n: 0 });
            let life = sim.world.life(task, &dynamic)?;
            Some(life.state_at(sim.world.clock.now()))
        };
        let built = entry.build.and_then(state);
        let is_built = built == Some(TaskState::Resolved(Outcome::Completed));
        if !is_built || !matches!(state(job), Some(TaskState::Running | TaskState::Pending)) {
            continue;
        }
        let task = TaskRef::Job { push, job, n: 0 }.id(sim.world.seed()).to_string();
        let body = json!({
            "status": {
                "taskId": task, "provisionerId": "gecko-t", "workerType": "t-linux",
                "schedulerId": "gecko-level-3", "taskGroupId": group, "state": "failed",
                "runs": [{"runId": 0, "state": "failed", "reasonResolved": "failed",
                    "started": "2026-11-22T14:13:16.504Z", "resolved": "2026-11-22T14:14:16.657Z"}],
            },
            "runId": 0, "task": {"tags": {"label": entry.label}}, "version": 1,
        })
        .to_string();
        let key = format!("primary.{task}.0.g.w.gecko-t.t-linux.gecko-level-3.{group}._");
        let before = sim.world.dynamic().actions.len();
        let started = Instant::now();
        let sent = channel.basic_publish(
            "exchange/taskcluster-queue/v1/task-failed".into(),
            key.as_str().into(),
            BasicPublishOptions::default(),
            body.as_bytes(),
            BasicProperties::default(),
        );
        sent.await?;
        loop {
            if sim.world.dynamic().actions.len() > before {
                took.push(started.elapsed().as_secs_f64() * 1000.0);
                break;
            }
            if started.elapsed() > PATIENCE {
                child.kill()?;
                let rest: Vec<String> = listens.try_iter().collect();
                return Err(format!("no reaction to the end of {}: {rest:?}", entry.label).into());
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        // The next one comes when this one is done with.
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    child.kill()?;
    child.wait()?;
    if took.is_empty() {
        return Err("nothing was under way".into());
    }
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    let told = json!({
        "reactions": took.len(), "median_ms": at(0.5), "p99_ms": at(0.99),
        "most_ms": at(1.0),
    });
    println!("{told}");
    Ok(())
}
