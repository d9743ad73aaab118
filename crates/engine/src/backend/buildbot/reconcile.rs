//! Requests of which nobody could tell whether they were sent, held against the newest buildsets: a
//! forced one has the ledger's id in its reason as a rule, and always a builder and a revision; a repeated
//! one names what it repeats.

use mozci_clients::buildbot::Set;
use mozci_core::farm::Results;
use mozci_core::ids::{BuildId, BuildRequestId};

use crate::backend::buildbot::farm::Farm;
use crate::backend::buildbot::sends::{FORCE, REBUILD};
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::reconcile::{SETTLE_SECONDS, SKEW_SECONDS, TRIES, record_end, turn, unconfirmed};
use crate::store::{Ledger, TriggerRequest, TriggerState};

/// The newest buildsets that are looked through.
const LOOKED_THROUGH: usize = 1000;

/// Looks at every open request of the CI and marks what can be told now.
pub(crate) async fn reconcile(
    ci: &Ci,
    farm: &Farm,
    ledger: &Ledger,
) -> Result<Vec<TriggerRequest>, Error> {
    let Some(_turn) = turn(ci, ledger).await? else { return Ok(Vec::new()) };
    let open = unconfirmed(ci, ledger).await?;
    let mut changed = Vec::new();
    let newest = newest(farm).await;
    for trigger in open {
        for _ in 0..TRIES {
            let found = match &newest {
                Ok(newest) => search(ci, farm, ledger, &trigger, newest).await,
                Err(error) => Err(Error::Odd(error.to_string())),
            };
            // Only an answer tells the master's time.
            let settled = ci.now().since(trigger.created) > SETTLE_SECONDS;
            let state = match found {
                Ok(Search::Found(request)) => TriggerState::Sent { request: request.into() },
                Ok(Search::ProvenAbsent) if settled => TriggerState::NotSent {
                    detail: "it never arrived: the master has no buildset of it".into(),
                },
                Ok(Search::CannotTell) if settled => TriggerState::Uncertain {
                    detail: "the newest buildsets do not reach back to it".into(),
                },
                Err(error) if settled => TriggerState::Uncertain {
                    detail: format!("the newest buildsets cannot be read: {error}"),
                },
                Ok(Search::ProvenAbsent | Search::CannotTell) | Err(_) => break,
            };
            if record_end(ledger, &trigger, state, &mut changed).await? {
                break;
            }
        }
    }
    Ok(changed)
}

/// The request that a trigger request made, if the master has one.
pub(crate) async fn look_for(
    ci: &Ci,
    farm: &Farm,
    ledger: &Ledger,
    trigger: &TriggerRequest,
) -> Result<Option<BuildRequestId>, Error> {
    match search(ci, farm, ledger, trigger, &newest(farm).await?).await? {
        Search::Found(request) => Ok(Some(request)),
        Search::ProvenAbsent | Search::CannotTell => Ok(None),
    }
}

enum Search {
    Found(BuildRequestId),
    ProvenAbsent,
    CannotTell,
}

fn reading(source: mozci_clients::http::HttpError) -> Error {
    Error::service("cannot read the master's newest buildsets")(source)
}

async fn newest(farm: &Farm) -> Result<Vec<Set>, Error> {
    farm.master().await?.newest_sets(LOOKED_THROUGH).await.map_err(reading)
}

