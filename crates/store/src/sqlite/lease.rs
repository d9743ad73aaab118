//! Leases in the SQLite file. The store's clock is this machine's. A process that has ended holds nothing.

use std::collections::HashMap;
use std::path::Path;

use mozci_core::time::At;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::error::StoreError;
use crate::investigation::{Held, Lease};
use crate::sqlite::database::Database;
use crate::sqlite::owners::{lives, this_process};

/// How long a lease holds unless it is renewed, in seconds.
const HELD: i64 = 60;

/// Whether an investigation is held under this lease, and open.
pub(super) fn holds(connection: &Connection, lease: &Lease) -> Result<bool, rusqlite::Error> {
    let select = "SELECT fence FROM investigations WHERE id = ? AND state = 'open'";
    let mut query = connection.prepare_cached(select)?;
    let fence: Option<i64> = query.query_row([&lease.id], |row| row.get(0)).optional()?;
    Ok(fence == Some(lease.fence))
}

/// Claims in one transaction.
struct Claiming<'a> {
    transaction: &'a Connection,
    folder: &'a Path,
    me: String,
    now: At,
    /// Whether a process lives is asked of the system once.
    living: HashMap<String, bool>,
}

impl Claiming<'_> {
    fn claim(&mut self, id: &str) -> Result<Result<Lease, Held>, rusqlite::Error> {
        let select = "SELECT holder, held_until, fence FROM investigations WHERE id = ?";
        let mut query = self.transaction.prepare_cached(select)?;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let (holder, until, fence): (String, i64, i64) = query.query_row([id], read)?;
        // A clock that was set back makes a lease look longer than any is. Whoever waited for others to write comes
        // with a time from before: their leases are longer by that, and hold.
        // Another task of this process is as foreign as another process.
        let held = self.now.0 < until && until <= self.now.0 + 2 * HELD;
        let lives = |holder: &String| lives(self.folder, holder);
        if held && *self.living.entry(holder.clone()).or_insert_with_key(lives) {
            return Ok(Err(Held::by(id, &holder)));
        }
        let update =
            "UPDATE investigations SET holder = ?2, held_until = ?3, fence = ?4 WHERE id = ?1";
        let mut update = self.transaction.prepare_cached(update)?;
        update.execute(params![id, self.me, self.now.0 + HELD, fence + 1])?;
        Ok(Ok(Lease { id: id.to_owned(), fence: fence + 1 }))
    }
}

impl Database {
    pub(super) fn claim(
        &self,
        ids: &[&str],
        now: At,
    ) -> Result<Vec<Result<Lease, Held>>, StoreError> {
        self.claiming(now, |claiming| ids.iter().map(|id| claiming.claim(id)).collect())
    }

    pub(super) fn claim_open(
        &self,
        ci: &str,
        repo: &str,
        most: u32,
        now: At,
    ) -> Result<Vec<Lease>, StoreError> {
        let select = "SELECT id FROM investigations WHERE state = 'open' AND ci = ? AND repo = ?
             ORDER BY created, id";
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        self.claiming(now, |claiming| {
            let mut query = claiming.transaction.prepare_cached(select)?;
            let open = query.query_map([ci, repo], |row| row.get(0))?;
            let open: Vec<String> = open.collect::<Result<_, _>>()?;
            let mut claimed = Vec::new();
            for id in &open {
                if claimed.len() >= most {
                    break;
                }
                claimed.extend(claiming.claim(id)?);
            }
            Ok(claimed)
        })
    }

    /// Runs claims in one transaction. Those who claim at once take turns.
    fn claiming<T>(
        &self,
        now: At,
        claim: impl FnOnce(&mut Claiming<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let immediate = TransactionBehavior::Immediate;
        let transaction =
            rusqlite::Transaction::new_unchecked(&connection, immediate).map_err(&failed)?;
        let folder = self.folder();
        let (me, living) = (this_process(folder)?, HashMap::new());
        let mut claiming = Claiming { transaction: &transaction, folder, me, now, living };
        let claimed = claim(&mut claiming).map_err(&failed)?;
        transaction.commit().map_err(&failed)?;
        Ok(claimed)
    }

    pub(super) fn held(&self, id: &str, now: At) -> Result<Option<Held>, StoreError> {
        let connection = self.connection.lock();
        let select =
            "SELECT holder, held_until FROM investigations WHERE id = ? AND state = 'open'";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
        let found = connection.query_row(select, [id], read).optional();
        let found = found.map_err(StoreError::sqlite(&self.path))?;
        let held = found.filter(|(holder, until)| now.0 < *until && lives(self.folder(), holder));
        Ok(held.map(|(holder, _)| Held::by(id, &holder)))
    }

    pub(super) fn renew(&self, leases: &[Lease], now: At) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        let transaction = connection.unchecked_transaction().map_err(&failed)?;
        let update = "UPDATE investigations SET held_until = ?3 WHERE id = ?1 AND fence = ?2";
        for lease in leases {
            let values = params![lease.id, lease.fence, now.0 + HELD];
            transaction.execute(update, values).map_err(&failed)?;
        }
        transaction.commit().map_err(&failed)
    }

