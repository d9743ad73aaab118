//! Investigations in the SQLite file.

use std::path::Path;

use mozci_core::time::At;
use rusqlite::{OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde_json::Value;

use crate::error::StoreError;
use crate::investigation::{FORM, Investigation, InvestigationState, LISTED, Lease};
use crate::request::short_id;
use crate::sqlite::database::Database;
use crate::sqlite::lease::holds;
use crate::sqlite::owners::this_process;

/// The file of investigations of earlier versions.
pub(super) const FORMER: &str = "investigations.db";

impl Database {
    /// Takes in what an earlier version kept in a file of its own.
    pub(super) fn take_in(&self, former: &Path) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let attach = "ATTACH DATABASE ? AS former";
        connection.execute(attach, [former.to_string_lossy()]).map_err(&failed)?;
        let copy = "BEGIN IMMEDIATE;
            INSERT OR IGNORE INTO investigations (id, form, ci, repo, question, created, state)
              SELECT id, form, ci, repo, question, created, state FROM former.investigations;
            INSERT OR IGNORE INTO steps SELECT investigation, number, at, step FROM former.steps;
            COMMIT;
            DETACH DATABASE former";
        connection.execute_batch(copy).map_err(&failed)?;
        std::fs::rename(former, former.with_extension("db.taken-in"))
            .map_err(|error| StoreError::io(former, &error))
    }

    pub(super) fn begin(
        &self,
        ci: &str,
        repo: &str,
        question: &Value,
        now: At,
    ) -> Result<String, StoreError> {
        let connection = self.connection.lock();
        let id = short_id();
        let me = this_process(self.folder())?;
        connection
            .execute(
                "INSERT INTO investigations (id, form, ci, repo, question, created, state, holder)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'open', ?7)",
                params![id, FORM, ci, repo, question.to_string(), now.0, me],
            )
            .map_err(StoreError::sqlite(&self.path))?;
        Ok(id)
    }

    pub(super) fn step(&self, lease: &Lease, step: &Value, now: At) -> Result<(), StoreError> {
        self.step_and(lease, step, now, None)
    }

    pub(super) fn finish(&self, lease: &Lease, step: &Value, now: At) -> Result<(), StoreError> {
        self.step_and(lease, step, now, Some(InvestigationState::Done))
    }

    /// Writes a step and, in the same transaction, a state.
    fn step_and(
        &self,
        lease: &Lease,
        step: &Value,
        now: At,
        state: Option<InvestigationState>,
    ) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)
            .map_err(&failed)?;
        if !holds(&transaction, lease).map_err(&failed)? {
            return Err(StoreError::TakenOver { id: lease.id.clone() });
        }
        let insert = "INSERT INTO steps SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM steps WHERE investigation = ?1";
        transaction.execute(insert, params![lease.id, now.0, step.to_string()]).map_err(&failed)?;
        if let Some(state) = state {
            let update = "UPDATE investigations SET state = ?2 WHERE id = ?1";
            transaction.execute(update, params![lease.id, state.word()]).map_err(&failed)?;
        }
        transaction.commit().map_err(&failed)
    }

    pub(super) fn change_question(
        &self,
        lease: &Lease,
        question: &Value,
    ) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let update = "UPDATE investigations SET question = ?3
             WHERE id = ?1 AND fence = ?2 AND state = 'open'";
        let values = params![lease.id, lease.fence, question.to_string()];
        let done = connection.execute(update, values);
        match done.map_err(StoreError::sqlite(&self.path))? {
            1 => Ok(()),
            _ => Err(StoreError::TakenOver { id: lease.id.clone() }),
        }
    }

    pub(super) fn set_state(&self, id: &str, state: InvestigationState) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let statement = "UPDATE investigations SET state = ?2 WHERE id = ?1";
        let done = connection.execute(statement, params![id, state.word()]);
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }

    pub(super) fn open_investigations(
        &self,
        ci: &str,
        repo: &str,
    ) -> Result<Vec<Investigation>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let text = "SELECT id, form, ci, repo, question, created, state FROM investigations \
                    WHERE state = 'open' AND ci = ?1 AND repo = ?2 ORDER BY created, id";
        let mut statement = connection.prepare(text).map_err(&failed)?;
        let rows = statement.query_map([ci, repo], row).map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(&failed)
    }

    pub(super) fn by_prefix(&self, prefix: &str) -> Result<Vec<Investigation>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let text = "SELECT id, form, ci, repo, question, created, state FROM investigations \
                    WHERE substr(id, 1, length(?1)) = ?1 ORDER BY created DESC, id LIMIT ?2";
        let mut statement = connection.prepare(text).map_err(&failed)?;
        let most = i64::try_from(LISTED).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![prefix, most], row).map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(&failed)
    }

    pub(super) fn steps(&self, id: &str) -> Result<Vec<(At, Value)>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let text = "SELECT at, step FROM steps WHERE investigation = ?1 ORDER BY number";
        let mut statement = connection.prepare(text).map_err(&failed)?;
        let rows = statement.query_map([id], |row| Ok((At(row.get(0)?), json(row, 1)?)));
        rows.map_err(&failed)?.collect::<Result<_, _>>().map_err(&failed)
    }

    pub(super) fn last_step(&self, id: &str) -> Result<Option<Value>, StoreError> {
        let connection = self.connection.lock();
        let text = "SELECT step FROM steps WHERE investigation = ?1 ORDER BY number DESC LIMIT 1";
        let found = connection.query_row(text, [id], |row| json(row, 0)).optional();
        found.map_err(StoreError::sqlite(&self.path))
    }
}