async fn search(
    ci: &Ci,
    farm: &Farm,
    ledger: &Ledger,
    trigger: &TriggerRequest,
    newest: &[Set],
) -> Result<Search, Error> {
    let master = farm.master().await?;
    let since = trigger.created.plus(-SKEW_SECONDS);
    let number = |key: &str| trigger.body[key].as_u64();
    match trigger.action.as_str() {
        FORCE => {
            // Of several, where it was coalesced and made again, the newest counts.
            let id = trigger.id.as_str();
            let ours = newest.iter().filter(|set| set.reason.contains(id)).max_by_key(|s| s.id);
            if let Some(set) = ours {
                let requests = master.requests_of_set(set.id).await.map_err(reading)?;
                if let Some(request) = requests.first() {
                    return Ok(Search::Found(request.id));
                }
            }
            if let Some(request) = forced_alike(ci, farm, ledger, trigger, newest).await? {
                return Ok(Search::Found(request));
            }
            let reaches =
                newest.len() < LOOKED_THROUGH || newest.iter().any(|set| set.submitted < since);
            Ok(if reaches { Search::ProvenAbsent } else { Search::CannotTell })
        }
        REBUILD => {
            let Some(build) = number("build").map(BuildId) else {
                return Ok(Search::CannotTell);
            };
            let repeats = master.repeats_of(build).await.map_err(reading)?;
            for set in repeats.iter().filter(|set| set.submitted >= since) {
                for request in master.requests_of_set(set.id).await.map_err(reading)? {
                    // Another entry's request is no evidence. This entry's own is.
                    if ledger
                        .owner(&ci.root_url, request.id.into(), Some(&trigger.id))
                        .await?
                        .is_none()
                    {
                        return Ok(Search::Found(request.id));
                    }
                }
            }
            Ok(Search::ProvenAbsent)
        }
        // What was to be stopped or taken back has ended or has not.
        _ => {
            let Some(id) = number("build_request").map(BuildRequestId) else {
                return Ok(Search::CannotTell);
            };
            let requests = master.requests(&[id]).await.map_err(reading)?;
            let ended = requests.first().is_some_and(|request| request.complete.is_some());
            Ok(if ended { Search::Found(id) } else { Search::ProvenAbsent })
        }
    }
}

/// How a reason begins that a master made of what it was told, by Buildbot's own wording.
const TOLD: &str = "A build was forced by ";

/// Whether Buildbot's wording says that a scheduler started a set by itself.
fn is_of_a_scheduler(reason: &str) -> bool {
    reason == "downstream" || reason.starts_with("The ") && reason.contains(" scheduler named ")
}

/// The request of a buildset that is just like what was requested and that nobody else's entry has, where
/// the set's reason need not have our id: the scheduler took none, or words its reasons in its own way.
async fn forced_alike(
    ci: &Ci,
    farm: &Farm,
    ledger: &Ledger,
    trigger: &TriggerRequest,
    newest: &[Set],
) -> Result<Option<BuildRequestId>, Error> {
    let told =
        trigger.body["reason"].as_str().is_some_and(|text| text.contains(trigger.id.as_str()));
    let since = trigger.created.plus(-SKEW_SECONDS);
    let builder = trigger.body["builderid"].as_u64();
    let alike = |set: &&Set| {
        let ours = set.stamps.iter().any(|stamp| stamp.revision == trigger.revision.hash());
        let of_another = set.rebuilt.is_some()
            || set.parent.is_some()
            || set.reason.contains("mozci ")
            || is_of_a_scheduler(&set.reason);
        // Our words would stand in a reason that repeats what it was told.
        let of_others = told && set.reason.starts_with(TOLD) && set.reason.contains("': ");
        ours && set.submitted >= since && !of_another && !of_others
    };
    let mut sets: Vec<&Set> = newest.iter().filter(alike).collect();
    // Of several, where it was coalesced and made again, the newest counts.
    sets.sort_unstable_by_key(|set| std::cmp::Reverse(set.id));
    for set in sets {
        let requests = farm.master().await?.requests_of_set(set.id).await.map_err(reading)?;
        let match_requests = |request: &&mozci_core::farm::Request| {
            Some(request.builder) == builder && request.results != Some(Results::Skipped)
        };
        for request in requests.iter().filter(match_requests) {
            if ledger.owner(&ci.root_url, request.id.into(), Some(&trigger.id)).await?.is_none() {
                return Ok(Some(request.id));
            }
        }
    }
    Ok(None)
}