    pub(super) fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let update = "UPDATE investigations SET held_until = 0 WHERE id = ?1 AND fence = ?2";
        let done = connection.execute(update, params![lease.id, lease.fence]);
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn store() -> (tempfile::TempDir, Database, String) {
        let folder = tempfile::tempdir().unwrap();
        let store = Database::open(folder.path()).unwrap();
        let id = store.begin("https://ci", "autoland", &json!({}), At(0)).unwrap();
        (folder, store, id)
    }

    fn take(store: &Database, id: &str, now: At) -> Result<Lease, Held> {
        store.claim(&[id], now).unwrap().pop().unwrap()
    }

    /// Makes it look as if another process held it, which lives as long as what is given.
    fn give_to_another(store: &Database, id: &str, until: i64) -> std::fs::File {
        let (other, lock) = crate::sqlite::owners::another(store.folder()).unwrap();
        let update = "UPDATE investigations SET holder = ?, held_until = ? WHERE id = ?";
        store.connection.lock().execute(update, params![other, until, id]).unwrap();
        lock
    }

    #[test]
    fn one_drives_and_another_waits() {
        let (_folder, store, id) = store();
        let first = take(&store, &id, At(100)).unwrap();
        // Another task of the same process waits, too. Once it was let go, the older lease is worth nothing.
        assert!(take(&store, &id, At(101)).is_err());
        store.release(&first).unwrap();
        let second = take(&store, &id, At(101)).unwrap();
        assert!(second.fence > first.fence);
        assert!(!holds(&store.connection.lock(), &first).unwrap());
        assert!(holds(&store.connection.lock(), &second).unwrap());
        let _other = give_to_another(&store, &id, 160);
        assert!(take(&store, &id, At(120)).is_err());
        assert!(store.held(&id, At(120)).unwrap().is_some());
        // Past its time, or after a clock was set back, whoever comes takes it.
        assert!(take(&store, &id, At(161)).is_ok());
        let _other = give_to_another(&store, &id, 10_000);
        assert!(take(&store, &id, At(120)).is_ok());
    }

    #[test]
    fn whoever_waited_while_another_claimed_takes_nothing() {
        let (_folder, store, id) = store();
        take(&store, &id, At(100)).unwrap();
        // It read the clock before the other one did, and came to write after it.
        assert!(take(&store, &id, At(99)).is_err());
        assert!(take(&store, &id, At(95)).is_err());
    }

    #[test]
    fn a_lease_that_was_lost_is_not_renewed_and_one_that_is_let_go_is_free() {
        let (_folder, store, id) = store();
        let first = take(&store, &id, At(100)).unwrap();
        store.release(&first).unwrap();
        let second = take(&store, &id, At(100)).unwrap();
        store.renew(std::slice::from_ref(&first), At(500)).unwrap();
        store.release(&first).unwrap();
        let until = "SELECT held_until FROM investigations";
        let read =
            || store.connection.lock().query_row(until, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(read(), 160);
        store.renew(std::slice::from_ref(&second), At(500)).unwrap();
        assert_eq!(read(), 560);
        store.release(&second).unwrap();
        assert_eq!(read(), 0);
    }

    #[test]
    fn a_dead_process_holds_nothing() {
        let (_folder, store, id) = store();
        drop(give_to_another(&store, &id, 10_000_000_000));
        assert!(take(&store, &id, At(100)).is_ok());
        let update = "UPDATE investigations SET holder = '1 gone 2', held_until = 10000000000";
        store.connection.lock().execute(update, []).unwrap();
        assert!(take(&store, &id, At(100)).is_ok());
    }
}
