//! Investigations: what was asked, every step as it was about to be taken, and what came of it.

use std::path::Path;
use std::time::Duration;

use mozci_core::time::At;
use rusqlite::{OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde_json::Value;

use crate::store::error::StoreError;
use crate::store::lease::{Lease, holds};
use crate::store::owners::this_process;
use crate::store::place::{Shared, folder_of, open};
use crate::store::request::TriggerId;
use crate::store::schema::{FILE, MIGRATIONS};

/// Investigations that are listed at once, at the most.
pub const LISTED: usize = 1000;

/// The form in which questions and steps are written by this version.
pub const FORM: u32 = 1;

/// How an investigation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvestigationState {
    /// It can go on.
    Open,
    /// It came to its end.
    Done,
    /// Somebody ended it.
    Cancelled,
}

impl InvestigationState {
    fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the word; none for one that this version does not know.
    fn parse(text: &str) -> Option<Self> {
        [Self::Open, Self::Done, Self::Cancelled].into_iter().find(|state| state.word() == text)
    }
}

/// One investigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Investigation {
    /// Its id.
    pub id: String,
    /// The form in which it is written.
    pub form: u32,
    /// The CI's root URL.
    pub ci: String,
    /// The repository.
    pub repo: String,
    /// What was asked, in its form.
    pub question: Value,
    /// When it began.
    pub created: At,
    /// How it stands.
    pub state: InvestigationState,
}

/// All investigations of a user.
#[derive(Debug)]
pub struct Investigations {
    pub(super) connection: Shared,
    pub(super) path: std::path::PathBuf,
}

/// Where they were kept before the ledger had them.
const FORMER: &str = "investigations.db";

