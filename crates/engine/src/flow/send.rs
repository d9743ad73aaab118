//! Asking: written down first, then sent, then marked.

use crate::flow::WrittenDown;
use mozci_clients::act::ActError;
use mozci_core::guard::Refusal;
use mozci_core::ids::{RequestId, TaskId};
use mozci_core::plan::{LeftOut, LeftOutReason};
use mozci_core::push::PushRef;
use mozci_core::time::At;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::prepare::{Prepared, ReadyRequest};
use crate::store::{
    Booking, Ledger, LedgerCursor, Recorded, RequestedJob, TriggerId, TriggerRequest, TriggerState,
};

/// What became of one trigger request.
#[derive(Debug, Clone, Serialize)]
pub struct TriggerResult {
    /// Its id in the ledger.
    pub id: TriggerId,
    /// Where.
    pub push: PushRef,
    /// What for.
    pub jobs: Vec<RequestedJob>,
    /// How it ended.
    #[serde(flatten)]
    pub state: TriggerState,
    /// Requests that were made before and in whose place the master ran others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub coalesced: Vec<RequestId>,
    /// The decision task whose action was requested.
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

/// Why a CI does not do what it was requested, as long as it is asked in the same way.
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
    pub(crate) fn of(error: &ActError) -> Option<Self> {
        match error {
            ActError::Forbidden(_) => Some(Self::NotAllowed),
            ActError::Refused(_) => Some(Self::Values),
            ActError::Over(_) => Some(Self::Over),
            ActError::NotSent(_) | ActError::Uncertain(_) => None,
        }
    }
}

impl TriggerResult {
    /// How a trigger request ended that was neither refused nor failed.
    pub fn new(
        trigger: &TriggerRequest,
        ready: &ReadyRequest,
        state: TriggerState,
        sent_at: At,
    ) -> Self {
        Self {
            id: trigger.id.clone(),
            push: ready.push.clone(),
            jobs: ready.jobs.clone(),
            state,
            coalesced: Vec::new(),
            decision_task: match ready.sends.by_action() {
                true => ready.group.parse().ok(),
                false => None,
            },
            link: None,
            refusal: None,
            failed: false,
            sent_at,
            by_action: ready.sends.by_action(),
        }
    }

    /// Runs requested, of all its jobs.
    pub fn times(&self) -> u32 {
        self.jobs.iter().map(|requested| requested.times).sum()
    }

    /// Whether something did not get through that is still wanted.
    pub fn is_missing(&self) -> bool {
        !matches!(self.state, TriggerState::Sent { .. }) && self.refusal != Some(Refused::Over)
    }
}

/// Sends what was prepared. `stop` ends it between two requests: what was not sent is marked so,
/// what is under way is waited for.
///
/// Returns a result a trigger request, and what another command had requested in the meantime.
///
/// # Errors
/// [`Error::Store`] where the ledger cannot be written, [`Error::Guard`] where the day has seen
/// enough; then nothing more is sent.
pub async fn send_requests(
    ci: &Ci,
    ledger: &mut Ledger,
    prepared: Prepared,
    read_at: LedgerCursor,
    stop: &CancellationToken,
    on_result: &mut (dyn FnMut(&TriggerResult) + Send),
) -> Result<(Vec<TriggerResult>, Vec<LeftOut>), Error> {
    if !prepared.requests.is_empty() {
        ci.backend().sign_in().await?;
    }
    let plan = TriggerId::new();
    let (passed_over, prepared_out) = (prepared.passed_over, prepared.left_out);
    let me = ledger.process().await?;
    let triggers: Vec<TriggerRequest> =
        prepared.requests.iter().map(|ready| trigger(ci, plan.as_str(), ready, &me)).collect();
    let day = ci.day();
    let recorded = match ledger.record(&triggers, read_at, day).await? {
        Booking::Booked(recorded) => recorded,
        // Others asked since the plan was held against the guards.
        Booking::OverBudget { used } => {
            let runs = triggers.iter().fold(0u32, |sum, a| sum.saturating_add(a.times()));
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
    for ((trigger, ready), recorded) in triggers.into_iter().zip(prepared.requests).zip(recorded) {
        match recorded {
            Recorded::New => to_send.push((trigger, ready)),
            Recorded::AlreadyAsked(other) => {
                left_out.extend(ready.jobs.into_iter().map(|requested| LeftOut {
                    push: ready.push.clone(),
                    why: match requested.job == other {
                        true => LeftOutReason::JustAsked,
                        false => LeftOutReason::JustAskedWith(other.clone()),
                    },
                    job: requested.job,
                }));
            }
        }
    }
    let ledger: &Ledger = ledger;
    let all_out: Vec<LeftOut> =
        passed_over.iter().chain(&prepared_out).chain(&left_out).cloned().collect();
    ledger.note_left_out(&ci.root_url, plan.as_str(), &all_out, ci.now()).await?;
    let results = ci.backend().send(ci, ledger, &to_send, stop, on_result).await?;
    note_service(ci, ledger, &results).await?;
    Ok((results, left_out))
}

/// Requests that fail in a row before a CI is left alone for a while.
const FAILED: usize = 3;

/// Closes the breaker of a CI that takes what it is requested, and opens that of one that fails.
async fn note_service(ci: &Ci, ledger: &Ledger, results: &[TriggerResult]) -> Result<(), Error> {
    if results.iter().any(|result| matches!(result.state, TriggerState::Sent { .. })) {
        ledger.set_breaker(&ci.root_url, None).await?;
        return Ok(());
    }
    let is_failed = |result: &&TriggerResult| {
        result.failed || matches!(result.state, TriggerState::Uncertain { .. })
    };
    let failed = results.iter().filter(is_failed).count();
    let is_open = ledger.breaker(&ci.root_url).await?.is_some();
    if failed >= FAILED || (is_open && failed > 0) {
        let last = results.iter().rev().find(is_failed);
        let why = last.map_or(String::new(), |result| match &result.state {
            TriggerState::NotSent { detail } | TriggerState::Uncertain { detail } => detail.clone(),
            TriggerState::Sent { .. } | TriggerState::Planned => String::new(),
        });
        ledger.set_breaker(&ci.root_url, Some((ci.now(), &why))).await?;
    }
    Ok(())
}

fn trigger(ci: &Ci, plan: &str, ready: &ReadyRequest, process: &str) -> TriggerRequest {
    let id = TriggerId::new();
    let WrittenDown { action, hook_group, hook, body } = ready.sends.written(&id, &ready.jobs);
    TriggerRequest {
        id,
        plan: plan.to_owned(),
        ci: ci.root_url.clone(),
        repo: ci.repo.clone(),
        push: ready.push.id.number(),
        revision: ready.push.revision.clone(),
        jobs: ready.jobs.clone(),
        group: ready.group.clone(),
        action,
        hook_group,
        hook,
        body: body.into(),
        created: ci.now(),
        state: TriggerState::Planned,
        process: process.to_owned(),
        in_hand: true,
        asker: ci.backend().requester(),
        investigation: None,
    }
}
