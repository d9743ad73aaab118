//! `json-pushes` version 2 as it comes.

use std::collections::HashMap;

use mozci_core::ids::{PushId, PushlogId, Revision, Vcs};
use mozci_core::push::{Changeset, Push};
use mozci_core::time::At;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Pushes {
    pub(super) lastpushid: u64,
    /// The ids are strings, and sorted as strings.
    pub(super) pushes: HashMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    user: String,
    date: i64,
    #[serde(default)]
    changesets: Vec<Node>,
    /// Entries may be null; absent where nothing is visible.
    #[serde(default)]
    git_changesets: Vec<Option<String>>,
    #[serde(default)]
    obsoletechangesets: Vec<Node>,
}

/// A bare node, or one of the objects that `full` and obsolete changesets are written as.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Node {
    Bare(String),
    Full { node: String, git_node: Option<String> },
}

impl Node {
    fn names(&self) -> (&str, Option<&str>) {
        match self {
            Self::Bare(node) => (node, None),
            Self::Full { node, git_node } => (node, git_node.as_deref()),
        }
    }
}

impl Entry {
    /// The push, or in words what is wrong with it.
    pub(super) fn push(&self, id: &str) -> Result<Push, String> {
        let number = id.parse().map_err(|_| format!("push id {id:?} is not a number"))?;
        let bad = |error: mozci_core::ids::IdError| format!("push {id}: {error}");
        let mut changesets = Vec::new();
        for (i, node) in self.changesets.iter().enumerate() {
            let (node, git) = node.names();
            let git = git.or_else(|| self.git_changesets.get(i).and_then(|git| git.as_deref()));
            changesets.push(Changeset {
                revision: Revision::new(Vcs::Hg, node).map_err(bad)?,
                git: git.map(|git| Revision::new(Vcs::Git, git)).transpose().map_err(bad)?,
            });
        }
        // Where a push was amended (try) its head stands among the obsolete changesets.
        let obsolete = self.obsoletechangesets.last().map(|node| node.names().0);
        let head = match (obsolete, changesets.last()) {
            (Some(node), _) => Revision::new(Vcs::Hg, node).map_err(bad)?,
            (None, Some(tip)) => tip.revision.clone(),
            (None, None) => return Err(format!("push {id} has no changesets")),
        };
        let git = changesets.last().filter(|tip| tip.revision == head).and_then(|t| t.git.clone());
        Ok(Push {
            id: PushId::Pushlog(PushlogId(number)),
            revision: head,
            git,
            author: self.user.clone(),
            date: At(self.date),
            changesets,
            summary: None,
        })
    }
}
