//! Following one request: a task, what an action makes, a build, or an entry of the ledger.

use crate::flow::resolve;
use crate::flow::wait;
use mozci_core::ids::{JobName, RequestId};
use mozci_core::push::PushRef;
use mozci_core::revision::{RevisionError, RevisionSpec};
use mozci_core::run_spec::RunSpec;

use crate::ci::Ci;
use crate::drive::progress::Progress;
use crate::drive::session::Session;
use crate::drive::watch::progress::WatchProgress;
use crate::error::Error;
use crate::events::Subscription;
use crate::flow::{Awaited, Outcome, find_run};
use crate::store::TriggerState;

/// What somebody typed, if it is a request: an entry of the ledger, else a run that there is.
///
/// # Errors
/// [`Error::NotFound`] for a request that was never sent, or whose push is not known.
pub async fn find_request(ci: &Ci, text: &str) -> Result<Option<Vec<Awaited>>, Error> {
    let ledger = ci.ledger().await?;
    if let Some(trigger) = ledger.find(&ci.root_url, text).await? {
        let TriggerState::Sent { request } = trigger.state else {
            return Err(Error::NotFound(format!(
                "request {text} was never sent, as far as anybody can tell: there is nothing to follow"
            )));
        };
        let push = push_of(ci, trigger.revision.hash()).await?;
        let by_action = !trigger.hook.is_empty() && request.task().is_some();
        let awaited = trigger.jobs.into_iter().map(|requested| Awaited {
            push: push.clone(),
            job: requested.job,
            times: requested.times,
            action: request,
            by_action,
        });
        return Ok(Some(awaited.collect()));
    }
    let Ok(spec) = text.parse::<RunSpec>() else { return Ok(None) };
    let found = find_run(ci, &spec).await?;
    let Some(revision) = &found.revision else {
        return Err(Error::NotFound(format!("on which push {text} ran is not known")));
    };
    let push = push_of(ci, revision).await?;
    let (job, action): (JobName, RequestId) = (found.job, found.run.key.request);
    Ok(Some(vec![Awaited { push, job, times: 1, action, by_action: false }]))
}

async fn push_of(ci: &Ci, revision: &str) -> Result<PushRef, Error> {
    let spec: Result<RevisionSpec, RevisionError> = revision.parse();
    let spec = spec.map_err(|error| Error::Usage(error.to_string()))?;
    Ok(PushRef::from(&resolve(ci, &spec).await?))
}

/// Follows a request to its end.
///
/// # Errors
/// [`Error::Service`] after several failed polls in a row.
pub async fn follow_request(
    awaited: &[Awaited],
    session: &mut Session<'_>,
) -> Result<Vec<Outcome>, Error> {
    let mut subscription = Subscription::open(session.ci, Vec::new(), None).await?;
    session.report(Progress::InFlight(true));
    let Session { ci, host, cancel, .. } = session;
    let mut on_change =
        |outcome: &Outcome| host.on(ci, Progress::Watch(WatchProgress::Stands(outcome)));
    let outcomes = wait(ci, awaited, &mut subscription, cancel, &mut on_change).await?;
    session.report(Progress::InFlight(false));
    Ok(outcomes)
}
