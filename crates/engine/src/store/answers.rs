//! Answers that servers confirm (`304 Not Modified`) instead of sending them again.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mozci_clients::http::{CachedAnswer, EtagCache};
use rusqlite::{Connection, OptionalExtension, params};

use mozci_store::StoreError;
use mozci_store::sqlite::{Care, open};

const MIGRATIONS: [&str; 1] = ["
CREATE TABLE answers (
    url  TEXT PRIMARY KEY,
    etag TEXT NOT NULL,
    body BLOB NOT NULL,
    used INTEGER NOT NULL
) WITHOUT ROWID;
"];

/// Answers that are kept at the most; the ones that were used longest ago go first.
const MOST: i64 = 300;

/// The answers, in a file of their own: it is shared by threads, and may be lost at any time.
#[derive(Debug)]
pub struct Answers {
    connection: Mutex<Connection>,
}

impl Answers {
    /// Opens them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let (_, connection) =
            open(folder, "answers.db", Duration::from_millis(200), &MIGRATIONS, Care::Cache)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn connection(&self) -> std::sync::MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EtagCache for Answers {
    fn get(&self, url: &str) -> Option<CachedAnswer> {
        let connection = self.connection();
        let mut query =
            connection.prepare_cached("SELECT etag, body FROM answers WHERE url = ?").ok()?;
        let read =
            |row: &rusqlite::Row<'_>| Ok(CachedAnswer { etag: row.get(0)?, body: row.get(1)? });
        query.query_row([url], read).optional().ok()?
    }

    fn put(&self, url: &str, answer: &CachedAnswer) {
        let connection = self.connection();
        let now = chrono::Utc::now().timestamp();
        // One commit for both: each waits for the disk.
        let kept = || -> Result<(), rusqlite::Error> {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute(
                "INSERT INTO answers VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET etag = ?2, body = ?3, used = ?4",
                params![url, answer.etag, answer.body, now],
            )?;
            transaction.execute(
                "DELETE FROM answers WHERE url NOT IN
                     (SELECT url FROM answers ORDER BY used DESC LIMIT ?)",
                [MOST],
            )?;
            transaction.commit()
        };
        // That it cannot be kept costs an answer's bytes the next time, and nothing else.
        let _ = kept();
    }

    fn remove(&self, url: &str) {
        let _ = self.connection().execute("DELETE FROM answers WHERE url = ?", [url]);
    }

    fn clear(&self) {
        let _ = self.connection().execute("DELETE FROM answers", []);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_answer_is_kept_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let answers = Answers::open(folder.path()).unwrap();
        let answer = |n: i64| CachedAnswer { etag: format!("e{n}"), body: vec![n as u8] };
        answers.put("u", &answer(1));
        answers.put("u", &answer(2));
        assert_eq!(answers.get("u"), Some(answer(2)));
        assert_eq!(answers.get("other"), None);
        for n in 0..MOST {
            answers.put(&format!("v{n}"), &answer(n));
        }
        let count = "SELECT count(*) FROM answers";
        let left: i64 = answers.connection().query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(left, MOST);
    }
}
