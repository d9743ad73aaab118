//! What can go wrong with a file of ours.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// A store that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds it.
    #[error("{path} is held by another process: wait until that one is done, or end it")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// There is no room for it.
    #[error("the disk is full: {path} cannot be written; make room and run the command again")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of mozci wrote it.
    #[error(
        "{path} was written by a newer version of mozci (format {found}, this one knows {known}); use that version"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format that it has.
        found: i64,
        /// The newest format that is known here.
        known: i64,
    },
    /// Another process drives the investigation now.
    #[error(
        "another process has taken over investigation {id}, or somebody ended it: this one does nothing more"
    )]
    TakenOver {
        /// The investigation.
        id: String,
    },
    /// It is no database of mozci's, or a damaged one.
    #[error(
        "{path} is damaged ({message}): move it away with the files beside it and run the command again; requests that the CI still shows are counted all the same"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// Anything else.
    #[error("the file {path} cannot be used: {message}")]
    Other {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

impl StoreError {
    /// A thread of ours that broke while it wrote.
    pub(crate) fn broken(message: &str) -> Self {
        Self::Other { path: "events.db".into(), message: message.to_owned() }
    }

    pub(super) fn io(path: &Path, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::Full { path: path.to_owned() };
        }
        Self::Other { path: path.to_owned(), message: error.to_string() }
    }

    pub(super) fn sqlite(path: &Path) -> impl Fn(rusqlite::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Busy { path: path.clone() }
            }
            Some(ErrorCode::DiskFull) => Self::Full { path: path.clone() },
            // A full disk shows as a failed write where SQLite maps its files.
            Some(ErrorCode::SystemIoFailure) if is_full(&path) => Self::Full { path: path.clone() },
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                damaged(&path, "SQLite cannot read it")
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                let message = "this user may not write it".to_owned();
                Self::Other { path: path.clone(), message }
            }
            // The text of a statement helps nobody but us.
            Some(ErrorCode::Unknown) => damaged(&path, "its tables are not those of mozci"),
            Some(code) => Self::Other { path: path.clone(), message: format!("{code:?}") },
            None => damaged(&path, &format!("an entry in it cannot be read: {error}")),
        }
    }
}

fn damaged(path: &Path, message: &str) -> StoreError {
    StoreError::Damaged { path: path.to_owned(), message: message.to_owned() }
}

/// Whether a page more would not fit beside the file.
fn is_full(path: &Path) -> bool {
    let probe = path.with_extension("probe");
    let result = std::fs::write(&probe, [0u8; 8192]);
    let _ = std::fs::remove_file(&probe);
    matches!(result, Err(error) if error.kind() == std::io::ErrorKind::StorageFull)
}
