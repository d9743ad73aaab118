//! Beginning and resuming investigations of a culprit.

use mozci_core::time::At;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::BisectQuestion;
use crate::store::{Investigations, Lease};

/// Takes an investigation in order to drive it.
///
/// # Errors
/// [`Error::Usage`] where another process drives it; [`Error::Store`].
pub fn take(store: &Investigations, id: &str) -> Result<Lease, Error> {
    // Leases are between processes of this machine, and go by its clock.
    let now = At(chrono::Utc::now().timestamp());
    store.take(id, now)?.map_err(|held| Error::Usage(held.to_string()))
}

/// The newest open investigation of a repository whose question fits, with that question.
///
/// # Errors
/// [`Error::Store`].
pub fn newest_open(
    store: &Investigations,
    ci: &Ci,
    fits: impl Fn(&BisectQuestion) -> bool,
) -> Result<Option<(String, BisectQuestion)>, Error> {
    let open = store.open_ones(&ci.root_url, ci.repo.as_str())?;
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
pub fn take_the_same(
    store: &Investigations,
    ci: &Ci,
    question: &BisectQuestion,
) -> Result<Option<Lease>, Error> {
    let same = newest_open(store, ci, |known| known.seeks_the_same(question))?;
    let Some((id, _)) = same else { return Ok(None) };
    let lease = take(store, &id).map_err(|held| match held {
        Error::Usage(held) => Error::Usage(format!("{held}; `--new` begins another one")),
        other => other,
    })?;
    store.ask_anew(&lease, &question.to_value())?;
    Ok(Some(lease))
}
