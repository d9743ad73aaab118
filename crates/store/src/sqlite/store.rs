//! The file as a [`Store`].

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use mozci_core::ids::{JobName, RequestId};
use mozci_core::plan::LeftOut;
use mozci_core::time::At;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::booking::{Booking, Day, LedgerCursor, LeftOutEntry, NotedOutcome, Spent, Writer};
use crate::error::StoreError;
use crate::investigation::{Held, Investigation, InvestigationState, Lease};
use crate::message::{Message, NewMessage};
use crate::request::{TriggerId, TriggerRequest, TriggerState};
use crate::sqlite::database::Database;
use crate::sqlite::owners::this_process;
use crate::sqlite::turn::SettlingTurn;
use crate::traits::{Investigations, Leases, Limits, Outbox, Outcomes, Requests, Store, Turn};

type Result<T> = std::result::Result<T, StoreError>;

/// A store in one file. It works on a thread that may block, one call at a time: no other task waits for the disk or
/// for another process.
#[derive(Debug)]
pub struct Sqlite {
    database: Arc<Database>,
    turn: Arc<Semaphore>,
}

impl Sqlite {
    /// Opens the store in a folder, and makes it if it is not there. Blocks while another process makes it.
    ///
    /// # Errors
    /// [`StoreError`]: busy, damaged, of a newer version, a full disk.
    pub fn open(folder: &Path) -> Result<Self> {
        let database = Arc::new(Database::open(folder)?);
        Ok(Self { database, turn: Arc::new(Semaphore::new(1)) })
    }

    /// Does something with the file. What has begun goes on even if nobody waits for it any more.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (database, queue) = (Arc::clone(&self.database), Arc::clone(&self.turn));
        // Whoever calls may stop polling for a while, as futures in a buffer do. A task of its own does not, so that
        // nobody waits behind a caller that waits for them.
        let done = tokio::spawn(async move {
            let turn = queue.acquire_owned().await;
            tokio::task::spawn_blocking(move || {
                let done = work(&database);
                drop(turn);
                done
            })
            .await
        });
        match done.await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) | Err(error) => Err(StoreError::broken(&error.to_string())),
        }
    }
}

/// The time of this machine: the clock by which leases expire.
fn clock() -> At {
    At(chrono::Utc::now().timestamp())
}

#[async_trait]
impl Store for Sqlite {
    fn location(&self) -> String {
        self.database.path.display().to_string()
    }

    async fn process(&self) -> Result<String> {
        self.run(|file| this_process(file.folder())).await
    }

    /// Leases end with the process: it holds a lock on a file.
    async fn leave(&self) {}
}

#[async_trait]
impl Requests for Sqlite {
    async fn cursor(&self, _ci: &str) -> Result<LedgerCursor> {
        self.run(Database::cursor).await
    }

    async fn book(
        &self,
        requests: &[TriggerRequest],
        read: LedgerCursor,
        day: Day,
        writer: &Writer,
    ) -> Result<Booking> {
        let (requests, writer) = (requests.to_vec(), writer.clone());
        self.run(move |file| file.book(&requests, read, day, &writer)).await
    }

    async fn sending(&self, id: &TriggerId, now: At) -> Result<bool> {
        let id = id.clone();
        self.run(move |file| file.sending(&id, now)).await
    }

    async fn mark(&self, id: &TriggerId, state: &TriggerState) -> Result<()> {
        let (id, state) = (id.clone(), state.clone());
        self.run(move |file| file.mark(&id, &state)).await
    }

    async fn mark_again(&self, id: &TriggerId, state: &TriggerState) -> Result<()> {
        let (id, state) = (id.clone(), state.clone());
        self.run(move |file| file.mark_again(&id, &state)).await
    }

    async fn settle(&self, read: &TriggerRequest, state: &TriggerState) -> Result<bool> {
        let (read, state) = (read.clone(), state.clone());
        self.run(move |file| file.settle(&read, &state)).await
    }

    async fn owner(
        &self,
        ci: &str,
        request: RequestId,
        except: Option<&TriggerId>,
    ) -> Result<Option<TriggerId>> {
        let (ci, except) = (ci.to_owned(), except.cloned());
        self.run(move |file| file.owner(&ci, request, except.as_ref())).await
    }

