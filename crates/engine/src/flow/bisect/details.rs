//! What is said of a culprit: its commits, who wrote them, and whether they were backed out.

use mozci_core::commit::Commit;
use mozci_core::push::Push;

use crate::ci::{Ci, PushSource};

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

/// Pushes whose commits are read at the most.
const MOST: usize = 8;

/// Reads the commits of pushes, a request a push: of few alone.
pub async fn culprit_pushes(ci: &Ci, pushes: Vec<Push>) -> Vec<CulpritPush> {
    let mut all = Vec::with_capacity(pushes.len());
    for (number, push) in pushes.into_iter().enumerate() {
        let commits = match &ci.pushes {
            PushSource::Hg(pushlog) if number < MOST => {
                match pushlog.commits(&push.revision).await {
                    Ok(commits) => commits,
                    Err(error) => {
                        ci.note(format!("the commits of push {} cannot be read: {error}", push.id));
                        Vec::new()
                    }
                }
            }
            _ => Vec::new(),
        };
        all.push(CulpritPush { push, commits });
    }
    all
}
