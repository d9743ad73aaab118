//! Asking: written down first, then sent, then marked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use mozci_clients::act::ActError;
use mozci_clients::side_by_side;
use mozci_clients::taskcluster::{Rendered, Taskcluster, Triggered};
use mozci_core::guard::Refusal;
use mozci_core::ids::{RequestId, TaskId};
use mozci_core::plan::{LeftOut, LeftOutReason};
use mozci_core::push::PushRef;
use mozci_core::time::At;
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::prepare::{CANCEL, CREATE, FORCE, Prepared, REBUILD, ReadyAsk, SelfServeAct, Sends};
use super::reconcile::look_for;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::{
    AskId, AskState, AskedJob, Asking, Booking, Ledger, Mark, Recorded, StoreError,
};

/// What became of one asking.
#[derive(Debug, Clone, Serialize)]
pub struct AskResult {
    /// Its id in the ledger.
    pub id: AskId,
    /// Where.
    pub push: PushRef,
    /// What for.
    pub jobs: Vec<AskedJob>,
    /// How it ended.
    #[serde(flatten)]
    pub state: AskState,
    /// Requests that were made before and in whose place the master ran others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub coalesced: Vec<RequestId>,
    /// The decision task whose action was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision_task: Option<TaskId>,
    /// Where the request can be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Why it was refused, where it was.
    #[serde(skip)]
    pub refusal: Option<Refused>,
    /// Whether the CI failed to take it, where it neither took nor refused it.
    #[serde(skip)]
    pub failed: bool,
    /// When it was sent.
    #[serde(skip)]
    pub sent_at: At,
    /// Whether the task that it made is an action, which makes the runs in its turn.
    #[serde(skip)]
    pub by_action: bool,
}

/// Why a CI does not do what it was asked for, as long as it is asked in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Credentials, scopes or a role are missing.
    NotAllowed,
    /// It does not take the values that were sent.
    Values,
    /// What was to be cancelled has ended for good: nothing is left to do.
    Over,
}

impl Refused {
    pub(super) fn of(error: &ActError) -> Option<Self> {
        match error {
            ActError::Forbidden(_) => Some(Self::NotAllowed),
            ActError::Refused(_) => Some(Self::Values),
            ActError::Over(_) => Some(Self::Over),
            ActError::NotSent(_) | ActError::Uncertain(_) => None,
        }
    }
}

impl AskResult {
    /// How an asking ended that was neither refused nor failed.
    pub(super) fn new(asking: &Asking, ask: &ReadyAsk, state: AskState, sent_at: At) -> Self {
        Self {
            id: asking.id.clone(),
            push: ask.push.clone(),
            jobs: ask.jobs.clone(),
            state,
            coalesced: Vec::new(),
            decision_task: match ask.sends {
                Sends::Hook(_) => ask.group.parse().ok(),
                _ => None,
            },
            link: None,
            refusal: None,
            failed: false,
            sent_at,
            by_action: matches!(ask.sends, Sends::Hook(_)),
        }
    }

    /// Runs asked for, of all its jobs.
    pub fn times(&self) -> u32 {
        self.jobs.iter().map(|asked| asked.times).sum()
    }

    /// Whether something did not get through that is still wanted.
    pub fn is_missing(&self) -> bool {
        !matches!(self.state, AskState::Sent { .. }) && self.refusal != Some(Refused::Over)
    }
}

/// Requests under way at once. The first goes alone: a missing scope shows on it.
const AT_ONCE: usize = 4;

