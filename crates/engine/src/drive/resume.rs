//! Finding investigations that go on, and claiming them.

use std::collections::BTreeSet;

use mozci_core::push::Push;

use crate::ci::Ci;
use crate::drive::search::take;
use crate::drive::watch::{WatchQuestion, is_watch, read_pushes};
use crate::error::Error;
use crate::store::{Held, Investigation, InvestigationState, Lease, Store};

/// Finds the investigation whose id begins like this.
///
/// # Errors
/// [`Error::NotFound`] for none, [`Error::Usage`] for several, [`Error::Store`].
pub async fn find_investigation(store: &dyn Store, prefix: &str) -> Result<Investigation, Error> {
    let mut found = store.by_prefix(prefix).await?;
    if prefix.is_empty() || found.len() > 1 {
        let ids: Vec<&str> = found.iter().take(5).map(|found| found.id.as_str()).collect();
        return Err(Error::Usage(format!(
            "{prefix:?} fits {} investigations: {}; give more of its id",
            found.len(),
            ids.join(", ")
        )));
    }
    found.pop().ok_or_else(|| {
        Error::NotFound(format!(
            "no investigation is called {prefix:?}: `mozci investigations` lists them"
        ))
    })
}

/// Checks that an investigation can go on with this CI and repository.
///
/// # Errors
/// [`Error::Usage`] where it is of another one, or was cancelled.
pub fn check_resumable(ci: &Ci, found: &Investigation) -> Result<(), Error> {
    let id = &found.id;
    if found.ci != ci.root_url || found.repo != ci.repo.as_str() {
        return Err(Error::Usage(format!(
            "investigation {id} is of {} on {}, and this command is for {} on {}: give --ci and --repo as when it began",
            found.repo, found.ci, ci.repo, ci.root_url
        )));
    }
    if found.state == InvestigationState::Cancelled {
        return Err(Error::Usage(format!(
            "investigation {id} was cancelled: begin another one with `mozci bisect`, which counts the runs that are there"
        )));
    }
    Ok(())
}

/// Claims an investigation in order to go on with it. One that has ended is open again.
///
/// # Errors
/// [`Error::Usage`] where another process drives it, [`Error::Store`].
pub async fn claim_again(store: &dyn Store, id: &str) -> Result<Lease, Error> {
    let lease = take(store, id).await?;
    store.set_state(id, InvestigationState::Open).await?;
    Ok(lease)
}

/// The open investigations of a repository.
#[derive(Debug, Default)]
pub struct OpenInvestigations {
    /// The searches. Each is claimed when it begins.
    pub searches: Vec<Investigation>,
    /// The watches that this process claimed.
    pub watches: Vec<(WatchQuestion, Lease)>,
    /// The watches that another process drives.
    pub held: Vec<Held>,
}

impl OpenInvestigations {
    /// Reads them, and claims the watches.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Usage`] for a watch of another version.
    pub async fn claim(ci: &Ci, store: &dyn Store) -> Result<Self, Error> {
        let open = store.open_investigations(&ci.root_url, ci.repo.as_str()).await?;
        let (watches, searches): (Vec<_>, Vec<_>) = open.into_iter().partition(is_watch);
        let ids: Vec<&str> = watches.iter().map(|found| found.id.as_str()).collect();
        let claimed = store.claim(&ids).await?;
        let mut all = Self { searches, ..Self::default() };
        for (found, claimed) in watches.iter().zip(claimed) {
            match claimed {
                Ok(lease) => all.watches.push((WatchQuestion::of(found)?, lease)),
                Err(held) => all.held.push(held),
            }
        }
        Ok(all)
    }
}

/// Reads the pushes of some watches, newest first.
///
/// # Errors
/// Those of reading a pushlog.
pub async fn pushes_of_watches(
    ci: &Ci,
    watches: &[(WatchQuestion, Lease)],
) -> Result<Vec<Push>, Error> {
    let mut pushes: Vec<Push> = Vec::new();
    let ranges: BTreeSet<&[String]> =
        watches.iter().map(|(question, _)| question.pushes.as_slice()).collect();
    for heads in ranges {
        pushes.extend(read_pushes(ci, heads).await?);
    }
    pushes.sort_by_key(|push| std::cmp::Reverse(push.id.number()));
    pushes.dedup_by_key(|push| push.id);
    Ok(pushes)
}
