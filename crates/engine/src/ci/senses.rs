//! What of a CI is heard, and what its guards go by.

use mozci_clients::http::Http;
use mozci_clients::treestatus::Treestatus;

use crate::ci::Ci;
use crate::config::ClosedTree;

impl Ci {
    /// The way to the servers, for another one that shares its pace.
    pub fn http(&self) -> Http {
        self.http.clone()
    }

    /// Where the tree's status is told.
    pub(crate) fn treestatus(&self) -> Option<&Treestatus> {
        self.treestatus.as_ref().map(|(treestatus, _)| treestatus)
    }

    /// The tree's name; empty where nobody tells of it.
    pub fn tree(&self) -> &str {
        self.treestatus.as_ref().map_or("", |(_, tree)| tree)
    }

    /// What is done while the tree is closed.
    pub(crate) fn closed_tree(&self) -> ClosedTree {
        self.closed_tree
    }
}
