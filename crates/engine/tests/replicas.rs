//! Two processes drive 200 investigations between them, and one of them is killed now and then: none is lost, none is
//! driven twice, and none is taken from a process that is alive.
//!
//! Against PostgreSQL it runs where `MOZCI_TEST_POSTGRES` names a server.

#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]
#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

#[path = "../../store/tests/conformance/database.rs"]
mod database;
#[path = "drivers/folder.rs"]
mod folder;
#[path = "drivers/opened.rs"]
mod opened;
#[path = "drivers/toy.rs"]
mod toy;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use mozci_core::guard::Budgets;
use mozci_core::time::At;
use mozci_engine::ci::Ci;
use mozci_engine::drive::search::{Ended, SearchContext, SearchOptions, search};
use mozci_engine::drive::{Permission, Session, settle};
use mozci_engine::flow::BisectQuestion;
use mozci_engine::store::{Directories, InvestigationState, Lease, Ledger, SharedStore, Sqlite};
use mozci_store::DatabaseUrl;
use mozci_store::postgres::{Options, Postgres};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use database::new_database;
use folder::Toy;
use opened::{Nobody, Opened};

/// Pushes of the world, the culprit among them, and investigations: each of a job of its own.
const PUSHES: u64 = 12;
const CULPRIT: u64 = 7;
const INVESTIGATIONS: usize = 200;

/// After how many ended investigations one of the two is killed.
const KILLED_EVERY: usize = 30;

/// What a replica is told: the folder of the world, and the database if there is one.
const WORLD: &str = "MOZCI_REPLICA_WORLD";
const DATABASE: &str = "MOZCI_REPLICA_DATABASE";

async fn open(folder: &Path, database: Option<&str>) -> SharedStore {
    match database {
        None => Arc::new(Sqlite::open(folder).unwrap()),
        Some(url) => {
            // Long enough for a busy machine; whoever is killed holds up its investigations as long.
            let options = Options { lease: Duration::from_secs(20), connections: 8 };
            Arc::new(Postgres::open(&DatabaseUrl::parse(url).unwrap(), options).await.unwrap())
        }
    }
}

fn ci(folder: &Path, store: &SharedStore) -> Ci {
    let opened = Opened {
        name: "toy",
        toy: &Arc::new(Toy::new(folder, PUSHES, CULPRIT)),
        place: Directories::at(folder),
        store: Some(SharedStore::clone(store)),
        budgets: Budgets { day: u32::MAX, ..Budgets::default() },
    };
    opened.open(&folder.join(format!("config-{}.toml", std::process::id())))
}

/// A line in the log of what replicas do, written at once.
fn log(folder: &Path, what: &str, lease: &Lease) {
    let mut file =
        std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let line = format!("{what} {} {} {}\n", lease.id, lease.fence, std::process::id());
    file.write_all(line.as_bytes()).unwrap();
}

