//! `json-pushes` with `full` and `tipsonly`: what the heads of pushes say of themselves.

use std::collections::HashMap;

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
