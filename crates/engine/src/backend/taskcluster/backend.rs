//! Taskcluster in the roles of a backend.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use mozci_clients::pulse::PulseSettings;
use mozci_clients::taskcluster::Taskcluster;
use mozci_clients::treeherder::Treeherder;
use mozci_core::facts::PushFacts;
use mozci_core::filter::JobFilter;
use mozci_core::ids::{JobName, RequestId, TaskId};
use mozci_core::plan::Plan;
use mozci_core::push::{Push, PushRef};
use mozci_core::run::Run;
use mozci_core::run_spec::RunSpec;
use mozci_evidence::About;
use tokio_util::sync::CancellationToken;

use super::decided::Decided;
use super::plain::Plain;
use super::sends::TaskSends;
use super::{
    at_work, choose, chooser, chunks, doctor, evidence, find, history, linked, listen, marker,
    matrix, plain, prepare, reconcile, send, tasks, wait,
};
use crate::backend::{
    Answer, Backend, Capabilities, EventSource, EvidenceSource, Fallible, HealthCheck,
    HistoryQuestion, JobCatalog, RunSource, Trigger,
};
use crate::ci::Ci;
use crate::error::Error;
use crate::events::Subscription;
use crate::flow::{
    AskedRun, AtWork, BuildOf, Check, Chooser, Chosen, EvidenceRead, EvidenceWish, Given,
    JobHistory, MarkOf, Marked, Matrix, Outcome, Prepared, ReadyRequest, Sends, TriggerResult,
};
use crate::store::{Ledger, TriggerRequest};

/// A Taskcluster, as the configuration of a repository has it.
#[derive(Debug)]
pub(crate) struct TaskclusterBackend {
    pub(super) taskcluster: Taskcluster,
    pub(super) treeherder: Option<Treeherder>,
    pub(super) plain: Option<Plain>,
    /// Where decision tasks are indexed.
    pub(super) index: String,
    /// Treeherder's platform of decision and action tasks alike, so that one question brings both.
    pub(super) decision_platform: String,
    /// The program that renders what an action's file computes.
    pub(super) sandbox: Option<PathBuf>,
    /// Pulse, where it is configured and there are credentials for it.
    pub(super) pulse: Option<PulseSettings>,
    pub(super) decided: Decided,
}

/// What it is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) taskcluster: Taskcluster,
    pub(crate) treeherder: Option<Treeherder>,
    pub(crate) plain: Option<Plain>,
    pub(crate) index: String,
    pub(crate) decision_platform: String,
    pub(crate) sandbox: Option<PathBuf>,
    pub(crate) pulse: Option<PulseSettings>,
}

impl TaskclusterBackend {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { taskcluster, treeherder, plain, index, decision_platform, sandbox, pulse } =
            parts;
        let decided = Decided::default();
        Self { taskcluster, treeherder, plain, index, decision_platform, sandbox, pulse, decided }
    }
}

impl Backend for TaskclusterBackend {
    fn page_of(&self, push: &PushRef) -> Option<String> {
        Some(self.treeherder.as_ref()?.page_of(&push.revision))
    }

    fn capabilities(&self) -> Capabilities {
        let graphs = self.plain.is_none();
        Capabilities {
            graphs,
            chunks: graphs,
            coalesces: false,
            reads_ranges: graphs,
            siblings: graphs,
            tasks: true,
            signs: true,
            patience: Duration::ZERO,
            request_noun: "task",
            confirmed_by: "the hook's record",
        }
    }
}