    async fn take_turn(&self, ci: &str) -> Result<Option<Turn>> {
        let ci = ci.to_owned();
        let turn = self.run(move |file| SettlingTurn::take(file, &ci)).await?;
        Ok(turn.map(|turn| Box::new(turn) as Turn))
    }

    async fn open_requests(&self, ci: &str) -> Result<Vec<TriggerRequest>> {
        let ci = ci.to_owned();
        self.run(move |file| file.open_requests(&ci)).await
    }

    async fn requests_since(&self, ci: &str, since: At) -> Result<Vec<TriggerRequest>> {
        let ci = ci.to_owned();
        self.run(move |file| file.requests_since(&ci, since)).await
    }

    async fn newest(&self, ci: &str, most: u32) -> Result<Vec<TriggerRequest>> {
        let ci = ci.to_owned();
        self.run(move |file| file.newest(&ci, most)).await
    }

    async fn oldest_of_newest(&self, ci: &str, most: u32) -> Result<Option<At>> {
        let ci = ci.to_owned();
        self.run(move |file| file.oldest_of_newest(&ci, most)).await
    }

    async fn of_investigation(&self, id: &str) -> Result<Vec<TriggerRequest>> {
        let id = id.to_owned();
        self.run(move |file| file.of_investigation(&id)).await
    }

    async fn find(&self, ci: &str, id: &str) -> Result<Option<TriggerRequest>> {
        let (ci, id) = (ci.to_owned(), id.to_owned());
        self.run(move |file| file.find(&ci, &id)).await
    }

    async fn made_by(&self, command: &str, ci: &str, revision: &str, job: &JobName) -> Result<u32> {
        let (command, ci, revision) = (command.to_owned(), ci.to_owned(), revision.to_owned());
        let job = job.clone();
        self.run(move |file| file.made_by(&command, &ci, &revision, &job)).await
    }

    async fn hooks(&self, ci: &str, most: usize) -> Result<Vec<(String, String)>> {
        let ci = ci.to_owned();
        self.run(move |file| file.hooks(&ci, most)).await
    }
}

#[async_trait]
impl Outcomes for Sqlite {
    async fn note_outcome(
        &self,
        ci: &str,
        request: RequestId,
        job: &JobName,
        outcome: &str,
        now: At,
    ) -> Result<()> {
        let (ci, job, outcome) = (ci.to_owned(), job.clone(), outcome.to_owned());
        self.run(move |file| file.note_outcome(&ci, request, &job, &outcome, now)).await
    }

    async fn outcomes(&self, id: &TriggerId) -> Result<Vec<NotedOutcome>> {
        let id = id.clone();
        self.run(move |file| file.outcomes(&id)).await
    }

    async fn note_left_out(
        &self,
        ci: &str,
        plan: &str,
        left_out: &[LeftOut],
        now: At,
    ) -> Result<()> {
        let (ci, plan, left_out) = (ci.to_owned(), plan.to_owned(), left_out.to_vec());
        self.run(move |file| file.note_left_out(&ci, &plan, &left_out, now)).await
    }

    async fn left_out_since(&self, ci: &str, since: At, most: u32) -> Result<Vec<LeftOutEntry>> {
        let ci = ci.to_owned();
        self.run(move |file| file.left_out_since(&ci, since, most)).await
    }
}

#[async_trait]
impl Limits for Sqlite {
    async fn runs_since(&self, ci: &str, since: At) -> Result<u32> {
        let ci = ci.to_owned();
        self.run(move |file| file.runs_since(&ci, since)).await
    }

    async fn runs_in_pool(&self, ci: &str, pool: &str, since: At) -> Result<u32> {
        let (ci, pool) = (ci.to_owned(), pool.to_owned());
        self.run(move |file| file.runs_in_pool(&ci, &pool, since)).await
    }

    async fn spent(&self, ci: &str, since: At, most: u32) -> Result<Vec<Spent>> {
        let ci = ci.to_owned();
        self.run(move |file| file.spent(&ci, since, most)).await
    }

    async fn pool(&self, ci: &str, job: &JobName) -> Result<Option<String>> {
        let (ci, job) = (ci.to_owned(), job.clone());
        self.run(move |file| file.pool(&ci, &job)).await
    }

    async fn know_pool(&self, ci: &str, job: &JobName, pool: &str) -> Result<()> {
        let (ci, job, pool) = (ci.to_owned(), job.clone(), pool.to_owned());
        self.run(move |file| file.know_pool(&ci, &job, &pool)).await
    }

