//! Investigations: what was asked, every step as it was about to be taken, and what came of it.

use std::path::Path;
use std::time::Duration;

use mozci_core::time::At;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::asking::{AskId, lives, this_process};
use super::error::StoreError;
use super::place::open;

const MIGRATIONS: [&str; 1] = ["
CREATE TABLE investigations (
    id        TEXT PRIMARY KEY,
    form      INTEGER NOT NULL,
    ci        TEXT NOT NULL,
    repo      TEXT NOT NULL,
    question  TEXT NOT NULL,
    created   INTEGER NOT NULL,
    state     TEXT NOT NULL CHECK (state IN ('open', 'done', 'cancelled')),
    process   TEXT NOT NULL
);
CREATE TABLE steps (
    investigation TEXT NOT NULL REFERENCES investigations (id),
    number        INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    step          TEXT NOT NULL,
    PRIMARY KEY (investigation, number)
) WITHOUT ROWID;
"];

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

    fn parse(text: &str) -> Self {
        match text {
            "done" => Self::Done,
            "cancelled" => Self::Cancelled,
            _ => Self::Open,
        }
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
    /// The process that drove it last.
    pub process: String,
}

impl Investigation {
    /// Whether another process that still lives drives it.
    pub fn is_in_other_hands(&self) -> bool {
        self.state == InvestigationState::Open
            && self.process != this_process()
            && lives(&self.process)
    }
}

/// All investigations of a user.
#[derive(Debug)]
pub struct Investigations {
    connection: Connection,
    path: std::path::PathBuf,
}

impl Investigations {
    /// Opens them, making the file where it is not there.
    ///
    /// # Errors
    /// [`StoreError`]: on a full disk, of a newer version.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let busy = Duration::from_secs(5);
        let (path, connection) = open(folder, "investigations.db", busy, &MIGRATIONS)?;
        Ok(Self { connection, path })
    }

    /// Begins one; gives its id.
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
        // Short enough to type, of letters and digits alone.
        let long = AskId::new().as_str().to_owned();
        let id: String = long.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
        self.connection
            .execute(
                "INSERT INTO investigations VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'open', ?7)",
                params![id, FORM, ci, repo, question.to_string(), now.0, this_process()],
            )
            .map_err(StoreError::sqlite(&self.path))?;
        Ok(id)
    }

    /// Writes down a step that is about to be taken, and that this process drives it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn step(&self, id: &str, step: &Value, now: At) -> Result<(), StoreError> {
        let failed = StoreError::sqlite(&self.path);
        let transaction = self.connection.unchecked_transaction().map_err(&failed)?;
        transaction
            .execute(
                "INSERT INTO steps SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM steps WHERE investigation = ?1",
                params![id, now.0, step.to_string()],
            )
            .map_err(&failed)?;
        transaction
            .execute(
                "UPDATE investigations SET process = ?2 WHERE id = ?1",
                params![id, this_process()],
            )
            .map_err(&failed)?;
        transaction.commit().map_err(&failed)
    }

    /// Marks how one stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn mark(&self, id: &str, state: InvestigationState) -> Result<(), StoreError> {
        let statement = "UPDATE investigations SET state = ?2 WHERE id = ?1";
        let done = self.connection.execute(statement, params![id, state.word()]);
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }

    /// Those whose ids begin so, newest first; all of them for an empty text.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn by_prefix(&self, prefix: &str) -> Result<Vec<Investigation>, StoreError> {
        let failed = StoreError::sqlite(&self.path);
        let text = "SELECT id, form, ci, repo, question, created, state, process FROM investigations \
                    WHERE substr(id, 1, length(?1)) = ?1 ORDER BY created DESC, id LIMIT 1000";
        let mut statement = self.connection.prepare(text).map_err(&failed)?;
        let rows = statement.query_map([prefix], row).map_err(&failed)?;
        rows.collect::<Result<_, _>>().map_err(&failed)
    }

    /// The steps of one, in their order, each with when it was written down.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn steps(&self, id: &str) -> Result<Vec<(At, Value)>, StoreError> {
        let failed = StoreError::sqlite(&self.path);
        let text =
            "SELECT at, step FROM steps WHERE investigation = ?1 ORDER BY number LIMIT 100000";
        let mut statement = self.connection.prepare(text).map_err(&failed)?;
        let rows = statement.query_map([id], |row| Ok((At(row.get(0)?), json(row, 1)?)));
        rows.map_err(&failed)?.collect::<Result<_, _>>().map_err(&failed)
    }

    /// The last step of one, if it has any.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn last_step(&self, id: &str) -> Result<Option<Value>, StoreError> {
        let text = "SELECT step FROM steps WHERE investigation = ?1 ORDER BY number DESC LIMIT 1";
        let found = self.connection.query_row(text, [id], |row| json(row, 0)).optional();
        found.map_err(StoreError::sqlite(&self.path))
    }
}

fn json(row: &Row<'_>, place: usize) -> rusqlite::Result<Value> {
    let text: String = row.get(place)?;
    Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
}

fn row(row: &Row<'_>) -> rusqlite::Result<Investigation> {
    Ok(Investigation {
        id: row.get(0)?,
        form: row.get(1)?,
        ci: row.get(2)?,
        repo: row.get(3)?,
        question: json(row, 4)?,
        created: At(row.get(5)?),
        state: InvestigationState::parse(&row.get::<_, String>(6)?),
        process: row.get(7)?,
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
        for number in 0..3 {
            open().step(&id, &json!({"round": number}), At(6 + number)).unwrap();
        }
        let all = open().by_prefix(&id[..4]).unwrap();
        assert_eq!((all.len(), all[0].state, all[0].form), (1, InvestigationState::Open, FORM));
        assert!(!all[0].is_in_other_hands());
        assert_eq!(open().steps(&id).unwrap().len(), 3);
        assert_eq!(open().last_step(&id).unwrap(), Some(json!({"round": 2})));
        open().mark(&id, InvestigationState::Done).unwrap();
        assert_eq!(open().by_prefix("").unwrap()[0].state, InvestigationState::Done);
        assert!(open().by_prefix("%").unwrap().is_empty());
    }
}