impl JobCatalog for TaskclusterBackend {
    fn choose<'a>(
        &'a self,
        ci: &'a Ci,
        pushes: &'a [Push],
        filter: &'a JobFilter,
    ) -> Fallible<'a, Chosen> {
        Box::pin(async move {
            let Some(plain) = &self.plain else { return choose::choose(ci, pushes, filter).await };
            let jobs = plain::choose(ci, plain, pushes, filter).await?;
            Ok(Chosen { builds: vec![BuildOf::Unknown; jobs.len()], jobs })
        })
    }

    fn chosen<'a>(
        &'a self,
        ci: &'a Ci,
        push: &'a Push,
        filter: &'a JobFilter,
    ) -> Fallible<'a, Chosen> {
        Box::pin(async move {
            match &self.plain {
                None => choose::chosen(ci, push, filter).await,
                Some(_) => Err(Error::Usage(format!(
                    "the pushes of {} have no task graphs, so it is not known what is missing; `retrigger` repeats what ran",
                    ci.repo
                ))),
            }
        })
    }

    fn chooser<'a>(
        &'a self,
        ci: &'a Ci,
        pushes: &'a [Push],
        exact: bool,
        with_past: bool,
    ) -> Fallible<'a, Chooser> {
        Box::pin(async move {
            match &self.plain {
                None => chooser::chooser(ci, pushes, exact, with_past).await,
                Some(_) => Err(Error::Usage(format!(
                    "the pushes of {} have no task graphs, so it is not known what could run on them; `jobs` shows what ran",
                    ci.repo
                ))),
            }
        })
    }
}

impl RunSource for TaskclusterBackend {
    fn histories<'a>(
        &'a self,
        ci: &'a Ci,
        question: HistoryQuestion<'a>,
    ) -> Fallible<'a, Vec<JobHistory>> {
        Box::pin(async move {
            match &self.plain {
                None => history::read_as_ended(ci, question, None).await,
                Some(plain) => plain::read_jobs(ci, plain, question).await,
            }
        })
    }

    fn history_about<'a>(
        &'a self,
        ci: &'a Ci,
        question: HistoryQuestion<'a>,
        about: &'a About,
    ) -> Fallible<'a, JobHistory> {
        Box::pin(chunks::read_job(ci, question, about))
    }

    fn matrix<'a>(
        &'a self,
        ci: &'a Ci,
        pushes: &'a [Push],
        filter: &'a JobFilter,
    ) -> Fallible<'a, Matrix> {
        Box::pin(async move {
            match &self.plain {
                None => matrix::read_matrix(ci, pushes, filter).await,
                Some(plain) => plain::read_matrix(ci, plain, pushes, filter).await,
            }
        })
    }

    fn runs<'a>(
        &'a self,
        ci: &'a Ci,
        pushes: &'a [Push],
        job: &'a JobName,
    ) -> Fallible<'a, Vec<Vec<Run>>> {
        Box::pin(async move {
            match &self.plain {
                None => history::runs(ci, pushes, job).await,
                Some(plain) => plain::runs(ci, plain, pushes, job).await,
            }
        })
    }

    fn siblings<'a>(
        &'a self,
        ci: &'a Ci,
        pushes: &'a [Push],
        job: &'a JobName,
    ) -> Fallible<'a, Vec<JobName>> {
        Box::pin(history::siblings(ci, pushes, job))
    }

    fn settle_times<'a>(&'a self, ci: &'a Ci, histories: &'a mut [JobHistory]) -> Fallible<'a, ()> {
        Box::pin(history::settle_times(ci, histories))
    }

    fn given<'a>(&'a self, ci: &'a Ci, tasks: Vec<TaskId>) -> Fallible<'a, HashMap<TaskId, Given>> {
        Box::pin(chunks::given_to(ci, tasks))
    }

    fn pool_of<'a>(&'a self, ci: &'a Ci, task: TaskId) -> Fallible<'a, Option<String>> {
        Box::pin(async move { Ok(history::definition(ci, task).await?.pool) })
    }

    fn is_group_platform(&self, platform: &str) -> bool {
        let rest = platform.strip_prefix(self.decision_platform.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn at_work<'a>(
        &'a self,
        ci: &'a Ci,
        ledger: &'a Ledger,
        pushes: &'a [Push],
        filter: &'a JobFilter,
        known: &'a HashSet<TaskId>,
    ) -> Fallible<'a, AtWork> {
        Box::pin(async move {
            match &self.plain {
                None => at_work::at_work(ci, ledger, pushes, filter, known).await,
                // There nothing but the groups was read.
                Some(_) => Ok(AtWork::default()),
            }
        })
    }
}

impl Trigger for TaskclusterBackend {
    fn can_request(&self) -> bool {
        self.taskcluster.has_credentials()
    }

