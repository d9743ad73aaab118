//! Following build requests to their ends.

use std::time::Instant;

use mozci_core::farm::runs_of;
use mozci_core::ids::{BuildRequestId, RequestId};
use mozci_core::run::State;
use tokio_util::sync::CancellationToken;

use crate::backend::buildbot::farm::Farm;
use crate::ci::Ci;
use crate::error::Error;
use crate::events::Subscription;
use crate::flow::wait::{FAILURES, LIMIT, Outcome};

/// Waits until every request has ended; hears of it where the master tells, and looks from time to
/// time where it does not.
pub(crate) async fn wait(
    ci: &Ci,
    farm: &Farm,
    outcomes: &mut [Outcome],
    subscription: &mut Subscription,
    stop: &CancellationToken,
    on_change: &mut (dyn FnMut(&Outcome) + Send),
) -> Result<(), Error> {
    let started = Instant::now();
    let mut failing: Option<(u32, Instant)> = None;
    while outcomes.iter().any(|outcome| !outcome.done) {
        match look(farm, outcomes, on_change).await {
            Ok(()) => {
                if failing.take().is_some() {
                    tracing::warn!("the master answers again");
                }
            }
            Err(error) => {
                let (times, since) = failing.unwrap_or((0, Instant::now()));
                if times + 1 >= FAILURES && since.elapsed() >= ci.patience() {
                    return Err(error);
                }
                if times == 0 {
                    let minutes = ci.patience().as_secs() / 60;
                    tracing::warn!(
                        "the master does not answer, and is polled again for up to {minutes} min: {error}"
                    );
                }
                failing = Some((times + 1, since));
                ci.note(format!("a poll failed and was retried: {error}"));
            }
        }
        if stop.is_cancelled() || started.elapsed() > LIMIT {
            break;
        }
        let open: Vec<RequestId> = open(outcomes).into_iter().map(RequestId::from).collect();
        if !open.is_empty() {
            match failing {
                // What is not there tells nothing: it is looked for.
                Some(_) => crate::flow::pause(ci.poll.min(RETRY), stop).await,
                None => {
                    subscription.next(&open, stop).await;
                }
            }
        }
    }
    Ok(())
}

/// How long a failed look is rested from at the most.
const RETRY: std::time::Duration = std::time::Duration::from_secs(5);

/// The requests that have not ended.
fn open(outcomes: &[Outcome]) -> Vec<BuildRequestId> {
    let open = outcomes.iter().filter(|outcome| !outcome.done);
    open.filter_map(|outcome| outcome.action.build_request()).collect()
}

async fn look(
    farm: &Farm,
    outcomes: &mut [Outcome],
    on_change: &mut (dyn FnMut(&Outcome) + Send),
) -> Result<(), Error> {
    let ids = open(outcomes);
    let master = farm.master().await?;
    let reading = || Error::service("cannot read what became of what was requested");
    let requests = master.requests(&ids).await.map_err(reading())?;
    let builds = master.builds_of(&ids).await.map_err(reading())?;
    for outcome in outcomes.iter_mut().filter(|outcome| !outcome.done) {
        let id = outcome.action.build_request();
        let Some(request) = requests.iter().find(|request| Some(request.id) == id) else {
            continue;
        };
        let of_request: Vec<_> = builds.iter().filter(|b| b.request == request.id).collect();
        let runs = runs_of(request, &of_request, None);
        let done = request.complete.is_some();
        if done != outcome.done || runs != outcome.runs {
            (outcome.runs, outcome.done) = (runs, done);
            // There is no action between the trigger request and its run.
            outcome.action_state = State::Passed;
            on_change(outcome);
        }
    }
    Ok(())
}
