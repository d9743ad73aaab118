//! Messages in the SQLite file.

use mozci_core::time::At;
use rusqlite::params;

use crate::error::StoreError;
use crate::message::{IN_HAND, Message, NewMessage, TRIES, pause};
use crate::sqlite::database::Database;

impl Database {
    pub(super) fn post(&self, message: &NewMessage, now: At) -> Result<bool, StoreError> {
        let connection = self.connection.lock();
        let insert = "INSERT OR IGNORE INTO messages
             (id, investigation, question, channel, body, created, next_try)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)";
        let NewMessage { id, investigation, question, channel, body } = message;
        let done =
            connection.execute(insert, params![id, investigation, question, channel, body, now.0]);
        done.map(|rows| rows == 1).map_err(StoreError::sqlite(&self.path))
    }

    pub(super) fn take_due(&self, now: At) -> Result<Vec<Message>, StoreError> {
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

    pub(super) fn delivered(&self, id: &str, now: At) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let update = "UPDATE messages SET delivered = ?2, problem = '' WHERE id = ?1";
        let done = connection.execute(update, params![id, now.0]);
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }

    pub(super) fn not_delivered(
        &self,
        message: &Message,
        problem: &str,
        now: At,
    ) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let update =
            "UPDATE messages SET tries = tries + 1, next_try = ?2, problem = ?3 WHERE id = ?1";
        let done =
            connection.execute(update, params![message.id, now.0 + pause(message.tries), problem]);
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }

    pub(super) fn waiting(&self) -> Result<(u32, String), StoreError> {
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

    fn message(id: &str, channel: &str) -> NewMessage {
        let text = |text: &str| text.to_owned();
        NewMessage {
            id: text(id),
            investigation: text("abc"),
            question: text("finished"),
            channel: text(channel),
            body: format!("{{\"id\": {id:?}}}"),
        }
    }

    #[test]
    fn a_question_is_answered_once_and_what_was_not_delivered_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Database::open(folder.path()).unwrap();
        assert!(outbox.post(&message("1", "webhook"), At(100)).unwrap());
        assert!(!outbox.post(&message("2", "webhook"), At(100)).unwrap());
        assert!(outbox.post(&message("3", "email"), At(100)).unwrap());
        let due = outbox.take_due(At(100)).unwrap();
        assert_eq!(due.len(), 2);
        // Nobody else gets them until these are given up.
        assert!(outbox.take_due(At(150)).unwrap().is_empty());
        outbox.delivered(&due[0].id, At(101)).unwrap();
        outbox.not_delivered(&due[1], "no", At(101)).unwrap();
        assert_eq!(outbox.waiting().unwrap(), (1, "no".to_owned()));
        assert!(outbox.take_due(At(101)).unwrap().is_empty());
        let again = outbox.take_due(At(102)).unwrap();
        assert_eq!((again.len(), &again[0].id, again[0].tries), (1, &due[1].id, 1));
        // A process that died with a message in hand loses nothing.
        assert_eq!(outbox.take_due(At(102 + IN_HAND)).unwrap().len(), 1);
    }
}
