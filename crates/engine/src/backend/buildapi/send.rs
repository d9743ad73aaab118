//! Asking a self-serve BuildAPI: one trigger request a run, so that each comes to one request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use mozci_clients::act::ActError;
use mozci_clients::side_by_side;
use mozci_core::ids::RequestId;
use mozci_core::plan::{Plan, Through};
use tokio_util::sync::CancellationToken;

use crate::backend::buildapi::api::BuildApi;
use crate::backend::buildapi::sends::SelfServeSends;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::ask::{HALTED, Refused, TriggerResult, Written, not_ours};
use crate::flow::prepare::{Prepared, ReadyAsk, Sends, asked};
use crate::flow::reconcile::{SETTLE_SECONDS, conclude, in_doubt};
use crate::store::{Ledger, TriggerRequest, TriggerState};

/// Requests under way at once. The first goes alone: that the user is refused shows on it.
const AT_ONCE: usize = 4;

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
            prepared.asks.push(ReadyAsk {
                push: request.push.clone(),
                jobs: vec![asked(request, 1)],
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
    to_send: &[(TriggerRequest, ReadyAsk)],
    stop: &CancellationToken,
    on_result: &mut (dyn FnMut(&TriggerResult) + Send),
) -> Result<Vec<TriggerResult>, Error> {
    let forbidden = AtomicBool::new(false);
    let mut written = Written::new(ci, ledger);
    let (first, rest) = to_send.split_at(to_send.len().min(1));
    for batch in [first, rest] {
        let halted = Arc::clone(&written.halted);
        let sending = batch
            .iter()
            .map(|(asking, ask)| send(ci, api, ledger, asking, ask, (stop, &halted), &forbidden));
        let mut sent = side_by_side(sending, AT_ONCE);
        while let Some(result) = sent.next().await {
            if result.refusal == Some(Refused::NotAllowed) {
                forbidden.store(true, Ordering::Relaxed);
            }
            written.result(result, on_result);
        }
    }
    written.end()
}

async fn send(
    ci: &Ci,
    api: &BuildApi,
    ledger: &Ledger,
    asking: &TriggerRequest,
    ask: &ReadyAsk,
    (stop, halted): (&CancellationToken, &AtomicBool),
    forbidden: &AtomicBool,
) -> TriggerResult {
    let sent_at = ci.now();
    let not_sent = |detail: &str| TriggerState::NotSent { detail: detail.to_owned() };
    let (mut refusal, mut failed) = (None, false);
    let state = if stop.is_cancelled() {
        not_sent("interrupted before it was sent")
    } else if halted.load(Ordering::Relaxed) {
        not_sent(HALTED)
    } else if forbidden.load(Ordering::Relaxed) {
        not_sent("not sent, since a request before it was not allowed")
    } else if let Some(detail) = not_ours(ledger, asking, sent_at) {
        TriggerState::NotSent { detail }
    } else {
        match carry_out(api, &ask.sends).await {
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
    TriggerResult { refusal, failed, ..TriggerResult::new(asking, ask, state, sent_at) }
}

async fn carry_out(api: &BuildApi, sends: &Sends) -> Result<RequestId, ActError> {
    let Some(server) = &api.self_serve else {
        return Err(ActError::NotSent("an archive takes nothing on".into()));
    };
    match sends.get() {
        Some(SelfServeSends::Ask { builder, revision, files, .. }) => {
            server.ask(builder.as_str(), revision, files).await.map(|done| done.id.into())
        }
        Some(SelfServeSends::Again { request, .. }) => {
            server.again(*request, 1).await.map(|done| done.id.into())
        }
        Some(SelfServeSends::Cancel { request, .. }) => {
            server.cancel(*request).await.map(|()| RequestId::BuildRequest(*request))
        }
        None => Err(ActError::NotSent("a BuildAPI takes nothing of the kind".into())),
    }
}

/// Looks at the trigger requests of which nobody could tell whether they arrived. What a request was made for
/// BuildAPI does not keep: one that is listed for the builder and that nobody knows may be ours or
/// somebody else's, and counts as a run in either case; so a trigger request stays in doubt, and is shown.
pub(crate) fn reconcile(ci: &Ci, ledger: &Ledger) -> Result<Vec<TriggerRequest>, Error> {
    let mut changed = Vec::new();
    for asking in in_doubt(ci, ledger)? {
        let settled = ci.now().since(asking.created) > SETTLE_SECONDS;
        if !settled || !matches!(asking.state, TriggerState::Planned) {
            continue;
        }
        let detail = "BuildAPI keeps no record by which it could be found".to_owned();
        conclude(ledger, &asking, TriggerState::Uncertain { detail }, &mut changed)?;
    }
    Ok(changed)
}
