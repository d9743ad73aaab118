//! What is said of a culprit: its commits, who wrote them, and whether they were backed out.

use mozci_core::bisect::Backout;
use mozci_core::commit::Commit;
use mozci_core::push::Push;
use mozci_evidence::About;

use crate::ci::Ci;

/// A push that may have done it.
#[derive(Debug, Clone)]
pub struct CulpritPush {
    /// The push.
    pub push: Push,
    /// Its commits, oldest first; none where nobody tells of them.
    pub commits: Vec<Commit>,
}

impl CulpritPush {
    /// Whether every commit of it was backed out.
    pub fn is_backed_out(&self) -> bool {
        !self.commits.is_empty() && self.commits.iter().all(|commit| commit.backed_out_by.is_some())
    }
}

/// What is known of suspects beforehand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// How suspect each is, oldest first, by what its commits touch.
    pub weights: Vec<f64>,
    /// Those that were backed out by the last one, or before it.
    pub backouts: Vec<Backout>,
}

/// What is known of suspects, oldest first, by their commits. None where nobody tells of commits, or there are
/// too many.
pub async fn weigh(ci: &Ci, suspects: &[Push], about: Option<&About>) -> Option<Known> {
    ci.pushes.weigh(ci, suspects, about).await
}

/// Reads the commits of pushes, of few alone.
pub async fn culprit_pushes(ci: &Ci, pushes: Vec<Push>) -> Vec<CulpritPush> {
    ci.pushes.commits(ci, pushes).await
}
