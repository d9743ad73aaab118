//! What came of trigger requests: which listed request each made.

use std::collections::BTreeSet;

use mozci_core::era::match_requests;
use mozci_core::ids::{BuildRequestId, JobName, Revision};

use crate::store::{TriggerRequest, TriggerState};

/// The trigger requests for a builder on a revision that may have come to something, each with the request that came of
/// it, as far as that is listed: first those that were taken on, then those in doubt.
pub(crate) fn matched<'a>(
    triggers: &'a [TriggerRequest],
    revision: &Revision,
    job: &JobName,
    listed: &BTreeSet<BuildRequestId>,
) -> Vec<(&'a TriggerRequest, Option<BuildRequestId>)> {
    let requests = |trigger: &&TriggerRequest| {
        trigger.revision == *revision
            && trigger.jobs.iter().any(|one| one.job == *job && one.times > 0)
            && !matches!(trigger.state, TriggerState::NotSent { .. })
    };
    // What was taken on made a request for sure; of what is unconfirmed each may have made one of the rest.
    let is_sure = |trigger: &&TriggerRequest| matches!(trigger.state, TriggerState::Sent { .. });
    let (sure, doubtful): (Vec<&TriggerRequest>, Vec<&TriggerRequest>) =
        triggers.iter().filter(requests).partition(is_sure);
    let mut rest = listed.clone();
    let mut all = Vec::with_capacity(sure.len() + doubtful.len());
    for some in [sure, doubtful] {
        let known: Vec<BTreeSet<BuildRequestId>> =
            some.iter().map(|trigger| known(trigger)).collect();
        let found = match_requests(&known, &rest);
        found.iter().flatten().for_each(|request| {
            rest.remove(request);
        });
        all.extend(some.into_iter().zip(found));
    }
    all
}

/// The requests that were listed when something was requested, as its body has them.
fn known(trigger: &TriggerRequest) -> BTreeSet<BuildRequestId> {
    let ids = trigger.body["known"].as_array().into_iter().flatten();
    ids.filter_map(|id| id.as_u64().map(BuildRequestId)).collect()
}

#[cfg(test)]
mod tests {
    use mozci_core::ids::{RequestId, Vcs};
    use mozci_core::time::At;
    use serde_json::json;

    use super::*;
    use crate::store::{RequestedJob, TriggerId};

    #[test]
    fn one_in_doubt_takes_nothing_from_one_that_was_taken_on() {
        let revision = Revision::new(Vcs::Hg, &"a".repeat(40)).unwrap();
        let job = JobName::new("test");
        let trigger = |state| TriggerRequest {
            id: TriggerId::new(),
            plan: String::new(),
            ci: String::new(),
            repo: mozci_core::ids::RepoName::new("r"),
            push: 1,
            revision: revision.clone(),
            jobs: vec![RequestedJob { job: job.clone(), times: 1, why: String::new() }],
            group: String::new(),
            action: String::new(),
            hook_group: String::new(),
            hook: String::new(),
            body: json!({"known": [1]}).into(),
            created: At(0),
            state,
            process: String::new(),
            in_hand: false,
            asker: String::new(),
            investigation: None,
        };
        // The first never arrived, which nobody knows; the second did.
        let triggers = [
            trigger(TriggerState::Uncertain { detail: String::new() }),
            trigger(TriggerState::Sent {
                request: RequestId::SelfServe(mozci_core::ids::SelfServeId(9)),
            }),
        ];
        let listed = BTreeSet::from([BuildRequestId(1), BuildRequestId(2)]);
        let found = matched(&triggers, &revision, &job, &listed);
        let of = |trigger: &TriggerRequest| {
            found.iter().find(|(one, _)| one.id == trigger.id).unwrap().1
        };
        assert_eq!((of(&triggers[1]), of(&triggers[0])), (Some(BuildRequestId(2)), None));
    }
}
