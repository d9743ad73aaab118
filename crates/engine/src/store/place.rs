//! Where the files are.

use std::path::{Path, PathBuf};

use std::sync::Arc;

use etcetera::BaseStrategy;
use mozci_store::postgres::{Options, Postgres};
use mozci_store::sqlite::Sqlite;
use mozci_store::{DatabaseUrl, SharedStore, StoreError};

/// The folders of the ledger and of the facts.
#[derive(Debug, Clone)]
pub struct Directories {
    /// Where the ledger is; losing it loses history.
    pub state: PathBuf,
    /// Where facts are; losing them costs requests.
    pub cache: PathBuf,
    /// The database that has the ledger instead of a file in `state`.
    pub database: Option<DatabaseUrl>,
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
        Ok(Self {
            state: state.join("mozci"),
            cache: base.cache_dir().join("mozci"),
            database: None,
        })
    }

    /// Both in one folder, as the demo has it.
    pub fn at(folder: &Path) -> Self {
        Self { state: folder.to_owned(), cache: folder.to_owned(), database: None }
    }

    /// Opens the ledger, and makes it if it is not there.
    ///
    /// # Errors
    /// [`StoreError`]: busy, damaged, of a newer version, out of reach.
    pub async fn open_store(&self) -> Result<SharedStore, StoreError> {
        if let Some(database) = &self.database {
            return Ok(Arc::new(Postgres::open(database, Options::default()).await?));
        }
        let state = self.state.clone();
        let opened = tokio::task::spawn_blocking(move || Sqlite::open(&state)).await;
        Ok(Arc::new(opened.map_err(|error| StoreError::broken(&error.to_string()))??))
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
