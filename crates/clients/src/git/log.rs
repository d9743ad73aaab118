//! What `git log` tells. The program `git` does the reading, so that every form of repository is
//! read, and credentials are its own business.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use mozci_core::ids::{CommitNumber, PushId, Revision, Vcs};
use mozci_core::push::{Changeset, Push, summary_of};
use mozci_core::time::At;
use tokio::process::Command;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a clone or a fetch may take.
const FETCHES: Duration = Duration::from_secs(1800);

/// A clone of a repository, and the branch that is read.
#[derive(Debug, Clone)]
pub struct Git {
    folder: PathBuf,
    branch: String,
}

/// What goes wrong with a clone.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program is not there, or cannot be run.
    #[error("cannot run `git`: {0}")]
    Run(std::io::Error),
    /// It took too long.
    #[error("`git {0}` took too long")]
    Timeout(String),
    /// It says no.
    #[error("`git {command}` in {folder} says: {message}")]
    Failed {
        /// The command.
        command: String,
        /// The clone.
        folder: PathBuf,
        /// Its words.
        message: String,
    },
    /// There is no such revision on the branch.
    #[error("{branch} has no revision {revision} in {folder}{hint}")]
    Unknown {
        /// What was requested.
        revision: String,
        /// The branch.
        branch: String,
        /// The clone.
        folder: PathBuf,
        /// What is known all the same.
        hint: String,
    },
}

impl Git {
    /// A clone that is there. It is read as it stands.
    pub fn at(folder: &Path, branch: &str) -> Self {
        Self { folder: folder.to_owned(), branch: branch.to_owned() }
    }

