//! Looks up how requests ended that no command waited for.

use mozci_core::ids::{PushId, PushlogId};
use mozci_core::push::PushRef;

use crate::ci::Ci;
use crate::flow::wait::{Awaited, Outcome, stand};
use crate::store::{Ledger, TriggerRequest, TriggerState};

/// Requests that fail in a row before the rest is given up: then the CI does not answer.
const FAILURES: u32 = 3;

/// Requests that are looked up at once, the newest ones.
const MOST: usize = 200;

/// Looks up how these requests ended and records the ends in the ledger. Returns what could not be looked up, in words:
/// the ledger is worth reading all the same.
pub async fn look_up_outcomes(
    ci: &Ci,
    ledger: &Ledger,
    requests: &[TriggerRequest],
) -> Vec<String> {
    let mut notes = Vec::new();
    let mut awaited = without_outcome(ledger, requests).await;
    if awaited.len() > MOST {
        notes.push(format!(
            "the ends of {} requests are not known; only the newest {MOST} are looked up",
            awaited.len()
        ));
        awaited.truncate(MOST);
    }
    if awaited.is_empty() {
        return notes;
    }
    let outcomes = match stand(ci, &awaited).await {
        Ok(outcomes) => outcomes,
        // One that is gone must not hide the others.
        Err(error) => {
            let outcomes = one_by_one(ci, &awaited).await;
            let missing = awaited.len() - outcomes.len();
            let requests = if missing == 1 { "request" } else { "requests" };
            notes.push(format!("the ends of {missing} {requests} cannot be read: {error}"));
            outcomes
        }
    };
    // A request without a run may still get one, may wait for a build, or the CI may have forgotten it.
    let has_ended = |outcome: &&Outcome| {
        outcome.done && (outcome.failed() || outcome.runs.iter().any(|run| run.state.is_final()))
    };
    for outcome in outcomes.iter().filter(has_ended) {
        let words = outcome.words();
        let noted =
            ledger.note_outcome(&ci.root_url, outcome.action, &outcome.job, &words, ci.now()).await;
        if let Err(error) = noted {
            notes.push(error.to_string());
            break;
        }
    }
    notes
}

/// The requests that were sent and whose ends the ledger does not have.
async fn without_outcome(ledger: &Ledger, requests: &[TriggerRequest]) -> Vec<Awaited> {
    let mut awaited = Vec::new();
    for request in requests {
        let TriggerState::Sent { request: id } = request.state else { continue };
        let Ok(known) = ledger.outcomes(&request.id).await else { continue };
        let jobs = request.jobs.iter().filter(|job| job.times > 0);
        for job in jobs.filter(|job| !known.iter().any(|noted| noted.job == job.job)) {
            awaited.push(Awaited {
                // Only named here, not looked up.
                push: PushRef {
                    id: PushId::Pushlog(PushlogId(request.push)),
                    revision: request.revision.clone(),
                    git: None,
                },
                job: job.job.clone(),
                times: job.times,
                action: id,
                by_action: !request.hook.is_empty() && id.task().is_some(),
            });
        }
    }
    awaited
}

async fn one_by_one(ci: &Ci, awaited: &[Awaited]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut failures = 0;
    for one in awaited {
        match stand(ci, std::slice::from_ref(one)).await {
            Ok(read) => {
                failures = 0;
                outcomes.extend(read);
            }
            Err(_) if failures + 1 >= FAILURES => break,
            Err(_) => failures += 1,
        }
    }
    outcomes
}
