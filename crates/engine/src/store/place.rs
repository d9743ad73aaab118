//! Where the files are, and how they are opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use rusqlite::Connection;

use super::error::StoreError;

/// The folders of the ledger and of the facts.
#[derive(Debug, Clone)]
pub struct Place {
    /// Where the ledger is; losing it loses history.
    pub state: PathBuf,
    /// Where facts are; losing them costs requests.
    pub cache: PathBuf,
}

impl Place {
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

impl Place {
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

/// Opens a database of ours, only for its owner, and brings its tables up to date.
pub(super) fn open(
    folder: &Path,
    name: &str,
    busy: Duration,
    migrations: &[&str],
) -> Result<(PathBuf, Connection), StoreError> {
    let path = folder.join(name);
    std::fs::create_dir_all(folder).map_err(|error| StoreError::io(folder, &error))?;
    private(&path)?;
    let failed = StoreError::sqlite(&path);
    let mut connection = Connection::open(&path).map_err(&failed)?;
    connection.busy_timeout(busy).map_err(&failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(&failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(&failed)?;
    let version: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(&failed)?;
    let known = migrations.len() as i64;
    if version > known {
        return Err(StoreError::Newer { path, found: version, known });
    }
    if version < known {
        let transaction = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(&failed)?;
        // Another process may have done it while this one waited.
        let version: i64 =
            transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(&failed)?;
        for migration in migrations.iter().skip(usize::try_from(version).unwrap_or(0)) {
            transaction.execute_batch(migration).map_err(&failed)?;
        }
        transaction.pragma_update(None, "user_version", known).map_err(&failed)?;
        transaction.commit().map_err(&failed)?;
    }
    Ok((path, connection))
}

/// Makes the file with mode 0600 where it is not there yet; SQLite gives its own beside it the
/// same mode.
fn private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map(drop).map_err(|error| StoreError::io(path, &error))
}
