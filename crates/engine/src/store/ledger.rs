//! The ledger: every asking, written down before it is sent, with the body as it was sent.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mozci_core::ids::{JobName, RequestId};
use mozci_core::time::At;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::Value;

use crate::store::error::StoreError;
use crate::store::lease::{Lease, holds};
use crate::store::owners::this_process;
use crate::store::place::{Shared, folder_of, open};
use crate::store::request::{TriggerId, TriggerRequest, TriggerState};
use crate::store::rows::{COLUMNS, asking, insert, jobs_of};
use crate::store::schema::{FILE, MIGRATIONS};

/// What became of an attempt to write trigger requests down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It stands in the ledger.
    New,
    /// Another process has asked for this job on this push since the facts were read.
    AlreadyAsked(JobName),
}

/// A place in the ledger: what was written after it, nobody has seen who read it then. It hangs on
/// no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct LedgerCursor(i64);

/// What may be asked for within a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// When it began.
    pub since: At,
    /// The runs that it may see.
    pub limit: u32,
}

/// What came of writing trigger requests down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Booking {
    /// For each trigger request whether it stands there.
    Booked(Vec<Recorded>),
    /// None does: the day would see too many runs.
    OverBudget {
        /// Runs asked for so far, also by others since the plan was made.
        used: u32,
    },
    /// None does: another process has taken over the investigation that they are for.
    TakenOver,
}

/// The ledger.
#[derive(Debug)]
pub struct Ledger {
    pub(super) connection: Shared,
    pub(super) path: PathBuf,
    /// What is written down belongs to this investigation, and is only as long as it is held.
    lease: Option<Lease>,
    /// The command that asks.
    command: &'static str,
}

