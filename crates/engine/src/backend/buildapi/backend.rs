//! A farm of 2011 to 2017 in the roles of a backend.

use std::any::Any;

use mozci_core::filter::JobFilter;
use mozci_core::ids::{JobName, RequestId};
use mozci_core::plan::Plan;
use mozci_core::push::Push;
use mozci_core::run::Run;
use mozci_core::run_spec::RunSpec;
use tokio_util::sync::CancellationToken;

use super::api::BuildApi;
use super::sends::SelfServeSends;
use super::{
    choose, chooser, chosen, doctor, every, evidence, prepare, read_jobs, read_matrix, reconcile,
    send_all, wait,
};
use crate::backend::roles::no_tasks;
use crate::backend::{
    Answer, Backend, Capabilities, EventSource, EvidenceSource, Fallible, HealthCheck,
    HistoryQuestion, JobCatalog, RunSource, Trigger,
};
use crate::ci::Ci;
use crate::error::Error;
use crate::events::Subscription;
use crate::flow::{
    AskedRun, Check, Chooser, Chosen, EvidenceRead, EvidenceWish, JobHistory, Matrix, Outcome,
    Prepared, ReadyRequest, Sends, TriggerResult,
};
use crate::store::{Ledger, TriggerRequest};

/// The farm of a CI that is one.
pub(crate) fn of_buildapi(ci: &Ci) -> Result<&BuildApi, Error> {
    let any: &dyn Any = ci.backend();
    any.downcast_ref().ok_or_else(|| Error::Usage(format!("{} is not a BuildAPI", ci.root_url)))
}

impl Backend for BuildApi {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            request_noun: "task",
            confirmed_by: "the hook's record",
            ..Capabilities::default()
        }
    }
}

impl JobCatalog for BuildApi {
    fn choose<'a>(
        &'a self,
        ci: &'a Ci,
        _pushes: &'a [Push],
        filter: &'a JobFilter,
    ) -> Fallible<'a, Chosen> {
        Box::pin(choose(ci, self, filter))
    }

    fn chosen<'a>(
        &'a self,
        ci: &'a Ci,
        push: &'a Push,
        filter: &'a JobFilter,
    ) -> Fallible<'a, Chosen> {
        Box::pin(chosen(ci, self, push, filter))
    }

    fn chooser<'a>(
        &'a self,
        ci: &'a Ci,
        pushes: &'a [Push],
        _exact: bool,
        with_past: bool,
    ) -> Fallible<'a, Chooser> {
        Box::pin(chooser(ci, self, pushes, with_past))
    }

    fn cadence<'a>(&'a self, _ci: &'a Ci, job: &'a JobName) -> Fallible<'a, Option<u32>> {
        Box::pin(every(self, job))
    }
}

impl RunSource for BuildApi {
    fn histories<'a>(
        &'a self,
        ci: &'a Ci,
        question: HistoryQuestion<'a>,
    ) -> Fallible<'a, Vec<JobHistory>> {
        let HistoryQuestion { ledger, pushes, jobs, read_at, .. } = question;
        Box::pin(read_jobs(ci, self, ledger, pushes, jobs, read_at))
    }

    fn matrix<'a>(
        &'a self,
        ci: &'a Ci,
        pushes: &'a [Push],
        filter: &'a JobFilter,
    ) -> Fallible<'a, Matrix> {
        Box::pin(read_matrix(ci, self, pushes, filter))
    }
}

impl Trigger for BuildApi {
    fn can_request(&self) -> bool {
        self.self_serve.is_some()
    }

    fn requester(&self) -> String {
        self.user().unwrap_or_default().to_owned()
    }

    fn sign_in(&self) -> Fallible<'_, ()> {
        Box::pin(BuildApi::sign_in(self))
    }

    fn prepare<'a>(&'a self, _ci: &'a Ci, plan: &'a Plan) -> Fallible<'a, Prepared> {
        Box::pin(async move { Ok(prepare(self, plan)) })
    }

    fn send<'a>(
        &'a self,
        ci: &'a Ci,
        ledger: &'a Ledger,
        to_send: &'a [(TriggerRequest, ReadyRequest)],
        cancel: &'a CancellationToken,
        on_result: &'a mut (dyn FnMut(&TriggerResult) + Send),
    ) -> Fallible<'a, Vec<TriggerResult>> {
        Box::pin(send_all(ci, self, ledger, to_send, cancel, on_result))
    }

    fn settle<'a>(&'a self, ci: &'a Ci, ledger: &'a Ledger) -> Fallible<'a, Vec<TriggerRequest>> {
        Box::pin(reconcile(ci, ledger))
    }

    fn wait<'a>(
        &'a self,
        ci: &'a Ci,
        outcomes: &'a mut [Outcome],
        _subscription: &'a mut Subscription,
        cancel: &'a CancellationToken,
        on_change: &'a mut (dyn FnMut(&Outcome) + Send),
    ) -> Fallible<'a, ()> {
        Box::pin(wait(ci, self, outcomes, cancel, on_change))
    }

    fn cancels(&self, run: &Run) -> Option<Sends> {
        let RequestId::BuildRequest(request) = run.key.request else { return None };
        let build = run.more.as_ref().and_then(|more| more.build);
        Some(Sends::new(SelfServeSends::Cancel { request, build }))
    }
}

impl EventSource for BuildApi {}

impl EvidenceSource for BuildApi {
    fn find_run<'a>(&'a self, ci: &'a Ci, spec: &'a RunSpec) -> Fallible<'a, AskedRun> {
        let error = match spec {
            RunSpec::Task { .. } => no_tasks(ci),
            RunSpec::Build { .. } => {
                Error::Usage(format!("{} is not a Buildbot master", ci.root_url))
            }
        };
        Box::pin(async move { Err(error) })
    }

    fn read<'a>(
        &'a self,
        _ci: &'a Ci,
        run: &'a AskedRun,
        wish: &'a EvidenceWish,
    ) -> Answer<'a, EvidenceRead> {
        Box::pin(evidence::read(self, run, wish))
    }
}

impl HealthCheck for BuildApi {
    fn checks<'a>(&'a self, ci: &'a Ci) -> Answer<'a, Vec<Check>> {
        Box::pin(doctor(ci, self))
    }
}
