//! Where merges come from: the pushes of another repository that one brought.

use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use mozci_clients::hg::{HgError, Pushlog};
use mozci_clients::side_by_side;
use mozci_core::ids::Revision;
use mozci_core::push::Push;

use crate::ci::{Ci, PushSource};
use crate::error::Error;

/// A merge, and what it brought.
#[derive(Debug, Clone)]
pub struct Merge {
    /// The push that merges.
    pub push: Push,
    /// Where it came from; none where no configured repository knows it.
    pub origin: Option<Origin>,
}

/// Pushes of another repository that a merge brought.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The repository, by its name in the config.
    pub repo: String,
    /// Its newest push that the merge has.
    pub last: Push,
    /// Its oldest push that the merge brought.
    pub first: Push,
    /// The push before that, which was there before the merge, where there is one.
    pub before: Option<Push>,
}

impl Origin {
    /// What several merges brought together, where all came from one repository.
    pub fn of_all(merges: &[Merge]) -> Option<Self> {
        let mut newest_first: Vec<&Merge> = merges.iter().collect();
        newest_first.sort_by_key(|merge| std::cmp::Reverse(merge.push.id));
        let mut origins = newest_first.into_iter().map(|merge| merge.origin.as_ref());
        let mut all = origins.next()??.clone();
        for older in origins {
            let older = older.filter(|older| older.repo == all.repo)?;
            all.first = older.first.clone();
            all.before = older.before.clone();
        }
        Some(all)
    }

    /// How many of the repository's push numbers the merge brought.
    pub fn count(&self) -> u64 {
        self.last.id.number().saturating_sub(self.first.id.number()) + 1
    }
}

/// Changesets of a merge that are looked up to find the oldest push that it brought.
const LOOKED_UP: usize = 3;

/// Merges that are looked up at once.
const AT_ONCE: usize = 8;

/// The merges among pushes, newest first, and where each came from: one request for all, and two or
/// three for each merge. A push of several changesets whose head was pushed to a merge source before is a
/// merge, too: where there was nothing to merge the other repository's head was taken as it is.
///
/// # Errors
/// [`Error::Usage`] where pushes are not read from a Mercurial server.
pub async fn merges(ci: &Ci, pushes: &[Push]) -> Result<Vec<Merge>, Error> {
    let PushSource::Hg(pushlog) = &ci.pushes else {
        return Err(Error::Usage(format!(
            "merges can be followed where pushes are read from a Mercurial server (pushlog = \"hg\"), and those of {} are not",
            ci.repo
        )));
    };
    let numbers = || pushes.iter().map(|push| push.id.number());
    let (Some(first), Some(last)) = (numbers().min(), numbers().max()) else {
        return Ok(Vec::new());
    };
    let found = pushlog.merges(first.saturating_sub(1), last).await;
    let found = &found.map_err(|error| failed("cannot read merges", error))?;
    let each = pushes.iter().map(|push| async move {
        let merge = found.iter().find(|merge| merge.id == push.id.number());
        // Its head may be a merge that the other repository made: what was taken is the head then.
        let taken = match merge.is_some() || push.changesets.len() > 1 {
            true => origin(ci, push, &push.revision).await?,
            false => None,
        };
        let origin = match (merge, taken) {
            (_, Some(origin)) => Some(origin),
            (Some(merge), None) => origin(ci, push, &merge.merged).await?,
            (None, None) => return Ok(None),
        };
        Ok::<_, Error>(Some(Merge { push: push.clone(), origin }))
    });
    let merges: Vec<Option<Merge>> = side_by_side(each, AT_ONCE).try_collect().await?;
    Ok(merges.into_iter().flatten().collect())
}

fn failed(what: &str, error: HgError) -> Error {
    match error {
        HgError::Http(error) => Error::service(what.to_owned())(error),
        other => Error::NotFound(format!("{what}: {other}")),
    }
}

/// Looks up which of the configured repositories had a commit first, and before the push had it.
async fn origin(ci: &Ci, push: &Push, commit: &Revision) -> Result<Option<Origin>, Error> {
    let looked_up = ci.merge_sources().map(|(name, pushlog)| async move {
        match pushlog.push_of(commit.hash()).await {
            Ok((_, last)) => Ok(Some((name, pushlog, last))),
            Err(HgError::UnknownRevision { .. }) => Ok(None),
            Err(error) => Err(failed(&format!("cannot look the merge up in {name}"), error)),
        }
    });
    // What a third repository merged as well is there with its own date: the earliest had it first.
    let all = try_join_all(looked_up).await?;
    let before = all.into_iter().flatten().filter(|(.., last)| last.date < push.date);
    let found: Option<(&str, &Pushlog, Push)> = before.min_by_key(|(.., last)| last.date);
    let Some((repo, pushlog, last)) = found else { return Ok(None) };
    let mut first = last.clone();
    for changeset in push.changesets.iter().take(LOOKED_UP) {
        match pushlog.push_of(changeset.revision.hash()).await {
            Ok((_, oldest)) => {
                first = oldest;
                break;
            }
            Err(HgError::UnknownRevision { .. }) => {}
            Err(error) => {
                return Err(failed(&format!("cannot look the merge up in {repo}"), error));
            }
        }
    }
    let number = first.id.number();
    // Numbers have gaps, small ones.
    let page = pushlog.between(number.saturating_sub(10), number.saturating_sub(1)).await;
    let page = page.map_err(|error| failed(&format!("cannot read the pushes of {repo}"), error))?;
    Ok(Some(Origin { repo: repo.to_owned(), last, first, before: page.pushes.last().cloned() }))
}
