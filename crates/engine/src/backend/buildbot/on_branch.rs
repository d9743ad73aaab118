//! Changes that are no commits of the branch they were filed under: a hook may file what asks to be
//! merged there. A local clone tells.

use std::collections::HashSet;

use mozci_clients::buildbot::Change;

use crate::backend::buildbot::farm::Farm;
use crate::ci::Ci;

/// Leaves out the changes that are no commits of the branch, where a clone tells, and says so.
pub(crate) async fn keep_ancestors(ci: &Ci, farm: &Farm, changes: &mut Vec<&Change>) {
    let Some(commits) = ci.commits_of(&farm.branch).await else { return };
    let off = off_branch(changes, commits);
    if !off.foreign.is_empty() {
        ci.note(format!(
            "{} changes are left out: they were filed under the branch {:?}, and the clone shows that it does not have them",
            off.foreign.len(),
            farm.branch
        ));
    }
    if off.newer > 0 {
        ci.note(format!(
            "{} of the newest changes are not in the clone: nobody can tell whether the branch {:?} has them before it is updated (git fetch)",
            off.newer, farm.branch
        ));
    }
    changes.retain(|change| !off.foreign.contains(&change.id));
}

/// What a clone says of changes.
#[derive(Debug, PartialEq, Eq)]
struct Off {
    /// Those that the branch does not have.
    foreign: HashSet<u64>,
    /// How many it may not have heard of yet.
    newer: usize,
}

/// A commit of the branch has only ancestors before it. What came before one that the clone has, and
/// that the clone does not have, is none of them. What came after the last one may only be too new.
fn off_branch(changes: &[&Change], commits: &HashSet<String>) -> Off {
    let has = |change: &Change| commits.contains(&change.stamp.revision);
    let last = changes.iter().filter(|change| has(change)).map(|change| change.id).max();
    let missing = changes.iter().filter(|change| !has(change));
    let (older, newer): (Vec<&&Change>, Vec<&&Change>) =
        missing.partition(|change| last.is_some_and(|last| change.id < last));
    Off { foreign: older.into_iter().map(|change| change.id).collect(), newer: newer.len() }
}

#[cfg(test)]
mod tests {
    use mozci_clients::buildbot::Stamp;
    use mozci_core::time::At;

    use super::*;

    #[test]
    fn what_lies_before_a_commit_of_the_branch_and_is_not_there_is_none_of_it() {
        let change = |id: u64, revision: &str| Change {
            summary: None,
            id,
            author: "me".into(),
            when: At(0),
            stamp: Stamp { revision: revision.into(), ..Stamp::default() },
            category: None,
        };
        let all = [change(1, "a"), change(2, "request"), change(3, "b"), change(4, "new")];
        let all: Vec<&Change> = all.iter().collect();
        let commits = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let off = off_branch(&all, &commits(&["a", "b"]));
        assert_eq!(off, Off { foreign: HashSet::from([2]), newer: 1 });
        // A clone of something else, or one that is far behind, says nothing.
        let off = off_branch(&all, &commits(&["z"]));
        assert_eq!(off, Off { foreign: HashSet::new(), newer: 4 });
        let off = off_branch(&all, &commits(&["a", "request", "b", "new"]));
        assert_eq!(off, Off { foreign: HashSet::new(), newer: 0 });
    }
}