/// Sends what was prepared. `stop` ends it between two requests: what was not sent is marked so,
/// what is under way is waited for.
///
/// Returns a result an asking, and what another command had asked for in the meantime.
///
/// # Errors
/// [`Error::Store`] where the ledger cannot be written, [`Error::Guard`] where the day has seen
/// enough; then nothing more is sent.
pub async fn ask(
    ci: &Ci,
    ledger: &mut Ledger,
    prepared: Prepared,
    read_at: Mark,
    stop: &CancellationToken,
    on_result: &mut (dyn FnMut(&AskResult) + Send),
) -> Result<(Vec<AskResult>, Vec<LeftOut>), Error> {
    if !prepared.asks.is_empty() {
        ci.sign_in().await?;
    }
    let plan = AskId::new();
    let (passed_over, prepared_out) = (prepared.passed_over, prepared.left_out);
    let me = ledger.process()?;
    let askings: Vec<Asking> =
        prepared.asks.iter().map(|ask| asking(ci, plan.as_str(), ask, &me)).collect();
    let day = ci.day();
    let recorded = match ledger.record(&askings, read_at, day)? {
        Booking::Booked(recorded) => recorded,
        // Others asked since the plan was held against the guards.
        Booking::OverBudget { used } => {
            let runs = askings.iter().fold(0u32, |sum, a| sum.saturating_add(a.times()));
            return Err(Error::Guard(Refusal::DayBudget { used, runs, limit: day.limit }));
        }
        Booking::TakenOver => {
            return Err(Error::Odd(
                "another process has taken over this investigation while this one was away: this one does nothing more".into(),
            ));
        }
    };
    let mut left_out = Vec::new();
    let mut to_send = Vec::new();
    for ((asking, ask), recorded) in askings.into_iter().zip(prepared.asks).zip(recorded) {
        match recorded {
            Recorded::New => to_send.push((asking, ask)),
            Recorded::AlreadyAsked(other) => {
                left_out.extend(ask.jobs.into_iter().map(|asked| LeftOut {
                    push: ask.push.clone(),
                    why: match asked.job == other {
                        true => LeftOutReason::JustAsked,
                        false => LeftOutReason::JustAskedWith(other.clone()),
                    },
                    job: asked.job,
                }));
            }
        }
    }
    let ledger: &Ledger = ledger;
    let all_out: Vec<LeftOut> =
        passed_over.iter().chain(&prepared_out).chain(&left_out).cloned().collect();
    ledger.left_out(&ci.root_url, plan.as_str(), &all_out, ci.now())?;
    let results = match (ci.farm(), ci.buildapi()) {
        (Some(farm), _) => {
            super::buildbot::send_all(ci, farm, ledger, &to_send, stop, on_result).await?
        }
        (None, Some(api)) => {
            super::buildapi::send_all(ci, api, ledger, &to_send, stop, on_result).await?
        }
        (None, None) => send_all(ci, ledger, &to_send, stop, on_result).await?,
    };
    note_service(ci, ledger, &results)?;
    Ok((results, left_out))
}

/// Askings that fail in a row before a CI is left alone for a while.
const FAILED: usize = 3;

/// Closes the breaker of a CI that takes what it is asked for, and opens that of one that fails.
fn note_service(ci: &Ci, ledger: &Ledger, results: &[AskResult]) -> Result<(), Error> {
    if results.iter().any(|result| matches!(result.state, AskState::Sent { .. })) {
        ledger.set_breaker(&ci.root_url, None)?;
        return Ok(());
    }
    let is_failed =
        |result: &&AskResult| result.failed || matches!(result.state, AskState::Uncertain { .. });
    let failed = results.iter().filter(is_failed).count();
    let is_open = ledger.breaker(&ci.root_url)?.is_some();
    if failed >= FAILED || (is_open && failed > 0) {
        let last = results.iter().rev().find(is_failed);
        let why = last.map_or(String::new(), |result| match &result.state {
            AskState::NotSent { detail } | AskState::Uncertain { detail } => detail.clone(),
            AskState::Sent { .. } | AskState::Recorded => String::new(),
        });
        ledger.set_breaker(&ci.root_url, Some((ci.now(), &why)))?;
    }
    Ok(())
}

/// Why nothing more is sent where the ledger cannot be written.
pub(super) const HALTED: &str = "not sent, since the ledger could not be written";

