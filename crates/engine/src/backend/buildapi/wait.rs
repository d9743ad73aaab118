//! Following requests to their ends, by looking: that farm told nobody anything.

use std::collections::BTreeSet;
use std::time::Instant;

use mozci_core::ids::{BuildRequestId, JobName, PushId, RequestId};
use mozci_core::push::Push;
use mozci_core::run::State;
use tokio_util::sync::CancellationToken;

use crate::backend::buildapi::api::BuildApi;
use crate::backend::buildapi::requested::matched;
use crate::backend::buildapi::rows::read_rows;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::wait::{FAILURES, LIMIT, Outcome};
use crate::store::TriggerState;

/// Waits until every request has ended.
pub(crate) async fn wait(
    ci: &Ci,
    api: &BuildApi,
    outcomes: &mut [Outcome],
    stop: &CancellationToken,
    on_change: &mut (dyn FnMut(&Outcome) + Send),
) -> Result<(), Error> {
    let (started, mut failures) = (Instant::now(), 0);
    while outcomes.iter().any(|outcome| !outcome.done) {
        match look(ci, api, outcomes, on_change).await {
            Ok(()) => failures = 0,
            Err(error) if failures + 1 >= FAILURES => return Err(error),
            Err(error) => {
                failures += 1;
                ci.note(format!("a poll failed and was retried: {error}"));
            }
        }
        let open = outcomes.iter().any(|outcome| !outcome.done);
        if !open || stop.is_cancelled() || started.elapsed() > LIMIT {
            break;
        }
        crate::flow::pause(ci.poll, stop).await;
    }
    Ok(())
}

async fn look(
    ci: &Ci,
    api: &BuildApi,
    outcomes: &mut [Outcome],
    on_change: &mut (dyn FnMut(&Outcome) + Send),
) -> Result<(), Error> {
    let open = || outcomes.iter().filter(|outcome| !outcome.done);
    let mut pushes: Vec<Push> = open().map(bare).collect();
    pushes.sort_unstable_by_key(|push| push.id);
    pushes.dedup_by_key(|push| push.id);
    let mut jobs: Vec<JobName> = open().map(|outcome| outcome.job.clone()).collect();
    jobs.sort_unstable();
    jobs.dedup();
    let rows = read_rows(ci, api, &pushes, Some(&jobs)).await?;
    let since = ci.now().plus(-i64::try_from(LIMIT.as_secs()).unwrap_or(i64::MAX / 2));
    let mut triggers = ci.ledger().await?.requests_since(&ci.root_url, since).await?;
    triggers.sort_by(|a, b| (a.created, a.id.as_str()).cmp(&(b.created, b.id.as_str())));
    let place = |id: PushId| pushes.iter().position(|push| push.id == id);
    for outcome in outcomes.iter_mut().filter(|outcome| !outcome.done) {
        let Some(of_push) = place(outcome.push.id).map(|place| &rows.of_push[place]) else {
            continue;
        };
        let all = of_push.get(&outcome.job).map_or(&[][..], Vec::as_slice);
        let listed: BTreeSet<BuildRequestId> =
            all.iter().filter_map(|run| run.key.request.build_request()).collect();
        let of_asking = matched(&triggers, &outcome.push.revision, &outcome.job, &listed);
        let request = of_asking.into_iter().find_map(|(trigger, request)| match trigger.state {
            TriggerState::Sent { request: sent } if sent == outcome.action => request,
            _ => None,
        });
        let request = request.map_or(outcome.action, RequestId::BuildRequest);
        let runs: Vec<_> = all.iter().filter(|run| run.key.request == request).cloned().collect();
        // A run that the farm itself makes again goes on.
        let done = runs.last().is_some_and(|run| {
            run.state.is_final() && !matches!(run.state, State::Retried | State::Unknown(_))
        });
        if done != outcome.done || runs != outcome.runs {
            (outcome.runs, outcome.done) = (runs, done);
            outcome.action_state = State::Passed;
            on_change(outcome);
        }
    }
    Ok(())
}

/// What reading needs of a push.
fn bare(outcome: &Outcome) -> Push {
    Push {
        id: outcome.push.id,
        revision: outcome.push.revision.clone(),
        git: None,
        author: String::new(),
        date: mozci_core::time::At(0),
        changesets: Vec::new(),
        summary: None,
    }
}
