//! What is listened to, of jobs on pushes.

use std::collections::BTreeSet;

use mozci_clients::taskcluster::Watched;
use mozci_core::facts::{Decision, PushFacts};
use mozci_core::ids::TaskId;

use crate::backend::taskcluster::history::definition;
use crate::ci::Ci;

/// Task groups that are listened to one by one: each costs the broker seven bindings.
const GROUPS: usize = 200;

/// The task group of a push, where its CI has such.
pub(crate) fn group_of(facts: &PushFacts) -> Option<TaskId> {
    match &facts.decision {
        Decision::Done(task) => Some(*task),
        _ => None,
    }
}

/// What brings everything that happens to these: their pushes' task groups; where they are many,
/// whatever their scheduler made.
pub(crate) async fn listened(ci: &Ci, facts: impl Iterator<Item = &PushFacts>) -> Vec<Watched> {
    let groups: BTreeSet<TaskId> = facts.filter_map(group_of).collect();
    if groups.len() <= GROUPS {
        return groups.into_iter().map(Watched::Group).collect();
    }
    let mut schedulers = BTreeSet::new();
    for group in [groups.first(), groups.last()].into_iter().flatten() {
        // One that cannot be read is one that nothing is heard of.
        let known = definition(ci, *group).await.ok().and_then(|known| known.scheduler);
        schedulers.extend(known.map(Watched::Scheduler));
    }
    if schedulers.is_empty() {
        ci.note(format!(
            "{} task groups are more than the {GROUPS} that are listened to, and their scheduler is not to be found out: the others are looked at",
            groups.len()
        ));
        return groups.into_iter().rev().take(GROUPS).map(Watched::Group).collect();
    }
    schedulers.into_iter().collect()
}
