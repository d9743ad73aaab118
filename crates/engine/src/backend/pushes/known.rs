//! Pushes by number, from what is known and else from the pushlog.

use mozci_clients::hg::Pushlog;
use mozci_core::ids::{PushId, PushlogId, Revision, Vcs};
use mozci_core::push::{Changeset, Push};
use mozci_core::time::At;
use serde::{Deserialize, Serialize};

use crate::ci::Ci;
use crate::error::Error;
use crate::store::FactKind;

/// A push as it is kept on disk.
#[derive(Serialize, Deserialize)]
struct KeptPush {
    revision: String,
    git: Option<String>,
    author: String,
    date: i64,
    changesets: Vec<(String, Option<String>)>,
}

impl KeptPush {
    fn new(push: &Push) -> Self {
        let git = |git: &Option<Revision>| git.as_ref().map(|git| git.hash().to_owned());
        Self {
            revision: push.revision.hash().to_owned(),
            git: git(&push.git),
            author: push.author.clone(),
            date: push.date.0,
            changesets: push
                .changesets
                .iter()
                .map(|c| (c.revision.hash().to_owned(), git(&c.git)))
                .collect(),
        }
    }

    fn push(self, id: u64) -> Option<Push> {
        let hg = |hash: &str| Revision::new(Vcs::Hg, hash).ok();
        let git = |hash: Option<String>| hash.and_then(|hash| Revision::new(Vcs::Git, &hash).ok());
        let changesets = self
            .changesets
            .into_iter()
            .map(|(node, name)| Some(Changeset { revision: hg(&node)?, git: git(name) }));
        Some(Push {
            id: PushId::Pushlog(PushlogId(id)),
            revision: hg(&self.revision)?,
            git: git(self.git),
            author: self.author,
            date: At(self.date),
            changesets: changesets.collect::<Option<Vec<_>>>()?,
            summary: None,
        })
    }
}

/// Ids that are requested in one request.
const IDS_A_REQUEST: u64 = 500;

impl Ci {
    /// Takes note of a push that the server has just named, and of its newest push's number. What
    /// contradicts an earlier answer means that the repository was reset.
    pub(crate) fn observe(&self, push: &Push, last_push_id: u64) -> Result<(), Error> {
        let id = push.id.number();
        let before: Option<u64> = self.fact(FactKind::LastPush, "");
        let known: Option<Option<KeptPush>> = self.fact(FactKind::Push, &id.to_string());
        let same =
            known.map(|known| known.is_some_and(|known| known.revision == push.revision.hash()));
        let went_back = before.is_some_and(|before| before > last_push_id);
        // A number that went down alone may be a replica that lags, if it knows the same push.
        if same == Some(false) || (went_back && same.is_none()) {
            self.forget(&format!("{} was reset", self.repo))?;
            self.keep(FactKind::LastPush, [(String::new(), last_push_id)]);
        } else {
            let newest = before.map_or(last_push_id, |before| before.max(last_push_id));
            self.keep(FactKind::LastPush, [(String::new(), newest)]);
        }
        self.keep(FactKind::Push, [(id.to_string(), KeptPush::new(push))]);
        Ok(())
    }

    /// The same as [`Self::pushes_by_id`] from the server alone: names in Git that were missing when
    /// a push was kept may be there by now. What comes is kept.
    pub(crate) async fn fresh_pushes(
        &self,
        pushlog: &Pushlog,
        after: u64,
        last: u64,
    ) -> Result<Vec<Push>, Error> {
        let mut pushes = Vec::new();
        let mut from = after;
        while from < last {
            let until = (from + IDS_A_REQUEST).min(last);
            let page = pushlog.between(from, until).await?;
            let found = |id: u64| page.pushes.iter().find(|push| push.id.number() == id);
            // A number beyond the newest push is no gap but the future.
            let kept = (from + 1..=until.min(page.last_push_id))
                .map(|id| (id.to_string(), found(id).map(KeptPush::new)));
            self.keep(FactKind::Push, kept);
            pushes.extend(page.pushes);
            from = until;
        }
        Ok(pushes)
    }

    /// The pushes with numbers over `after` up to `last`, oldest first. A number that no push has
    /// is no gap in the answer.
    pub(crate) async fn pushes_by_id(
        &self,
        pushlog: &Pushlog,
        after: u64,
        last: u64,
    ) -> Result<Vec<Push>, Error> {
        let mut pushes = Vec::new();
        let mut unknown: Vec<u64> = Vec::new();
        for id in after + 1..=last {
            match self.fact::<Option<KeptPush>>(FactKind::Push, &id.to_string()) {
                Some(kept) => pushes.extend(kept.and_then(|kept| kept.push(id))),
                None => unknown.push(id),
            }
        }
        if let (Some(first), Some(end)) = (unknown.first(), unknown.last()) {
            let fresh = self.fresh_pushes(pushlog, first - 1, *end).await?;
            pushes.retain(|push| !(*first..=*end).contains(&push.id.number()));
            pushes.extend(fresh);
        }
        pushes.sort_by_key(|push| push.id);
        Ok(pushes)
    }
}