/// Sends askings to Taskcluster, the first alone, then several at once.
async fn send_all(
    ci: &Ci,
    ledger: &Ledger,
    to_send: &[(Asking, ReadyAsk)],
    stop: &CancellationToken,
    on_result: &mut (dyn FnMut(&AskResult) + Send),
) -> Result<Vec<AskResult>, Error> {
    let (first, rest) = to_send.split_at(to_send.len().min(1));
    let forbidden = AtomicBool::new(false);
    let taskcluster = ci.taskcluster()?;
    let mut written = Written::new(ci, ledger);
    for batch in [first, rest] {
        let halted = Arc::clone(&written.halted);
        let sending = batch.iter().map(|(asking, ask)| {
            send(ci, taskcluster, ledger, asking, ask, (stop, &halted), &forbidden)
        });
        let mut sent = side_by_side(sending, AT_ONCE);
        while let Some(result) = sent.next().await {
            if result.refusal == Some(Refused::NotAllowed) {
                forbidden.store(true, Ordering::Relaxed);
            }
            written.result(result, on_result);
        }
    }
    for (result, (asking, _)) in written.results.iter_mut().zip(to_send) {
        // The answer was lost. The hook's own record may show that it fired all the same.
        let sent =
            Asking { created: result.sent_at, state: result.state.clone(), ..asking.clone() };
        if matches!(result.state, AskState::Uncertain { .. })
            && let Ok(Some(task)) = look_for(ci, ledger, &sent).await
        {
            let found = AskState::Sent { request: task.into() };
            if ledger.settle(&sent, &found)? {
                result.state = found;
            } else if let Some(now) = ledger.find(&ci.root_url, asking.id.as_str())? {
                // Another process settled it first.
                result.state = now.state;
            }
            if let AskState::Sent { request } = result.state {
                result.link = ci.link(request);
                on_result(result);
            }
        }
    }
    written.end()
}

/// Results as they are written to the ledger. Where it cannot be written nothing more is sent, but
/// what is under way is waited for and shown.
pub(super) struct Written<'a> {
    ci: &'a Ci,
    ledger: &'a Ledger,
    /// Set where nothing more may be sent.
    pub(super) halted: Arc<AtomicBool>,
    pub(super) results: Vec<AskResult>,
    broken: Option<StoreError>,
}

impl<'a> Written<'a> {
    pub(super) fn new(ci: &'a Ci, ledger: &'a Ledger) -> Self {
        Self { ci, ledger, halted: Arc::default(), results: Vec::new(), broken: None }
    }

    /// Shows a result and writes it down.
    pub(super) fn result(
        &mut self,
        result: AskResult,
        on_result: &mut (dyn FnMut(&AskResult) + Send),
    ) {
        if let Err(error) = self.ledger.mark(&result.id, &result.state) {
            self.broken(error);
        }
        self.add(result, on_result);
    }

    /// Shows a result that is written down already.
    pub(super) fn add(
        &mut self,
        result: AskResult,
        on_result: &mut (dyn FnMut(&AskResult) + Send),
    ) {
        if matches!(result.state, AskState::Sent { .. } | AskState::Uncertain { .. }) {
            self.ci.http().meter().sent();
        }
        on_result(&result);
        self.results.push(result);
    }

    /// Keeps the first error of the ledger, and sends nothing more.
    pub(super) fn broken(&mut self, error: StoreError) {
        self.halted.store(true, Ordering::Relaxed);
        self.broken.get_or_insert(error);
    }

    /// The results, or why the ledger could not be written.
    pub(super) fn end(self) -> Result<Vec<AskResult>, Error> {
        match self.broken {
            Some(error) => Err(error.into()),
            None => Ok(self.results),
        }
    }
}

fn asking(ci: &Ci, plan: &str, ask: &ReadyAsk, process: &str) -> Asking {
    let id = AskId::new();
    let empty = String::new;
    let (action, hook_group, hook, body) = match &ask.sends {
        Sends::Hook(rendered) => {
            let Rendered { action, hook_group_id, hook_id, payload } = rendered;
            (action.as_str(), hook_group_id.clone(), hook_id.clone(), payload.clone())
        }
        Sends::Create(body) => (CREATE, empty(), empty(), body.clone()),
        Sends::Cancel(task) => (CANCEL, empty(), empty(), json!({"taskId": task})),
        Sends::Force { scheduler, parameters, reason_room } => {
            let mut parameters = parameters.clone();
            // The one text of ours that Buildbot keeps: by it the asking is found again, where the form
            // takes it.
            let reasons: Vec<&str> = ask.jobs.iter().map(|asked| asked.why.as_str()).collect();
            if let Some(room) = reason_room {
                let whole = format!("mozci {}: {}", id.as_str(), reasons.join(", "));
                let reason = &whole[..whole.floor_char_boundary(*room)];
                parameters.insert("reason".into(), reason.into());
            }
            (FORCE, empty(), scheduler.to_string(), parameters.into())
        }
        Sends::Rebuild(build) => (REBUILD, empty(), empty(), json!({"build": build})),
        Sends::Stop { build, request } => {
            ("stop", empty(), empty(), json!({"build": build, "build_request": request}))
        }
        Sends::Withdraw(request) => ("cancel", empty(), empty(), json!({"build_request": request})),
        Sends::SelfServe(SelfServeAct::Again { request, known }) => {
            let body = json!({"build_request": request, "known": known});
            ("self-serve again", empty(), empty(), body)
        }
        Sends::SelfServe(SelfServeAct::Ask { builder, revision, files, known }) => {
            let body =
                json!({"builder": builder, "revision": revision, "files": files, "known": known});
            ("self-serve", empty(), empty(), body)
        }
    };
    Asking {
        id,
        plan: plan.to_owned(),
        ci: ci.root_url.clone(),
        repo: ci.repo.clone(),
        push: ask.push.id.number(),
        revision: ask.push.revision.clone(),
        jobs: ask.jobs.clone(),
        group: ask.group.clone(),
        action: action.to_owned(),
        hook_group,
        hook,
        body,
        created: ci.now(),
        state: AskState::Recorded,
        process: process.to_owned(),
        in_hand: true,
        asker: ci.asker(),
        investigation: None,
    }
}