    /// A clone below `cache`, without file contents, made where it is not there and brought up to
    /// what its origin has.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn cloned(url: &str, cache: &Path, branch: &str) -> Result<Self, GitError> {
        let name: String =
            url.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let git = Self::at(&cache.join(format!("{name}.git")), branch);
        if git.folder.exists() {
            let refs = format!("+refs/heads/{branch}:refs/heads/{branch}");
            git.run(&["fetch", "--quiet", "origin", &refs], FETCHES).await?;
            return Ok(git);
        }
        // Made under another name, so that one that was cut off is not taken for whole.
        let partial = cache.join(format!("{name}.partial-{}", std::process::id()));
        let target = partial.to_string_lossy().into_owned();
        let clone = ["clone", "--quiet", "--bare", "--filter=blob:none", "--single-branch"];
        let rest = ["--branch", branch, "--", url, &target];
        std::fs::create_dir_all(cache).map_err(GitError::Run)?;
        let here = Self::at(cache, branch);
        here.run(&clone.iter().chain(&rest).copied().collect::<Vec<_>>(), FETCHES).await?;
        std::fs::rename(&partial, &git.folder).map_err(GitError::Run)?;
        Ok(git)
    }

    /// The branch's newest push and those before it, newest first, so many at the most; or those
    /// from a revision on.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn back_from(&self, from: Option<&str>, count: usize) -> Result<Vec<Push>, GitError> {
        let from = match from {
            Some(from) => from.to_owned(),
            None => self.head().await?,
        };
        let number = self.count(&from).await?;
        let count = count.to_string();
        let log = ["log", "--first-parent", FORMAT, "-n", &count, &from, "--"];
        let listed = self.run(&log, PATIENCE).await?;
        let text = String::from_utf8_lossy(&listed.stdout);
        let pushes =
            text.lines().zip(0..).filter_map(|(line, i)| push(line, number.checked_sub(i)?));
        Ok(pushes.collect())
    }

    /// The whole hash of a revision that is on the branch itself, not on one merged into it.
    ///
    /// # Errors
    /// [`GitError::Unknown`] with where it is otherwise.
    pub async fn resolve(&self, revision: &str) -> Result<String, GitError> {
        let unknown = |hint: String| GitError::Unknown {
            revision: revision.to_owned(),
            branch: self.branch.clone(),
            folder: self.folder.clone(),
            hint,
        };
        let spec = format!("{revision}^{{commit}}");
        let found = match self.run(&["rev-parse", "--verify", "--quiet", &spec], PATIENCE).await {
            Ok(found) => String::from_utf8_lossy(&found.stdout).trim().to_owned(),
            Err(GitError::Failed { message, .. }) if message.contains("ambiguous") => {
                return Err(unknown(": it fits several, give more digits".into()));
            }
            Err(GitError::Failed { .. }) => return Err(unknown(String::new())),
            Err(error) => return Err(error),
        };
        let head = self.head().await?;
        // What is on the branch is the last of the first parents that lead down to it.
        let range = format!("{found}..{head}");
        let walk = ["rev-list", "--first-parent", "--parents", &range, "--"];
        let listed = self.run(&walk, PATIENCE).await?;
        let text = String::from_utf8_lossy(&listed.stdout);
        let last = text.lines().last().and_then(|line| line.split(' ').nth(1).map(str::to_owned));
        match last {
            None if found == head => Ok(found),
            Some(parent) if parent == found => Ok(found),
            _ => Err(unknown(format!(
                ": {} is no commit of the branch itself, but of one that was merged, or of another",
                &found[..12.min(found.len())]
            ))),
        }
    }

    /// How many commits of the branch come after a revision of it.
    ///
    /// # Errors
    /// [`GitError`].
    pub async fn after(&self, revision: &str) -> Result<Vec<Push>, GitError> {
        let head = self.head().await?;
        let count = self.count(&format!("{revision}..{head}")).await?;
        match usize::try_from(count) {
            Ok(0) | Err(_) => Ok(Vec::new()),
            Ok(count) => self.back_from(None, count).await,
        }
    }

    /// Every commit that leads to the branch's head, merged ones as well, `most` of the newest.
    ///
    /// # Errors
    /// [`GitError`]; [`GitError::Unknown`] where there is no such branch.
    pub async fn commits(&self, most: usize) -> Result<HashSet<String>, GitError> {
        let (head, most) = (self.head().await?, most.to_string());
        let listed = self.run(&["rev-list", "-n", &most, &head, "--"], PATIENCE).await?;
        let text = String::from_utf8_lossy(&listed.stdout);
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// How many commits lead to a revision along first parents, or lie in a range.
    async fn count(&self, range: &str) -> Result<u64, GitError> {
        let walk = ["rev-list", "--count", "--first-parent", range, "--"];
        let counted = self.run(&walk, PATIENCE).await?;
        Ok(String::from_utf8_lossy(&counted.stdout).trim().parse().unwrap_or(0))
    }

    async fn head(&self) -> Result<String, GitError> {
        // A clone with a work tree has what others did under its remote's name.
        let remote = format!("refs/remotes/origin/{}", self.branch);
        let own = format!("refs/heads/{}", self.branch);
        for name in [&remote, &own] {
            let found = self.run(&["rev-parse", "--verify", "--quiet", name], PATIENCE).await;
            match found {
                Ok(found) => return Ok(String::from_utf8_lossy(&found.stdout).trim().to_owned()),
                Err(GitError::Failed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(GitError::Unknown {
            revision: "tip".into(),
            branch: self.branch.clone(),
            folder: self.folder.clone(),
            hint: ": there is no such branch".into(),
        })
    }

    async fn run(&self, arguments: &[&str], patience: Duration) -> Result<Output, GitError> {
        let command = arguments.first().map_or("", |first| *first).to_owned();
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.folder).args(arguments);
        // Nobody is there to answer its questions.
        git.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C").stdin(Stdio::null());
        git.kill_on_drop(true);
        let output = tokio::time::timeout(patience, git.output()).await;
        let output = output.map_err(|_| GitError::Timeout(command.clone()))?;
        let output = output.map_err(GitError::Run)?;
        if output.status.success() {
            return Ok(output);
        }
        let text = String::from_utf8_lossy(&output.stderr);
        let message = crate::http::beginning(text.trim());
        Err(GitError::Failed { command, folder: self.folder.clone(), message })
    }
}

/// What a line of the log has of a commit: hash, author, time and the message's first line.
const FORMAT: &str = "--format=%H%x00%ae%x00%ct%x00%s";

/// A push from a line of the log.
fn push(line: &str, number: u64) -> Option<Push> {
    let mut parts = line.split('\0');
    let revision = Revision::new(Vcs::Git, parts.next()?).ok()?;
    let author = parts.next()?.to_owned();
    let date = At(parts.next()?.trim().parse().ok()?);
    let summary = parts.next().and_then(summary_of);
    Some(Push {
        id: PushId::Commit(CommitNumber(number)),
        changesets: vec![Changeset { revision: revision.clone(), git: None }],
        revision,
        git: None,
        author,
        date,
        summary,
    })
}
