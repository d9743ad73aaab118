//! Whether anything grows in a long process: searches and watches, one after the other, over CIs that are folders of
//! files, in one process with one ledger.
//!
//! `soak COUNT` prints a line of JSON for each tenth: how many are done, the memory held, and the time.
#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]
#![allow(clippy::unwrap_used, reason = "a bench ends where something is not as it should be")]

#[path = "../tests/drivers/folder.rs"]
mod folder;
mod memory;
#[path = "../tests/drivers/opened.rs"]
mod opened;
#[path = "../tests/drivers/toy.rs"]
mod toy;

use std::sync::Arc;
use std::time::Instant;

use mozci_core::guard::Budgets;
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_core::watch::Expectations;
use mozci_engine::ci::Ci;
use mozci_engine::drive::search::{Ended, SearchContext, SearchOptions, search};
use mozci_engine::drive::watch::{WatchContext, WatchQuestion, watch};
use mozci_engine::drive::{Permission, Session};
use mozci_engine::flow::{BisectQuestion, read_range};
use mozci_engine::store::{Directories, Ledger, SharedStore, Sqlite, Store};
use tokio_util::sync::CancellationToken;

use folder::Toy;
use memory::rss;
use opened::{Nobody, Opened};

/// Pushes of a world.
const PUSHES: u64 = 12;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config.toml");
    let store: SharedStore = Arc::new(Sqlite::open(home.path()).unwrap());
    let mut ledger = Ledger::of(Arc::clone(&store));
    let (started, cancel) = (Instant::now(), CancellationToken::new());
    for number in 1..=count {
        let world = tempfile::tempdir_in(home.path()).unwrap();
        let culprit = 2 + number % (PUSHES - 1);
        let toy = Arc::new(Toy::new(world.path(), PUSHES, culprit));
        // A server of its own: the numbers of its requests are those of the world before.
        let opened = Opened {
            name: &format!("toy-{number}"),
            toy: &toy,
            place: Directories {
                state: home.path().to_owned(),
                cache: world.path().to_owned(),
                database: None,
            },
            store: None,
            budgets: Budgets { day: u32::MAX, ..Budgets::default() },
        };
        let ci = opened.open(&path);
        let mut host = Nobody;
        let session = Session { ci: &ci, ledger: &mut ledger, host: &mut host, cancel: &cancel };
        match number.is_multiple_of(2) {
            true => one_search(session, &*store).await,
            false => one_watch(session, &*store, &ci).await,
        }
        if number.is_multiple_of((count / 10).max(1)) {
            let seconds = started.elapsed().as_secs();
            let line = serde_json::json!({"done": number, "rss_kib": rss(), "seconds": seconds});
            println!("{line}");
        }
    }
}

async fn one_search<'a>(session: Session<'a>, store: &'a dyn Store) {
    let question = BisectQuestion {
        job: "job".into(),
        about: None,
        bad: format!("{PUSHES:040x}"),
        good: None,
        max_revisions: 100,
        delta: 0.01,
        p_min: 0.05,
        deterministic: true,
        budget: 100,
        at_once: 4,
        background: 0,
        priors: true,
        anyway: false,
    };
    let options = SearchOptions {
        permission: Permission::Given,
        no_wait: false,
        explain: false,
        mark: false,
        notifier: None,
    };
    let mut context = SearchContext { session, store, repositories: &Nobody, options };
    let searched = search(&question, None, false, &mut context).await.unwrap();
    assert!(matches!(searched.ended, Ended::Verdict(_)), "{:?}", searched.ended);
}

async fn one_watch<'a>(session: Session<'a>, store: &'a dyn Store, ci: &Ci) {
    let spec = RangeSpec {
        rev: RevisionSpec::Tip,
        reach: Reach::Single,
        every: std::num::NonZeroU32::MIN,
    };
    let pushes: Vec<Push> = read_range(ci, &spec).await.unwrap().pushes;
    let question = WatchQuestion {
        jobs: vec![JobName::new("job")],
        pushes: pushes.iter().map(|push| push.revision.hash().to_owned()).collect(),
        expect: Expectations { retry_failed: 1, most: 10, ..Expectations::default() },
    };
    let mut context = WatchContext::new(session, store, Permission::Given, None, None);
    watch(&question, pushes, &mut context).await.unwrap();
}
