//! Requests of which nobody could tell whether they were sent, held against what the hooks fired.
//!
//! `triggerHook` has no key, so that sending twice fires twice. A fire that matches proves that it
//! was sent; that none matches proves something only when the hook's whole record since then is
//! there and enough time has passed for a request to arrive.

use crate::flow::SETTLE_SECONDS;
use crate::flow::reconcile::SKEW_SECONDS;
use crate::flow::reconcile::TRIES;
use crate::flow::reconcile::record_end;
use crate::flow::reconcile::turn;
use crate::flow::reconcile::unconfirmed;
use crate::flow::reconcile::with_source;

use mozci_clients::taskcluster::deadline;
use mozci_core::ids::TaskId;

use crate::backend::taskcluster::history::definition;
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::backend::taskcluster::requested::statuses;
use crate::backend::taskcluster::sends::{CANCEL, CREATE};
use crate::ci::Ci;
use crate::error::Error;
use crate::store::{Ledger, TriggerRequest, TriggerState};

/// Looks at every open request of the CI and marks what can be told now.
///
/// # Errors
/// [`Error::Store`]. What cannot be read leaves a trigger request as it is.
pub(crate) async fn reconcile(ci: &Ci, ledger: &Ledger) -> Result<Vec<TriggerRequest>, Error> {
    let Some(_turn) = turn(ci, ledger).await? else { return Ok(Vec::new()) };
    let mut changed = Vec::new();
    let open = unconfirmed(ci, ledger).await?;
    if !open.is_empty() && ci.clock_offset().is_none() {
        // The servers' clock tells how old a request is. Without it nothing is settled yet.
        let _ = ci.taskcluster()?.ping().await;
    }
    for trigger in open {
        for _ in 0..TRIES {
            let searched = search(ci, ledger, &trigger).await;
            // Only an answer tells the servers' time.
            let settled = ci.now().since(trigger.created) > SETTLE_SECONDS;
            let state = match searched {
                Ok(Search::Found(task)) => TriggerState::Sent { request: task.into() },
                Ok(Search::ProvenAbsent) if settled => {
                    TriggerState::NotSent { detail: absent(&trigger) }
                }
                Ok(Search::CannotTell) if settled => TriggerState::Uncertain {
                    detail: "the hook's record does not reach back to it".to_owned(),
                },
                Ok(Search::ProvenAbsent | Search::CannotTell) => break,
                Err(error) if settled => TriggerState::Uncertain {
                    detail: format!("the hook's record cannot be read: {}", with_source(&error)),
                },
                Err(_) => break,
            };
            if record_end(ledger, &trigger, state, &mut changed).await? {
                break;
            }
        }
    }
    Ok(changed)
}

/// What to say of a trigger request that is proven not to have arrived.
fn absent(trigger: &TriggerRequest) -> String {
    match (trigger.action.as_str(), deadline(&trigger.body)) {
        (CREATE, Some(deadline)) => format!(
            "the queue has no task {}, whose deadline is {}: what is requested again gets a new body and a new id",
            trigger.id.as_str(),
            deadline.format("%Y-%m-%d %H:%M UTC")
        ),
        (CANCEL, _) => "the task was not cancelled".to_owned(),
        _ => "it never arrived: the hook's record does not have it".to_owned(),
    }
}

/// The action task that a trigger request made, if the hook's record shows one.
pub(crate) async fn look_for(
    ci: &Ci,
    ledger: &Ledger,
    trigger: &TriggerRequest,
) -> Result<Option<TaskId>, Error> {
    match search(ci, ledger, trigger).await? {
        Search::Found(task) => Ok(Some(task)),
        Search::ProvenAbsent | Search::CannotTell => Ok(None),
    }
}

enum Search {
    Found(TaskId),
    ProvenAbsent,
    CannotTell,
}

async fn search(ci: &Ci, ledger: &Ledger, trigger: &TriggerRequest) -> Result<Search, Error> {
    if trigger.hook.is_empty() {
        return at_the_queue(ci, trigger).await;
    }
    let since = trigger.created.plus(-SKEW_SECONDS);
    let record = ci
        .taskcluster()?
        .last_fires(&trigger.hook_group, &trigger.hook, since)
        .await
        .map_err(Error::service("cannot read what a hook fired lately"))?;
    let mut unread = false;
    // The oldest fire that fits is ours, if anybody's.
    for fire in record.fires.iter().rev().filter(|fire| fire.at >= since) {
        let Some(task) = fire.task else { continue };
        // Another request's fire. This request's own is no stranger.
        if ledger.owner(&ci.root_url, task.into(), Some(&trigger.id)).await?.is_some() {
            continue;
        }
        match definition(ci, task).await {
            // Whatever an action's hook fires is an action.
            Ok(definition) if definition.action.is_none() || !definition.is_whole() => {
                unread = true;
            }
            Ok(definition) if definition.group.as_deref() == Some(&trigger.group) => {
                let input = &trigger.body["user"]["input"];
                let same = definition
                    .action
                    .is_some_and(|action| action.name == trigger.action && action.input == *input);
                if same {
                    return Ok(Search::Found(task));
                }
            }
            Ok(_) => {}
            Err(_) => unread = true,
        }
    }
    if record.complete && !unread { Ok(Search::ProvenAbsent) } else { Ok(Search::CannotTell) }
}

/// Whether the queue has done what it was asked itself: a task of a known id is there or is not.
async fn at_the_queue(ci: &Ci, trigger: &TriggerRequest) -> Result<Search, Error> {
    let cancelled = trigger.body["taskId"].as_str().and_then(|id| id.parse().ok());
    let task = cancelled.unwrap_or_else(|| trigger.id.task());
    let found = statuses(ci, &[task]).await?;
    Ok(match found.get(&task) {
        Some(status) if trigger.action == CREATE || status.state.is_final() => Search::Found(task),
        Some(_) | None => Search::ProvenAbsent,
    })
}
