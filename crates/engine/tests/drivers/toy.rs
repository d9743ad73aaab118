//! A backend for a CI that is a folder of files, written against the roles: what a new kind of CI takes.

use mozci_clients::http::{HttpError, Problem};
use mozci_core::facts::{Build, Decision, Forced, Forcing, PushFacts};
use mozci_core::filter::{Facets, JobFilter};
use mozci_core::ids::JobName;
use mozci_core::plan::{Plan, Through};
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_engine::Error;
use mozci_engine::backend::{
    Backend, Capabilities, EventSource, EvidenceSource, Fallible, FoundRange, HealthCheck,
    HistoryQuestion, JobCatalog, PushSource, RunSource, Trigger,
};
use mozci_engine::ci::Ci;
use mozci_engine::events::Subscription;
use mozci_engine::flow::{
    BuildOf, Chosen, JobHistory, Matrix, Outcome, Prepared, ReadyRequest, Sendable, Sends,
    TriggerResult, WrittenDown, pause,
};
use mozci_engine::store::{Ledger, RequestedJob, TriggerId, TriggerRequest, TriggerState};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::folder::{Toy, request_id};

impl Toy {
    fn history(&self, question: HistoryQuestion<'_>, job: &JobName) -> Result<JobHistory, Error> {
        let facts = question.pushes.iter().map(|push| {
            let (runs, requested, doubtful) =
                (self.runs_on(push.id.number(), job.as_str(), true), 0, 0);
            let route = Forcing::Route(format!("file {}", push.id));
            let forced = Forced { job: route.clone(), build: route, starts: false };
            let (push, build) = (push.clone(), Build::NotNeeded);
            let decision = Decision::Forced(forced);
            PushFacts { push, runs, requested, doubtful, build, decision, chunk: None }
        });
        Ok(JobHistory {
            job: job.clone(),
            build: BuildOf::Nothing,
            inferred: false,
            facts: facts.collect(),
            build_runs: vec![Vec::new(); question.pushes.len()],
            read_at: question.read_at,
        })
    }
}

/// A file to be made.
#[derive(Debug)]
struct File(u64);

impl Sendable for File {
    fn written(&self, id: &TriggerId, _jobs: &[RequestedJob]) -> WrittenDown {
        let body = json!({"push": self.0, "id": id.as_str()});
        WrittenDown { action: "file".into(), body, ..WrittenDown::default() }
    }
}

impl Backend for Toy {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            reads_ranges: true,
            request_noun: "file",
            confirmed_by: "the folder",
            ..Capabilities::default()
        }
    }
}

impl JobCatalog for Toy {
    fn choose<'a>(
        &'a self,
        _ci: &'a Ci,
        _pushes: &'a [Push],
        filter: &'a JobFilter,
    ) -> Fallible<'a, Chosen> {
        let jobs: Vec<JobName> =
            filter.keeps(&Facets::of("job")).then(|| JobName::new("job")).into_iter().collect();
        let builds = vec![BuildOf::Nothing; jobs.len()];
        Box::pin(async move { Ok(Chosen { jobs, builds }) })
    }
}

impl RunSource for Toy {
    fn histories<'a>(
        &'a self,
        _ci: &'a Ci,
        question: HistoryQuestion<'a>,
    ) -> Fallible<'a, Vec<JobHistory>> {
        let each = question.jobs.iter().map(|job| self.history(question, job)).collect();
        Box::pin(async move { each })
    }

    fn matrix<'a>(
        &'a self,
        _ci: &'a Ci,
        pushes: &'a [Push],
        _filter: &'a JobFilter,
    ) -> Fallible<'a, Matrix> {
        let row = |push: &Push| {
            let runs = self.runs_on(push.id.number(), "job", false);
            runs.into_iter().map(|run| (0, run)).collect()
        };
        let jobs = vec![(JobName::new("job"), JobName::new(""))];
        let rows = pushes.iter().map(row).collect();
        Box::pin(async move {
            Ok(Matrix { jobs, rows, behind: None, undecided: vec![], incomplete: None })
        })
    }
}

