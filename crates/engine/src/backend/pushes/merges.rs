//! Where merges come from: the pushes of another repository that one brought.

use futures_util::TryStreamExt;
use futures_util::future::try_join_all;
use mozci_clients::hg::{HgError, Pushlog};
use mozci_clients::side_by_side;
use mozci_core::ids::Revision;
use mozci_core::push::Push;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::{Merge, Origin};

/// Changesets of a merge that are looked up to find the oldest push that it brought.
const LOOKED_UP: usize = 3;

/// Merges that are looked up at once.
const AT_ONCE: usize = 8;

/// The merges among pushes, newest first, and where each came from: one request for all, and two or
/// three for each merge. A push of several changesets whose head was pushed to a merge source before is a
/// merge, too: where there was nothing to merge the other repository's head was taken as it is.
///
/// # Errors
/// [`Error::Service`].
pub(crate) async fn merges(
    ci: &Ci,
    pushlog: &Pushlog,
    pushes: &[Push],
) -> Result<Vec<Merge>, Error> {
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