fn json(row: &Row<'_>, place: usize) -> rusqlite::Result<Value> {
    let text: String = row.get(place)?;
    serde_json::from_str(&text).map_err(|error| unreadable(place, error))
}

/// What is stored and cannot be read, instead of something that was never written.
fn unreadable(
    place: usize,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(place, rusqlite::types::Type::Text, error.into())
}

fn state(row: &Row<'_>, place: usize) -> rusqlite::Result<InvestigationState> {
    let word: String = row.get(place)?;
    InvestigationState::parse(&word).ok_or_else(|| {
        let id: String = row.get(0).unwrap_or_default();
        let text = format!(
            "investigation {id} is in the state {word:?}, which this version does not know"
        );
        unreadable(place, text)
    })
}

fn row(row: &Row<'_>) -> rusqlite::Result<Investigation> {
    Ok(Investigation {
        id: row.get(0)?,
        form: row.get(1)?,
        ci: row.get(2)?,
        repo: row.get(3)?,
        question: json(row, 4)?,
        created: At(row.get(5)?),
        state: state(row, 6)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_down_is_there_again() {
        let folder = tempfile::TempDir::new().unwrap();
        let open = || Database::open(folder.path()).unwrap();
        let id = open().begin("https://ci", "autoland", &json!({"job": "a"}), At(5)).unwrap();
        assert_eq!(id.len(), 8);
        let lease = open().claim(&[&id], At(5)).unwrap().pop().unwrap().unwrap();
        for number in 0..3 {
            open().step(&lease, &json!({"round": number}), At(6 + number)).unwrap();
        }
        let all = open().by_prefix(&id[..4]).unwrap();
        assert_eq!((all.len(), all[0].state, all[0].form), (1, InvestigationState::Open, FORM));
        assert_eq!(open().open_investigations("https://ci", "autoland").unwrap(), all);
        assert!(open().open_investigations("https://ci", "central").unwrap().is_empty());
        assert_eq!(open().steps(&id).unwrap().len(), 3);
        assert_eq!(open().last_step(&id).unwrap(), Some(json!({"round": 2})));
        open().set_state(&id, InvestigationState::Done).unwrap();
        assert_eq!(open().by_prefix("").unwrap()[0].state, InvestigationState::Done);
        assert!(open().by_prefix("%").unwrap().is_empty());
        // Nobody goes on with what has ended.
        let late = open().step(&lease, &json!({"round": 9}), At(20)).unwrap_err();
        assert!(matches!(late, StoreError::TakenOver { .. }), "{late}");
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_not_something_else() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Database::open(folder.path()).unwrap();
        let id = store.begin("https://ci", "autoland", &json!({}), At(0)).unwrap();
        let lease = store.claim(&[&id], At(0)).unwrap().pop().unwrap().unwrap();
        store.step(&lease, &json!({"step": "begun"}), At(1)).unwrap();
        let set = |text: &str| store.connection.lock().execute(text, []).unwrap();
        set("UPDATE steps SET step = '{\"step\": \"be'");
        assert!(store.steps(&id).is_err() && store.last_step(&id).is_err());
        set("PRAGMA ignore_check_constraints = ON");
        set("UPDATE investigations SET state = 'paused'");
        let error = store.by_prefix(&id).unwrap_err().to_string();
        assert!(error.contains("paused") && error.contains(&id), "{error}");
        set("UPDATE investigations SET state = 'open', question = '{'");
        assert!(store.open_investigations("https://ci", "autoland").is_err());
    }

    #[test]
    fn whoever_slept_past_a_lease_writes_nothing() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Database::open(folder.path()).unwrap();
        let id = store.begin("https://ci", "autoland", &json!({}), At(0)).unwrap();
        let asleep = store.claim(&[&id], At(0)).unwrap().pop().unwrap().unwrap();
        let awake = store.claim(&[&id], At(100)).unwrap().pop().unwrap().unwrap();
        assert!(store.step(&asleep, &json!({"step": "late"}), At(101)).is_err());
        store.step(&awake, &json!({"step": "mine"}), At(101)).unwrap();
        assert_eq!(store.steps(&id).unwrap().len(), 1);
    }

    #[test]
    fn what_an_earlier_version_kept_elsewhere_is_taken_in() {
        let folder = tempfile::TempDir::new().unwrap();
        let former = rusqlite::Connection::open(folder.path().join(FORMER)).unwrap();
        former
            .execute_batch(
                "CREATE TABLE investigations (id TEXT PRIMARY KEY, form INTEGER, ci TEXT, repo TEXT,
                     question TEXT, created INTEGER, state TEXT, process TEXT);
                 CREATE TABLE steps (investigation TEXT, number INTEGER, at INTEGER, step TEXT);
                 INSERT INTO investigations VALUES ('abc', 1, 'c', 'r', '{}', 7, 'open', '1 x 2');
                 INSERT INTO steps VALUES ('abc', 1, 8, '{\"step\": \"begun\"}')",
            )
            .unwrap();
        drop(former);
        for _ in 0..2 {
            let store = Database::open(folder.path()).unwrap();
            assert_eq!(store.by_prefix("abc").unwrap().len(), 1);
            assert_eq!(store.steps("abc").unwrap().len(), 1);
        }
    }
}