impl Trigger for Toy {
    fn can_request(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, _ci: &'a Ci, plan: &'a Plan) -> Fallible<'a, Prepared> {
        if let Some((push, times)) = self.broken.lock().unwrap().as_mut()
            && *times > 0
            && plan.requests.iter().any(|request| request.push.id.number() == *push)
        {
            *times -= 1;
            let problem = Problem::Broken("away".into());
            let error = HttpError { problem, method: "GET", url: "file:".into() };
            return Box::pin(async move { Err(Error::service("cannot read the folder")(error)) });
        }
        let mut prepared = Prepared::default();
        for request in &plan.requests {
            let Through::Route(route) = &request.through else { continue };
            for _ in 0..request.times {
                prepared.requests.push(ReadyRequest {
                    push: request.push.clone(),
                    jobs: vec![RequestedJob {
                        job: request.job.clone(),
                        times: 1,
                        why: request.why.to_string(),
                    }],
                    group: route.clone(),
                    sends: Sends::new(File(request.push.id.number())),
                });
            }
        }
        Box::pin(async move { Ok(prepared) })
    }

    fn send<'a>(
        &'a self,
        ci: &'a Ci,
        ledger: &'a Ledger,
        to_send: &'a [(TriggerRequest, ReadyRequest)],
        cancel: &'a CancellationToken,
        on_result: &'a mut (dyn FnMut(&TriggerResult) + Send),
    ) -> Fallible<'a, Vec<TriggerResult>> {
        Box::pin(async move {
            let mut results = Vec::new();
            for (trigger, ask) in to_send {
                let state = match ask.sends.get::<File>() {
                    _ if cancel.is_cancelled() => {
                        TriggerState::NotSent { detail: "interrupted before it was sent".into() }
                    }
                    Some(File(push)) if ledger.sending(&trigger.id, ci.now()).await? => {
                        let job = ask.jobs[0].job.as_str();
                        let number = self.runs_on(*push, job, false).len() as u64 + 1;
                        self.write_run(*push, job, number, "pending");
                        let mut lost = self.lost_answers.lock().unwrap();
                        match lost.checked_sub(1) {
                            Some(rest) => {
                                *lost = rest;
                                TriggerState::Uncertain { detail: "the answer was lost".into() }
                            }
                            None => TriggerState::Sent {
                                request: request_id(*push, job, number).into(),
                            },
                        }
                    }
                    _ => TriggerState::NotSent { detail: "nobody wants it any more".into() },
                };
                ledger.mark(&trigger.id, &state).await?;
                let result = TriggerResult::new(trigger, ask, state, ci.now());
                on_result(&result);
                results.push(result);
            }
            Ok(results)
        })
    }

    // A file that is there is a run that counts, whoever made it.
    fn settle<'a>(&'a self, ci: &'a Ci, ledger: &'a Ledger) -> Fallible<'a, Vec<TriggerRequest>> {
        Box::pin(async move {
            let mut settled = Vec::new();
            for trigger in ledger.open_requests(&ci.root_url).await? {
                let runs = self.runs_on(trigger.push, trigger.jobs[0].job.as_str(), false);
                let Some(run) = runs.last().filter(|_| !trigger.is_in_hand()) else { continue };
                let state = TriggerState::Sent { request: run.key.request };
                if ledger.settle(&trigger, &state).await? {
                    settled.push(TriggerRequest { state, ..trigger });
                }
            }
            Ok(settled)
        })
    }

    fn wait<'a>(
        &'a self,
        ci: &'a Ci,
        outcomes: &'a mut [Outcome],
        _subscription: &'a mut Subscription,
        cancel: &'a CancellationToken,
        on_change: &'a mut (dyn FnMut(&Outcome) + Send),
    ) -> Fallible<'a, ()> {
        Box::pin(async move {
            loop {
                for outcome in outcomes.iter_mut() {
                    let (push, job) = (outcome.push.id.number(), outcome.job.as_str());
                    let mut runs = self.runs_on(push, job, true);
                    runs.retain(|run| run.key.request == outcome.action);
                    outcome.done = runs.iter().all(|run| run.state.is_final());
                    outcome.runs = runs;
                    on_change(outcome);
                }
                if cancel.is_cancelled() || outcomes.iter().all(|outcome| outcome.done) {
                    return Ok(());
                }
                pause(ci.poll, cancel).await;
            }
        })
    }
}

impl EventSource for Toy {}

impl EvidenceSource for Toy {}

impl HealthCheck for Toy {}

impl PushSource for Toy {
    fn resolve<'a>(&'a self, _ci: &'a Ci, spec: &'a RevisionSpec) -> Fallible<'a, Push> {
        let found = self.pushes().into_iter().rev().find(|push| match spec {
            RevisionSpec::Id(id) => push.id.number() == *id,
            RevisionSpec::Hash(hash) => push.revision.hash().starts_with(hash),
            _ => true,
        });
        Box::pin(async move { found.ok_or_else(|| Error::NotFound("no such push".into())) })
    }

    fn range<'a>(&'a self, ci: &'a Ci, spec: &'a RangeSpec) -> Fallible<'a, FoundRange> {
        Box::pin(async move {
            let rev = self.resolve(ci, &spec.rev).await?.id.number();
            let (first, last) = match &spec.reach {
                Reach::Single => (rev, rev),
                Reach::Back(back) => (rev.saturating_sub(u64::from(*back)), rev),
                Reach::Delta(some) => {
                    (rev.saturating_sub(u64::from(*some)), rev + u64::from(*some))
                }
                Reach::From(from) => (self.resolve(ci, from).await?.id.number(), rev),
                Reach::Since(_) => (0, rev),
            };
            let mut pushes = self.pushes();
            pushes.retain(|push| (first..=last).contains(&push.id.number()));
            pushes.reverse();
            let origin = pushes.iter().position(|push| push.id.number() == rev).unwrap_or(0);
            Ok((pushes, origin, first <= 1))
        })
    }
}
