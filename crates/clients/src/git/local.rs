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

    /// The clone that a folder is in; none where it is in none.
    pub fn around(folder: &Path) -> Option<PathBuf> {
        let is_clone = |folder: &&Path| [".hg", ".git"].iter().any(|own| folder.join(own).exists());
        folder.ancestors().find(is_clone).map(Path::to_owned)
    }

    /// Where a clone was cloned from: the URL of Git's `origin`, or of Mercurial's `default`, as their files have
    /// it. None where they have none.
    pub fn remote(folder: &Path) -> Option<String> {
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        let value = |text: &str, section: &str, key: &str| {
            let lines = text.lines().map(str::trim).skip_while(|line| *line != section).skip(1);
            let mut lines = lines.take_while(|line| !line.starts_with('['));
            lines.find_map(|line| {
                let (name, value) = line.split_once('=')?;
                (name.trim() == key).then(|| value.trim().to_owned())
            })
        };
        let git = || value(&read(".git/config")?, "[remote \"origin\"]", "url");
        let hg = || value(&read(".hg/hgrc")?, "[paths]", "default");
        git().or_else(hg)
    }

    /// The commit that is called so here: a branch, a tag, `HEAD`, `@~2`; none where there is none. The caller
    /// sees to it that it is a name and no expression.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn named(&self, name: &str) -> Result<Option<Revision>, GitError> {
        let found = match self.vcs {
            Vcs::Git => self.look_up(&format!("{name}^{{commit}}"), name).await?,
            Vcs::Hg | Vcs::Svn => self.look_up(&mercurials(name), name).await?,
        };
        Ok(found.and_then(|line| Revision::new(self.vcs, &line).ok()))
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
        let found = match self.vcs {
            Vcs::Git => self.look_up(&format!("{hash}^{{commit}}"), hash).await?,
            // Not `id()`, which has nothing for a prefix that several begin with.
            Vcs::Hg | Vcs::Svn => self.look_up(hash, hash).await?,
        };
        // A branch that is called like a hash leads to another commit.
        let found = found.and_then(|line| Revision::new(self.vcs, &line).ok());
        Ok(found.filter(|found| found.hash().starts_with(hash)))
    }

    /// The hash that the clone's own program has for a text.
    async fn look_up(&self, text: &str, asked: &str) -> Result<Option<String>, GitError> {
        let (program, arguments): (&str, Vec<&str>) = match self.vcs {
            Vcs::Git => ("git", vec!["rev-parse", "--verify", text]),
            Vcs::Hg | Vcs::Svn => ("hg", vec!["log", "--rev", text, "--template", "{node}\n"]),
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
            return failed(format!("several commits begin with {asked}: give more digits"));
        }
        // How each says that there is none. Anything else is not known to mean that.
        let none = ["Needed a single revision", "unknown revision", "no match found"];
        match output.status.success() {
            true => {}
            false if none.iter().any(|none| words.contains(none)) => return Ok(None),
            false => return failed(words),
        }
        let told = String::from_utf8_lossy(&output.stdout);
        Ok(told.lines().next().map(str::to_owned))
    }
}

/// What Mercurial calls it that Git's users call `HEAD`: the commit that the working copy is at.
fn mercurials(name: &str) -> String {
    let here = ["HEAD", "@"].iter().find_map(|here| name.strip_prefix(here));
    match here {
        Some(rest) if rest.is_empty() || rest.starts_with(['~', '^']) => format!(".{rest}"),
        _ => name.to_owned(),
    }
}
