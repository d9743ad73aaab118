//! A host that writes down what a driver reports, and answers as it was told to.

use futures_util::future::BoxFuture;
use mozci_engine::Error;
use mozci_engine::ci::Ci;
use mozci_engine::drive::search::SearchProgress;
use mozci_engine::drive::watch::WatchProgress;
use mozci_engine::drive::{Consent, Observer, Progress, Question};
use tokio_util::sync::CancellationToken;

/// What was reported, a word each, and what is answered.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) seen: Vec<String>,
    /// Whether it agrees to what is asked.
    pub(crate) agrees: bool,
    /// Cancels the driver once this was reported.
    pub(crate) cancels_at: Option<(&'static str, CancellationToken)>,
    /// The investigations that began.
    pub(crate) begun: Vec<String>,
    /// How searches ended.
    pub(crate) ends: Vec<serde_json::Value>,
}

impl Recorder {
    /// How often something was reported.
    pub(crate) fn count(&self, word: &str) -> usize {
        self.seen.iter().filter(|seen| *seen == word).count()
    }

    /// What was reported, without what says nothing of the order that a test is about.
    pub(crate) fn order(&self) -> Vec<&str> {
        let quiet = ["stage", "settled", "left-out:0", "belief", "changed", "remaining"];
        self.seen.iter().map(String::as_str).filter(|word| !quiet.contains(word)).collect()
    }

    fn see(&mut self, word: String) {
        if let Some((at, cancel)) = &self.cancels_at
            && *at == word
        {
            cancel.cancel();
        }
        self.seen.push(word);
    }
}

impl Observer for Recorder {
    fn on(&mut self, _ci: &Ci, progress: Progress<'_>) {
        let word = match progress {
            Progress::Stage(_) => "stage".into(),
            Progress::InFlight(in_flight) => format!("in-flight:{in_flight}"),
            Progress::Planned { plan, .. } => format!("planned:{}", plan.runs()),
            Progress::NothingToSend { .. } => "nothing-to-send".into(),
            Progress::Refused { dry_run, .. } => format!("refused:{dry_run}"),
            Progress::LeftOut(left_out) => format!("left-out:{}", left_out.len()),
            Progress::NothingPossible => "nothing-possible".into(),
            Progress::DryRun => "dry-run".into(),
            Progress::Declined => "declined".into(),
            Progress::OneByOne { .. } => "one-by-one".into(),
            Progress::Sent { result, .. } => {
                let state = serde_json::to_value(result).unwrap();
                format!("sent:{}", state["state"].as_str().unwrap())
            }
            Progress::BuildsUnderWay => "builds-under-way".into(),
            Progress::Waiting { .. } => "waiting".into(),
            Progress::Remaining(_) => "remaining".into(),
            Progress::Ended { .. } => "ended".into(),
            Progress::Settled(_) => "settled".into(),
            Progress::Unconfirmed { requests, .. } => format!("in-doubt:{requests}"),
            Progress::CannotSettle(_) => "cannot-settle".into(),
            Progress::PollFailed(_) => "poll-failed".into(),
            Progress::GaveUp(_) => "gave-up".into(),
            Progress::NeverArrived { .. } => "never-arrived".into(),
            Progress::NotRenewed(_) => "not-renewed".into(),
            Progress::Undelivered(_) => "undelivered".into(),
            Progress::Search(progress) => match progress {
                SearchProgress::Opened { .. } => "opened".into(),
                SearchProgress::Belief { .. } => "belief".into(),
                SearchProgress::Outlook { .. } => "outlook".into(),
                SearchProgress::Begun { id } => {
                    self.begun.push(id.to_owned());
                    "begun".into()
                }
                SearchProgress::Round { number, .. } => format!("round:{number}"),
                SearchProgress::Finished(finished) => {
                    self.ends.push(finished.end());
                    "finished".into()
                }
                SearchProgress::Marked(_) => "marked".into(),
                other => format!("search:{other:?}"),
            },
            Progress::Watch(progress) => match progress {
                WatchProgress::Begun { id } => {
                    self.begun.push(id.to_owned());
                    "begun".into()
                }
                WatchProgress::Opened { .. } => "opened".into(),
                WatchProgress::Changed { .. } => "changed".into(),
                WatchProgress::Planned { .. } => "watch-planned".into(),
                WatchProgress::Requested { plan, .. } => format!("requested:{}", plan.runs()),
                WatchProgress::Ended { summary, .. } => format!("watch-ended:{summary}"),
                WatchProgress::MemberEnded { .. } => "member-ended".into(),
                WatchProgress::Refused(_) => "watch-refused".into(),
                other => format!("watch:{other:?}"),
            },
        };
        self.see(word);
    }
}

impl Consent for Recorder {
    fn confirm<'a>(&'a mut self, question: Question<'a>) -> BoxFuture<'a, Result<bool, Error>> {
        let word = match question {
            Question::Send(_) => "send",
            Question::SendAgain { .. } => "send-again",
            Question::Search => "search",
            Question::SearchAfter { .. } => "search-after",
            Question::Watch => "watch",
            Question::Mark => "mark",
        };
        self.see(format!("asks:{word}"));
        let agrees = self.agrees;
        Box::pin(async move { Ok(agrees) })
    }
}
