//! Asking a self-serve BuildAPI: one trigger request a run, so that each comes to one request.

use mozci_clients::act::ActError;
use mozci_core::ids::RequestId;
use mozci_core::plan::{Plan, Through};
use tokio_util::sync::CancellationToken;

use crate::backend::buildapi::api::BuildApi;
use crate::backend::buildapi::sends::SelfServeSends;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::gate::{Gate, Written, first_alone};
use crate::flow::prepare::{Prepared, ReadyRequest, Sends, requested};
use crate::flow::reconcile::{SETTLE_SECONDS, record_end, unconfirmed};
use crate::flow::send::{Refused, TriggerResult};
use crate::store::{Ledger, TriggerRequest, TriggerState};

/// What is sent for a plan.
pub(crate) fn prepare(api: &BuildApi, plan: &Plan) -> Prepared {
    let mut prepared = Prepared::default();
    for request in &plan.requests {
        let known = api.listed(request.push.revision.hash(), request.job.as_str());
        let act = match &request.through {
            Through::Again(id) => SelfServeSends::Again { request: *id, known },
            Through::SelfServe { files } => SelfServeSends::Ask {
                builder: request.job.clone(),
                revision: request.push.revision.hash().to_owned(),
                files: files.clone(),
                known,
            },
            _ => continue,
        };
        for _ in 0..request.times {
            prepared.requests.push(ReadyRequest {
                push: request.push.clone(),
                jobs: vec![requested(request, 1)],
                group: request.job.to_string(),
                sends: Sends::new(act.clone()),
            });
        }
    }
    prepared
}

/// Sends trigger requests, the first alone, then several at once.
pub(crate) async fn send_all(
    ci: &Ci,
    api: &BuildApi,
    ledger: &Ledger,
    to_send: &[(TriggerRequest, ReadyRequest)],
    stop: &CancellationToken,
    on_result: &mut (dyn FnMut(&TriggerResult) + Send),
) -> Result<Vec<TriggerResult>, Error> {
    let mut written = Written::new(ci, ledger);
    let gate = Gate::new(stop, &written);
    let send = |trigger, ready| send(ci, api, ledger, trigger, ready, &gate);
    first_alone(to_send, &gate, &mut written, on_result, send).await;
    written.end()
}

async fn send(
    ci: &Ci,
    api: &BuildApi,
    ledger: &Ledger,
    trigger: &TriggerRequest,
    ready: &ReadyRequest,
    gate: &Gate<'_>,
) -> TriggerResult {
    let sent_at = ci.now();
    let (mut refusal, mut failed) = (None, false);
    let state = if let Some(detail) = gate.refusal(ledger, trigger, sent_at).await {
        TriggerState::NotSent { detail }
    } else {
        match carry_out(api, &ready.sends).await {
            Ok(request) => TriggerState::Sent { request },
            // A second one cannot be told from the first: it is not sent again.
            Err(ActError::Uncertain(detail)) => TriggerState::Uncertain { detail },
            Err(error) => {
                refusal = Refused::of(&error);
                failed = matches!(error, ActError::NotSent(_));
                let hint = match (&refusal, api.user()) {
                    (Some(Refused::NotAllowed), None) => {
                        " (nobody is signed in: set BUILDAPI_USER and BUILDAPI_PASSWORD)"
                    }
                    (Some(Refused::NotAllowed), Some(_)) => {
                        " (BUILDAPI_USER or BUILDAPI_PASSWORD is wrong, or the user may not)"
                    }
                    _ => "",
                };
                TriggerState::NotSent { detail: format!("{error}{hint}") }
            }
        }
    };
    TriggerResult { refusal, failed, ..TriggerResult::new(trigger, ready, state, sent_at) }
}

async fn carry_out(api: &BuildApi, sends: &Sends) -> Result<RequestId, ActError> {
    let Some(server) = &api.self_serve else {
        return Err(ActError::NotSent("an archive accepts no requests".into()));
    };
    match sends.get() {
        Some(SelfServeSends::Ask { builder, revision, files, .. }) => {
            server.trigger(builder.as_str(), revision, files).await.map(|done| done.id.into())
        }
        Some(SelfServeSends::Again { request, .. }) => {
            server.again(*request, 1).await.map(|done| done.id.into())
        }
        Some(SelfServeSends::Cancel { request, .. }) => {
            server.cancel(*request).await.map(|()| RequestId::BuildRequest(*request))
        }
        None => Err(ActError::NotSent("a BuildAPI accepts no such request".into())),
    }
}

/// Looks at the trigger requests of which nobody could tell whether they arrived. What a request was made for
/// BuildAPI does not keep: one that is listed for the builder and that nobody knows may be ours or
/// somebody else's, and counts as a run in either case; so a trigger request stays in doubt, and is shown.
pub(crate) async fn reconcile(ci: &Ci, ledger: &Ledger) -> Result<Vec<TriggerRequest>, Error> {
    let mut changed = Vec::new();
    for trigger in unconfirmed(ci, ledger).await? {
        let settled = ci.now().since(trigger.created) > SETTLE_SECONDS;
        if !settled || !matches!(trigger.state, TriggerState::Planned) {
            continue;
        }
        let detail = "BuildAPI keeps no record by which it could be found".to_owned();
        record_end(ledger, &trigger, TriggerState::Uncertain { detail }, &mut changed).await?;
    }
    Ok(changed)
}
