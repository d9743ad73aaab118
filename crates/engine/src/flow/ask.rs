//! Asking: written down first, then sent, then marked.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};
use mozci_clients::taskcluster::{ActError, Triggered};
use mozci_core::plan::{LeftOut, LeftOutReason};
use mozci_core::push::PushRef;
use mozci_core::time::At;
use serde::Serialize;

use super::prepare::{ACTION, Prepared, ReadyAsk};
use super::reconcile::look_for;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::{AskId, AskState, Asking, Ledger, Recorded, this_process};

/// What became of one asking.
#[derive(Debug, Clone, Serialize)]
pub struct AskResult {
    /// Its id in the ledger.
    pub id: AskId,
    /// Where.
    pub push: PushRef,
    /// The job.
    pub job: mozci_core::ids::JobName,
    /// Runs asked for.
    pub times: u32,
    /// How it ended.
    #[serde(flatten)]
    pub state: AskState,
    /// Where the action task can be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Whether it was refused for lack of credentials or scopes.
    #[serde(skip)]
    pub forbidden: bool,
    /// When it was sent.
    #[serde(skip)]
    pub sent_at: At,
}

/// Requests under way at once. The first goes alone: a missing scope shows on it.
const AT_ONCE: usize = 4;

/// Sends what was prepared. `stop` ends it between two requests: what was not sent is marked so,
/// what is under way is waited for.
///
/// Returns a result an asking, and what another command had asked for in the meantime.
///
/// # Errors
/// [`Error::Store`] where the ledger cannot be written; then nothing more is sent.
pub async fn ask(
    ci: &Ci,
    ledger: &mut Ledger,
    prepared: Prepared,
    read_at: At,
    stop: &AtomicBool,
    on_result: &mut dyn FnMut(&AskResult),
) -> Result<(Vec<AskResult>, Vec<LeftOut>), Error> {
    let plan = AskId::new();
    let askings: Vec<Asking> =
        prepared.asks.iter().map(|ask| asking(ci, plan.as_str(), ask)).collect();
    let recorded = ledger.record(&askings, read_at)?;
    let mut left_out = Vec::new();
    let mut to_send = Vec::new();
    for ((asking, ask), recorded) in askings.into_iter().zip(prepared.asks).zip(recorded) {
        match recorded {
            Recorded::New => to_send.push((asking, ask)),
            Recorded::AlreadyAsked => left_out.push(LeftOut {
                push: ask.request.push,
                job: ask.request.job,
                why: LeftOutReason::JustAsked,
            }),
        }
    }
    let mut results: Vec<AskResult> = Vec::new();
    let ledger: &Ledger = ledger;
    let (first, rest) = to_send.split_at(to_send.len().min(1));
    let forbidden = AtomicBool::new(false);
    for batch in [first, rest] {
        let mut sent = stream::iter(batch)
            .map(|(asking, ask)| send(ci, ledger, asking, ask, stop, &forbidden))
            .buffered(AT_ONCE);
        while let Some(result) = sent.next().await {
            if result.forbidden {
                forbidden.store(true, Ordering::Relaxed);
            }
            ledger.mark(&result.id, &result.state)?;
            on_result(&result);
            results.push(result);
        }
    }
    for (result, (asking, _)) in results.iter_mut().zip(&to_send) {
        // An answer that was lost: the hook's own record may show that it fired all the same.
        if matches!(result.state, AskState::Uncertain { .. })
            && let Ok(Some(task)) =
                look_for(ci, ledger, &Asking { created: result.sent_at, ..asking.clone() }).await
        {
            result.state = AskState::Sent { task };
            result.link = Some(ci.taskcluster.task_link(task));
            ledger.mark(&result.id, &result.state)?;
            on_result(result);
        }
    }
    Ok((results, left_out))
}

fn asking(ci: &Ci, plan: &str, ask: &ReadyAsk) -> Asking {
    let request = &ask.request;
    Asking {
        id: AskId::new(),
        plan: plan.to_owned(),
        ci: ci.root_url.clone(),
        repo: ci.repo.clone(),
        push: request.push.id.number(),
        revision: request.push.revision.clone(),
        job: request.job.clone(),
        times: ask.times,
        group: request.decision_task.to_string(),
        action: ACTION.to_owned(),
        hook_group: ask.rendered.hook_group_id.clone(),
        hook: ask.rendered.hook_id.clone(),
        body: ask.rendered.payload.clone(),
        why: request.why.to_string(),
        created: ci.now(),
        state: AskState::Recorded,
        process: this_process(),
    }
}

/// Why an asking that is about to be sent must not be.
fn not_ours(ledger: &Ledger, asking: &Asking, now: At) -> Option<String> {
    match ledger.sending(&asking.id, now) {
        Ok(true) => None,
        Ok(false) => Some("another command gave it up in the meantime".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// What to say of a refusal where the clocks differ: a signature holds for a quarter of an hour.
fn clock_hint(ci: &Ci, refused: bool) -> String {
    match ci.clock_offset() {
        Some(offset) if refused && offset.abs() > 300 => format!(
            "; this machine's clock is {} s {} the servers', and signatures hold for a quarter of an hour: set it",
            offset.abs(),
            if offset > 0 { "behind" } else { "ahead of" }
        ),
        _ => String::new(),
    }
}

async fn send(
    ci: &Ci,
    ledger: &Ledger,
    asking: &Asking,
    ask: &ReadyAsk,
    stop: &AtomicBool,
    forbidden: &AtomicBool,
) -> AskResult {
    let sent_at = ci.now();
    let not_sent = |detail: &str| AskState::NotSent { detail: detail.to_owned() };
    let mut refused = false;
    let state = if stop.load(Ordering::Relaxed) {
        not_sent("interrupted before it was sent")
    } else if forbidden.load(Ordering::Relaxed) {
        not_sent("not sent, since a request before it was not allowed")
    } else if let Some(detail) = not_ours(ledger, asking, sent_at) {
        not_sent(&detail)
    } else {
        match ci.taskcluster.trigger_hook(&ask.rendered).await {
            Ok(Triggered::Task(task)) => AskState::Sent { task },
            Ok(Triggered::Declined) => not_sent("the hook declined to make a task"),
            Err(ActError::Uncertain(detail)) => AskState::Uncertain { detail },
            Err(error) => {
                refused = matches!(error, ActError::Forbidden(_));
                not_sent(&format!("{error}{}", clock_hint(ci, refused)))
            }
        }
    };
    let link = match &state {
        AskState::Sent { task } => Some(ci.taskcluster.task_link(*task)),
        _ => None,
    };
    AskResult {
        id: asking.id.clone(),
        push: ask.request.push.clone(),
        job: ask.request.job.clone(),
        times: ask.times,
        state,
        link,
        forbidden: refused,
        sent_at,
    }
}
