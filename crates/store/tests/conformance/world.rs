//! Stores to be tested, and what a test does to them from outside.

use std::sync::Arc;

use mozci_core::ids::{JobName, RepoName, Revision, TaskId, Vcs};
use mozci_core::time::At;
use mozci_store::postgres::{Options, Postgres};
use mozci_store::sqlite::Sqlite;
use mozci_store::{
    Booking, DatabaseUrl, Day, LedgerCursor, Recorded, RequestedJob, SharedStore, TriggerId,
    TriggerRequest, TriggerState, Writer,
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::database::new_database;

/// A place that has no store yet.
pub(crate) enum World {
    Sqlite(tempfile::TempDir),
    Postgres(String),
}

impl World {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// A new database, where there is a server.
    pub(crate) async fn postgres() -> Option<Self> {
        new_database().await.map(Self::Postgres)
    }

    /// Opens the store, as one more process does.
    pub(crate) async fn open(&self) -> SharedStore {
        match self {
            Self::Sqlite(folder) => Arc::new(Sqlite::open(folder.path()).unwrap()),
            Self::Postgres(url) => {
                let options = Options { connections: 4, ..Options::default() };
                Arc::new(Postgres::open(&DatabaseUrl::parse(url).unwrap(), options).await.unwrap())
            }
        }
    }

    /// Does something to the tables that no store does. The texts differ.
    pub(crate) async fn execute(&self, sqlite: &str, postgres: &str) {
        match self {
            Self::Sqlite(folder) => {
                let file = rusqlite::Connection::open(folder.path().join("ledger.db")).unwrap();
                file.execute_batch(sqlite).unwrap();
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                sqlx::raw_sql(AssertSqlSafe(format!("SET search_path TO mozci; {postgres}")))
                    .execute(&mut connection)
                    .await
                    .unwrap();
            }
        }
    }

    /// Makes all leases look as if nobody had renewed them in time.
    pub(crate) async fn let_leases_expire(&self) {
        let sqlite = "UPDATE investigations SET held_until = 1";
        self.execute(sqlite, "UPDATE investigations SET held_until = 'epoch'").await;
    }
}

pub(crate) const CI: &str = "http://ci.example";

pub(crate) const ENOUGH: Day = Day { since: At(0), limit: u32::MAX };

/// A request of a plan for two runs of a job.
pub(crate) fn request(plan: &str, job: &str, created: i64) -> TriggerRequest {
    TriggerRequest {
        id: TriggerId::new(),
        plan: plan.into(),
        ci: CI.into(),
        repo: RepoName::new("autoland"),
        push: 7,
        revision: Revision::new(Vcs::Hg, &"a".repeat(40)).unwrap(),
        jobs: vec![RequestedJob { job: JobName::new(job), times: 2, why: "not run".into() }],
        group: "group".into(),
        action: "add-new-jobs".into(),
        hook_group: "g".into(),
        hook: "h".into(),
        body: serde_json::json!({"user": {"input": {}}, "b": 1, "a": 2.5}).into(),
        created: At(created),
        state: TriggerState::Planned,
        process: String::new(),
        in_hand: false,
        asker: "me".into(),
        investigation: None,
    }
}

/// The state of a request that the CI answered with a task.
pub(crate) fn sent(task: u8) -> TriggerState {
    TriggerState::Sent { request: TaskId::from_bytes([task; 16]).into() }
}

/// Books one request, of which nothing stands in the way but others.
pub(crate) async fn book(
    store: &SharedStore,
    request: &TriggerRequest,
    read: LedgerCursor,
) -> Recorded {
    let requests = std::slice::from_ref(request);
    match store.book(requests, read, ENOUGH, &Writer::default()).await.unwrap() {
        Booking::Booked(mut recorded) => recorded.remove(0),
        other => panic!("{other:?}"),
    }
}
