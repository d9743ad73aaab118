//! Treeherder's pushes.

use mozci_core::ids::{PushId, Revision, TreeherderPushId, Vcs};
use mozci_core::push::{Changeset, Push, summary_of};
use mozci_core::time::At;

use super::wire::{PushEntry, PushList};
use super::{ACCEPT, Treeherder};
use crate::http::{HttpError, Problem};

/// A push as Treeherder knows it.
#[derive(Debug, Clone)]
pub struct TreeherderPush {
    /// Its number there, which is not the pushlog's.
    pub id: TreeherderPushId,
    /// The push. Treeherder names twenty of its changesets at most.
    pub push: Push,
}

/// How many pushes one answer holds at most.
const PAGE: usize = 1000;

impl Treeherder {
    /// The pushes between two instants, both included, oldest first.
    ///
    /// There are no offsets and the order is by time: the next page is everything up to the oldest
    /// instant that was seen, less the pushes that were seen. At most ten pages are read.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn pushes_between(
        &self,
        from: At,
        until: At,
    ) -> Result<Vec<TreeherderPush>, HttpError> {
        let mut all: Vec<TreeherderPush> = Vec::new();
        let mut until = until;
        for _ in 0..10 {
            let query = [
                ("push_timestamp__gte", from.0.to_string()),
                ("push_timestamp__lte", until.0.to_string()),
                ("count", PAGE.to_string()),
            ];
            let page = self.push_list(&query).await?;
            let full = page.len() >= PAGE;
            let before = all.len();
            for push in page {
                if !all.iter().any(|known| known.id == push.id) {
                    until = until.min(push.push.date);
                    all.push(push);
                }
            }
            if !full || all.len() == before {
                break;
            }
        }
        all.sort_by_key(|push| (push.push.date, push.id));
        Ok(all)
    }

    /// The newest pushes, newest first.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn newest_pushes(&self, count: usize) -> Result<Vec<TreeherderPush>, HttpError> {
        self.push_list(&[("count", count.min(PAGE).to_string())]).await
    }

    /// The newest pushes up to an instant, newest first.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn pushes_until(
        &self,
        until: At,
        count: usize,
    ) -> Result<Vec<TreeherderPush>, HttpError> {
        let query =
            [("push_timestamp__lte", until.0.to_string()), ("count", count.min(PAGE).to_string())];
        self.push_list(&query).await
    }

    /// The push of a full revision, whichever of its commits that is.
    ///
    /// # Errors
    /// [`HttpError`].
    pub async fn push_of(&self, hash: &str) -> Result<Option<TreeherderPush>, HttpError> {
        // `revision` matches the tip only; for a commit inside, only full hashes match.
        let filter = if hash.len() == 40 { "commit_revision" } else { "revision" };
        let found = self.push_list(&[(filter, hash.to_owned())]).await?;
        let begins = |push: &TreeherderPush| {
            push.push.revision.hash().starts_with(hash)
                || push.push.changesets.iter().any(|c| c.revision.hash().starts_with(hash))
        };
        Ok(found.into_iter().find(begins))
    }

    async fn push_list(&self, query: &[(&str, String)]) -> Result<Vec<TreeherderPush>, HttpError> {
        let url = self.url(&format!("project/{}/push/", self.project), query)?;
        let list: PushList = self.http.get_accepting(url.clone(), ACCEPT).await?;
        let translate = |entry: PushEntry| {
            translate(&entry, self.vcs).map_err(|reason| HttpError {
                problem: Problem::Shape(reason),
                method: "GET",
                url: url.to_string(),
            })
        };
        list.results.into_iter().map(translate).collect()
    }
}

fn translate(entry: &PushEntry, vcs: Vcs) -> Result<TreeherderPush, String> {
    let bad = |error: mozci_core::ids::IdError| format!("push {}: {error}", entry.id);
    let revision = Revision::new(vcs, &entry.revision).map_err(bad)?;
    let mut changesets = Vec::new();
    // The newest comes first there.
    for commit in entry.revisions.iter().rev() {
        let revision = Revision::new(vcs, &commit.revision).map_err(bad)?;
        changesets.push(Changeset { revision, git: None });
    }
    let head = entry.revisions.iter().find(|commit| commit.revision == entry.revision);
    let summary = head.and_then(|head| summary_of(&head.comments));
    let id = TreeherderPushId(entry.id);
    Ok(TreeherderPush {
        id,
        push: Push {
            id: PushId::Treeherder(id),
            revision,
            git: None,
            author: entry.author.clone(),
            date: At(entry.push_timestamp),
            changesets,
            summary,
        },
    })
}
