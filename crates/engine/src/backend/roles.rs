//! What a CI can do for mozci, as roles. A backend plays all of them; most have a sound default for a CI that
//! cannot do it.
//!
//! Methods take the [`Ci`] that they are requested: its facts, notes and settings. What they return is boxed, since
//! the network is what takes the time.

use std::any::Any;
use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::time::Duration;

use futures_util::future::BoxFuture;
use mozci_core::facts::PushFacts;
use mozci_core::filter::JobFilter;
use mozci_core::ids::{JobName, RequestId, TaskId};
use mozci_core::plan::Plan;
use mozci_core::push::{Push, PushRef};
use mozci_core::range::RangeSpec;
use mozci_core::revision::RevisionSpec;
use mozci_core::run::Run;
use mozci_core::run_spec::RunSpec;
use mozci_evidence::About;
use tokio_util::sync::CancellationToken;

use crate::ci::Ci;
use crate::error::Error;
use crate::events::Subscription;
use crate::flow::{
    AskedRun, AtWork, BuildOf, Check, Chooser, Chosen, CulpritPush, EvidenceRead, EvidenceWish,
    Given, JobHistory, Known, MarkOf, Marked, Matrix, Merge, Outcome, Prepared, ReadyRequest,
    Sends, TriggerResult,
};
use crate::store::{Ledger, LedgerCursor, TriggerRequest};

/// That a task was named where runs are builds.
pub(crate) fn no_tasks(ci: &Ci) -> Error {
    Error::Usage(format!("{} has builds, and no tasks", ci.root_url))
}

/// What a method of a role returns.
pub type Answer<'a, T> = BoxFuture<'a, T>;

/// What a method of a role returns that may fail.
pub type Fallible<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// What a CI is like, where flows differ by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Pushes have task graphs: what can run is known, and what was chosen.
    pub graphs: bool,
    /// Jobs are given manifests, which may move between chunks of a job.
    pub chunks: bool,
    /// Requests that wait at once are coalesced into one run.
    pub coalesces: bool,
    /// Runs far back are read by range, at a few requests in all.
    pub reads_ranges: bool,
    /// Jobs have siblings on other platforms, by their names.
    pub siblings: bool,
    /// Runs are tasks, and no builds.
    pub tasks: bool,
    /// Signatures hold for a while only: clocks must agree.
    pub signs: bool,
    /// How long failed polls may go on until following is given up.
    pub patience: Duration,
    /// The word for a request.
    pub request_noun: &'static str,
    /// What tells whether a request in doubt arrived.
    pub confirmed_by: &'static str,
}

/// What is asked about the history of some jobs.
#[derive(Debug, Clone, Copy)]
pub struct HistoryQuestion<'a> {
    /// The ledger, where what was requested counts.
    pub ledger: Option<&'a Ledger>,
    /// The pushes.
    pub pushes: &'a [Push],
    /// The jobs.
    pub jobs: &'a [JobName],
    /// The jobs' builds, where they are known from an earlier reading.
    pub builds: Option<&'a [BuildOf]>,
    /// Where the ledger ended when reading began.
    pub read_at: LedgerCursor,
}

/// What can run.
pub trait JobCatalog: Send + Sync {
    /// The jobs that a filter means among everything that can run on these pushes.
    fn choose<'a>(
        &'a self,
        ci: &'a Ci,
        pushes: &'a [Push],
        filter: &'a JobFilter,
    ) -> Fallible<'a, Chosen>;

    /// The jobs that were chosen for a push and that a filter means. By default all that can run there.
    fn chosen<'a>(
        &'a self,
        ci: &'a Ci,
        push: &'a Push,
        filter: &'a JobFilter,
    ) -> Fallible<'a, Chosen> {
        self.choose(ci, std::slice::from_ref(push), filter)
    }

    /// What can run on the newest of some pushes that tells; with `exact` on the newest of them and no other.
    fn chooser<'a>(
        &'a self,
        ci: &'a Ci,
        _pushes: &'a [Push],
        _exact: bool,
        _with_past: bool,
    ) -> Fallible<'a, Chooser> {
        let text = format!("it is not known what can run on pushes of {}", ci.repo);
        Box::pin(async move { Err(Error::Usage(text)) })
    }

    /// Every how many pushes a job runs, where that is known not to be each.
    fn cadence<'a>(&'a self, _ci: &'a Ci, _job: &'a JobName) -> Fallible<'a, Option<u32>> {
        Box::pin(async { Ok(None) })
    }
}

