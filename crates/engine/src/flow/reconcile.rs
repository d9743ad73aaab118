//! Askings of which nobody could tell whether they were sent, held against what the hooks fired.
//!
//! `triggerHook` has no key, so that sending twice fires twice. A fire that matches proves that it
//! was sent; that none matches proves something only when the hook's whole record since then is
//! there and enough time has passed for a request to arrive.

use mozci_clients::taskcluster::deadline;
use mozci_core::ids::TaskId;

use super::asked::statuses;
use super::history::definition;
use super::prepare::{CANCEL, CREATE};
use crate::ci::Ci;
use crate::error::Error;
use crate::store::{AskState, Asking, Ledger};

/// How long a request that was sent may take to show among a hook's fires: the request's own
/// timeout and as much again.
pub const SETTLE_SECONDS: i64 = 60;

/// How far a fire's time may lie before the asking's, for clocks that differ.
pub(super) const SKEW_SECONDS: i64 = 60;

/// Looks at every open asking of the CI and marks what can be told now.
///
/// # Errors
/// [`Error::Store`]. What cannot be read leaves an asking as it is.
pub async fn reconcile(ci: &Ci, ledger: &Ledger) -> Result<Vec<Asking>, Error> {
    if let Some(farm) = ci.farm() {
        return super::buildbot::reconcile(ci, farm, ledger).await;
    }
    if ci.buildapi().is_some() {
        return super::buildapi::reconcile(ci, ledger);
    }
    let mut changed = Vec::new();
    let open = ledger.open_askings(&ci.root_url)?;
    if !open.is_empty() && ci.clock_offset().is_none() {
        // How old an asking is counts by the servers' clock; that it is not told now is no harm.
        let _ = ci.taskcluster()?.ping().await;
    }
    for mut asking in open {
        // A command that is at work marks its own askings.
        if asking.is_in_hand() {
            continue;
        }
        let searched = search(ci, ledger, &asking).await;
        // Only an answer tells the servers' time.
        let settled = ci.now().since(asking.created) > SETTLE_SECONDS;
        let state = match searched {
            Ok(Search::Found(task)) => AskState::Sent { request: task.into() },
            Ok(Search::ProvenAbsent) if settled => AskState::NotSent { detail: absent(&asking) },
            Ok(Search::CannotTell) if settled => AskState::Uncertain {
                detail: "the hook's record does not reach back to it".to_owned(),
            },
            Ok(Search::ProvenAbsent | Search::CannotTell) => continue,
            Err(error) if settled => AskState::Uncertain {
                detail: format!("the hook's record cannot be read: {}", with_source(&error)),
            },
            Err(_) => continue,
        };
        if state != asking.state {
            ledger.mark(&asking.id, &state)?;
            asking.state = state;
            changed.push(asking);
        }
    }
    Ok(changed)
}

/// What to say of an asking that is proven not to have arrived.
fn absent(asking: &Asking) -> String {
    match (asking.action.as_str(), deadline(&asking.body)) {
        (CREATE, Some(deadline)) => format!(
            "the queue has no task {}, whose deadline is {}: what is asked for again gets a new body and a new id",
            asking.id.as_str(),
            deadline.format("%Y-%m-%d %H:%M UTC")
        ),
        (CANCEL, _) => "the task was not cancelled".to_owned(),
        _ => "it never arrived: the hook's record does not have it".to_owned(),
    }
}

fn with_source(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// The action task that an asking made, if the hook's record shows one.
pub(crate) async fn look_for(
    ci: &Ci,
    ledger: &Ledger,
    asking: &Asking,
) -> Result<Option<TaskId>, Error> {
    match search(ci, ledger, asking).await? {
        Search::Found(task) => Ok(Some(task)),
        Search::ProvenAbsent | Search::CannotTell => Ok(None),
    }
}

enum Search {
    Found(TaskId),
    ProvenAbsent,
    CannotTell,
}

async fn search(ci: &Ci, ledger: &Ledger, asking: &Asking) -> Result<Search, Error> {
    if asking.hook.is_empty() {
        return at_the_queue(ci, asking).await;
    }
    let since = asking.created.plus(-SKEW_SECONDS);
    let record = ci
        .taskcluster()?
        .last_fires(&asking.hook_group, &asking.hook, since)
        .await
        .map_err(Error::service("cannot read what a hook fired lately"))?;
    let mut unread = false;
    // The oldest fire that fits is ours, if anybody's.
    for fire in record.fires.iter().rev().filter(|fire| fire.at >= since) {
        let Some(task) = fire.task else { continue };
        if ledger.knows(&ci.root_url, task.into())? {
            continue;
        }
        match definition(ci, task).await {
            // Whatever an action's hook fires is an action.
            Ok(definition) if definition.action.is_none() || !definition.is_whole() => {
                unread = true;
            }
            Ok(definition) if definition.group.as_deref() == Some(&asking.group) => {
                let input = &asking.body["user"]["input"];
                let same = definition
                    .action
                    .is_some_and(|action| action.name == asking.action && action.input == *input);
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
async fn at_the_queue(ci: &Ci, asking: &Asking) -> Result<Search, Error> {
    let cancelled = asking.body["taskId"].as_str().and_then(|id| id.parse().ok());
    let task = cancelled.unwrap_or_else(|| asking.id.task());
    let found = statuses(ci, &[task]).await?;
    Ok(match found.get(&task) {
        Some(status) if asking.action == CREATE || status.state.is_final() => Search::Found(task),
        Some(_) | None => Search::ProvenAbsent,
    })
}
