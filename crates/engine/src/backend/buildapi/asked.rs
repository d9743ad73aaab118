//! What came of askings: which listed request each made.

use std::collections::BTreeSet;

use mozci_core::era::carried;
use mozci_core::ids::{BuildRequestId, JobName, Revision};

use crate::store::{AskState, Asking};

/// The askings for a builder on a revision that may have come to something, in their order, each with
/// the request that came of it, as far as that is listed.
pub(crate) fn matched<'a>(
    askings: &'a [Asking],
    revision: &Revision,
    job: &JobName,
    listed: &BTreeSet<BuildRequestId>,
) -> Vec<(&'a Asking, Option<BuildRequestId>)> {
    let asks = |asking: &&Asking| {
        asking.revision == *revision
            && asking.jobs.iter().any(|one| one.job == *job && one.times > 0)
            && !matches!(asking.state, AskState::NotSent { .. })
    };
    let ours: Vec<&Asking> = askings.iter().filter(asks).collect();
    let known: Vec<BTreeSet<BuildRequestId>> = ours.iter().map(|asking| known(asking)).collect();
    let found = carried(&known, listed);
    ours.into_iter().zip(found).collect()
}

/// The requests that were listed when something was asked for, as its body has them.
fn known(asking: &Asking) -> BTreeSet<BuildRequestId> {
    let ids = asking.body["known"].as_array().into_iter().flatten();
    ids.filter_map(|id| id.as_u64().map(BuildRequestId)).collect()
}
