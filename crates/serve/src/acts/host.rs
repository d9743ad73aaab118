//! A page as a driver's host: what a driver reports is kept as lines, and consent was given on a page before.

use futures_util::future::BoxFuture;
use mozci_engine::Error;
use mozci_engine::ci::Ci;
use mozci_engine::drive::{Consent, Observer, Progress, Question};
use mozci_engine::store::TriggerState;
use mozci_pages::plural;

/// Keeps what matters of what a driver reports, as lines.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) lines: Vec<String>,
}

/// Lines that are kept at the most.
const MOST: usize = 2_000;

impl Lines {
    pub(super) fn push(&mut self, line: String) {
        if self.lines.len() < MOST {
            self.lines.push(line);
        }
    }
}

/// A line for what a driver reports, where it is one for people.
pub(super) fn line(progress: &Progress<'_>) -> Option<String> {
    Some(match progress {
        Progress::Refused { refusal, .. } => format!("refused: {refusal}"),
        Progress::LeftOut(left_out) if !left_out.is_empty() => {
            let each = left_out
                .iter()
                .map(|one| format!("push {}: {}: {}", one.push.id, one.job, one.why));
            format!("left out: {}", each.collect::<Vec<_>>().join("; "))
        }
        Progress::NothingPossible => "none of it can be requested".to_owned(),
        Progress::Sent { result, .. } => {
            let what = match &result.state {
                TriggerState::Planned => "recorded".to_owned(),
                TriggerState::Sent { request } => {
                    format!("requested {}: {request}", plural(result.times() as usize, "run"))
                }
                TriggerState::NotSent { detail } => format!("not requested: {detail}"),
                TriggerState::Uncertain { detail } => {
                    format!(
                        "uncertain whether it was requested, and counted as requested: {detail}"
                    )
                }
            };
            format!("push {}: {what}", result.push.id)
        }
        Progress::Ended { outcome, .. } => format!("push {}: {}", outcome.push.id, outcome.words()),
        Progress::Unconfirmed { requests, seconds } => {
            format!(
                "{requests} earlier requests are unconfirmed and count as sent; known in {seconds} s"
            )
        }
        Progress::CannotSettle(error) => format!("unconfirmed requests cannot be checked: {error}"),
        Progress::PollFailed(error) => format!("a poll failed and is retried: {error}"),
        Progress::GaveUp(error) => format!("following was given up: {error}"),
        Progress::NotRenewed(error) => format!("the lease could not be renewed: {error}"),
        _ => return None,
    })
}

impl Observer for Lines {
    fn on(&mut self, _ci: &Ci, progress: Progress<'_>) {
        if let Some(line) = line(&progress) {
            self.push(line);
        }
    }
}

impl Consent for Lines {
    fn confirm<'a>(&'a mut self, _question: Question<'a>) -> BoxFuture<'a, Result<bool, Error>> {
        // Whatever the page did not show is not agreed to.
        Box::pin(async { Ok(false) })
    }
}
