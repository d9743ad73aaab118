//! How many events a second go from a broker through the store, and what memory that takes. The broker
//! is set up by `scripts/rabbitmq`.
//!
//! `event_flood publish BROKER COUNT` fills the queue; `event_flood listen BROKER COUNT` listens until so
//! many have been stored and acknowledged, and prints one line of JSON.
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

mod memory;

use std::time::{Duration, Instant};

use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use mozci_clients::pulse::{PulseSettings, Secret};
use mozci_core::facts::{Build, Decision, PushFacts};
use mozci_core::guard::Budgets;
use mozci_core::ids::{PushId, PushlogId, Revision, TaskId, Vcs};
use mozci_core::push::Push;
use mozci_core::time::At;
use mozci_engine::ci::{Ci, Opening};
use mozci_engine::config::{ClosedTree, Config, CredentialSource};
use mozci_engine::events::Subscription;
use mozci_engine::store::Directories;
use serde_json::json;

/// The group that is listened to.
const GROUP: [u8; 16] = [0xa5; 16];

/// Tasks that the events are of.
const TASKS: u64 = 20_000;

const EXCHANGE: &str = "exchange/taskcluster-queue/v1/task-completed";

type Failed = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, broker, count] = arguments.as_slice() else {
        return Err("usage: event_flood publish|listen|declare BROKER COUNT".into());
    };
    let count: u64 = count.parse()?;
    match what.as_str() {
        "publish" => publish(broker, count).await,
        "listen" => listen(broker, count).await,
        // The queue, so that there is something to fill.
        _ => listen(broker, 0).await,
    }
}

/// One of the tasks.
fn task(n: u64) -> TaskId {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&(n % TASKS).to_be_bytes());
    TaskId::from_bytes(bytes)
}

async fn publish(broker: &str, count: u64) -> Result<(), Failed> {
    let url = broker.replacen("://", "://queue:queue-password@", 1);
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let group = TaskId::from_bytes(GROUP);
    for n in 0..count {
        let task = task(n);
        let runs: Vec<_> = (0..=n / TASKS % 3)
            .map(|run| {
                json!({
                    "runId": run, "state": "completed", "reasonCreated": "scheduled",
                    "reasonResolved": "completed", "workerGroup": "g", "workerId": "w",
                    "takenUntil": "2026-11-22T14:33:16.502Z", "scheduled": "2026-11-22T14:13:16.163Z",
                    "started": "2026-11-22T14:13:16.504Z", "resolved": "2026-11-22T14:14:16.657Z",
                })
            })
            .collect();
        let body = json!({
            "status": {
                "taskId": task, "provisionerId": "gecko-t", "workerType": "t-linux",
                "taskQueueId": "gecko-t/t-linux", "schedulerId": "gecko-level-3",
                "projectId": "none", "taskGroupId": group, "priority": "low",
                "deadline": "2026-11-26T14:13:16.144Z", "expires": "2027-11-22T14:13:16.144Z",
                "retriesLeft": 5, "state": "completed", "runs": runs,
            },
            "runId": 0,
            "task": {"tags": {
                "os": "linux", "kind": "test", "label": "test-linux2404-64/opt-mochitest-plain-1",
                "project": "autoland", "retrigger": "true", "test-suite": "mochitest-plain",
                "createdForUser": "brook@mozilla.example", "worker-implementation": "docker-worker",
            }},
            "workerGroup": "g", "workerId": "w", "version": 1,
        });
        let key = format!("primary.{task}.0.g.w.gecko-t.t-linux.gecko-level-3.{group}._");
        let body = body.to_string();
        let sent = channel.basic_publish(
            EXCHANGE.into(),
            key.as_str().into(),
            BasicPublishOptions::default(),
            body.as_bytes(),
            BasicProperties::default(),
        );
        sent.await?;
    }
    connection.close(200, "done".into()).await?;
    Ok(())
}

async fn listen(broker: &str, count: u64) -> Result<(), Failed> {
    let folder = std::env::temp_dir().join(format!("event-flood-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let config = folder.join("config.toml");
    std::fs::write(
        &config,
        "[ci.flood]\nkind = \"taskcluster\"\nroot_url = \"http://127.0.0.1:1\"\n\
         treeherder_url = \"http://127.0.0.1:1\"\n[ci.flood.repos.main]\npushlog = \"treeherder\"\n",
    )?;
    let config = Config::load(Some(&config))?;
    let (_, ci) = config.ci(Some("flood"))?;
    let ci = Ci::open(Opening {
        config: ci,
        repo: None,
        clone: None,
        credentials: CredentialSource::Nowhere,
        sandbox: None,
        http: None,
        store: None,
        pulse: Some(PulseSettings::new(
            broker.parse()?,
            "watcher",
            Secret::new("watcher-password"),
        )),
        budgets: Budgets::default(),
        closed_tree: ClosedTree::Refuse,
        rules: None,
        runs_read: 0,
        place: Directories::at(&folder),
        user_agent: "event_flood".into(),
    })?;
    let facts = facts()?;
    let started = Instant::now();
    let subscription = Subscription::open(&ci, vec![&facts], Some("flood")).await?;
    let mut memory = vec![memory::rss()];
    while subscription.told() < count {
        if subscription.told() * 10 / count.max(1) >= memory.len() as u64 {
            memory.push(memory::rss());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    memory.push(memory::rss());
    let per_second = if count == 0 { 0.0 } else { subscription.told() as f64 / seconds };
    let told = json!({
        "events": subscription.told(), "seconds": seconds, "per_second": per_second, "rss_kib": memory,
    });
    println!("{told}");
    if count > 0 {
        subscription.close().await;
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// A push whose task group is the one that is listened to.
fn facts() -> Result<PushFacts, Failed> {
    let push = Push {
        id: PushId::Pushlog(PushlogId(1)),
        revision: Revision::new(Vcs::Hg, &"0".repeat(40))?,
        git: None,
        author: String::new(),
        date: At(0),
        changesets: Vec::new(),
        summary: None,
    };
    let decision = Decision::Done(TaskId::from_bytes(GROUP));
    let (runs, build) = (Vec::new(), Build::NotNeeded);
    Ok(PushFacts { push, runs, requested: 0, doubtful: 0, build, decision, chunk: None })
}
