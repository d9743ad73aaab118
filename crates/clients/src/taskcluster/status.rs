//! A task's status, translated.

use mozci_core::ids::TaskId;
use mozci_core::run::{Run, RunKey, State};
use mozci_core::time::{At, Minutes};

use super::wire::{RunEntry, Status};

/// Where a task stands, with every run it had.
#[derive(Debug, Clone)]
pub struct TaskStatus {
    /// The task.
    pub task: TaskId,
    /// The task's own state: an exception *run* is not a finished *task*.
    pub state: State,
    /// Its runs; a task without one is shown as a waiting run 0.
    pub runs: Vec<Run>,
}

impl TaskStatus {
    /// Reads a status; an error says in words what is wrong with it.
    pub(super) fn new(status: &Status) -> Result<Self, String> {
        let task: TaskId = status.task_id.parse().map_err(|e| format!("status: {e}"))?;
        let mut runs: Vec<Run> = Vec::new();
        for (i, entry) in status.runs.iter().enumerate() {
            let followed = i + 1 < status.runs.len();
            let key = RunKey { request: task.into(), run: entry.run_id };
            runs.push(Run {
                duration: duration(entry),
                seen: entry.resolved.as_deref().or(entry.started.as_deref()).and_then(instant),
                ..Run::new(key, run_state(entry, followed))
            });
        }
        let state = match runs.last() {
            Some(last) if last.state.is_final() && status.state == "pending" => State::Pending,
            Some(last) => last.state.clone(),
            None => word(&status.state, None),
        };
        if runs.is_empty() {
            let key = RunKey { request: task.into(), run: 0 };
            let seen = status.deadline.as_deref().filter(|_| state.is_final()).and_then(instant);
            runs.push(Run { seen, ..Run::new(key, state.clone()) });
        }
        Ok(Self { task, state, runs })
    }
}

fn run_state(entry: &RunEntry, followed: bool) -> State {
    match word(&entry.state, entry.reason_resolved.as_deref()) {
        State::Exception if followed => State::Retried,
        state => state,
    }
}

/// The queue's words for states and reasons; more may come.
fn word(state: &str, reason: Option<&str>) -> State {
    match (state, reason) {
        ("unscheduled", _) => State::Unscheduled,
        ("pending", _) => State::Pending,
        ("running", _) => State::Running,
        ("completed", _) => State::Passed,
        ("failed", _) => State::Failed,
        ("exception", Some("canceled")) => State::Cancelled,
        ("exception", Some("superseded")) => State::Coalesced,
        ("exception", Some("deadline-exceeded")) => State::Expired,
        ("exception", _) => State::Exception,
        (other, _) => State::Unknown(other.into()),
    }
}

fn duration(entry: &RunEntry) -> Option<Minutes> {
    let started = instant(entry.started.as_deref()?)?;
    let resolved = instant(entry.resolved.as_deref()?)?;
    let seconds = u32::try_from(resolved.since(started)).ok()?;
    Some(Minutes(seconds.div_ceil(60).max(1)))
}

/// An instant in milliseconds since 1970.
pub(super) fn milliseconds(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis())
}

pub(super) fn instant(text: &str) -> Option<At> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| At(at.timestamp()))
}
