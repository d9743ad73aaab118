//! What is to be told, until it is: one message a question and channel.

use std::path::{Path, PathBuf};
use std::time::Duration;

use mozci_core::time::At;
use rusqlite::params;

use crate::store::error::StoreError;
use crate::store::place::{Shared, open};
use crate::store::request::TriggerId;
use crate::store::schema::{FILE, MIGRATIONS};

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id, which stays the same however often it is sent.
    pub id: String,
    /// The channel: `webhook` or `email`.
    pub channel: String,
    /// What is sent, as JSON.
    pub body: String,
    /// How often it was tried.
    pub tries: u32,
}

/// The messages.
#[derive(Debug)]
pub struct Outbox {
    connection: Shared,
    path: PathBuf,
}

/// How long a message that is being delivered is left to whoever does so, in seconds.
const IN_HAND: i64 = 120;

/// The first pause, in seconds; each is twice the one before, up to the longest.
const PAUSE: (i64, i64) = (1, 6 * 3600);

/// Tries after which a message is given up: some four weeks of them.
const TRIES: u32 = 120;

impl Outbox {
    /// Opens it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let (path, connection) = open(folder, FILE, Duration::from_secs(5), &MIGRATIONS)?;
        Ok(Self { connection: Shared::new(connection), path })
    }

    /// Puts a message in, unless the same question was told on this channel already. Says whether it
    /// is new. `body` gets the message's id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn post(
        &self,
        (investigation, question): (&str, &str),
        channel: &str,
        body: impl FnOnce(&str) -> String,
        now: At,
    ) -> Result<bool, StoreError> {
        let connection = self.connection.lock();
        let id = TriggerId::new().as_str().to_owned();
        let insert = "INSERT OR IGNORE INTO messages
             (id, investigation, question, channel, body, created, next_try)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)";
        let values = params![id, investigation, question, channel, body(&id), now.0];
        let done = connection.execute(insert, values);
        done.map(|rows| rows == 1).map_err(StoreError::sqlite(&self.path))
    }

    /// Takes the messages that are due in hand: nobody else gets them for a while.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take_due(&self, now: At) -> Result<Vec<Message>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let update = "UPDATE messages SET next_try = ?1 + ?2
             WHERE delivered IS NULL AND tries < ?3 AND next_try <= ?1
             RETURNING id, channel, body, tries";
        let mut query = connection.prepare(update).map_err(&failed)?;
        let rows = query.query_map(params![now.0, IN_HAND, TRIES], |row| {
            Ok(Message {
                id: row.get(0)?,
                channel: row.get(1)?,
                body: row.get(2)?,
                tries: row.get(3)?,
            })
        });
        rows.map_err(&failed)?.collect::<Result<_, _>>().map_err(&failed)
    }

    /// Notes that a message was taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn delivered(&self, id: &str, now: At) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let update = "UPDATE messages SET delivered = ?2, problem = '' WHERE id = ?1";
        let done = connection.execute(update, params![id, now.0]);
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }

    /// Notes that a message was not taken, and why; it is tried again later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn failed(&self, message: &Message, problem: &str, now: At) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let pause = PAUSE.0.saturating_mul(1 << message.tries.min(20)).min(PAUSE.1);
        let update =
            "UPDATE messages SET tries = tries + 1, next_try = ?2, problem = ?3 WHERE id = ?1";
        let done = connection.execute(update, params![message.id, now.0 + pause, problem]);
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }

    /// Messages that were not taken yet, and what was said of the last of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn waiting(&self) -> Result<(u32, String), StoreError> {
        let connection = self.connection.lock();
        let select =
            "SELECT count(*), coalesce(max(problem), '') FROM messages WHERE delivered IS NULL";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        connection.query_row(select, [], read).map_err(StoreError::sqlite(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_told_once_and_what_was_not_taken_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path()).unwrap();
        let body = |id: &str| format!("{{\"id\": {id:?}}}");
        let key = ("abc", "finished");
        assert!(outbox.post(key, "webhook", body, At(100)).unwrap());
        assert!(!outbox.post(key, "webhook", body, At(100)).unwrap());
        assert!(outbox.post(key, "email", body, At(100)).unwrap());
        let due = outbox.take_due(At(100)).unwrap();
        assert_eq!(due.len(), 2);
        assert!(due[0].body.contains(&due[0].id));
        // Whoever else comes meanwhile gets none, until these are given up.
        assert!(outbox.take_due(At(150)).unwrap().is_empty());
        outbox.delivered(&due[0].id, At(101)).unwrap();
        outbox.failed(&due[1], "no", At(101)).unwrap();
        assert_eq!(outbox.waiting().unwrap(), (1, "no".to_owned()));
        assert!(outbox.take_due(At(101)).unwrap().is_empty());
        let again = outbox.take_due(At(102)).unwrap();
        assert_eq!((again.len(), &again[0].id, again[0].tries), (1, &due[1].id, 1));
        // A process that died with a message in hand loses nothing.
        assert_eq!(outbox.take_due(At(102 + IN_HAND)).unwrap().len(), 1);
    }
}
