//! Where merges come from: the pushes of another repository that one brought.

use mozci_core::push::Push;

use crate::ci::Ci;
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

/// The merges among pushes, newest first, and where each came from.
///
/// # Errors
/// [`Error::Usage`] where nobody tells.
pub async fn merges(ci: &Ci, pushes: &[Push]) -> Result<Vec<Merge>, Error> {
    ci.pushes.merges(ci, pushes).await
}
