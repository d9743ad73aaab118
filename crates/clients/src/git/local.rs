//! A clone of somebody's own, of either version control system, in which short hashes are looked up.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use mozci_core::ids::{Revision, Vcs};
use tokio::process::Command;

use super::log::GitError;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A clone, and what made it.
#[derive(Debug, Clone)]
pub struct LocalClone {
    folder: PathBuf,
    vcs: Vcs,
}

impl LocalClone {
    /// The clone in a folder.
    ///
    /// # Errors
    /// [`GitError::Failed`] where there is none.
    pub fn open(folder: &Path) -> Result<Self, GitError> {
        let has = |name: &str| folder.join(name).exists();
        let vcs = match (has(".hg"), has(".git") || has("HEAD")) {
            (true, _) => Vcs::Hg,
            (false, true) => Vcs::Git,
            (false, false) => {
                return Err(GitError::Failed {
                    command: "open".into(),
                    folder: folder.to_owned(),
                    message: "it is no clone of Git's or Mercurial's".into(),
                });
            }
        };
        Ok(Self { folder: folder.to_owned(), vcs })
    }

    /// The whole name of the commit that begins so; none where there is none.
    ///
    /// # Errors
    /// [`GitError`], also where several begin so.
    pub async fn expand(&self, hash: &str) -> Result<Option<Revision>, GitError> {
        // A hash and nothing else: names of branches begin with letters, too.
        if !hash.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let commit = format!("{hash}^{{commit}}");
        // Not `id()`, which has nothing for a prefix that several begin with.
        let id = hash.to_owned();
        let (program, arguments): (&str, Vec<&str>) = match self.vcs {
            Vcs::Git => ("git", vec!["rev-parse", "--verify", &commit]),
            Vcs::Hg | Vcs::Svn => ("hg", vec!["log", "--rev", &id, "--template", "{node}\n"]),
        };
        let mut command = Command::new(program);
        command.current_dir(&self.folder).args(&arguments).env("HGPLAIN", "1").env("LC_ALL", "C");
        command.stdin(Stdio::null()).kill_on_drop(true);
        let shown = format!("{program} {}", arguments.join(" "));
        let output = match tokio::time::timeout(PATIENCE, command.output()).await {
            Ok(output) => output.map_err(GitError::Run)?,
            Err(_) => return Err(GitError::Timeout(shown)),
        };
        let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let failed = |message: String| {
            Err(GitError::Failed { command: shown.clone(), folder: self.folder.clone(), message })
        };
        if words.contains("ambiguous") {
            return failed(format!("several commits begin with {hash}: give more digits"));
        }
        // How each says that there is none. Anything else is not known to mean that.
        let none = ["Needed a single revision", "unknown revision", "no match found"];
        match output.status.success() {
            true => {}
            false if none.iter().any(|none| words.contains(none)) => return Ok(None),
            false => return failed(words),
        }
        let told = String::from_utf8_lossy(&output.stdout);
        let Some(line) = told.lines().next() else { return Ok(None) };
        // A branch that is called like a hash leads to another commit.
        Ok(Revision::new(self.vcs, line).ok().filter(|found| found.hash().starts_with(hash)))
    }
}