/// Why an asking that is about to be sent must not be.
pub(super) fn not_ours(ledger: &Ledger, asking: &Asking, now: At) -> Option<String> {
    match ledger.sending(&asking.id, now) {
        Ok(true) => None,
        Ok(false) => Some("another command gave it up in the meantime".to_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// How often an act is sent that may be sent twice without harm.
const TRIES: u32 = 3;

/// Carries one asking out. A hook is triggered once, whatever comes back; a task is created under
/// an id that hangs on the asking's, and cancelled, as often as it takes to know. Once a try may have
/// happened nothing that a later one brings proves the contrary.
async fn carry_out(
    ci: &Ci,
    taskcluster: &Taskcluster,
    ledger: &Ledger,
    asking: &Asking,
    sends: &Sends,
) -> Result<Triggered, ActError> {
    let mut doubt: Option<String> = None;
    for tries in 1.. {
        let done = match sends {
            Sends::Hook(rendered) => return taskcluster.trigger_hook(rendered).await,
            Sends::Create(body) => {
                let task = asking.id.task();
                taskcluster.create_task(task, body).await.map(|()| task)
            }
            Sends::Cancel(task) => taskcluster.cancel_task(*task).await.map(|_| *task),
            Sends::Force { .. }
            | Sends::Rebuild(_)
            | Sends::Stop { .. }
            | Sends::Withdraw(_)
            | Sends::SelfServe(_) => {
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
        if let Some(detail) = not_ours(ledger, asking, ci.now()) {
            return Err(doubt.map_or(ActError::NotSent(detail), ActError::Uncertain));
        }
    }
    Err(ActError::NotSent("it was not tried".to_owned()))
}

async fn send(
    ci: &Ci,
    taskcluster: &Taskcluster,
    ledger: &Ledger,
    asking: &Asking,
    ask: &ReadyAsk,
    (stop, halted): (&CancellationToken, &AtomicBool),
    forbidden: &AtomicBool,
) -> AskResult {
    let sent_at = ci.now();
    let not_sent = |detail: &str| AskState::NotSent { detail: detail.to_owned() };
    let (mut refusal, mut failed) = (None, false);
    let state = if stop.is_cancelled() {
        not_sent("interrupted before it was sent")
    } else if halted.load(Ordering::Relaxed) {
        not_sent(HALTED)
    } else if forbidden.load(Ordering::Relaxed) {
        not_sent("not sent, since a request before it was not allowed")
    } else if let Some(detail) = not_ours(ledger, asking, sent_at) {
        not_sent(&detail)
    } else {
        match carry_out(ci, taskcluster, ledger, asking, &ask.sends).await {
            Ok(Triggered::Task(task)) => AskState::Sent { request: task.into() },
            Ok(Triggered::Declined) => not_sent("the hook declined to make a task"),
            Err(ActError::Uncertain(detail)) => {
                failed = true;
                AskState::Uncertain { detail }
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
        AskState::Sent { request } => ci.link(*request),
        _ => None,
    };
    AskResult { link, refusal, failed, ..AskResult::new(asking, ask, state, sent_at) }
}