/// What ran.
pub trait RunSource: Send + Sync {
    /// The histories of some jobs, judged by how their runs ended.
    fn histories<'a>(
        &'a self,
        ci: &'a Ci,
        question: HistoryQuestion<'a>,
    ) -> Fallible<'a, Vec<JobHistory>>;

    /// The history of a job judged by a test, where its manifests move between chunks: requested only where the
    /// capabilities have chunks.
    fn history_about<'a>(
        &'a self,
        ci: &'a Ci,
        question: HistoryQuestion<'a>,
        _about: &'a About,
    ) -> Fallible<'a, JobHistory> {
        Box::pin(async move {
            let read = self.histories(ci, question).await?.into_iter().next();
            read.ok_or_else(|| Error::Odd("no history came of a job".into()))
        })
    }

    /// Every job of every push.
    fn matrix<'a>(
        &'a self,
        ci: &'a Ci,
        pushes: &'a [Push],
        filter: &'a JobFilter,
    ) -> Fallible<'a, Matrix>;

    /// A job's runs on pushes, by how they ended, at the fewest requests; what was requested does not count.
    fn runs<'a>(
        &'a self,
        ci: &'a Ci,
        pushes: &'a [Push],
        job: &'a JobName,
    ) -> Fallible<'a, Vec<Vec<Run>>> {
        Box::pin(async move {
            let (jobs, read_at) = (std::slice::from_ref(job), LedgerCursor::default());
            let question = HistoryQuestion { ledger: None, pushes, jobs, builds: None, read_at };
            let facts = self.histories(ci, question).await?.into_iter().flat_map(|one| one.facts);
            Ok(facts.map(|facts| facts.runs).collect())
        })
    }

    /// The same job on other platforms, as some pushes have it.
    fn siblings<'a>(
        &'a self,
        _ci: &'a Ci,
        _pushes: &'a [Push],
        _job: &'a JobName,
    ) -> Fallible<'a, Vec<JobName>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Puts exact times to the runs of jobs that ran several times, where the histories have rough ones.
    fn settle_times<'a>(
        &'a self,
        _ci: &'a Ci,
        _histories: &'a mut [JobHistory],
    ) -> Fallible<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    /// What tasks were given to run, where it may differ from push to push. Tasks of which nothing is known are
    /// missing.
    fn given<'a>(
        &'a self,
        _ci: &'a Ci,
        _tasks: Vec<TaskId>,
    ) -> Fallible<'a, HashMap<TaskId, Given>> {
        Box::pin(async { Ok(HashMap::new()) })
    }

    /// The pool of workers that a task runs in.
    fn pool_of<'a>(&'a self, _ci: &'a Ci, _task: TaskId) -> Fallible<'a, Option<String>> {
        Box::pin(async { Ok(None) })
    }

    /// Whether a platform, as a matrix has it, is that of the tasks that make the others.
    fn is_group_platform(&self, _platform: &str) -> bool {
        false
    }

    /// What waits or runs besides the tasks that are known.
    fn at_work<'a>(
        &'a self,
        _ci: &'a Ci,
        _ledger: &'a Ledger,
        _pushes: &'a [Push],
        _filter: &'a JobFilter,
        _known: &'a HashSet<TaskId>,
    ) -> Fallible<'a, AtWork> {
        Box::pin(async { Ok(AtWork::default()) })
    }
}

/// What is requested, and what becomes of it.
pub trait Trigger: Send + Sync {
    /// Whether there is something to send requests with.
    fn can_request(&self) -> bool;

    /// Who requests, as the CI knows them; empty where it wants no name.
    fn requester(&self) -> String {
        String::new()
    }

    /// Fetches credentials where they are not here yet, and signs in.
    fn sign_in(&self) -> Fallible<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Checks what a plan needs to be told before it can be sent.
    fn check<'a>(&'a self, _ci: &'a Ci, _plan: &'a Plan) -> Fallible<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Leaves out of a plan for several jobs what cannot be sent as it is, so that the rest can.
    fn fit<'a>(&'a self, _ci: &'a Ci, _plan: &'a mut Plan) -> Fallible<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Prepares every request of a plan. Sends nothing.
    fn prepare<'a>(&'a self, ci: &'a Ci, plan: &'a Plan) -> Fallible<'a, Prepared>;

    /// Sends requests that stand in the ledger, and marks each there. Once cancelled nothing new is sent.
    fn send<'a>(
        &'a self,
        ci: &'a Ci,
        ledger: &'a Ledger,
        to_send: &'a [(TriggerRequest, ReadyRequest)],
        cancel: &'a CancellationToken,
        on_result: &'a mut (dyn FnMut(&TriggerResult) + Send),
    ) -> Fallible<'a, Vec<TriggerResult>>;

    /// Settles unconfirmed requests. Those that changed.
    fn settle<'a>(&'a self, ci: &'a Ci, ledger: &'a Ledger) -> Fallible<'a, Vec<TriggerRequest>>;

    /// Follows requests until they have ended, or somebody cancels.
    fn wait<'a>(
        &'a self,
        ci: &'a Ci,
        outcomes: &'a mut [Outcome],
        subscription: &'a mut Subscription,
        cancel: &'a CancellationToken,
        on_change: &'a mut (dyn FnMut(&Outcome) + Send),
    ) -> Fallible<'a, ()>;

    /// Looks once at requests. By default as one that is cancelled at once waits for them.
    fn stand<'a>(&'a self, ci: &'a Ci, outcomes: &'a mut [Outcome]) -> Fallible<'a, ()> {
        Box::pin(async move {
            let once = CancellationToken::new();
            once.cancel();
            self.wait(ci, outcomes, &mut Subscription::polling(ci), &once, &mut |_| {}).await
        })
    }

    /// What takes a run back, where it can be.
    fn cancels(&self, _run: &Run) -> Option<Sends> {
        None
    }

    /// Where a request can be looked at.
    fn link(&self, _request: RequestId) -> Option<String> {
        None
    }

    /// Whether requests take values that are given with a command.
    fn takes_values(&self) -> bool {
        false
    }

    /// Takes values that were given with a command.
    ///
    /// # Errors
    /// [`Error::Usage`] where requests take none.
    fn give(&self, ci: &Ci, _values: Vec<(String, String)>) -> Result<(), Error> {
        Err(Error::Usage(format!("requests of {} take no values", ci.root_url)))
    }

    /// Whether a culprit can be marked where people look at results.
    fn can_mark(&self) -> bool {
        false
    }

    /// Marks a push where people look at results.
    fn mark<'a>(
        &'a self,
        ci: &'a Ci,
        _ledger: &'a mut Ledger,
        _of: &'a MarkOf<'a>,
        _cancel: &'a CancellationToken,
    ) -> Fallible<'a, Marked> {
        let text = format!("pushes of {} cannot be marked", ci.root_url);
        Box::pin(async move { Err(Error::Usage(text)) })
    }
}

