//! How a file of SQLite is opened.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::error::StoreError;
use crate::files::{private, private_folder};

/// A connection that several tasks share. It is held for as long as a transaction goes on, and never over an
/// await; the same thread may take it again.
pub type Shared = parking_lot::ReentrantMutex<Connection>;

/// How much a file matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Nothing may be lost: the file is checked if nobody closed it properly.
    Precious,
    /// It only saves requests.
    Cache,
}

/// Opens a file that only its owner can read, and brings its tables up to date. `busy` is how long to wait for another
/// process that writes; `migrations` bring the file from one version to the next.
///
/// # Errors
/// [`StoreError`]: the file is busy, damaged, of a newer version, or may not be written.
pub fn open(
    folder: &Path,
    name: &str,
    busy: Duration,
    migrations: &[&str],
    care: Care,
) -> Result<(PathBuf, Connection), StoreError> {
    let path = folder.join(name);
    private_folder(folder)?;
    private(&path)?;
    // SQLite removes its journal when the last process closes the file properly.
    let journal = path.with_file_name(format!("{name}-wal"));
    let unclean = std::fs::metadata(journal).is_ok_and(|found| found.len() > 0);
    let failed = StoreError::sqlite(&path);
    let mut connection = Connection::open(&path).map_err(&failed)?;
    connection.busy_timeout(busy).map_err(&failed)?;
    let known = migrations.len() as i64;
    if !is_current(&connection, known) {
        // Switching a new file to a journal does not wait for others that do the same.
        let _alone = alone(&path)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(&failed)?;
        migrate(&mut connection, &path, migrations)?;
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(&failed)?;
    if unclean && care == Care::Precious && !CHECKED.lock().contains(&path) {
        check(&connection, &path)?;
        CHECKED.lock().insert(path.clone());
    }
    Ok((path, connection))
}

/// The files that this process has found whole. A check reads the whole file, and while this process has a file open,
/// its journal looks like that of a process that was killed. One path a state folder.
static CHECKED: parking_lot::Mutex<BTreeSet<PathBuf>> = parking_lot::Mutex::new(BTreeSet::new());

/// Whether the file has its journal and its newest tables already.
fn is_current(connection: &Connection, known: i64) -> bool {
    let mode = connection.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0));
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    mode.is_ok_and(|mode| mode == "wal") && version.is_ok_and(|version| version == known)
}

fn migrate(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let failed = StoreError::sqlite(path);
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(&failed)?;
    let found: i64 =
        transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(&failed)?;
    let known = migrations.len() as i64;
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    for migration in migrations.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(migration).map_err(&failed)?;
    }
    transaction.pragma_update(None, "user_version", known).map_err(&failed)?;
    transaction.commit().map_err(&failed)
}

/// Asks SQLite whether the file is whole.
fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found.map_err(StoreError::sqlite(path))? {
        found if found == "ok" => Ok(()),
        found => Err(StoreError::Damaged { path: path.to_owned(), message: found }),
    }
}

/// How long to wait for other processes that make the same file.
const MAKING: Duration = Duration::from_secs(30);

/// Waits until nobody else makes the file. `None` where the file system has no locks.
fn alone(path: &Path) -> Result<Option<File>, StoreError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".making");
    let file = private(&path.with_file_name(name))?;
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if started.elapsed() > MAKING => {
                return Err(StoreError::Busy { path: path.to_owned() });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::database::Database;

    #[test]
    fn many_open_a_fresh_ledger_at_once() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            std::thread::scope(|scope| {
                for _ in 0..16 {
                    scope.spawn(|| Database::open(folder.path()).unwrap());
                }
            });
        }
    }

    #[test]
    fn a_damaged_ledger_says_so_and_shows_no_sql() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        std::fs::write(&path, b"not a database, but long enough to be looked at").unwrap();
        let error = Database::open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        std::fs::remove_file(&path).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE mine (x); PRAGMA user_version = 4").unwrap();
        let ledger = Database::open(folder.path()).unwrap();
        let error = ledger.open_requests("http://tc").unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(!error.to_string().contains("SELECT"), "{error}");
    }

    #[test]
    fn a_ledger_that_was_cut_off_is_checked_when_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Database::open(folder.path()).unwrap();
        let fill = "CREATE TABLE filler (x);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
            INSERT INTO filler SELECT hex(randomblob(100)) FROM n;
            PRAGMA wal_checkpoint(TRUNCATE)";
        ledger.connection.lock().execute_batch(fill).unwrap();
        let path = ledger.path.clone();
        // A page in the middle is overwritten. An entry in the journal shows that nobody closed it.
        ledger.connection.lock().execute_batch("CREATE TABLE later (x)").unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2 / 4096 * 4096;
        bytes[middle..middle + 4096].fill(0xa5);
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join("ledger.db"), &bytes).unwrap();
        let journal = std::fs::read(path.with_file_name("ledger.db-wal")).unwrap();
        std::fs::write(copy.path().join("ledger.db-wal"), journal).unwrap();
        let error = Database::open(copy.path()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }
}
