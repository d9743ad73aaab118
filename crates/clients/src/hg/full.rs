//! `json-pushes` with `full`: what the commits of pushes, or their heads alone, say of themselves.

use std::collections::HashMap;

use mozci_core::commit::{Commit, backout};
use mozci_core::ids::Revision;
use mozci_core::push::summary_of;
use serde::Deserialize;

use super::commit::{WireCommit, hg};
use super::pushlog::{HgError, Pushlog};
use crate::http::{HttpError, Problem};

#[derive(Debug, Deserialize)]
struct Answer {
    pushes: HashMap<String, Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(default)]
    changesets: Vec<WireCommit>,
}

/// Files of one commit that are kept.
const FILES: usize = 200;

/// A commit of a full push: what takes others back is told by its message alone.
fn commit(wire: WireCommit) -> Result<Commit, String> {
    let backout = backout(&wire.desc);
    let backs_out = backout.is_some();
    Ok(Commit { backs_out, backs_out_of: backout.unwrap_or_default(), ..wire.commit(FILES)? })
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
        let read = |changesets: Vec<WireCommit>| changesets.into_iter().map(commit).collect();
        self.each_full(after, last, &[], read).await
    }

    /// The merges among the pushes with numbers over `after`, up to and with `last`, oldest first: one
    /// request, of the heads alone.
    ///
    /// # Errors
    /// [`HgError`].
    pub async fn merges(&self, after: u64, last: u64) -> Result<Vec<MergePush>, HgError> {
        let read = |changesets: Vec<WireCommit>| {
            let Some(head) = changesets.last() else { return Ok(None) };
            let [_, merged, ..] = head.parents.as_slice() else { return Ok(None) };
            Ok(Some((head.revision()?, hg(merged)?)))
        };
        let all = self.each_full(after, last, &[("tipsonly", "1")], read).await?;
        let merges = all.into_iter().filter_map(|(id, merge)| {
            let (head, merged) = merge?;
            Some(MergePush { id, head, merged })
        });
        let mut merges: Vec<MergePush> = merges.collect();
        merges.sort_by_key(|merge| merge.id);
        Ok(merges)
    }

    /// The first lines of what the heads of pushes say, by the pushes' numbers, of those with numbers over
    /// `after`, up to and with `last`: one request.
    ///
    /// # Errors
    /// [`HgError`].
    pub async fn summaries(&self, after: u64, last: u64) -> Result<HashMap<u64, String>, HgError> {
        let read = |changesets: Vec<WireCommit>| {
            Ok(changesets.last().and_then(|head| summary_of(&head.desc)))
        };
        let all = self.each_full(after, last, &[("tipsonly", "1")], read).await?;
        Ok(all.into_iter().filter_map(|(id, summary)| Some((id, summary?))).collect())
    }

    /// What is read of each push in full, by the pushes' numbers.
    async fn each_full<T>(
        &self,
        after: u64,
        last: u64,
        more: &[(&str, &str)],
        read: impl Fn(Vec<WireCommit>) -> Result<T, String>,
    ) -> Result<HashMap<u64, T>, HgError> {
        let (after, last) = (after.to_string(), last.to_string());
        let query = [&[("full", "1"), ("startID", &*after), ("endID", &*last)], more].concat();
        let url = self.pushes_url(&query)?;
        let bad = |reason: String| HttpError {
            problem: Problem::Shape(reason),
            method: "GET",
            url: url.to_string(),
        };
        let answer: Answer = self.http().get(url.clone()).await?;
        let mut all = HashMap::with_capacity(answer.pushes.len());
        for (id, entry) in answer.pushes {
            let number = id.parse().map_err(|_| bad(format!("push id {id:?} is not a number")))?;
            all.insert(number, read(entry.changesets).map_err(bad)?);
        }
        Ok(all)
    }
}
