//! Who drives an investigation: one process at a time. A lease has a number that grows each time
//! somebody takes it, and whatever the investigation writes is checked against that number, so that a
//! process that slept past its lease does nothing.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use mozci_core::time::At;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::store::error::StoreError;
use crate::store::investigations::Investigations;
use crate::store::owners::{lives, this_process};

/// How long a lease holds unless it is renewed, in seconds.
const HELD: i64 = 60;

/// How often it is renewed.
const RENEWED: Duration = Duration::from_secs(15);

/// An investigation that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The investigation.
    pub id: String,
    /// The number under which it is held.
    pub fence: i64,
}

/// An investigation that somebody else drives: another process, or another task of this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "investigation {id} is being driven at this moment (process {process}): wait for it, or end that one"
)]
pub struct Held {
    /// The investigation.
    pub id: String,
    /// The process's number.
    pub process: String,
}

/// Whether an investigation is held under this lease, and open.
pub(super) fn holds(connection: &Connection, lease: &Lease) -> Result<bool, rusqlite::Error> {
    let select = "SELECT fence FROM investigations WHERE id = ? AND state = 'open'";
    let mut query = connection.prepare_cached(select)?;
    let fence: Option<i64> = query.query_row([&lease.id], |row| row.get(0)).optional()?;
    Ok(fence == Some(lease.fence))
}

impl Investigations {
    /// Takes an investigation in order to drive it. `now` is this machine's time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn take(&self, id: &str, now: At) -> Result<Result<Lease, Held>, StoreError> {
        let mut taken = self.take_all(&[id], now)?;
        taken.pop().ok_or_else(|| StoreError::broken("nothing was taken"))
    }

    /// Takes several in order to drive them, in one transaction.
    ///
    /// # Errors
    /// [`StoreError`]; then none is taken.
    pub fn take_all(&self, ids: &[&str], now: At) -> Result<Vec<Result<Lease, Held>>, StoreError> {
        let connection = self.connection.lock();
        let failed = StoreError::sqlite(&self.path);
        // Those who take at once take turns.
        let immediate = TransactionBehavior::Immediate;
        let transaction =
            rusqlite::Transaction::new_unchecked(&connection, immediate).map_err(&failed)?;
        // Whether a process lives is asked of the system once.
        let folder = self.folder();
        let (me, mut living) = (this_process(folder)?, HashMap::new());
        let mut taken = Vec::with_capacity(ids.len());
        for id in ids {
            let select = "SELECT holder, held_until, fence FROM investigations WHERE id = ?";
            let mut query = transaction.prepare_cached(select).map_err(&failed)?;
            let read = |row: &rusqlite::Row<'_>| {
                Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            };
            let (holder, until, fence) = query.query_row([id], read).map_err(&failed)?;
            // A clock that was set back makes a lease look longer than any is.
            // Another task of this process is as foreign as another process.
            let held = now.0 < until && until <= now.0 + HELD;
            if held && *living.entry(holder.clone()).or_insert_with(|| lives(folder, &holder)) {
                let process = holder.split(' ').next().unwrap_or_default().to_owned();
                taken.push(Err(Held { id: (*id).to_owned(), process }));
                continue;
            }
            let update =
                "UPDATE investigations SET holder = ?2, held_until = ?3, fence = ?4 WHERE id = ?1";
            let mut update = transaction.prepare_cached(update).map_err(&failed)?;
            update.execute(params![id, me, now.0 + HELD, fence + 1]).map_err(&failed)?;
            taken.push(Ok(Lease { id: (*id).to_owned(), fence: fence + 1 }));
        }
        transaction.commit().map_err(&failed)?;
        Ok(taken)
    }

    /// Whether another process that still lives drives it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn held(&self, id: &str, now: At) -> Result<Option<Held>, StoreError> {
        let connection = self.connection.lock();
        let select =
            "SELECT holder, held_until FROM investigations WHERE id = ? AND state = 'open'";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?));
        let found = connection.query_row(select, [id], read).optional();
        let found = found.map_err(StoreError::sqlite(&self.path))?;
        let held = found.filter(|(holder, until)| now.0 < *until && lives(self.folder(), holder));
        Ok(held.map(|(holder, _)| Held {
            id: id.to_owned(),
            process: holder.split(' ').next().unwrap_or_default().to_owned(),
        }))
    }

    /// Holds on to leases for another while. Those that were taken over stay lost.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn renew(&self, leases: &[Lease], now: At) -> Result<(), StoreError> {
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

    /// Lets go of an investigation, so that somebody else may drive it at once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let connection = self.connection.lock();
        let update = "UPDATE investigations SET held_until = 0 WHERE id = ?1 AND fence = ?2";
        let done = connection.execute(update, params![lease.id, lease.fence]);
        done.map(drop).map_err(StoreError::sqlite(&self.path))
    }
}

