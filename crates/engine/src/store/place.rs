//! Where the files are, and how they are opened.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use etcetera::BaseStrategy;
use rusqlite::Connection;

use crate::store::error::StoreError;

/// The folders of the ledger and of the facts.
#[derive(Debug, Clone)]
pub struct Directories {
    /// Where the ledger is; losing it loses history.
    pub state: PathBuf,
    /// Where facts are; losing them costs requests.
    pub cache: PathBuf,
}

impl Directories {
    /// The user's own folders, by the XDG variables.
    ///
    /// # Errors
    /// [`StoreError::Other`] without a home.
    pub fn usual() -> Result<Self, StoreError> {
        let base = etcetera::choose_base_strategy().map_err(|error| StoreError::Other {
            path: "$HOME".into(),
            message: error.to_string(),
        })?;
        let state = base.state_dir().unwrap_or_else(|| base.data_dir());
        Ok(Self { state: state.join("mozci"), cache: base.cache_dir().join("mozci") })
    }

    /// Both in one folder, as the demo has it.
    pub fn at(folder: &Path) -> Self {
        Self { state: folder.to_owned(), cache: folder.to_owned() }
    }
}

/// The files of the cache, besides those that SQLite puts beside them.
pub const CACHE_FILES: [&str; 2] = ["facts.db", "answers.db"];

impl Directories {
    /// The files of the cache that are there, with their sizes in bytes.
    pub fn cache_files(&self) -> Vec<(PathBuf, u64)> {
        let mut files = Vec::new();
        for name in CACHE_FILES {
            for beside in ["", "-wal", "-shm"] {
                let path = self.cache.join(format!("{name}{beside}"));
                files.extend(std::fs::metadata(&path).ok().map(|found| (path, found.len())));
            }
        }
        files
    }

    /// Removes the cache; the ledger stays.
    ///
    /// # Errors
    /// [`StoreError`] for a file that cannot be removed.
    pub fn clear_cache(&self) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for (path, size) in self.cache_files() {
            std::fs::remove_file(&path).map_err(|error| StoreError::io(&path, &error))?;
            bytes += size;
        }
        Ok(bytes)
    }
}

/// A connection that several tasks share. It is held for as long as a transaction goes on, and never over an
/// await; the same thread may take it again.
pub(super) type Shared = parking_lot::ReentrantMutex<Connection>;

/// Opens a database of ours, only for its owner, and brings its tables up to date. A ledger that was
/// not closed properly is checked.
pub(super) fn open(
    folder: &Path,
    name: &str,
    busy: Duration,
    migrations: &[&str],
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
    if unclean && !CACHE_FILES.contains(&name) && !CHECKED.lock().contains(&path) {
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

/// The folder that a file of the store is in.
pub(super) fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// Makes a folder that only its owner can enter; one that others can enter is closed to them.
pub(super) fn private_folder(folder: &Path) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| StoreError::io(folder, &error);
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let found = std::fs::metadata(folder).map_err(failed)?;
        // A folder of somebody else's stays as it is: the files in it are private.
        if found.permissions().mode() & 0o077 != 0 {
            let _ = std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700));
        }
    }
    Ok(())
}

/// Makes the file with mode 0600 where it is not there yet; SQLite gives its own beside it the
/// same mode. What is no regular file (a pipe, a device) is refused before it is opened.
pub(super) fn private(path: &Path) -> Result<File, StoreError> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(StoreError::Other {
            path: path.to_owned(),
            message: "it is no regular file".to_owned(),
        });
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map_err(|error| StoreError::io(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Ledger;

    #[test]
    fn many_open_a_fresh_ledger_at_once() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            std::thread::scope(|scope| {
                for _ in 0..16 {
                    scope.spawn(|| Ledger::open(folder.path()).unwrap());
                }
            });
        }
    }

    #[test]
    fn a_damaged_ledger_says_so_and_shows_no_sql() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        std::fs::write(&path, b"not a database, but long enough to be looked at").unwrap();
        let error = Ledger::open(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        std::fs::remove_file(&path).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE mine (x); PRAGMA user_version = 4").unwrap();
        let ledger = Ledger::open(folder.path()).unwrap();
        let error = ledger.open_askings("http://tc").unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(!error.to_string().contains("SELECT"), "{error}");
    }

    #[test]
    fn a_ledger_that_was_cut_off_is_checked_when_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path()).unwrap();
        let fill = "CREATE TABLE filler (x);
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
            INSERT INTO filler SELECT hex(randomblob(100)) FROM n;
            PRAGMA wal_checkpoint(TRUNCATE)";
        ledger.connection.lock().execute_batch(fill).unwrap();
        let path = ledger.path().to_owned();
        // A page in the middle is overwritten. An entry in the journal shows that nobody closed it.
        ledger.connection.lock().execute_batch("CREATE TABLE later (x)").unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2 / 4096 * 4096;
        bytes[middle..middle + 4096].fill(0xa5);
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join("ledger.db"), &bytes).unwrap();
        let journal = std::fs::read(path.with_file_name("ledger.db-wal")).unwrap();
        std::fs::write(copy.path().join("ledger.db-wal"), journal).unwrap();
        let error = Ledger::open(copy.path()).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn folders_and_files_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/mozci");
        drop(Ledger::open(&state).unwrap());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&state), mode(&state.join("ledger.db"))), (0o700, 0o600));
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
        drop(Ledger::open(&state).unwrap());
        assert_eq!(mode(&state), 0o700);
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert!(private(&pipe).unwrap_err().to_string().contains("no regular file"));
    }
}
