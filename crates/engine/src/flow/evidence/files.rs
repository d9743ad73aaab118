//! Reads logs and reports on this machine.

use std::path::{Path, PathBuf};

use mozci_clients::files;
use mozci_evidence::{Evidence, Question, read};

use crate::error::Error;

/// Files that are read at most.
const MOST: usize = 10_000;

/// How deep folders are searched.
const DEPTH: usize = 32;

/// A file and what it says.
#[derive(Debug, Clone)]
pub struct FileEvidence {
    /// Its path; `-` for standard input.
    pub name: String,
    /// What it says.
    pub evidence: Evidence,
}

/// What some files and folders say.
#[derive(Debug, Clone, Default)]
pub struct FilesRead {
    /// The files, in the order of their names.
    pub files: Vec<FileEvidence>,
    /// Whether one file was named, and no folder.
    pub is_one: bool,
    /// How many more files there are than are read.
    pub left_out: usize,
    /// What could not be read, in words.
    pub notes: Vec<String>,
}

/// Reads files and the files of folders, without hidden ones. `-` is standard input.
///
/// # Errors
/// [`Error::NotFound`] where there is no file, [`Error::Usage`] and [`Error::Odd`] where the only one, or a folder
/// that was named, cannot be read.
pub fn read_files(named: &[&PathBuf], question: &Question) -> Result<FilesRead, Error> {
    let is_one = matches!(named, [one] if !one.is_dir());
    let mut found = FilesRead { is_one, ..FilesRead::default() };
    let mut paths = Vec::new();
    for path in named {
        match path.is_dir() {
            true => search_folder(path, 0, &mut paths, &mut found.notes)?,
            false => paths.push((*path).clone()),
        }
    }
    if paths.is_empty() {
        return Err(Error::NotFound("there is no file in the folders that were named".into()));
    }
    found.left_out = paths.len().saturating_sub(MOST);
    paths.truncate(MOST);
    for path in paths {
        match read_one(&path, question) {
            Ok(evidence) => {
                found.files.push(FileEvidence { name: path.display().to_string(), evidence });
            }
            Err(error) if is_one => return Err(error),
            Err(error) => found.notes.push(error.to_string()),
        }
    }
    Ok(found)
}

/// The files of a folder and of the folders inside.
fn search_folder(
    folder: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
    notes: &mut Vec<String>,
) -> Result<(), Error> {
    let found = std::fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()
    });
    let mut entries = match found {
        Ok(entries) => entries,
        // Its neighbours may still be read.
        Err(error) if depth > 0 => {
            notes.push(format!("{} is left out: {error}", folder.display()));
            return Ok(());
        }
        Err(error) => {
            return Err(Error::Odd(format!("{} cannot be read: {error}", folder.display())));
        }
    };
    entries.sort();
    for path in entries {
        let is_hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        let is_link = path.symlink_metadata().is_ok_and(|data| data.is_symlink());
        if is_hidden {
            continue;
        }
        if !path.is_dir() {
            files.push(path);
        } else if depth < DEPTH && !is_link {
            // A link may lead around in a circle.
            search_folder(&path, depth + 1, files, notes)?;
        }
    }
    Ok(())
}

fn read_one(path: &Path, question: &Question) -> Result<Evidence, Error> {
    let name = path.display().to_string();
    if name == "-" {
        return Ok(read(std::io::stdin(), question));
    }
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound(format!("there is no file {name}")),
        std::io::ErrorKind::InvalidInput | std::io::ErrorKind::TimedOut => Error::Usage(format!(
            "{name} cannot be read, {error}: give a log, or `-` for standard input"
        )),
        _ => Error::Odd(format!("{name} cannot be read: {error}")),
    };
    Ok(read(files::open(path).map_err(failed)?, question))
}
