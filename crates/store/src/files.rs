//! Files and folders that only their owner can read.

use std::fs::File;
use std::path::Path;

use crate::error::StoreError;

/// The folder that a file of the store is in.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

/// Makes a folder that only its owner can enter; one that others can enter is closed to them.
///
/// # Errors
/// [`StoreError`] if the folder cannot be made.
pub fn private_folder(folder: &Path) -> Result<(), StoreError> {
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
///
/// # Errors
/// [`StoreError`] if the file cannot be made.
pub fn private(path: &Path) -> Result<File, StoreError> {
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

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::sqlite::Sqlite;

    #[test]
    fn folders_and_files_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("a/mozci");
        drop(Sqlite::open(&state).unwrap());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&state), mode(&state.join("ledger.db"))), (0o700, 0o600));
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
        drop(Sqlite::open(&state).unwrap());
        assert_eq!(mode(&state), 0o700);
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        assert!(private(&pipe).unwrap_err().to_string().contains("no regular file"));
    }
}
