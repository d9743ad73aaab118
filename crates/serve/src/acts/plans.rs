//! Plans: made from what is there, shown, and carried out once somebody confirmed them.

use std::num::NonZeroU32;
use std::sync::Arc;

use mozci_core::backfill::{self, MAX_REVISIONS, Question, Step};
use mozci_core::ids::JobName;
use mozci_core::plan::{Plan, Wish, have_n};
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision_name::RevisionName;
use mozci_core::time::At;
use mozci_engine::Error;
use mozci_engine::ci::Ci;
use mozci_engine::drive::{self, Act, ActEnd, Permission, Session, open_ledger, plan_all};
use mozci_engine::flow::{
    JobHistory, Subjects, judge_by, read_job, read_jobs, read_range, read_summaries, spelled,
    tree_status,
};
use mozci_engine::store::Ledger;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::chase::chase;
use super::host::Lines;
use crate::error::whole;

/// What somebody wants to be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub(crate) enum Wanted {
    /// Fill the holes of a job from a bad push back to the last good one.
    Backfill {
        /// The job.
        job: String,
        /// The bad push.
        rev: String,
        /// What is judged, where it is not the whole job.
        #[serde(default)]
        test: Option<String>,
        /// Runs on each push.
        times: u32,
    },
    /// Have so many runs of jobs on a push.
    Trigger {
        /// The jobs.
        jobs: Vec<String>,
        /// The push.
        rev: String,
        /// Runs of each.
        times: u32,
    },
}

/// What became of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// Nobody confirmed it yet.
    Open,
    /// It is being sent.
    Sending,
    /// It was carried out: what came of each request.
    Done(Vec<String>),
    /// A guard refused, or none of it was possible: nothing was sent.
    Refused(Vec<String>),
    /// What is wanted means another plan by now: this one.
    Changed(String),
    /// It could not be carried out.
    Failed(String),
}

/// A plan that somebody may confirm.
pub(crate) struct Planned {
    pub(crate) id: String,
    pub(crate) repo: String,
    pub(crate) wanted: Wanted,
    pub(crate) created: At,
    pub(crate) plan: Plan,
    /// The pushes of a backfill, newest first.
    pub(crate) steps: Vec<Step>,
    pub(crate) pushes: Vec<Push>,
    /// Runs that were requested in the last 24 hours, and how many may be.
    pub(crate) used: (u32, u32),
    /// What runs are judged by, in words.
    pub(crate) judged: String,
    pub(crate) state: Mutex<State>,
}

/// What a plan is made from, while it is made or carried out.
pub(super) struct Built {
    ci: Ci,
    ledger: Ledger,
    histories: Vec<JobHistory>,
    pub(super) plan: Plan,
    pub(super) steps: Vec<Step>,
    pub(super) pushes: Vec<Push>,
    pub(super) used: (u32, u32),
    judged: String,
}

async fn pushes_of(ci: &Ci, rev: &str, reach: Reach) -> Result<Vec<Push>, Error> {
    let name: RevisionName = rev.parse().map_err(|error| Error::Usage(format!("{error}")))?;
    let spec = RangeSpec { rev: spelled(ci, &name).await?, reach, every: NonZeroU32::MIN };
    let mut pushes = read_range(ci, &spec).await?.pushes;
    read_summaries(ci, &mut pushes).await;
    Ok(pushes)
}

/// Makes the plan for what is wanted, from what is there now.
pub(super) async fn build(ci: Ci, wanted: &Wanted) -> Result<Built, Error> {
    let ledger = open_ledger(&ci, &mut Lines::default()).await?;
    let used = (ledger.runs_since(&ci.root_url, ci.day().since).await?, ci.budgets.day);
    match wanted {
        Wanted::Backfill { job, rev, test, times } => {
            let subjects = Subjects { test: test.clone(), ..Subjects::default() };
            judge_by(&ci, &subjects).await?;
            let pushes = pushes_of(&ci, rev, Reach::Back(MAX_REVISIONS)).await?;
            let judged = match test {
                Some(test) => format!("judged by {test}"),
                None => chase(&ci, job, &pushes).await?,
            };
            let job = JobName::new(job);
            let history = read_job(&ci, Some(&ledger), &pushes, &job).await?;
            let wish = Wish { times: *times, only_built: false };
            let question = Question { job, wish, every: NonZeroU32::MIN, anyway: false };
            let answer = backfill::backfill(&history.facts, &question, &history.past());
            let (plan, steps) = (answer.plan, answer.steps);
            Ok(Built { ci, ledger, histories: vec![history], plan, steps, pushes, used, judged })
        }
        Wanted::Trigger { jobs, rev, times } => {
            let pushes = pushes_of(&ci, rev, Reach::Single).await?;
            let names: Vec<JobName> = jobs.iter().map(JobName::new).collect();
            let histories = read_jobs(&ci, Some(&ledger), &pushes, &names, None).await?;
            let wish = Wish { times: *times, only_built: false };
            let plan = plan_all(&histories, *times, |history| {
                let each = history.facts.iter().map(|facts| (facts, true));
                have_n(each, &history.job, wish, &history.past())
            });
            let (steps, judged) = (Vec::new(), String::new());
            Ok(Built { ci, ledger, histories, plan, steps, pushes, used, judged })
        }
    }
}

impl Planned {
    pub(super) fn new(id: String, repo: &str, wanted: Wanted, built: Built) -> Arc<Self> {
        let Built { ci, plan, steps, pushes, used, judged, .. } = built;
        let (repo, created, state) = (repo.to_owned(), ci.now(), Mutex::new(State::Open));
        Arc::new(Self { id, repo, wanted, created, plan, steps, pushes, used, judged, state })
    }

    /// What tells this plan from another one: what would be sent where.
    pub(crate) fn digest(&self) -> String {
        digest(&self.plan)
    }
}

/// What tells a plan from another one.
pub(super) fn digest(plan: &Plan) -> String {
    let text = serde_json::to_string(&plan.requests).unwrap_or_default();
    let hash = hmac_sha256::Hash::hash(text.as_bytes());
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Sends what was planned, as on the command line: guards, ledger, requests. What came of it. An error has with it
/// what was sent before.
///
/// # Errors
/// Why it went no further.
pub(super) async fn carry_out(built: Built, cancel: &CancellationToken) -> Result<State, String> {
    let Built { ci, mut ledger, histories, plan, .. } = built;
    let failed = |error: Error| whole(&error);
    if !ci.can_send() {
        return Err(
            "there are no credentials to request runs with: `mozci auth status` says where they come from".into(),
        );
    }
    // A command can wait until a tree opens; a plan that was confirmed now means now.
    if let Some(tree) = tree_status(&ci).await.map_err(failed)?
        && tree.is_closed()
    {
        let (name, reason) = (ci.tree(), tree.reason);
        return Ok(State::Refused(vec![format!("the tree {name} is closed: {reason}")]));
    }
    ci.backend().sign_in().await.map_err(failed)?;
    let mut host = Lines::default();
    let act = Act {
        plan: &plan,
        histories: &histories,
        permission: Permission::Given,
        wait: false,
        wanted: None,
    };
    let mut session = Session { ci: &ci, ledger: &mut ledger, host: &mut host, cancel };
    let acted = drive::carry_out(&act, &mut session).await;
    for note in ci.take_notes() {
        host.push(note);
    }
    match acted {
        Ok(acted) if acted.end == ActEnd::Done => Ok(State::Done(host.lines)),
        Ok(_) => Ok(State::Refused(host.lines)),
        Err(error) => {
            host.push(whole(&error));
            Err(host.lines.join("; "))
        }
    }
}
