//! One process at a time settles a CI's unconfirmed requests.

use std::fs::{File, TryLockError};

use crate::error::StoreError;
use crate::files::private;
use crate::sqlite::database::Database;

/// The turn to settle a CI's unconfirmed requests. It ends when this is dropped, or with the process.
#[derive(Debug)]
pub(super) struct SettlingTurn {
    _file: Option<File>,
}

/// The longest part of a CI's URL that names its file.
const LONGEST_NAME: usize = 120;

impl SettlingTurn {
    /// Takes the turn, unless somebody else has it, be it in this process. Where the file system
    /// has no locks everybody has it: the ledger compares and sets all the same.
    ///
    /// # Errors
    /// [`StoreError`] where the file cannot be made.
    pub(super) fn take(database: &Database, ci: &str) -> Result<Option<Self>, StoreError> {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' };
        let name: String = ci.chars().map(plain).take(LONGEST_NAME).collect();
        let path = database.path.with_file_name(format!("settling-{name}.lock"));
        let file = private(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: Some(file) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(_)) => Ok(Some(Self { _file: None })),
        }
    }
}
