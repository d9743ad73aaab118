//! From names that people type to revisions: names of a local clone, and pushes before another one.

use std::num::NonZeroU32;

use mozci_clients::git::LocalClone;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::{RevisionError, RevisionSpec};
use mozci_core::revision_name::RevisionName;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::read_range;

/// What a name means, as a revision that needs no clone.
///
/// # Errors
/// [`Error::Usage`] for a name that only a clone can tell where there is none, [`Error::NotFound`] where the
/// clone does not have it, or the repository has not so many pushes.
pub async fn spelled(ci: &Ci, name: &RevisionName) -> Result<RevisionSpec, Error> {
    match name {
        RevisionName::Spec(spec) => Ok(spec.clone()),
        RevisionName::Before { of, pushes } => before(ci, of, *pushes).await,
        RevisionName::Local(name) => in_clone(ci, name).await,
    }
}

async fn before(ci: &Ci, of: &RevisionSpec, pushes: u32) -> Result<RevisionSpec, Error> {
    let reach = Reach::Back(pushes);
    let range =
        read_range(ci, &RangeSpec { rev: of.clone(), reach, every: NonZeroU32::MIN }).await?;
    let place = range.origin + usize::try_from(pushes).unwrap_or(usize::MAX);
    let push = range.pushes.get(place).ok_or_else(|| {
        Error::NotFound(format!(
            "{} has only {} pushes before {of}",
            ci.repo,
            range.pushes.len().saturating_sub(range.origin + 1)
        ))
    })?;
    Ok(RevisionSpec::Hash(push.revision.hash().to_owned()))
}

async fn in_clone(ci: &Ci, name: &str) -> Result<RevisionSpec, Error> {
    let Some(folder) = ci.clone_here() else {
        let form = RevisionError::Form(name.to_owned());
        return Err(Error::Usage(format!(
            "{form}; names such as HEAD need a clone (--clone, or run the command in one)"
        )));
    };
    let usage = |error: mozci_clients::git::GitError| Error::Usage(error.to_string());
    let clone = LocalClone::open(&folder).map_err(usage)?;
    let found = clone.named(name).await.map_err(usage)?.ok_or_else(|| {
        Error::NotFound(format!("the clone in {} has nothing called {name:?}", folder.display()))
    })?;
    ci.note(format!("{name} is {} in {}", found.short(), folder.display()));
    Ok(RevisionSpec::Hash(found.hash().to_owned()))
}
