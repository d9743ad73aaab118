//! Following what was requested until it has ended.

use std::time::Duration;

use mozci_core::ids::{JobName, RequestId};
use mozci_core::push::PushRef;
use mozci_core::run::{Run, State};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::ci::Ci;
use crate::error::Error;
use crate::events::Subscription;

/// Something that was requested.
#[derive(Debug, Clone)]
pub struct Awaited {
    /// Where.
    pub push: PushRef,
    /// The job.
    pub job: JobName,
    /// Runs requested.
    pub times: u32,
    /// The task that makes them, or that is the run itself; a build request.
    pub action: RequestId,
    /// Whether it is an action.
    pub by_action: bool,
}

/// What became of it.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Where.
    pub push: PushRef,
    /// The job.
    pub job: JobName,
    /// Runs requested.
    pub times: u32,
    /// The action task, the task or the build request.
    #[serde(serialize_with = "as_text")]
    pub action: RequestId,
    /// Where the action task stands.
    pub action_state: State,
    /// Every run of the tasks that it made.
    pub runs: Vec<Run>,
    /// What keeps tasks from running, where that will not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// Whether nothing more is to be expected.
    pub done: bool,
    /// Whether an action makes the runs.
    #[serde(skip)]
    pub by_action: bool,
}

impl Outcome {
    /// Of what nobody has looked at yet.
    pub(crate) fn of(awaited: &Awaited) -> Self {
        Self {
            push: awaited.push.clone(),
            job: awaited.job.clone(),
            times: awaited.times,
            action: awaited.action,
            action_state: State::Pending,
            runs: Vec::new(),
            blocked_by: None,
            done: false,
            by_action: awaited.by_action,
        }
    }

    /// Whether the action itself ended, and not well: nothing comes of it.
    pub fn failed(&self) -> bool {
        self.action_state.is_final() && !self.action_state.is_good()
    }

    /// What became of it, in words.
    pub fn words(&self) -> String {
        if self.failed() {
            return format!("{} itself ended {}", self.action, self.action_state.word());
        }
        if let Some(build) = &self.blocked_by {
            return format!("cannot run: {build}");
        }
        if self.runs.is_empty() {
            return if self.done { "it created no run" } else { "under way" }.to_owned();
        }
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for run in &self.runs {
            let word = run.state.word();
            match counts.iter_mut().find(|(known, _)| *known == word) {
                Some((_, count)) => *count += 1,
                None => counts.push((word, 1)),
            }
        }
        let each = counts.iter().map(|(word, count)| match count {
            1 => (*word).to_owned(),
            count => format!("{word} {count} times"),
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

fn as_text<S: serde::Serializer>(id: &RequestId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// The longest that anything is waited for.
pub const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// Consecutive failures to read after which waiting is given up.
pub(crate) const FAILURES: u32 = 5;

/// Sleeps, but not past a stop.
pub async fn pause(time: Duration, stop: &CancellationToken) {
    // That the time ran out and that it was stopped come to the same.
    let _ = tokio::time::timeout(time, stop.cancelled()).await;
}

/// Waits until everything has ended, looking as often as the configuration says. `on_change` sees
/// an outcome each time that it has changed. `stop` ends the waiting; what was seen is returned.
///
/// # Errors
/// [`Error::Service`] after several failures to read in a row.
pub async fn wait(
    ci: &Ci,
    awaited: &[Awaited],
    subscription: &mut Subscription,
    stop: &CancellationToken,
    on_change: &mut (dyn FnMut(&Outcome) + Send),
) -> Result<Vec<Outcome>, Error> {
    let mut outcomes: Vec<Outcome> = awaited.iter().map(Outcome::of).collect();
    ci.backend().wait(ci, &mut outcomes, subscription, stop, on_change).await?;
    Ok(outcomes)
}

/// Looks once at what became of what was requested, without waiting.
///
/// # Errors
/// [`Error::Service`].
pub async fn stand(ci: &Ci, awaited: &[Awaited]) -> Result<Vec<Outcome>, Error> {
    let mut outcomes: Vec<Outcome> = awaited.iter().map(Outcome::of).collect();
    ci.backend().stand(ci, &mut outcomes).await?;
    Ok(outcomes)
}
