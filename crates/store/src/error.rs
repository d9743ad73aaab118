//! What can go wrong with a store.

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
    /// The database cannot be reached.
    #[error(
        "the database {database} cannot be reached ({message}): check that it runs and that its URL is right"
    )]
    Unreachable {
        /// The database, without password.
        database: String,
        /// Why.
        message: String,
    },
    /// The database does not do what it is told.
    #[error("the database {database} failed: {message}")]
    Database {
        /// The database, without password.
        database: String,
        /// Why.
        message: String,
    },
    /// A task of this program broke while it used the store.
    #[error("a part of the program broke while it used the store ({message}): please report it")]
    Broken {
        /// What is known.
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
    /// A task of this program broke while it used the store.
    pub fn broken(message: &str) -> Self {
        Self::Broken { message: message.to_owned() }
    }

    /// An error of the file system.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::Full { path: path.to_owned() };
        }
        Self::Other { path: path.to_owned(), message: error.to_string() }
    }

    /// Reads errors of a PostgreSQL database, which is named without password.
    pub(crate) fn postgres(name: &str) -> impl Fn(sqlx::Error) -> Self + use<> {
        let database = name.to_owned();
        move |error| {
            let database = database.clone();
            let code = error.as_database_error().and_then(|error| error.code());
            match (&error, code.as_deref()) {
                // A lock or a statement that took too long.
                (_, Some("55P03" | "57014" | "40P01")) => Self::Busy { path: database.into() },
                (_, Some("53100")) => Self::Full { path: database.into() },
                (sqlx::Error::Database(said), _) => {
                    Self::Database { database, message: said.message().to_owned() }
                }
                (sqlx::Error::Io(io), _) => Self::Unreachable { database, message: io.to_string() },
                (sqlx::Error::PoolTimedOut, _) => {
                    Self::Unreachable { database, message: "no answer within 10 s".to_owned() }
                }
                (sqlx::Error::Tls(_) | sqlx::Error::PoolClosed, _) => {
                    Self::Unreachable { database, message: error.to_string() }
                }
                _ => Self::Database { database, message: error.to_string() },
            }
        }
    }

    /// Reads errors of SQLite in a file.
    pub fn sqlite(path: &Path) -> impl Fn(rusqlite::Error) -> Self + use<> {
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
