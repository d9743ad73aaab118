//! Which push a revision is of, kept for as long as the program runs: that does not change, and a search requests
//! it again and again.

use std::collections::HashMap;

use mozci_core::push::Push;
use parking_lot::Mutex;

use super::Ci;

/// Pushes that are kept.
const MOST: usize = 64;

/// Pushes by their revisions.
#[derive(Debug, Default)]
pub(crate) struct Resolved(Mutex<HashMap<String, Push>>);

impl Ci {
    /// The push of a whole revision, where it was looked up before.
    pub(crate) fn resolved(&self, hash: &str) -> Option<Push> {
        self.resolved.0.lock().get(hash).cloned()
    }

    /// Keeps a push under its revision.
    pub(crate) fn keep_resolved(&self, push: &Push) {
        let mut known = self.resolved.0.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(push.revision.hash().to_owned(), push.clone());
    }
}
