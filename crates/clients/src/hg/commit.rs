//! A commit as several of the Mercurial server's answers have it.

use mozci_core::commit::Commit;
use mozci_core::ids::{Revision, Vcs};
use serde::Deserialize;

/// What `full` pushes and `json-automationrelevance` alike say of a commit.
#[derive(Debug, Deserialize)]
pub(super) struct WireCommit {
    node: String,
    #[serde(default)]
    author: String,
    #[serde(default)]
    pub(super) desc: String,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    pub(super) parents: Vec<String>,
    #[serde(alias = "git_commit")]
    git_node: Option<String>,
}

impl WireCommit {
    /// Its head, as a revision.
    pub(super) fn revision(&self) -> Result<Revision, String> {
        hg(&self.node)
    }

    /// The commit with so many of its files at the most; of what it backs out and what backed it out
    /// each answer tells in its own way.
    pub(super) fn commit(self, files: usize) -> Result<Commit, String> {
        // A root's parent is forty zeros here.
        let parents = self.parents.iter().filter(|parent| parent.bytes().any(|byte| byte != b'0'));
        let git = self.git_node.filter(|git| !git.is_empty());
        let git = git.map(|git| Revision::new(Vcs::Git, &git)).transpose();
        Ok(Commit {
            revision: hg(&self.node)?,
            git: git.map_err(|error| error.to_string())?,
            author: self.author,
            summary: self.desc.lines().next().unwrap_or_default().to_owned(),
            files: self.files.into_iter().take(files).collect(),
            parents: parents.map(|parent| hg(parent)).collect::<Result<_, _>>()?,
            backed_out_by: None,
            backs_out: false,
            backs_out_of: Vec::new(),
        })
    }
}

/// A revision of Mercurial's, or in words what is wrong with it.
pub(super) fn hg(text: &str) -> Result<Revision, String> {
    Revision::new(Vcs::Hg, text).map_err(|error| error.to_string())
}
