//! Which processes are there: each holds a lock on a file of its own, which the system takes from it when it ends.
//!
//! A number of a process is used again and again, and where processes are listed differs between systems. A lock is the
//! same everywhere, and reaches as far as the folder does: into containers that share it, too.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::error::StoreError;
use crate::files::{private, private_folder};
use crate::request::TriggerId;

/// The folder of the files, beside those of the store.
const FOLDER: &str = "owners";

/// Files of ended processes that are removed at once, at the most.
const SWEPT: usize = 1000;

/// How old a file has to be that was never made ready, until it is removed.
const STALE: Duration = Duration::from_secs(3600);

/// What this process holds in each folder: its name there, and its file.
static HELD: LazyLock<Mutex<HashMap<PathBuf, (String, File)>>> = LazyLock::new(Mutex::default);

/// The name of this process in a folder, which no other process has or will have. It counts as living from here on
/// until it ends.
///
/// # Errors
/// [`StoreError`] where its file cannot be made.
pub fn this_process(folder: &Path) -> Result<String, StoreError> {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((name, _)) =
        held.get(folder).filter(|(name, _)| file_of(folder, name).is_some_and(|path| path.exists()))
    {
        return Ok(name.clone());
    }
    let (name, file) = another(folder)?;
    sweep(folder);
    held.insert(folder.to_owned(), (name.clone(), file));
    Ok(name)
}

/// A new name in a folder, with the file whose lock stands for its life.
pub(super) fn another(folder: &Path) -> Result<(String, File), StoreError> {
    let unique: String =
        TriggerId::new().as_str().chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let name = format!("{} {unique}", std::process::id());
    private_folder(&folder.join(FOLDER))?;
    let path = folder.join(FOLDER).join(format!("{unique}.lock"));
    // Nobody sees it under its name before it is locked.
    let new = path.with_extension("new");
    let file = private(&new)?;
    match file.try_lock() {
        // Where the file system has no locks nobody is believed to live: the ledger compares and sets all the same.
        Ok(()) | Err(TryLockError::Error(_)) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::Busy { path: new }),
    }
    std::fs::rename(&new, &path).map_err(|error| StoreError::io(&path, &error))?;
    Ok((name, file))
}

/// Whether the process of this name in a folder is still there.
pub fn lives(folder: &Path, name: &str) -> bool {
    let Some(path) = file_of(folder, name) else { return false };
    let file = match File::open(path) {
        Ok(file) => file,
        // That it cannot be looked at is no proof that it is gone.
        Err(error) => return error.kind() != std::io::ErrorKind::NotFound,
    };
    // Those who look at once do not take each other for it.
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// The file of a name; none for one that this program did not make.
fn file_of(folder: &Path, name: &str) -> Option<PathBuf> {
    let (_, unique) = name.split_once(' ')?;
    let is_ours = !unique.is_empty() && unique.chars().all(|c| c.is_ascii_alphanumeric());
    is_ours.then(|| folder.join(FOLDER).join(format!("{unique}.lock")))
}

/// Removes the files of processes that have ended.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder.join(FOLDER)) else { return };
    for path in entries.take(SWEPT).filter_map(|entry| Some(entry.ok()?.path())) {
        let is_new = path.extension().is_some_and(|extension| extension == "new");
        let is_stale = || {
            let made = std::fs::metadata(&path).and_then(|found| found.modified()).ok();
            made.and_then(|made| SystemTime::now().duration_since(made).ok())
                .is_some_and(|age| age > STALE)
        };
        // One that is being made is not locked for a moment.
        if is_new && !is_stale() {
            continue;
        }
        let Ok(file) = File::open(&path) else { continue };
        if file.try_lock_shared().is_ok() {
            // Whoever else removes it did the same.
            let _ = std::fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_lives_as_long_as_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let me = this_process(folder).unwrap();
        assert_eq!(this_process(folder).unwrap(), me);
        assert!(lives(folder, &me));
        let (other, file) = another(folder).unwrap();
        assert!(other != me && lives(folder, &other));
        drop(file);
        assert!(!lives(folder, &other));
        for name in ["", "1", "1 gone 2", "1 ../x", "x y", &std::process::id().to_string()] {
            assert!(!lives(folder, name), "{name}");
        }
        assert!(!lives(Path::new("/nowhere"), &me));
    }

    #[test]
    fn what_ended_is_swept_and_what_lives_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (living, _file) = another(folder).unwrap();
        let (ended, _) = another(folder).unwrap();
        std::fs::write(folder.join(FOLDER).join("half.new"), "").unwrap();
        sweep(folder);
        assert!(lives(folder, &living));
        assert!(!file_of(folder, &ended).unwrap().exists());
        assert!(folder.join(FOLDER).join("half.new").exists(), "somebody is about to lock it");
    }

    #[test]
    fn many_come_at_once() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let (name, file) = another(folder.path()).unwrap();
                        sweep(folder.path());
                        assert!(lives(folder.path(), &name));
                        drop(file);
                    }
                });
            }
        });
    }
}