impl Ledger {
    /// Opens it, making it where it is not there.
    ///
    /// # Errors
    /// [`StoreError`]: held by another process, on a full disk, of a newer version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let (path, connection) = open(folder, FILE, Duration::from_secs(5), &MIGRATIONS)?;
        Ok(Self { connection: Shared::new(connection), path, lease: None, command: "" })
    }

    /// From here on what is written down belongs to an investigation; none where it belongs to none.
    pub fn under(&mut self, lease: Option<Lease>) {
        self.lease = lease;
    }

    /// Says which command asks from here on.
    pub fn asks_for(&mut self, command: &'static str) {
        self.command = command;
    }

    /// Runs of a job on a push that a command asked for, ever.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn made_by(
        &self,
        command: &str,
        ci: &str,
        revision: &str,
        job: &JobName,
    ) -> Result<u32, StoreError> {
        let connection = self.connection.lock();
        let select = "SELECT coalesce(sum(times), 0) FROM askings JOIN asked_jobs ON asking = id
             WHERE ci = ? AND revision = ? AND job = ? AND command = ? AND state <> 'not-sent'";
        let values = params![ci, revision, job.as_str(), command];
        let sum = connection.query_row(select, values, |row| row.get::<_, i64>(0));
        let sum = sum.map_err(StoreError::sqlite(&self.path))?;
        Ok(u32::try_from(sum).unwrap_or(u32::MAX))
    }

    /// The name of this process in what is written down.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn process(&self) -> Result<String, StoreError> {
        this_process(self.folder())
    }

    fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The present end of the ledger.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn mark_now(&self) -> Result<LedgerCursor, StoreError> {
        let connection = self.connection.lock();
        let newest = "SELECT coalesce(max(rowid), 0) FROM askings";
        let found = connection.query_row(newest, [], |row| row.get(0));
        found.map(LedgerCursor).map_err(StoreError::sqlite(&self.path))
    }

    /// Writes trigger requests down in one transaction, before any of them is sent. One of whose jobs
    /// somebody else asked for on the same push after `read` is not written; none is where the day
    /// would see too much.
    ///
    /// # Errors
    /// [`StoreError`]; then none is written.
    pub fn record(
        &mut self,
        askings: &[TriggerRequest],
        read: LedgerCursor,
        day: Day,
    ) -> Result<Booking, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)
            .map_err(&failed)?;
        if let Some(lease) = &self.lease
            && !holds(&transaction, lease).map_err(&failed)?
        {
            return Ok(Booking::TakenOver);
        }
        let adds = askings.iter().fold(0u32, |sum, asking| sum.saturating_add(asking.times()));
        if let Some(first) = askings.first().filter(|_| adds > 0) {
            let used = runs_since(&transaction, &first.ci, day.since).map_err(&failed)?;
            if used.saturating_add(adds) > day.limit {
                return Ok(Booking::OverBudget { used });
            }
        }
        let mut outcome = Vec::with_capacity(askings.len());
        for asking in askings {
            let other: Option<String> = {
                let mut query = transaction
                    .prepare_cached(
                        "SELECT job FROM askings JOIN asked_jobs ON asking = id
                         WHERE ci = ? AND askings.rowid > ? AND revision = ? AND plan <> ?
                           AND state <> 'not-sent' AND times > 0
                           AND (investigation = '' OR investigation <> ?)
                           AND job IN (SELECT value FROM json_each(?))",
                    )
                    .map_err(&failed)?;
                let jobs: Vec<&str> = asking.jobs.iter().map(|asked| asked.job.as_str()).collect();
                let (revision, jobs) = (asking.revision.hash(), Value::from(jobs).to_string());
                // What it asked for itself an investigation knows without reading.
                let own = self.lease.as_ref().map_or("", |lease| lease.id.as_str());
                let values = params![asking.ci, read.0, revision, asking.plan, own, jobs];
                query.query_row(values, |row| row.get(0)).optional().map_err(&failed)?
            };
            if let Some(job) = other.filter(|_| asking.times() > 0) {
                outcome.push(Recorded::AlreadyAsked(JobName::new(job)));
                continue;
            }
            insert(&transaction, asking, self.command, self.lease.as_ref()).map_err(&failed)?;
            outcome.push(Recorded::New);
        }
        transaction.commit().map_err(&failed)?;
        Ok(Booking::Booked(outcome))
    }

    /// Notes that a trigger request is sent at this instant, before it is. False where it is no longer
    /// there to be sent: somebody else gave it up, or took over the investigation that it is for.
    ///
    /// # Errors
    /// [`StoreError`]; then it must not be sent.
    pub fn sending(&self, id: &TriggerId, now: At) -> Result<bool, StoreError> {
        let connection = self.connection.lock();
        connection
            .execute(
                "UPDATE askings SET created = ? WHERE id = ? AND state = 'recorded'
                   AND (investigation = '' OR fence = (SELECT fence FROM investigations
                        WHERE investigations.id = investigation AND state = 'open'))",
                params![now.0, id.as_str()],
            )
            .map(|changed| changed == 1)
            .map_err(StoreError::sqlite(&self.path))
    }

    /// The trigger requests of a CI of which nobody can tell yet whether they were sent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_askings(&self, ci: &str) -> Result<Vec<TriggerRequest>, StoreError> {
        self.select(
            "ci = ?1 AND state IN ('recorded', 'uncertain') ORDER BY created, rowid",
            params![ci],
        )
    }

    /// The trigger requests of a CI since an instant, however they ended, whatever name the configuration
    /// had for the repository.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn askings_since(&self, ci: &str, since: At) -> Result<Vec<TriggerRequest>, StoreError> {
        self.select("ci = ?1 AND created >= ?2 ORDER BY created, rowid", params![ci, since.0])
    }

    /// The newest trigger requests of a CI, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest(&self, ci: &str, most: u32) -> Result<Vec<TriggerRequest>, StoreError> {
        self.select("ci = ?1 ORDER BY created DESC, rowid DESC LIMIT ?2", params![ci, most])
    }

    /// The trigger requests of an investigation that may have come to something, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn of_investigation(&self, id: &str) -> Result<Vec<TriggerRequest>, StoreError> {
        self.select("investigation = ?1 AND state <> 'not-sent' ORDER BY created, rowid", [id])
    }

    /// The trigger request of this id, or the one that a self-serve server took on under this number
    /// (`self-serve/17`): no other request has only a trigger request to be found by.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn find(&self, ci: &str, id: &str) -> Result<Option<TriggerRequest>, StoreError> {
        match id.parse() {
            Ok(RequestId::SelfServe(_)) => {
                Ok(self.select("ci = ?1 AND task = ?2 ORDER BY created", params![ci, id])?.pop())
            }
            _ => Ok(self.select("ci = ?1 AND id = ?2", params![ci, id])?.pop()),
        }
    }

    /// Runs asked for of a CI since an instant, those included of which nobody can tell.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn runs_since(&self, ci: &str, since: At) -> Result<u32, StoreError> {
        let connection = self.connection.lock();
        runs_since(&connection, ci, since).map_err(StoreError::sqlite(&self.path))
    }

    fn select(
        &self,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<TriggerRequest>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let sql = format!("SELECT {COLUMNS} FROM askings WHERE {condition}");
        let mut query = connection.prepare(&sql).map_err(&failed)?;
        let folder = self.folder();
        let rows = query.query_map(values, |row| asking(folder, row)).map_err(&failed)?;
        let mut askings: Vec<TriggerRequest> = rows.collect::<Result<_, _>>().map_err(&failed)?;
        // While the question is open, another one sees the same snapshot.
        drop(query);
        for read in &mut askings {
            if read.state == TriggerState::Planned
                && !read.is_in_hand()
                && let Some(now) = self.one(&read.id).map_err(&failed)?
            {
                // Its process may have marked it and ended since the row was read.
                *read = now;
            }
            read.jobs = jobs_of(&connection, &read.id).map_err(&failed)?;
        }
        Ok(askings)
    }

    fn one(&self, id: &TriggerId) -> Result<Option<TriggerRequest>, rusqlite::Error> {
        let connection = self.connection.lock();
        let sql = format!("SELECT {COLUMNS} FROM askings WHERE id = ?");
        let mut query = connection.prepare_cached(&sql)?;
        query.query_row([id.as_str()], |row| asking(self.folder(), row)).optional()
    }
}