/// Renews leases on a thread of its own until it is dropped, and lets them go then.
#[derive(Debug)]
pub struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// Why leases could not be renewed the last time, where they could not.
    problem: Arc<Mutex<Option<StoreError>>>,
}

impl Keeper {
    /// Begins to renew.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn of(folder: &Path, leases: Vec<Lease>) -> Result<Self, StoreError> {
        let store = Investigations::open(folder)?;
        let (stop, stopped) = channel();
        let problem = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&problem);
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(RENEWED) == Err(RecvTimeoutError::Timeout) {
                // One that cannot be renewed now is renewed the next time: three may fail until it runs out.
                *noted.lock() = store.renew(&leases, At(chrono::Utc::now().timestamp())).err();
            }
            for lease in &leases {
                let _ = store.release(lease);
            }
        });
        Ok(Self { stop: Some(stop), thread: Some(thread), problem })
    }

    /// Why leases could not be renewed the last time; once.
    pub fn take_problem(&self) -> Option<StoreError> {
        self.problem.lock().take()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn store() -> (tempfile::TempDir, Investigations, String) {
        let folder = tempfile::tempdir().unwrap();
        let store = Investigations::open(folder.path()).unwrap();
        let id = store.begin("https://ci", "autoland", &json!({}), At(0)).unwrap();
        (folder, store, id)
    }

    /// Makes it look as if another process held it, which lives as long as what is given.
    fn give_to_another(store: &Investigations, id: &str, until: i64) -> std::fs::File {
        let (other, lock) = crate::store::owners::another(store.folder()).unwrap();
        let update = "UPDATE investigations SET holder = ?, held_until = ? WHERE id = ?";
        store.connection.lock().execute(update, params![other, until, id]).unwrap();
        lock
    }

    #[test]
    fn one_drives_and_another_waits() {
        let (_folder, store, id) = store();
        let first = store.take(&id, At(100)).unwrap().unwrap();
        // Another task of the same process waits, too. Once it was let go, the older lease is worth nothing.
        assert!(store.take(&id, At(101)).unwrap().is_err());
        store.release(&first).unwrap();
        let second = store.take(&id, At(101)).unwrap().unwrap();
        assert!(second.fence > first.fence);
        assert!(!holds(&store.connection.lock(), &first).unwrap());
        assert!(holds(&store.connection.lock(), &second).unwrap());
        let _other = give_to_another(&store, &id, 160);
        assert!(store.take(&id, At(120)).unwrap().is_err());
        assert!(store.held(&id, At(120)).unwrap().is_some());
        // Past its time, or after a clock was set back, whoever comes takes it.
        assert!(store.take(&id, At(161)).unwrap().is_ok());
        let _other = give_to_another(&store, &id, 10_000);
        assert!(store.take(&id, At(120)).unwrap().is_ok());
    }

    #[test]
    fn a_lease_that_was_lost_is_not_renewed_and_one_that_is_let_go_is_free() {
        let (_folder, store, id) = store();
        let first = store.take(&id, At(100)).unwrap().unwrap();
        store.release(&first).unwrap();
        let second = store.take(&id, At(100)).unwrap().unwrap();
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
        assert!(store.take(&id, At(100)).unwrap().is_ok());
        let update = "UPDATE investigations SET holder = '1 gone 2', held_until = 10000000000";
        store.connection.lock().execute(update, []).unwrap();
        assert!(store.take(&id, At(100)).unwrap().is_ok());
    }
}
