//! A toy CI that is open, with its ledger and its investigations.

use std::sync::Arc;

use mozci_core::backfill::{self, Question};
use mozci_core::guard::Budgets;
use mozci_core::ids::JobName;
use mozci_core::plan::{Plan, Wish};
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_engine::ci::Ci;
use mozci_engine::drive::Session;
use mozci_engine::flow::{JobHistory, read_job, read_range};
use mozci_engine::store::{Directories, Ledger, SharedStore, Sqlite};
use tokio_util::sync::CancellationToken;

use crate::folder::Toy;
use crate::host::Recorder;
use crate::opened::Opened;

pub(crate) struct World {
    pub(crate) ci: Ci,
    pub(crate) toy: Arc<Toy>,
    pub(crate) ledger: Ledger,
    pub(crate) store: SharedStore,
    pub(crate) host: Recorder,
    pub(crate) cancel: CancellationToken,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new(pushes: u64, culprit: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let toy = Arc::new(Toy::new(folder.path(), pushes, culprit));
        Self::over(folder, toy)
    }

    /// Another process, so to speak: the same CI and files, opened anew.
    pub(crate) fn again(self) -> Self {
        let Self { toy, folder, .. } = self;
        Self::over(folder, toy)
    }

    fn over(folder: tempfile::TempDir, toy: Arc<Toy>) -> Self {
        let opened = Opened {
            name: "toy",
            toy: &toy,
            place: Directories::at(folder.path()),
            store: None,
            budgets: Budgets::default(),
        };
        let ci = opened.open(&folder.path().join("config.toml"));
        let store: SharedStore = Arc::new(Sqlite::open(folder.path()).unwrap());
        let ledger = Ledger::of(Arc::clone(&store));
        let (host, cancel) = (Recorder::default(), CancellationToken::new());
        Self { ci, toy, ledger, store, host, cancel, folder }
    }

    pub(crate) fn session(&mut self) -> Session<'_> {
        Session {
            ci: &self.ci,
            ledger: &mut self.ledger,
            host: &mut self.host,
            cancel: &self.cancel,
        }
    }

    /// The job's history, and what a backfill of it would send.
    pub(crate) async fn backfill(&self) -> (Vec<JobHistory>, Plan) {
        let spec = RangeSpec {
            rev: RevisionSpec::Tip,
            reach: Reach::Back(100),
            every: std::num::NonZeroU32::MIN,
        };
        let pushes = read_range(&self.ci, &spec).await.unwrap().pushes;
        let job = JobName::new("job");
        let history = read_job(&self.ci, Some(&self.ledger), &pushes, &job).await.unwrap();
        let wish = Wish { times: 1, only_built: false };
        let question = Question { job, wish, every: std::num::NonZeroU32::MIN, anyway: false };
        let plan = backfill::backfill(&history.facts, &question, &history.past()).plan;
        (vec![history], plan)
    }
}