    async fn breaker(&self, ci: &str) -> Result<Option<(At, String)>> {
        let ci = ci.to_owned();
        self.run(move |file| file.breaker(&ci)).await
    }

    async fn set_breaker(&self, ci: &str, open: Option<(At, &str)>) -> Result<()> {
        let (ci, open) = (ci.to_owned(), open.map(|(at, why)| (at, why.to_owned())));
        self.run(move |file| {
            file.set_breaker(&ci, open.as_ref().map(|(at, why)| (*at, why.as_str())))
        })
        .await
    }
}

#[async_trait]
impl Investigations for Sqlite {
    async fn begin(&self, ci: &str, repo: &str, question: &Value, now: At) -> Result<String> {
        let (ci, repo, question) = (ci.to_owned(), repo.to_owned(), question.clone());
        self.run(move |file| file.begin(&ci, &repo, &question, now)).await
    }

    async fn step(&self, lease: &Lease, step: &Value, now: At) -> Result<()> {
        let (lease, step) = (lease.clone(), step.clone());
        self.run(move |file| file.step(&lease, &step, now)).await
    }

    async fn finish(&self, lease: &Lease, step: &Value, now: At) -> Result<()> {
        let (lease, step) = (lease.clone(), step.clone());
        self.run(move |file| file.finish(&lease, &step, now)).await
    }

    async fn change_question(&self, lease: &Lease, question: &Value) -> Result<()> {
        let (lease, question) = (lease.clone(), question.clone());
        self.run(move |file| file.change_question(&lease, &question)).await
    }

    async fn set_state(&self, id: &str, state: InvestigationState) -> Result<()> {
        let id = id.to_owned();
        self.run(move |file| file.set_state(&id, state)).await
    }

    async fn open_investigations(&self, ci: &str, repo: &str) -> Result<Vec<Investigation>> {
        let (ci, repo) = (ci.to_owned(), repo.to_owned());
        self.run(move |file| file.open_investigations(&ci, &repo)).await
    }

    async fn by_prefix(&self, prefix: &str) -> Result<Vec<Investigation>> {
        let prefix = prefix.to_owned();
        self.run(move |file| file.by_prefix(&prefix)).await
    }

    async fn steps(&self, id: &str) -> Result<Vec<(At, Value)>> {
        let id = id.to_owned();
        self.run(move |file| file.steps(&id)).await
    }

    async fn last_step(&self, id: &str) -> Result<Option<Value>> {
        let id = id.to_owned();
        self.run(move |file| file.last_step(&id)).await
    }
}

#[async_trait]
impl Leases for Sqlite {
    async fn claim(&self, ids: &[&str]) -> Result<Vec<std::result::Result<Lease, Held>>> {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        self.run(move |file| {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            file.claim(&ids, clock())
        })
        .await
    }

    async fn claim_open(&self, ci: &str, repo: &str, most: u32) -> Result<Vec<Lease>> {
        let (ci, repo) = (ci.to_owned(), repo.to_owned());
        self.run(move |file| file.claim_open(&ci, &repo, most, clock())).await
    }

    async fn held(&self, id: &str) -> Result<Option<Held>> {
        let id = id.to_owned();
        self.run(move |file| file.held(&id, clock())).await
    }

    async fn renew(&self, leases: &[Lease]) -> Result<()> {
        let leases = leases.to_vec();
        self.run(move |file| file.renew(&leases, clock())).await
    }

    async fn release(&self, lease: &Lease) -> Result<()> {
        let lease = lease.clone();
        self.run(move |file| file.release(&lease)).await
    }
}

#[async_trait]
impl Outbox for Sqlite {
    async fn post(&self, message: &NewMessage) -> Result<bool> {
        let message = message.clone();
        self.run(move |file| file.post(&message, clock())).await
    }

    async fn take_due(&self) -> Result<Vec<Message>> {
        self.run(|file| file.take_due(clock())).await
    }

    async fn delivered(&self, id: &str) -> Result<()> {
        let id = id.to_owned();
        self.run(move |file| file.delivered(&id, clock())).await
    }

    async fn not_delivered(&self, message: &Message, problem: &str) -> Result<()> {
        let (message, problem) = (message.clone(), problem.to_owned());
        self.run(move |file| file.not_delivered(&message, &problem, clock())).await
    }

    async fn waiting(&self) -> Result<(u32, String)> {
        self.run(Database::waiting).await
    }
}
