//! A Buildbot master in the roles of a backend.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use mozci_core::facts::PushFacts;
use mozci_core::filter::JobFilter;
use mozci_core::ids::{PushId, RequestId};
use mozci_core::plan::Plan;
use mozci_core::push::{Push, PushRef};
use mozci_core::revision::RevisionSpec;
use mozci_core::run::Run;
use mozci_core::run_spec::RunSpec;
use tokio_util::sync::CancellationToken;

use super::farm::Farm;
use super::sends::BuildSends;
use super::{
    check_plan, choose, chooser, chosen, doctor, events, evidence, fit_plan, prepare, read_jobs,
    read_matrix, reconcile, resolve, send_all, wait,
};
use crate::backend::roles::no_tasks;
use crate::backend::{
    Answer, Backend, Capabilities, EventSource, EvidenceSource, Fallible, HealthCheck,
    HistoryQuestion, JobCatalog, RunSource, Trigger,
};
use crate::ci::{Ci, Named};
use crate::error::Error;
use crate::events::{Hub, Subscription};
use crate::flow::resolve::called;
use crate::flow::{
    AskedRun, Check, Chooser, Chosen, EvidenceRead, EvidenceWish, JobHistory, Matrix, Outcome,
    Prepared, ReadyRequest, Sends, TriggerResult,
};
use crate::store::{Ledger, TriggerRequest};

/// How long a master that is started anew may be away.
const PATIENCE: Duration = Duration::from_secs(600);

/// The master of a CI that is one.
pub(crate) fn of_buildbot(ci: &Ci) -> Result<&Farm, Error> {
    let any: &dyn Any = ci.backend();
    any.downcast_ref()
        .ok_or_else(|| Error::Usage(format!("{} is not a Buildbot master", ci.root_url)))
}

/// The push that is meant, by its hash in another system, too.
pub(crate) async fn resolve_named(ci: &Ci, spec: &RevisionSpec) -> Result<Push, Error> {
    let farm = of_buildbot(ci)?;
    let found = resolve(ci, farm, spec).await;
    let (RevisionSpec::Hash(hash), Err(Error::NotFound(_))) = (spec, &found) else {
        return found;
    };
    match ci.named(hash).await? {
        Named::Here(named) => {
            let here = RevisionSpec::Hash(named.hash().to_owned());
            let push = resolve(ci, farm, &here).await;
            push.map_err(|error| called(hash, &named, error))
        }
        Named::Elsewhere(_) | Named::Nowhere => found,
    }
}

impl Backend for Farm {
    fn page_of(&self, push: &PushRef) -> Option<String> {
        match push.id {
            PushId::Change(change) => Some(self.master.change_link(change.0)),
            _ => None,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            coalesces: self.coalesces(),
            reads_ranges: true,
            patience: PATIENCE,
            request_noun: "request",
            confirmed_by: "the newest buildsets",
            ..Capabilities::default()
        }
    }
}

impl JobCatalog for Farm {
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
        _with_past: bool,
    ) -> Fallible<'a, Chooser> {
        Box::pin(chooser(ci, self, pushes))
    }
}

impl RunSource for Farm {
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

impl Trigger for Farm {
    // A master may be open to everybody.
    fn can_request(&self) -> bool {
        true
    }

    fn requester(&self) -> String {
        self.user().unwrap_or_default().to_owned()
    }

    fn sign_in(&self) -> Fallible<'_, ()> {
        Box::pin(Farm::sign_in(self))
    }

    fn takes_values(&self) -> bool {
        true
    }

    fn give(&self, _ci: &Ci, values: Vec<(String, String)>) -> Result<(), Error> {
        self.take(values.into_iter().collect());
        Ok(())
    }

    fn check<'a>(&'a self, ci: &'a Ci, plan: &'a Plan) -> Fallible<'a, ()> {
        Box::pin(check_plan(ci, self, plan))
    }

    fn fit<'a>(&'a self, ci: &'a Ci, plan: &'a mut Plan) -> Fallible<'a, ()> {
        Box::pin(fit_plan(ci, self, plan))
    }

    fn prepare<'a>(&'a self, ci: &'a Ci, plan: &'a Plan) -> Fallible<'a, Prepared> {
        Box::pin(prepare(ci, self, plan))
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
        Box::pin(reconcile(ci, self, ledger))
    }

    fn wait<'a>(
        &'a self,
        ci: &'a Ci,
        outcomes: &'a mut [Outcome],
        subscription: &'a mut Subscription,
        cancel: &'a CancellationToken,
        on_change: &'a mut (dyn FnMut(&Outcome) + Send),
    ) -> Fallible<'a, ()> {
        Box::pin(wait(ci, self, outcomes, subscription, cancel, on_change))
    }

    fn cancels(&self, run: &Run) -> Option<Sends> {
        let RequestId::BuildRequest(request) = run.key.request else { return None };
        Some(Sends::new(match run.more.as_ref().and_then(|more| more.build) {
            Some(build) => BuildSends::Stop { build, request },
            None => BuildSends::Withdraw(request),
        }))
    }

    fn link(&self, request: RequestId) -> Option<String> {
        match request {
            RequestId::BuildRequest(id) => Some(self.master.request_link(id)),
            _ => None,
        }
    }
}

impl EventSource for Farm {
    fn listen<'a>(
        &'a self,
        ci: &'a Ci,
        _facts: Vec<&'a PushFacts>,
        _instance: Option<&'a str>,
    ) -> Fallible<'a, Subscription> {
        Box::pin(async move {
            let master = self.master().await?.clone();
            let (hub, events_received) = Hub::new(None, None);
            let first = master.events().await.ok();
            if let Some(first) = &first {
                hub.connected(first.channel.into());
            }
            hub.runs(tokio::spawn(events::listen(master, first, Arc::downgrade(&hub))));
            Ok(Subscription::on(ci, hub, events_received))
        })
    }
}

impl EvidenceSource for Farm {
    fn find_run<'a>(&'a self, ci: &'a Ci, spec: &'a RunSpec) -> Fallible<'a, AskedRun> {
        Box::pin(async move {
            match spec {
                RunSpec::Build { which, .. } => evidence::find(self, which).await,
                RunSpec::Task { .. } => Err(no_tasks(ci)),
            }
        })
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

impl HealthCheck for Farm {
    fn checks<'a>(&'a self, ci: &'a Ci) -> Answer<'a, Vec<Check>> {
        Box::pin(doctor(ci, self))
    }
}