    fn requester(&self) -> String {
        self.taskcluster.client().unwrap_or_default().to_owned()
    }

    fn sign_in(&self) -> Fallible<'_, ()> {
        Box::pin(async move {
            let signed_in = self.taskcluster.sign_in().await;
            signed_in.map_err(|error| Error::NotAllowed(error.words()))
        })
    }

    fn prepare<'a>(&'a self, ci: &'a Ci, plan: &'a Plan) -> Fallible<'a, Prepared> {
        Box::pin(prepare::prepare(ci, plan))
    }

    fn send<'a>(
        &'a self,
        ci: &'a Ci,
        ledger: &'a Ledger,
        to_send: &'a [(TriggerRequest, ReadyRequest)],
        cancel: &'a CancellationToken,
        on_result: &'a mut (dyn FnMut(&TriggerResult) + Send),
    ) -> Fallible<'a, Vec<TriggerResult>> {
        Box::pin(send::send_all(ci, ledger, to_send, cancel, on_result))
    }

    fn settle<'a>(&'a self, ci: &'a Ci, ledger: &'a Ledger) -> Fallible<'a, Vec<TriggerRequest>> {
        Box::pin(reconcile::reconcile(ci, ledger))
    }

    fn wait<'a>(
        &'a self,
        ci: &'a Ci,
        outcomes: &'a mut [Outcome],
        subscription: &'a mut Subscription,
        cancel: &'a CancellationToken,
        on_change: &'a mut (dyn FnMut(&Outcome) + Send),
    ) -> Fallible<'a, ()> {
        Box::pin(wait::wait(ci, outcomes, subscription, cancel, on_change))
    }

    fn stand<'a>(&'a self, ci: &'a Ci, outcomes: &'a mut [Outcome]) -> Fallible<'a, ()> {
        Box::pin(wait::stand(ci, outcomes))
    }

    fn cancels(&self, run: &Run) -> Option<Sends> {
        run.key.task().map(|task| Sends::new(TaskSends::Cancel(task)))
    }

    fn link(&self, request: RequestId) -> Option<String> {
        request.task().map(|task| self.taskcluster.task_link(task))
    }

    fn can_mark(&self) -> bool {
        self.treeherder.is_some()
    }

    fn mark<'a>(
        &'a self,
        ci: &'a Ci,
        ledger: &'a mut Ledger,
        of: &'a MarkOf<'a>,
        cancel: &'a CancellationToken,
    ) -> Fallible<'a, Marked> {
        Box::pin(marker::mark(ci, ledger, of, cancel))
    }
}

impl EventSource for TaskclusterBackend {
    fn listen<'a>(
        &'a self,
        ci: &'a Ci,
        facts: Vec<&'a PushFacts>,
        instance: Option<&'a str>,
    ) -> Fallible<'a, Subscription> {
        Box::pin(listen::listen(ci, self.pulse.as_ref(), facts, instance))
    }
}

impl EvidenceSource for TaskclusterBackend {
    fn find_run<'a>(&'a self, ci: &'a Ci, spec: &'a RunSpec) -> Fallible<'a, AskedRun> {
        Box::pin(find::find_run(ci, spec))
    }

    fn revision_of<'a>(&'a self, ci: &'a Ci, task: TaskId) -> Fallible<'a, String> {
        Box::pin(tasks::revision_of_task(ci, task))
    }

    fn check_is_a_job<'a>(&'a self, ci: &'a Ci, task: TaskId) -> Fallible<'a, ()> {
        Box::pin(linked::check_is_a_job(ci, task))
    }

    fn read<'a>(
        &'a self,
        ci: &'a Ci,
        run: &'a AskedRun,
        wish: &'a EvidenceWish,
    ) -> Answer<'a, EvidenceRead> {
        Box::pin(evidence::read(ci, run, wish))
    }
}

impl HealthCheck for TaskclusterBackend {
    fn checks<'a>(&'a self, ci: &'a Ci) -> Answer<'a, Vec<Check>> {
        Box::pin(doctor::doctor(ci))
    }
}
