//! Requests in the SQLite file.

use mozci_core::ids::{JobName, RequestId};
use mozci_core::time::At;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use serde_json::Value;

use crate::booking::{Booking, Day, LedgerCursor, Recorded, Writer};
use crate::error::StoreError;
use crate::request::{TriggerId, TriggerRequest, TriggerState};
use crate::sqlite::database::Database;
use crate::sqlite::lease::holds;
use crate::sqlite::rows::{COLUMNS, insert, jobs_of, request};

impl Database {
    pub(super) fn made_by(
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

    pub(super) fn cursor(&self) -> Result<LedgerCursor, StoreError> {
        let connection = self.connection.lock();
        let newest = "SELECT coalesce(max(rowid), 0) FROM askings";
        let found = connection.query_row(newest, [], |row| row.get(0));
        found.map(LedgerCursor).map_err(StoreError::sqlite(&self.path))
    }

    pub(super) fn book(
        &self,
        requests: &[TriggerRequest],
        read: LedgerCursor,
        day: Day,
        writer: &Writer,
    ) -> Result<Booking, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)
            .map_err(&failed)?;
        if let Some(lease) = &writer.lease
            && !holds(&transaction, lease).map_err(&failed)?
        {
            return Ok(Booking::TakenOver);
        }
        let adds = requests.iter().fold(0u32, |sum, request| sum.saturating_add(request.times()));
        if let Some(first) = requests.first().filter(|_| adds > 0) {
            let used = runs_since(&transaction, &first.ci, day.since).map_err(&failed)?;
            if used.saturating_add(adds) > day.limit {
                return Ok(Booking::OverBudget { used });
            }
        }
        let mut outcome = Vec::with_capacity(requests.len());
        for request in requests {
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
                let jobs: Vec<&str> =
                    request.jobs.iter().map(|requested| requested.job.as_str()).collect();
                let (revision, jobs) = (request.revision.hash(), Value::from(jobs).to_string());
                // What it requested itself an investigation knows without reading.
                let own = writer.lease.as_ref().map_or("", |lease| lease.id.as_str());
                let values = params![request.ci, read.0, revision, request.plan, own, jobs];
                query.query_row(values, |row| row.get(0)).optional().map_err(&failed)?
            };
            if let Some(job) = other.filter(|_| request.times() > 0) {
                outcome.push(Recorded::AlreadyAsked(JobName::new(job)));
                continue;
            }
            insert(&transaction, request, writer).map_err(&failed)?;
            outcome.push(Recorded::New);
        }
        transaction.commit().map_err(&failed)?;
        Ok(Booking::Booked(outcome))
    }

    pub(super) fn sending(&self, id: &TriggerId, now: At) -> Result<bool, StoreError> {
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

    pub(super) fn open_requests(&self, ci: &str) -> Result<Vec<TriggerRequest>, StoreError> {
        self.select(
            "ci = ?1 AND state IN ('recorded', 'uncertain') ORDER BY created, rowid",
            params![ci],
        )
    }

    pub(super) fn requests_since(
        &self,
        ci: &str,
        since: At,
    ) -> Result<Vec<TriggerRequest>, StoreError> {
        self.select("ci = ?1 AND created >= ?2 ORDER BY created, rowid", params![ci, since.0])
    }

    pub(super) fn newest(&self, ci: &str, most: u32) -> Result<Vec<TriggerRequest>, StoreError> {
        self.select("ci = ?1 ORDER BY created DESC, rowid DESC LIMIT ?2", params![ci, most])
    }

    pub(super) fn of_investigation(&self, id: &str) -> Result<Vec<TriggerRequest>, StoreError> {
        self.select("investigation = ?1 AND state <> 'not-sent' ORDER BY created, rowid", [id])
    }

    pub(super) fn find(&self, ci: &str, id: &str) -> Result<Option<TriggerRequest>, StoreError> {
        match id.parse() {
            Ok(RequestId::SelfServe(_)) => {
                Ok(self.select("ci = ?1 AND task = ?2 ORDER BY created", params![ci, id])?.pop())
            }
            _ => Ok(self.select("ci = ?1 AND id = ?2", params![ci, id])?.pop()),
        }
    }

    pub(super) fn runs_since(&self, ci: &str, since: At) -> Result<u32, StoreError> {
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
        let rows = query.query_map(values, |row| request(folder, row)).map_err(&failed)?;
        let mut requests: Vec<TriggerRequest> = rows.collect::<Result<_, _>>().map_err(&failed)?;
        // While the question is open, another one sees the same snapshot.
        drop(query);
        for read in &mut requests {
            if read.state == TriggerState::Planned
                && !read.is_in_hand()
                && let Some(now) = self.one(&read.id).map_err(&failed)?
            {
                // Its process may have marked it and ended since the row was read.
                *read = now;
            }
            read.jobs = jobs_of(&connection, &read.id).map_err(&failed)?;
        }
        Ok(requests)
    }

    fn one(&self, id: &TriggerId) -> Result<Option<TriggerRequest>, rusqlite::Error> {
        let connection = self.connection.lock();
        let sql = format!("SELECT {COLUMNS} FROM askings WHERE id = ?");
        let mut query = connection.prepare_cached(&sql)?;
        query.query_row([id.as_str()], |row| request(self.folder(), row)).optional()
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
    use crate::sqlite::owners::this_process;

    use crate::request::RequestedJob;
    use crate::sqlite::schema::MIGRATIONS;
    use mozci_core::ids::{RepoName, Revision, TaskId, Vcs};
    use std::time::Duration;

    fn request(plan: &str, created: i64) -> TriggerRequest {
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
            body: serde_json::json!({"user": {"input": {}}}).into(),
            created: At(created),
            state: TriggerState::Planned,
            process: String::new(),
            in_hand: true,
            asker: "me".into(),
            investigation: None,
        }
    }

    const ENOUGH: Day = Day { since: At(0), limit: u32::MAX };

    fn book(ledger: &Database, requests: &[TriggerRequest], read: LedgerCursor) -> Vec<Recorded> {
        match ledger.book(requests, read, ENOUGH, &Writer::default()).unwrap() {
            Booking::Booked(recorded) => recorded,
            over => panic!("{over:?}"),
        }
    }

    #[test]
    fn what_is_recorded_comes_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Database::open(folder.path()).unwrap();
        let first =
            TriggerRequest { process: this_process(folder.path()).unwrap(), ..request("p1", 100) };
        assert_eq!(book(&ledger, std::slice::from_ref(&first), LedgerCursor(0)), [Recorded::New]);
        assert_eq!(ledger.open_requests("http://tc").unwrap(), std::slice::from_ref(&first));
        let task = TaskId::from_bytes([3; 16]);
        ledger.mark(&first.id, &TriggerState::Sent { request: task.into() }).unwrap();
        assert!(ledger.open_requests("http://tc").unwrap().is_empty());
        let known = ledger.owner("http://tc", task.into(), None).unwrap();
        assert_eq!(known, Some(first.id));
        assert_eq!(ledger.runs_since("http://tc", At(100)).unwrap(), 2);
        assert_eq!(ledger.runs_since("http://tc", At(101)).unwrap(), 0);
    }

    #[test]
    fn what_another_process_asked_since_the_reading_is_not_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Database::open(folder.path()).unwrap();
        let read = ledger.cursor().unwrap();
        assert_eq!(book(&ledger, &[request("p1", 100)], read), [Recorded::New]);
        // Whatever the clocks say: it stands there since.
        let again = book(&ledger, &[request("p2", 50)], read);
        assert_eq!(again, [Recorded::AlreadyAsked(JobName::new("test"))]);
        let read = ledger.cursor().unwrap();
        assert_eq!(book(&ledger, &[request("p3", 200)], read), [Recorded::New]);
    }

    #[test]
    fn a_day_sees_no_more_than_it_may_whoever_asks() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Database::open(folder.path()).unwrap();
        let day = Day { since: At(0), limit: 5 };
        let ask = |plan, job: &str| {
            let mut made = request(plan, 100);
            made.jobs[0].job = JobName::new(job);
            ledger.book(&[made], LedgerCursor(0), day, &Writer::default()).unwrap()
        };
        assert_eq!(ask("p1", "a"), Booking::Booked(vec![Recorded::New]));
        assert_eq!(ask("p2", "b"), Booking::Booked(vec![Recorded::New]));
        assert_eq!(ask("p3", "c"), Booking::OverBudget { used: 4 });
    }

    #[test]
    fn what_was_in_hand_when_it_was_read_is_in_no_doubt_once_its_process_ended() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Database::open(folder.path()).unwrap();
        let (process, lock) = crate::sqlite::owners::another(folder.path()).unwrap();
        let theirs = TriggerRequest { process, ..request("p", 1) };
        ledger.book(&[theirs], LedgerCursor(0), ENOUGH, &Writer::default()).unwrap();
        let read = ledger.open_requests("http://tc").unwrap();
        drop(lock);
        // It marked the trigger request before it ended: that this row does not say so yet is no doubt.
        assert!(read[0].is_in_hand());
        let read = ledger.open_requests("http://tc").unwrap();
        assert!(!read[0].is_in_hand(), "nobody is left to mark it");
    }

    #[test]
    fn a_ledger_that_is_held_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Database::open(folder.path()).unwrap();
        ledger.connection.lock().busy_timeout(Duration::ZERO).unwrap();
        let other = Connection::open(&ledger.path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = ledger
            .book(&[request("p", 1)], LedgerCursor(0), ENOUGH, &Writer::default())
            .unwrap_err();
        assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    }

    #[test]
    fn a_full_disk_loses_nothing_that_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Database::open(folder.path()).unwrap();
        ledger.book(&[request("p", 1)], LedgerCursor(0), ENOUGH, &Writer::default()).unwrap();
        ledger.connection.lock().pragma_update(None, "max_page_count", 1).unwrap();
        let many: Vec<TriggerRequest> = (0..500).map(|i| request("q", 1000 + i)).collect();
        let error = ledger.book(&many, LedgerCursor(500), ENOUGH, &Writer::default()).unwrap_err();
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
        let ledger = Database::open(folder.path()).unwrap();
        let open = ledger.open_requests("http://tc").unwrap();
        assert_eq!((open[0].names().as_str(), open[0].times()), ("test", 3));
        assert_eq!(open[0].jobs[0].why, "not run");
        assert_eq!(ledger.runs_since("http://tc", At(100)).unwrap(), 3);
    }

    #[test]
    fn a_newer_ledger_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Database::open(folder.path()).unwrap();
        ledger.connection.lock().pragma_update(None, "user_version", 99).unwrap();
        drop(ledger);
        assert!(matches!(Database::open(folder.path()), Err(StoreError::Newer { found: 99, .. })));
    }
}
