//! What a driver reports while it works, and what it asks before it sends.

use futures_util::future::BoxFuture;
use mozci_core::guard::Refusal;
use mozci_core::plan::{LeftOut, Plan};
use mozci_core::remaining::Remaining;

use crate::ci::Ci;
use crate::drive::search::SearchProgress;
use crate::drive::watch::WatchProgress;
use crate::error::Error;
use crate::events::EventOrigin;
use crate::flow::{JobHistory, Outcome, TriggerResult};
use crate::store::TriggerRequest;

/// Something that happened while a driver worked. The list is closed: whoever renders it handles all of it.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A step that takes a while begins.
    Stage(Stage),
    /// Requests are being sent or followed (true), or no longer (false). In between a driver must be ended
    /// by its cancellation token, not by dropping it: it would lose track of what it sent.
    InFlight(bool),
    /// The plan is known.
    Planned {
        /// The jobs as they stand.
        histories: &'a [JobHistory],
        /// What would be sent.
        plan: &'a Plan,
        /// Runs that were requested in the last 24 hours.
        used: u32,
    },
    /// The plan has no request and nothing to wait for.
    NothingToSend {
        /// The plan.
        plan: &'a Plan,
        /// Pushes on which the job is under way.
        under_way: usize,
    },
    /// A guard refused.
    Refused {
        /// Why.
        refusal: &'a Refusal,
        /// Whether it is a dry run, so that nothing would have been sent anyway.
        dry_run: bool,
    },
    /// Requests of the plan that are not sent, for reasons that only the CI tells.
    LeftOut(&'a [LeftOut]),
    /// Nothing of the plan can be sent.
    NothingPossible,
    /// The dry run ends here.
    DryRun,
    /// Nobody agreed: nothing was sent.
    Declined,
    /// Several requests for one builder are sent one after the other, each once the one before has begun.
    OneByOne {
        /// The builder.
        builder: &'a str,
        /// How many.
        requests: usize,
    },
    /// A request was sent, or was not.
    Sent {
        /// What became of it.
        result: &'a TriggerResult,
        /// Whether the job has to be named.
        named: bool,
    },
    /// Some jobs of the plan wait for builds that are under way, and nobody waits for those.
    BuildsUnderWay,
    /// Waiting begins.
    Waiting {
        /// Who reports events; none where the CI is polled.
        source: Option<EventOrigin>,
    },
    /// How far along the awaited runs are, whenever that changes.
    Remaining(Remaining),
    /// Where something that was requested stands, once it has ended.
    Ended {
        /// Where it stands.
        outcome: &'a Outcome,
        /// Whether the job has to be named.
        named: bool,
    },
    /// It is known now what became of requests that were unconfirmed.
    Settled(&'a [TriggerRequest]),
    /// Requests of an earlier command are still unconfirmed, and count as sent.
    Unconfirmed {
        /// How many.
        requests: usize,
        /// Seconds until the CI can tell.
        seconds: i64,
    },
    /// Requests in doubt cannot be settled.
    CannotSettle(&'a Error),
    /// A poll failed and is made again.
    PollFailed(&'a Error),
    /// Polls failed for too long: following is given up.
    GaveUp(&'a Error),
    /// Requests of an earlier command never arrived and are sent again.
    NeverArrived {
        /// Their runs.
        runs: u32,
    },
    /// The lease of an investigation could not be renewed: somebody else may take it over, and then nothing more
    /// is sent here.
    NotRenewed(&'a Error),
    /// A message could not be delivered; it is retried later.
    Undelivered(&'a str),
    /// Of a search.
    Search(SearchProgress<'a>),
    /// Of a watch.
    Watch(WatchProgress<'a>),
}

/// A step that takes a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Reading a job's history.
    History,
    /// Preparing requests.
    Preparing,
}

/// What somebody has to agree to.
#[derive(Debug, Clone, Copy)]
pub enum Question<'a> {
    /// Sending the requests of a plan.
    Send(&'a Plan),
    /// Sending again what never arrived.
    SendAgain {
        /// How many runs.
        runs: u32,
    },
    /// Sending one round after the other until there is a verdict.
    Search,
    /// The same, before it waits for runs that are under way already.
    SearchAfter {
        /// How many runs.
        under_way: usize,
    },
    /// Sending what a watch misses, now and later.
    Watch,
    /// Marking the culprit where results are shown.
    Mark,
}

/// Whether a driver may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// No: it ends where it would send.
    DryRun,
    /// Once somebody agreed.
    Ask,
    /// Yes.
    Given,
}

impl Permission {
    /// Whether nothing is sent in any case.
    pub fn is_dry_run(self) -> bool {
        self == Self::DryRun
    }

    /// Whether nobody has to be asked.
    pub fn is_given(self) -> bool {
        self == Self::Given
    }
}

/// Renders what a driver reports.
pub trait Observer: Send {
    /// Something happened in a repository's CI. What goes wrong with rendering is the observer's to keep; it
    /// may cancel the driver.
    fn on(&mut self, ci: &Ci, progress: Progress<'_>);
}

/// Agrees to what a driver is about to send.
pub trait Consent: Send {
    /// Whether it may be sent. Waits for the answer.
    ///
    /// # Errors
    /// Where nobody can be asked.
    fn confirm<'a>(&'a mut self, question: Question<'a>) -> BoxFuture<'a, Result<bool, Error>>;
}

/// What a driver works for: the terminal, or the service.
pub trait Host: Observer + Consent {}

impl<T: Observer + Consent> Host for T {}