/// What happens.
pub trait EventSource: Send + Sync {
    /// Listens to what happens to these, and from then on. `instance` names a queue that outlives the process.
    fn listen<'a>(
        &'a self,
        ci: &'a Ci,
        _facts: Vec<&'a PushFacts>,
        _instance: Option<&'a str>,
    ) -> Fallible<'a, Subscription> {
        Box::pin(async move { Ok(Subscription::polling(ci)) })
    }
}

/// What runs say of themselves.
pub trait EvidenceSource: Send + Sync {
    /// A run by whatever names it.
    fn find_run<'a>(&'a self, ci: &'a Ci, _spec: &'a RunSpec) -> Fallible<'a, AskedRun> {
        let text = format!("runs of {} have no names", ci.root_url);
        Box::pin(async move { Err(Error::Usage(text)) })
    }

    /// The revision that a task ran for.
    fn revision_of<'a>(&'a self, ci: &'a Ci, _task: TaskId) -> Fallible<'a, String> {
        let error = no_tasks(ci);
        Box::pin(async move { Err(error) })
    }

    /// Checks that a task is a job: something that a push can break.
    fn check_is_a_job<'a>(&'a self, _ci: &'a Ci, _task: TaskId) -> Fallible<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    /// Reads what is wanted of a run. What cannot be read is said in what comes.
    fn read<'a>(
        &'a self,
        ci: &'a Ci,
        _run: &'a AskedRun,
        _wish: &'a EvidenceWish,
    ) -> Answer<'a, EvidenceRead> {
        let why = format!("{} keeps nothing of its runs", ci.root_url);
        Box::pin(async move { EvidenceRead::failed(why) })
    }
}

/// Whether all is well.
pub trait HealthCheck: Send + Sync {
    /// Checks every source. What fails is told, and no error.
    fn checks<'a>(&'a self, _ci: &'a Ci) -> Answer<'a, Vec<Check>> {
        Box::pin(async { Vec::new() })
    }
}

/// A kind of CI.
pub trait Backend:
    JobCatalog
    + RunSource
    + Trigger
    + EventSource
    + EvidenceSource
    + HealthCheck
    + Any
    + Debug
    + Send
    + Sync
{
    /// What it is like.
    fn capabilities(&self) -> Capabilities;

    /// The page that shows a push's runs to people, where the CI has such pages.
    fn page_of(&self, _push: &PushRef) -> Option<String> {
        None
    }
}

/// Pushes of a range, newest first; which of them everything is counted from; whether there is no older one.
pub type FoundRange = (Vec<Push>, usize, bool);

/// Where pushes come from. Any kind of CI may have any of these.
pub trait PushSource: Debug + Send + Sync {
    /// The push that is meant.
    fn resolve<'a>(&'a self, ci: &'a Ci, spec: &'a RevisionSpec) -> Fallible<'a, Push>;

    /// The pushes of a range.
    fn range<'a>(&'a self, ci: &'a Ci, spec: &'a RangeSpec) -> Fallible<'a, FoundRange>;

    /// The commits of some pushes, as far as they are told.
    fn commits<'a>(&'a self, _ci: &'a Ci, pushes: Vec<Push>) -> Answer<'a, Vec<CulpritPush>> {
        let bare = |push| CulpritPush { push, commits: Vec::new() };
        Box::pin(async move { pushes.into_iter().map(bare).collect() })
    }

    /// What is known of suspects beforehand, by their commits.
    fn weigh<'a>(
        &'a self,
        _ci: &'a Ci,
        _suspects: &'a [Push],
        _about: Option<&'a About>,
    ) -> Answer<'a, Option<Known>> {
        Box::pin(async { None })
    }

    /// Which of some pushes are merges of another repository, and what they brought.
    fn merges<'a>(&'a self, _ci: &'a Ci, _pushes: &'a [Push]) -> Fallible<'a, Vec<Merge>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Whether there are repositories that this one merges from.
    fn has_merge_sources(&self) -> bool {
        false
    }
}
