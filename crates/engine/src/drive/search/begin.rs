//! Beginning and resuming investigations of a culprit.

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::BisectQuestion;
use crate::store::{Lease, Store};

/// Takes an investigation in order to drive it.
///
/// # Errors
/// [`Error::Usage`] where another process drives it; [`Error::Store`].
pub async fn take(store: &dyn Store, id: &str) -> Result<Lease, Error> {
    match store.claim(&[id]).await?.pop() {
        Some(claimed) => claimed.map_err(|held| Error::Usage(held.to_string())),
        None => Err(Error::Odd(format!("the store did not answer whether {id} is free"))),
    }
}

/// The newest open investigation of a repository whose question fits, with that question.
///
/// # Errors
/// [`Error::Store`].
pub async fn newest_open(
    store: &dyn Store,
    ci: &Ci,
    fits: impl Fn(&BisectQuestion) -> bool,
) -> Result<Option<(String, BisectQuestion)>, Error> {
    let open = store.open_investigations(&ci.root_url, ci.repo.as_str()).await?;
    let mut known = open
        .into_iter()
        .rev()
        .filter_map(|found| BisectQuestion::of(&found).ok().map(|question| (found.id, question)));
    Ok(known.find(|(_, question)| fits(question)))
}

/// Takes the open investigation that seeks the same culprit, where there is one: a search that was cut off and is
/// begun again goes on, under the budget that it had.
///
/// # Errors
/// [`Error::Usage`] where another process drives it; [`Error::Store`].
pub async fn take_the_same(
    store: &dyn Store,
    ci: &Ci,
    question: &BisectQuestion,
) -> Result<Option<Lease>, Error> {
    let same = newest_open(store, ci, |known| known.seeks_the_same(question)).await?;
    let Some((id, _)) = same else { return Ok(None) };
    let lease = take(store, &id).await.map_err(|held| match held {
        Error::Usage(held) => Error::Usage(format!("{held}; `--new` begins another one")),
        other => other,
    })?;
    store.change_question(&lease, &question.to_value()).await?;
    Ok(Some(lease))
}