/// Drives what is open until nothing is.
async fn drive(folder: &Path, store: &SharedStore) {
    let ci = ci(folder, store);
    let repo = ci.repo.as_str().to_owned();
    loop {
        let leases = store.claim_open(&ci.root_url, &repo, 4).await.unwrap();
        if leases.is_empty() {
            if store.open_investigations(&ci.root_url, &repo).await.unwrap().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        join_all(leases.into_iter().map(|lease| one(folder, &ci, store, lease))).await;
    }
}

async fn one(folder: &Path, ci: &Ci, store: &SharedStore, lease: Lease) {
    log(folder, "claimed", &lease);
    let found = store.by_prefix(&lease.id).await.unwrap().remove(0);
    let question = BisectQuestion::of(&found).unwrap();
    let (mut ledger, mut host) = (Ledger::of(SharedStore::clone(store)), Nobody);
    settle(ci, &ledger, &mut host).await;
    let cancel = CancellationToken::new();
    let session = Session { ci, ledger: &mut ledger, host: &mut host, cancel: &cancel };
    let options = SearchOptions {
        permission: Permission::Given,
        no_wait: false,
        explain: false,
        mark: false,
        notifier: None,
    };
    let mut context = SearchContext { session, store: &**store, repositories: &Nobody, options };
    let searched = search(&question, Some(lease.clone()), false, &mut context).await.unwrap();
    assert!(matches!(searched.ended, Ended::Verdict(_)), "{:?}", searched.ended);
    log(folder, "ended", &lease);
}

/// The world and its open investigations.
async fn prepare(folder: &Path, store: &SharedStore, count: usize) {
    let toy = Toy::new(folder, PUSHES, CULPRIT);
    let ci = ci(folder, store);
    for number in 0..count {
        let job = format!("job-{number}");
        toy.write_run(1, &job, 1, "passed");
        toy.write_run(PUSHES, &job, 1, "failed");
        let question = json!({
            "job": job, "bad": format!("{PUSHES:040x}"), "max_revisions": 100, "delta": 0.01,
            "p_min": 0.05, "deterministic": true, "budget": 50, "at_once": 2, "priors": true,
            "anyway": false, "background": 0
        });
        let now = At(1_000 + i64::try_from(number).unwrap());
        store.begin(&ci.root_url, ci.repo.as_str(), &question, now).await.unwrap();
    }
}

fn spawn(folder: &Path, database: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_replica_drives_what_is_open", "--nocapture"]);
    command.env(WORLD, folder).stdout(Stdio::null());
    if let Some(database) = database {
        command.env(DATABASE, database);
    }
    command.spawn().unwrap()
}

/// What replicas did so far: the word, the investigation, the fence, the process.
fn entries(folder: &Path) -> Vec<(String, String, i64, u32)> {
    let text = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
    let entry = |line: &str| {
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap().to_owned();
        (next(), next(), next().parse().unwrap(), next().parse().unwrap())
    };
    text.lines().map(entry).collect()
}

/// Two replicas, of which one is killed now and then. Gives the processes that were killed.
async fn two_replicas(folder: &Path, database: Option<&str>) -> BTreeSet<u32> {
    let mut replicas = [spawn(folder, database), spawn(folder, database)];
    let (mut killed, mut next) = (BTreeSet::new(), KILLED_EVERY);
    loop {
        let ended = entries(folder).iter().filter(|(what, ..)| what == "ended").count();
        if ended >= next && ended < INVESTIGATIONS - KILLED_EVERY {
            let victim = &mut replicas[killed.len() % 2];
            killed.insert(victim.id());
            victim.kill().unwrap();
            victim.wait().unwrap();
            *victim = spawn(folder, database);
            next = ended + KILLED_EVERY;
        }
        let done: Vec<_> = replicas.iter_mut().map(|child| child.try_wait().unwrap()).collect();
        if let Some(failed) = done.iter().flatten().find(|status| !status.success()) {
            panic!("a replica failed: {failed}");
        }
        if done.iter().all(Option::is_some) {
            return killed;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What must hold in the end, whoever did what.
async fn check(folder: &Path, store: &SharedStore, killed: &BTreeSet<u32>) {
    let all = store.by_prefix("").await.unwrap();
    assert_eq!(all.len(), INVESTIGATIONS);
    let toy = Toy::new(folder, PUSHES, CULPRIT);
    let mut runs_of = BTreeMap::new();
    for found in &all {
        assert_eq!(found.state, InvestigationState::Done, "{} is lost", found.id);
        let end = store.last_step(&found.id).await.unwrap().unwrap();
        assert_eq!(end["end"]["pushes"][0]["id"], CULPRIT, "{end}");
        let ends: Vec<Value> =
            store.steps(&found.id).await.unwrap().into_iter().map(|s| s.1).collect();
        assert_eq!(ends.iter().filter(|step| step["step"] == "ended").count(), 1);
        let job = found.question["job"].as_str().unwrap();
        let runs = (1..=PUSHES).map(|push| toy.runs_on(push, job, false).len()).sum::<usize>();
        runs_of.insert(found.id.clone(), runs);
    }
    let mut claims: BTreeMap<String, Vec<(i64, u32)>> = BTreeMap::new();
    for (what, id, fence, process) in entries(folder) {
        if what == "claimed" {
            claims.entry(id).or_default().push((fence, process));
        }
    }
    assert_eq!(claims.len(), INVESTIGATIONS);
    // Each search is the same. One whose driver was killed may need two more rounds of two: what was under way has
    // not ended when it is read again.
    let alone = claims.iter().find(|(_, holders)| holders.len() == 1).unwrap().0;
    let usual = runs_of[alone];
    for (id, runs) in &runs_of {
        let more = 4 * (claims[id].len() - 1);
        let on = |id: &str| -> Vec<usize> {
            let found = all.iter().find(|found| found.id == id).unwrap();
            let job = found.question["job"].as_str().unwrap();
            (1..=PUSHES).map(|push| toy.runs_on(push, job, false).len()).collect()
        };
        assert!(
            *runs <= usual + more,
            "{id} {:?} against {:?} {:?}",
            on(id),
            on(alone),
            of_ledger(store, id).await
        );
    }
    for (id, mut holders) in claims {
        holders.sort_unstable();
        for (fence, process) in &holders[..holders.len() - 1] {
            assert!(killed.contains(process), "{id} was taken from {process}, fence {fence}");
        }
    }
    assert!(killed.len() >= 3, "only {} were killed", killed.len());
}

/// One process alone; the others are this one, started again with another world.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_drives_what_is_open() {
    let given = std::env::var(WORLD).map(PathBuf::from);
    let folder = tempfile::tempdir().unwrap();
    let world = given.as_deref().unwrap_or(folder.path());
    let store = open(world, std::env::var(DATABASE).ok().as_deref()).await;
    if given.is_err() {
        prepare(world, &store, 3).await;
    }
    drive(world, &store).await;
    let all = store.by_prefix("").await.unwrap();
    assert!(!all.is_empty() && all.iter().all(|found| found.state == InvestigationState::Done));
    store.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), None).await;
    prepare(folder.path(), &store, INVESTIGATIONS).await;
    let killed = two_replicas(folder.path(), None).await;
    check(folder.path(), &store, &killed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_share_a_database() {
    let Some(url) = new_database().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), Some(&url)).await;
    prepare(folder.path(), &store, INVESTIGATIONS).await;
    let killed = two_replicas(folder.path(), Some(&url)).await;
    check(folder.path(), &store, &killed).await;
}

async fn of_ledger(store: &SharedStore, id: &str) -> Vec<(u64, String)> {
    let all = store.of_investigation(id).await.unwrap();
    all.into_iter().map(|r| (r.push, format!("{:?} {}", r.state, r.process))).collect()
}