fn runs_since(connection: &Connection, ci: &str, since: At) -> Result<u32, rusqlite::Error> {
    let sum: i64 = connection.query_row(
        "SELECT coalesce(sum(times), 0) FROM askings JOIN asked_jobs ON asking = id
         WHERE ci = ? AND created >= ? AND state <> 'not-sent'",
        params![ci, since.0],
        |row| row.get(0),
    )?;
    Ok(u32::try_from(sum).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RequestedJob;
    use mozci_core::ids::{RepoName, Revision, TaskId, Vcs};

    fn asking(plan: &str, created: i64) -> TriggerRequest {
        TriggerRequest {
            id: TriggerId::new(),
            plan: plan.into(),
            ci: "http://tc".into(),
            repo: RepoName::new("autoland"),
            push: 7,
            revision: Revision::new(Vcs::Hg, &"a".repeat(40)).unwrap(),
            jobs: vec![RequestedJob { job: JobName::new("test"), times: 2, why: "not run".into() }],
            group: "group".into(),
            action: "add-new-jobs".into(),
            hook_group: "g".into(),
            hook: "h".into(),
            body: serde_json::json!({"user": {"input": {}}}),
            created: At(created),
            state: TriggerState::Planned,
            process: String::new(),
            in_hand: true,
            asker: "me".into(),
            investigation: None,
        }
    }

    const ENOUGH: Day = Day { since: At(0), limit: u32::MAX };

    fn book(ledger: &mut Ledger, askings: &[TriggerRequest], read: LedgerCursor) -> Vec<Recorded> {
        match ledger.record(askings, read, ENOUGH).unwrap() {
            Booking::Booked(recorded) => recorded,
            over => panic!("{over:?}"),
        }
    }

    #[test]
    fn what_is_recorded_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        let first = TriggerRequest { process: ledger.process().unwrap(), ..asking("p1", 100) };
        assert_eq!(
            book(&mut ledger, std::slice::from_ref(&first), LedgerCursor(0)),
            [Recorded::New]
        );
        assert_eq!(ledger.open_askings("http://tc").unwrap(), std::slice::from_ref(&first));
        let task = TaskId::from_bytes([3; 16]);
        ledger.mark(&first.id, &TriggerState::Sent { request: task.into() }).unwrap();
        assert!(ledger.open_askings("http://tc").unwrap().is_empty());
        let known = ledger.owner("http://tc", task.into(), None).unwrap();
        assert_eq!(known, Some(first.id));
        assert_eq!(ledger.runs_since("http://tc", At(100)).unwrap(), 2);
        assert_eq!(ledger.runs_since("http://tc", At(101)).unwrap(), 0);
    }

    #[test]
    fn what_another_process_asked_since_the_reading_is_not_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        let read = ledger.mark_now().unwrap();
        assert_eq!(book(&mut ledger, &[asking("p1", 100)], read), [Recorded::New]);
        // Whatever the clocks say: it stands there since.
        let again = book(&mut ledger, &[asking("p2", 50)], read);
        assert_eq!(again, [Recorded::AlreadyAsked(JobName::new("test"))]);
        let read = ledger.mark_now().unwrap();
        assert_eq!(book(&mut ledger, &[asking("p3", 200)], read), [Recorded::New]);
    }

    #[test]
    fn a_day_sees_no_more_than_it_may_whoever_asks() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        let day = Day { since: At(0), limit: 5 };
        let mut ask = |plan, job: &str| {
            let mut asking = asking(plan, 100);
            asking.jobs[0].job = JobName::new(job);
            ledger.record(&[asking], LedgerCursor(0), day).unwrap()
        };
        assert_eq!(ask("p1", "a"), Booking::Booked(vec![Recorded::New]));
        assert_eq!(ask("p2", "b"), Booking::Booked(vec![Recorded::New]));
        assert_eq!(ask("p3", "c"), Booking::OverBudget { used: 4 });
    }

    #[test]
    fn what_was_in_hand_when_it_was_read_is_in_no_doubt_once_its_process_ended() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        let (process, lock) = crate::store::owners::another(folder.path()).unwrap();
        let theirs = TriggerRequest { process, ..asking("p", 1) };
        ledger.record(&[theirs], LedgerCursor(0), ENOUGH).unwrap();
        let read = ledger.open_askings("http://tc").unwrap();
        drop(lock);
        // It marked the trigger request before it ended: that this row does not say so yet is no doubt.
        assert!(read[0].is_in_hand());
        let read = ledger.open_askings("http://tc").unwrap();
        assert!(!read[0].is_in_hand(), "nobody is left to mark it");
    }

    #[test]
    fn a_ledger_that_is_held_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        ledger.connection.lock().busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(ledger.path()).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = ledger.record(&[asking("p", 1)], LedgerCursor(0), ENOUGH).unwrap_err();
        assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    }

    #[test]
    fn a_full_disk_loses_nothing_that_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        ledger.record(&[asking("p", 1)], LedgerCursor(0), ENOUGH).unwrap();
        ledger.connection.lock().pragma_update(None, "max_page_count", 1).unwrap();
        let many: Vec<TriggerRequest> = (0..500).map(|i| asking("q", 1000 + i)).collect();
        let error = ledger.record(&many, LedgerCursor(500), ENOUGH).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert_eq!(ledger.runs_since("http://tc", At(0)).unwrap(), 2);
    }

    #[test]
    fn a_ledger_of_the_first_format_is_read_on() {
        let folder = tempfile::tempdir().unwrap();
        let old = Connection::open(folder.path().join("ledger.db")).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.execute_batch(
            "INSERT INTO askings VALUES ('i', 'p', 'http://tc', 'autoland', 7, 'hg',
                 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'test', 3, 'g', 'add-new-jobs', 'h',
                 'k', '{}', 'not run', 100, 'uncertain', NULL, 'lost', '1');
             PRAGMA user_version = 1",
        )
        .unwrap();
        drop(old);
        let ledger = Ledger::open(folder.path()).unwrap();
        let open = ledger.open_askings("http://tc").unwrap();
        assert_eq!((open[0].names().as_str(), open[0].times()), ("test", 3));
        assert_eq!(open[0].jobs[0].why, "not run");
        assert_eq!(ledger.runs_since("http://tc", At(100)).unwrap(), 3);
    }

    #[test]
    fn an_intent_stands_only_under_a_lease_that_holds() {
        let folder = tempfile::tempdir().unwrap();
        let store = crate::store::Investigations::open(folder.path()).unwrap();
        let id = store.begin("http://tc", "autoland", &serde_json::json!({}), At(0)).unwrap();
        let asleep = store.take(&id, At(0)).unwrap().unwrap();
        let mut ledger = Ledger::open(folder.path()).unwrap();
        ledger.under(Some(asleep));
        let early = asking("p0", 100);
        assert_eq!(
            book(&mut ledger, std::slice::from_ref(&early), LedgerCursor(0)),
            [Recorded::New]
        );
        let awake = store.take(&id, At(100)).unwrap().unwrap();
        // What was written down and not sent before it slept is not sent any more.
        assert!(!ledger.sending(&early.id, At(101)).unwrap());
        let late = ledger.record(&[asking("p1", 101)], LedgerCursor(0), ENOUGH).unwrap();
        assert_eq!(late, Booking::TakenOver);
        ledger.under(Some(awake));
        let mine = asking("p2", 102);
        let read = ledger.mark_now().unwrap();
        assert_eq!(book(&mut ledger, std::slice::from_ref(&mine), read), [Recorded::New]);
        assert!(ledger.sending(&mine.id, At(102)).unwrap());
        let found = ledger.askings_since("http://tc", At(102)).unwrap();
        assert_eq!(found[0].investigation, Some(id.clone()));
        // Somebody ends it: nothing more is sent.
        store.mark(&id, crate::store::InvestigationState::Cancelled).unwrap();
        assert!(!ledger.sending(&mine.id, At(103)).unwrap());
    }

    #[test]
    fn a_newer_ledger_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path()).unwrap();
        ledger.connection.lock().pragma_update(None, "user_version", 99).unwrap();
        drop(ledger);
        assert!(matches!(Ledger::open(folder.path()), Err(StoreError::Newer { found: 99, .. })));
    }
}
