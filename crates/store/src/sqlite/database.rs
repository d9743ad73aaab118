//! The file, and the connection to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::StoreError;
use crate::files::folder_of;
use crate::sqlite::file::{Care, Shared, open};
use crate::sqlite::investigations::FORMER;
use crate::sqlite::schema::{FILE, MIGRATIONS};

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

/// The file with everything that mozci writes down. Its methods block; [`Sqlite`](super::Sqlite) calls them where they
/// may.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Shared,
    pub(super) path: PathBuf,
}

impl Database {
    /// Opens the file in a folder, and makes it if it is not there.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let (path, connection) = open(folder, FILE, BUSY, &MIGRATIONS, Care::Precious)?;
        let database = Self { connection: Shared::new(connection), path };
        let former = folder.join(FORMER);
        if former.exists() {
            database.take_in(&former)?;
        }
        Ok(database)
    }

    /// The folder of the file.
    pub(super) fn folder(&self) -> &Path {
        folder_of(&self.path)
    }
}
