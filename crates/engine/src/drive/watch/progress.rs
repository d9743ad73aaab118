//! What a watch reports.

use mozci_core::guard::Refusal;
use mozci_core::ids::JobName;
use mozci_core::plan::Plan;
use mozci_core::push::Push;
use mozci_core::time::At;
use serde_json::Value;

use crate::drive::watch::question::WatchQuestion;
use crate::error::Error;
use crate::flow::{CellIndex, Outcome, TriggerResult, Watching};
use crate::store::InvestigationState;

/// Something that happened in a watch.
#[derive(Debug)]
pub enum WatchProgress<'a> {
    /// It is an investigation now, which can be resumed.
    Begun {
        /// Its id.
        id: &'a str,
    },
    /// It was opened.
    Opened {
        /// The jobs.
        jobs: &'a [JobName],
        /// The pushes.
        pushes: &'a [Push],
        /// What is known of them.
        watching: &'a Watching,
    },
    /// Several watches were opened together.
    ManyOpened {
        /// How many.
        watches: usize,
        /// Their pushes.
        pushes: usize,
        /// Their jobs on these pushes.
        places: usize,
    },
    /// Something changed at these places.
    Changed {
        /// What is known.
        watching: &'a Watching,
        /// The places.
        places: &'a [CellIndex],
    },
    /// Requests of a plan were sent.
    Requested {
        /// The plan.
        plan: &'a Plan,
        /// What became of each request.
        results: &'a [TriggerResult],
    },
    /// What a plan would send, before somebody agrees or in a dry run.
    Planned {
        /// The plan.
        plan: &'a Plan,
        /// Runs that were requested in the last 24 hours.
        used: u32,
    },
    /// A guard refused.
    Refused(&'a Refusal),
    /// A service failed before anything was sent: it is tried again.
    Retrying {
        /// What failed.
        error: &'a Error,
        /// Seconds until then.
        seconds: u64,
    },
    /// A service failed for long.
    Failed(&'a Error),
    /// It ended.
    Ended {
        /// What is known.
        watching: &'a Watching,
        /// Whether it was cancelled.
        interrupted: bool,
        /// How it ended, in words.
        summary: &'a str,
    },
    /// One of several watches ended.
    MemberEnded {
        /// The investigation.
        id: &'a str,
        /// What it watched.
        question: &'a WatchQuestion,
        /// How it ended, in words.
        summary: &'a str,
    },
    /// Where a single request stands.
    Stands(&'a Outcome),
    /// An investigation that another process drives took a step.
    Step {
        /// When.
        at: At,
        /// The step, as it is stored.
        step: &'a Value,
    },
    /// That investigation has ended.
    StepsEnded(InvestigationState),
}
