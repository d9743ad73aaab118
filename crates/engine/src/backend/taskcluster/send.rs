//! Sending requests to a Taskcluster: the first alone, then several at once.

use mozci_clients::act::ActError;
use mozci_clients::taskcluster::{Taskcluster, Triggered};
use tokio_util::sync::CancellationToken;

use super::reconcile::look_for;
use super::sends::TaskSends;
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::gate::{Gate, Written, first_alone, not_ours};
use crate::flow::send::{Refused, TriggerResult};
use crate::flow::{ReadyRequest, Sends};
use crate::store::{Ledger, TriggerRequest, TriggerState};

/// Sends trigger requests to Taskcluster, the first alone, then several at once.
pub(crate) async fn send_all(
    ci: &Ci,
    ledger: &Ledger,
    to_send: &[(TriggerRequest, ReadyRequest)],
    stop: &CancellationToken,
    on_result: &mut (dyn FnMut(&TriggerResult) + Send),
) -> Result<Vec<TriggerResult>, Error> {
    let taskcluster = ci.taskcluster()?;
    let mut written = Written::new(ci, ledger);
    let gate = Gate::new(stop, &written);
    let send = |trigger, ready| send(ci, taskcluster, ledger, trigger, ready, &gate);
    first_alone(to_send, &gate, &mut written, on_result, send).await;
    for (result, (trigger, _)) in written.results.iter_mut().zip(to_send) {
        // The answer was lost. The hook's own record may show that it fired all the same.
        let sent = TriggerRequest {
            created: result.sent_at,
            state: result.state.clone(),
            ..trigger.clone()
        };
        if matches!(result.state, TriggerState::Uncertain { .. })
            && let Ok(Some(task)) = look_for(ci, ledger, &sent).await
        {
            let found = TriggerState::Sent { request: task.into() };
            if ledger.settle(&sent, &found).await? {
                result.state = found;
            } else if let Some(now) = ledger.find(&ci.root_url, trigger.id.as_str()).await? {
                // Another process settled it first.
                result.state = now.state;
            }
            if let TriggerState::Sent { request } = result.state {
                result.link = ci.link(request);
                on_result(result);
            }
        }
    }
    written.end()
}

/// Carries one trigger request out. A hook is triggered once, whatever comes back; a task is created under
/// an id that depends on the trigger request's, and cancelled, as often as it takes to know. Once a try may have
/// happened nothing that a later one brings proves the contrary.
async fn carry_out(
    ci: &Ci,
    taskcluster: &Taskcluster,
    ledger: &Ledger,
    trigger: &TriggerRequest,
    sends: &Sends,
) -> Result<Triggered, ActError> {
    let mut doubt: Option<String> = None;
    for tries in 1.. {
        let done = match sends.get() {
            Some(TaskSends::Hook(rendered)) => return taskcluster.trigger_hook(rendered).await,
            Some(TaskSends::Create(body)) => {
                let task = trigger.id.task();
                taskcluster.create_task(task, body).await.map(|()| task)
            }
            Some(TaskSends::Cancel(task)) => taskcluster.cancel_task(*task).await.map(|_| *task),
            None => {
                return Err(ActError::NotSent("Taskcluster has no builders".to_owned()));
            }
        };
        let error = match done {
            Ok(task) => return Ok(Triggered::Task(task)),
            Err(error) => error,
        };
        let again = matches!(error, ActError::Uncertain(_) | ActError::NotSent(_));
        if let ActError::Uncertain(detail) = &error {
            doubt = Some(detail.clone());
        }
        if !again || tries >= TRIES {
            return Err(match doubt {
                Some(detail) => ActError::Uncertain(detail),
                None => error,
            });
        }
        tokio::time::sleep(ci.retry_pause() * tries).await;
        // How long it may take to arrive counts from the last try.
        if let Some(detail) = not_ours(ledger, trigger, ci.now()).await {
            return Err(doubt.map_or(ActError::NotSent(detail), ActError::Uncertain));
        }
    }
    Err(ActError::NotSent("it was not tried".to_owned()))
}

async fn send(
    ci: &Ci,
    taskcluster: &Taskcluster,
    ledger: &Ledger,
    trigger: &TriggerRequest,
    ready: &ReadyRequest,
    gate: &Gate<'_>,
) -> TriggerResult {
    let sent_at = ci.now();
    let not_sent = |detail: &str| TriggerState::NotSent { detail: detail.to_owned() };
    let (mut refusal, mut failed) = (None, false);
    let state = if let Some(detail) = gate.refusal(ledger, trigger, sent_at).await {
        TriggerState::NotSent { detail }
    } else {
        match carry_out(ci, taskcluster, ledger, trigger, &ready.sends).await {
            Ok(Triggered::Task(task)) => TriggerState::Sent { request: task.into() },
            Ok(Triggered::Declined) => not_sent("the hook declined to make a task"),
            Err(ActError::Uncertain(detail)) => {
                failed = true;
                TriggerState::Uncertain { detail }
            }
            Err(error) => {
                refusal = Refused::of(&error);
                failed = refusal.is_none();
                let hint = match refusal {
                    Some(Refused::NotAllowed) => ci.clock_hint(),
                    Some(Refused::Values | Refused::Over) | None => String::new(),
                };
                not_sent(&format!("{error}{hint}"))
            }
        }
    };
    let link = match &state {
        TriggerState::Sent { request } => ci.link(*request),
        _ => None,
    };
    TriggerResult { link, refusal, failed, ..TriggerResult::new(trigger, ready, state, sent_at) }
}

/// How often an act is sent that may be sent twice without harm.
const TRIES: u32 = 3;