impl Investigations {
    /// Opens them, making the file where it is not there.
    ///
    /// # Errors
    /// [`StoreError`]: on a full disk, of a newer version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let busy = Duration::from_secs(5);
        let (path, connection) = open(folder, FILE, busy, &MIGRATIONS)?;
        let store = Self { connection: Shared::new(connection), path };
        let former = folder.join(FORMER);
        if former.exists() {
            store.take_in(&former)?;
        }
        Ok(store)
    }

    /// Takes in what an earlier version kept in a file of its own.
    fn take_in(&self, former: &Path) -> Result<(), StoreError> {
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

    /// The folder of its file.
    pub(super) fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// Begins one; gives its id. It is driven by whoever [takes](Self::take) it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn begin(
        &self,
        ci: &str,
        repo: &str,
        question: &Value,
        now: At,
    ) -> Result<String, StoreError> {
        let connection = self.connection.lock();
        // Short enough to type, of letters and digits alone.
        let long = TriggerId::new().as_str().to_owned();
        let id: String = long.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
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

    /// Writes down a step that is about to be taken.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::TakenOver`] where the lease does not hold any more: the step must
    /// not be taken then.
    pub fn step(&self, lease: &Lease, step: &Value, now: At) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let transaction = Transaction::new_unchecked(&connection, TransactionBehavior::Immediate)
            .map_err(&failed)?;
        if !holds(&transaction, lease).map_err(&failed)? {
            return Err(StoreError::TakenOver { id: lease.id.clone() });
        }
        transaction
            .execute(
                "INSERT INTO steps SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM steps WHERE investigation = ?1",
                params![lease.id, now.0, step.to_string()],
            )
            .map_err(&failed)?;
        transaction.commit().map_err(&failed)
    }

    /// Asks an investigation that is held in other words from here on.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::TakenOver`] where the lease does not hold any more.
    pub fn ask_anew(&self, lease: &Lease, question: &Value) -> Result<(), StoreError> {
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

    /// Notes that one has come to its end, or that somebody ends it: whoever drives it does nothing
    /// more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn mark(&self, id: &str, state: InvestigationState) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let statement = "UPDATE investigations SET state = ?2 WHERE id = ?1";
        let done = connection.execute(statement, params![id, state.word()]);
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }

    /// Those of a CI and repository that are open, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_ones(&self, ci: &str, repo: &str) -> Result<Vec<Investigation>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let text = "SELECT id, form, ci, repo, question, created, state FROM investigations \
                    WHERE state = 'open' AND ci = ?1 AND repo = ?2 ORDER BY created, id";
        let mut statement = connection.prepare(text).map_err(&failed)?;
        let rows = statement.query_map([ci, repo], row).map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(&failed)
    }

    /// Those whose ids begin so, newest first; all of them for an empty text, up to [`LISTED`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn by_prefix(&self, prefix: &str) -> Result<Vec<Investigation>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let text = "SELECT id, form, ci, repo, question, created, state FROM investigations \
                    WHERE substr(id, 1, length(?1)) = ?1 ORDER BY created DESC, id LIMIT ?2";
        let mut statement = connection.prepare(text).map_err(&failed)?;
        let most = i64::try_from(LISTED).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![prefix, most], row).map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(&failed)
    }

    /// The steps of one, in their order, each with when it was written down.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn steps(&self, id: &str) -> Result<Vec<(At, Value)>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let text = "SELECT at, step FROM steps WHERE investigation = ?1 ORDER BY number";
        let mut statement = connection.prepare(text).map_err(&failed)?;
        let rows = statement.query_map([id], |row| Ok((At(row.get(0)?), json(row, 1)?)));
        rows.map_err(&failed)?.collect::<Result<_, _>>().map_err(&failed)
    }

    /// The last step of one, if it has any.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn last_step(&self, id: &str) -> Result<Option<Value>, StoreError> {
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
        let open = || Investigations::open(folder.path()).unwrap();
        let id = open().begin("https://ci", "autoland", &json!({"job": "a"}), At(5)).unwrap();
        assert_eq!(id.len(), 8);
        let lease = open().take(&id, At(5)).unwrap().unwrap();
        for number in 0..3 {
            open().step(&lease, &json!({"round": number}), At(6 + number)).unwrap();
        }
        let all = open().by_prefix(&id[..4]).unwrap();
        assert_eq!((all.len(), all[0].state, all[0].form), (1, InvestigationState::Open, FORM));
        assert_eq!(open().open_ones("https://ci", "autoland").unwrap(), all);
        assert!(open().open_ones("https://ci", "central").unwrap().is_empty());
        assert_eq!(open().steps(&id).unwrap().len(), 3);
        assert_eq!(open().last_step(&id).unwrap(), Some(json!({"round": 2})));
        open().mark(&id, InvestigationState::Done).unwrap();
        assert_eq!(open().by_prefix("").unwrap()[0].state, InvestigationState::Done);
        assert!(open().by_prefix("%").unwrap().is_empty());
        // Nobody goes on with what has ended.
        let late = open().step(&lease, &json!({"round": 9}), At(20)).unwrap_err();
        assert!(matches!(late, StoreError::TakenOver { .. }), "{late}");
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_not_something_else() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Investigations::open(folder.path()).unwrap();
        let id = store.begin("https://ci", "autoland", &json!({}), At(0)).unwrap();
        let lease = store.take(&id, At(0)).unwrap().unwrap();
        store.step(&lease, &json!({"step": "begun"}), At(1)).unwrap();
        let set = |text: &str| store.connection.lock().execute(text, []).unwrap();
        set("UPDATE steps SET step = '{\"step\": \"be'");
        assert!(store.steps(&id).is_err() && store.last_step(&id).is_err());
        set("PRAGMA ignore_check_constraints = ON");
        set("UPDATE investigations SET state = 'paused'");
        let error = store.by_prefix(&id).unwrap_err().to_string();
        assert!(error.contains("paused") && error.contains(&id), "{error}");
        set("UPDATE investigations SET state = 'open', question = '{'");
        assert!(store.open_ones("https://ci", "autoland").is_err());
    }

    #[test]
    fn whoever_slept_past_a_lease_writes_nothing() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Investigations::open(folder.path()).unwrap();
        let id = store.begin("https://ci", "autoland", &json!({}), At(0)).unwrap();
        let asleep = store.take(&id, At(0)).unwrap().unwrap();
        let awake = store.take(&id, At(100)).unwrap().unwrap();
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
            let store = Investigations::open(folder.path()).unwrap();
            assert_eq!(store.by_prefix("abc").unwrap().len(), 1);
            assert_eq!(store.steps("abc").unwrap().len(), 1);
        }
    }
}
