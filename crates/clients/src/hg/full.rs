//! `json-pushes` with `full`: what the commits of pushes, or their heads alone, say of themselves.

use std::collections::HashMap;

use mozci_core::commit::Commit;
use mozci_core::ids::{Revision, Vcs};
use serde::Deserialize;

use super::pushlog::{HgError, Pushlog};
use crate::http::{HttpError, Problem};

#[derive(Debug, Deserialize)]
struct Answer {
    pushes: HashMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(default)]
    changesets: Vec<Head>,
}

#[derive(Debug, Deserialize)]
struct Head {
    node: String,
    #[serde(default)]
    parents: Vec<String>,
    #[serde(default)]
    author: String,
    #[serde(default)]
    desc: String,
    #[serde(default)]
    files: Vec<String>,
    git_node: Option<String>,
}

/// Files of one commit that are kept.
const FILES: usize = 200;

impl Head {
    fn commit(self) -> Result<Commit, String> {
        let of = |vcs, text: &str| Revision::new(vcs, text).map_err(|error| error.to_string());
        let parents = self.parents.iter().filter(|parent| parent.bytes().any(|byte| byte != b'0'));
        // What takes others back is told by its message alone here.
        let backs_out = ["Backed out ", "Revert \""].iter().any(|word| self.desc.starts_with(word));
        Ok(Commit {
            revision: of(Vcs::Hg, &self.node)?,
            git: self.git_node.map(|git| of(Vcs::Git, &git)).transpose()?,
            author: self.author,
            summary: self.desc.lines().next().unwrap_or_default().to_owned(),
            files: self.files.into_iter().take(FILES).collect(),
            parents: parents.map(|parent| of(Vcs::Hg, parent)).collect::<Result<_, _>>()?,
            backed_out_by: None,
            backs_out,
        })
    }
}

/// A push whose head merges another line of commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergePush {
    /// The push's number.
    pub id: u64,
    /// Its head.
    pub head: Revision,
    /// The head's second parent: what was merged.
    pub merged: Revision,
}

impl Pushlog {
    /// The commits of the pushes with numbers over `after`, up to and with `last`, by those numbers: one
    /// request, which can be large.
    ///
    /// # Errors
    /// [`HgError`].
    pub async fn full(&self, after: u64, last: u64) -> Result<HashMap<u64, Vec<Commit>>, HgError> {
        let (after, last) = (after.to_string(), last.to_string());
        let url = self.pushes_url(&[("full", "1"), ("startID", &*after), ("endID", &*last)])?;
        let bad = |reason: String| HttpError {
            problem: Problem::Shape(reason),
            method: "GET",
            url: url.to_string(),
        };
        let answer: Answer = self.http().get(url.clone()).await?;
        let mut all = HashMap::with_capacity(answer.pushes.len());
        for (id, entry) in answer.pushes {
            let number = id.parse().map_err(|_| bad(format!("push id {id:?} is no number")))?;
            let commits = entry.changesets.into_iter().map(Head::commit);
            let commits: Result<Vec<Commit>, String> = commits.collect();
            all.insert(number, commits.map_err(bad)?);
        }
        Ok(all)
    }

    /// The merges among the pushes with numbers over `after`, up to and with `last`, oldest first: one
    /// request, of the heads alone.
    ///
    /// # Errors
    /// [`HgError`].
    pub async fn merges(&self, after: u64, last: u64) -> Result<Vec<MergePush>, HgError> {
        let (after, last) = (after.to_string(), last.to_string());
        let query = [("full", "1"), ("tipsonly", "1"), ("startID", &*after), ("endID", &*last)];
        let url = self.pushes_url(&query)?;
        let bad = |reason: String| HttpError {
            problem: Problem::Shape(reason),
            method: "GET",
            url: url.to_string(),
        };
        let answer: Answer = self.http().get(url.clone()).await?;
        let mut merges = Vec::new();
        for (id, entry) in answer.pushes {
            let Some(head) = entry.changesets.last() else { continue };
            let [_, merged, ..] = head.parents.as_slice() else { continue };
            let hg = |text: &str| Revision::new(Vcs::Hg, text).map_err(|e| bad(e.to_string()));
            merges.push(MergePush {
                id: id.parse().map_err(|_| bad(format!("push id {id:?} is no number")))?,
                head: hg(&head.node)?,
                merged: hg(merged)?,
            });
        }
        merges.sort_by_key(|merge| merge.id);
        Ok(merges)
    }
}
