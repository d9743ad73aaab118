//! A CI that is a folder of JSON files, written against the roles: what a new kind of CI takes.
//!
//! `pushes.json` has the pushes, oldest first. A run is a file `runs/PUSH/JOB/N.json` with its state. A request
//! makes one that is pending; what the job does there (`does` of the world) is its outcome once somebody looks.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use mozci_core::facts::{Build, Decision, Forced, Forcing, PushFacts};
use mozci_core::filter::{Facets, JobFilter};
use mozci_core::ids::{BuildRequestId, JobName, PushId, PushlogId, RequestId, Revision, Vcs};
use mozci_core::plan::{Plan, Through};
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_core::run::{Run, RunKey, State};
use mozci_core::run_spec::RunSpec;
use mozci_core::time::At;
use mozci_engine::Error;
use mozci_engine::backend::{
    Answer, Backend, Capabilities, EventSource, EvidenceSource, Fallible, FoundRange, HealthCheck,
    HistoryQuestion, JobCatalog, PushSource, RunSource, Trigger,
};
use mozci_engine::ci::Ci;
use mozci_engine::events::Ear;
use mozci_engine::flow::{
    AskResult, AskedRun, BuildOf, Check, Chooser, Chosen, EvidenceRead, EvidenceWish, JobHistory,
    Matrix, Outcome, Prepared, ReadyAsk, Sendable, Sends, WrittenDown, pause,
};
use mozci_engine::store::{AskId, AskState, AskedJob, Asking, Ledger};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The folder, and what its jobs do.
#[derive(Debug)]
pub(crate) struct Toy {
    folder: PathBuf,
    /// The first push on which the job fails, and on every later one.
    pub(crate) culprit: u64,
    /// Answers that get lost after the request arrived, one a request.
    pub(crate) lost_answers: Mutex<u32>,
}

impl Toy {
    /// A world with so many pushes and one job, which passed on the first push and failed on the last.
    pub(crate) fn new(folder: &Path, pushes: u64, culprit: u64) -> Self {
        let each: Vec<Value> = (1..=pushes).map(|id| json!({"id": id, "date": id * 60})).collect();
        let folder = folder.join("ci");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("pushes.json"), json!(each).to_string()).unwrap();
        let toy = Self { folder, culprit, lost_answers: Mutex::new(0) };
        toy.write_run(1, "job", 1, "passed");
        toy.write_run(pushes, "job", 1, "failed");
        toy
    }

    fn runs_folder(&self, push: u64, job: &str) -> PathBuf {
        self.folder.join("runs").join(push.to_string()).join(job)
    }

    fn write_run(&self, push: u64, job: &str, number: u64, state: &str) {
        let folder = self.runs_folder(push, job);
        std::fs::create_dir_all(&folder).unwrap();
        let body = json!({"state": state}).to_string();
        std::fs::write(folder.join(format!("{number}.json")), body).unwrap();
    }

    /// Every run of a job on a push. With `ends` what is pending ends now.
    pub(crate) fn runs_on(&self, push: u64, job: &str, ends: bool) -> Vec<Run> {
        let mut runs = Vec::new();
        for number in 1.. {
            let path = self.runs_folder(push, job).join(format!("{number}.json"));
            let Ok(text) = std::fs::read_to_string(path) else { break };
            let mut state = serde_json::from_str::<Value>(&text).unwrap()["state"].clone();
            if ends && state == "pending" {
                state = if push >= self.culprit { "failed" } else { "passed" }.into();
                self.write_run(push, job, number, state.as_str().unwrap());
            }
            let request = RequestId::BuildRequest(BuildRequestId(push * 1000 + number));
            let state = match state.as_str() {
                Some("passed") => State::Passed,
                Some("failed") => State::Failed,
                _ => State::Pending,
            };
            runs.push(Run::new(RunKey { request, run: 0 }, state));
        }
        runs
    }

    fn pushes(&self) -> Vec<Push> {
        let text = std::fs::read_to_string(self.folder.join("pushes.json")).unwrap();
        let all: Vec<Value> = serde_json::from_str(&text).unwrap();
        let push = |entry: &Value| {
            let id = entry["id"].as_u64().unwrap();
            Push {
                id: PushId::Pushlog(PushlogId(id)),
                revision: Revision::new(Vcs::Git, &format!("{id:040x}")).unwrap(),
                git: None,
                author: "somebody".into(),
                date: At(entry["date"].as_i64().unwrap()),
                changesets: Vec::new(),
            }
        };
        all.iter().map(push).collect()
    }

    fn history(&self, question: HistoryQuestion<'_>, job: &JobName) -> Result<JobHistory, Error> {
        let facts = question.pushes.iter().map(|push| {
            let (runs, asked, doubtful) =
                (self.runs_on(push.id.number(), job.as_str(), true), 0, 0);
            let route = Forcing::Route(format!("file {}", push.id));
            let forced = Forced { job: route.clone(), build: route, starts: false };
            let (push, build) = (push.clone(), Build::NotNeeded);
            let decision = Decision::Forced(forced);
            PushFacts { push, runs, asked, doubtful, build, decision, chunk: None }
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
    fn written(&self, id: &AskId, _jobs: &[AskedJob]) -> WrittenDown {
        let body = json!({"push": self.0, "id": id.as_str()});
        WrittenDown { action: "file".into(), body, ..WrittenDown::default() }
    }
}

impl Backend for Toy {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            graphs: false,
            chunks: false,
            coalesces: false,
            reads_ranges: true,
            siblings: false,
            tasks: false,
            signs: false,
            patience: Duration::ZERO,
            request_noun: "file",
            confirmed_by: "the folder",
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

    fn chosen<'a>(
        &'a self,
        ci: &'a Ci,
        _push: &'a Push,
        filter: &'a JobFilter,
    ) -> Fallible<'a, Chosen> {
        self.choose(ci, &[], filter)
    }

    fn chooser<'a>(
        &'a self,
        _ci: &'a Ci,
        _pushes: &'a [Push],
        _exact: bool,
        _with_past: bool,
    ) -> Fallible<'a, Chooser> {
        Box::pin(async { Err(Error::Usage("a folder has no graph".into())) })
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

    fn history_about<'a>(
        &'a self,
        ci: &'a Ci,
        question: HistoryQuestion<'a>,
        _about: &'a mozci_evidence::About,
    ) -> Fallible<'a, JobHistory> {
        Box::pin(async move { Ok(self.histories(ci, question).await?.remove(0)) })
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
        Box::pin(async move { Ok(Matrix { jobs, rows, behind: None, incomplete: None }) })
    }

    fn runs<'a>(
        &'a self,
        _ci: &'a Ci,
        pushes: &'a [Push],
        job: &'a JobName,
    ) -> Fallible<'a, Vec<Vec<Run>>> {
        let of = |push: &Push| self.runs_on(push.id.number(), job.as_str(), false);
        let runs = pushes.iter().map(of).collect();
        Box::pin(async move { Ok(runs) })
    }
}

impl Trigger for Toy {
    fn can_request(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, _ci: &'a Ci, plan: &'a Plan) -> Fallible<'a, Prepared> {
        let mut prepared = Prepared::default();
        for request in &plan.requests {
            let Through::Route(route) = &request.through else { continue };
            for _ in 0..request.times {
                prepared.asks.push(ReadyAsk {
                    push: request.push.clone(),
                    jobs: vec![AskedJob {
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
        to_send: &'a [(Asking, ReadyAsk)],
        cancel: &'a CancellationToken,
        on_result: &'a mut (dyn FnMut(&AskResult) + Send),
    ) -> Fallible<'a, Vec<AskResult>> {
        Box::pin(async move {
            let mut results = Vec::new();
            for (asking, ask) in to_send {
                let state = match ask.sends.get::<File>() {
                    _ if cancel.is_cancelled() => {
                        AskState::NotSent { detail: "interrupted before it was sent".into() }
                    }
                    Some(File(push)) if ledger.sending(&asking.id, ci.now())? => {
                        let job = ask.jobs[0].job.as_str();
                        let number = self.runs_on(*push, job, false).len() as u64 + 1;
                        self.write_run(*push, job, number, "pending");
                        let mut lost = self.lost_answers.lock().unwrap();
                        match lost.checked_sub(1) {
                            Some(rest) => {
                                *lost = rest;
                                AskState::Uncertain { detail: "the answer was lost".into() }
                            }
                            None => AskState::Sent {
                                request: BuildRequestId(push * 1000 + number).into(),
                            },
                        }
                    }
                    _ => AskState::NotSent { detail: "nobody wants it any more".into() },
                };
                ledger.mark(&asking.id, &state)?;
                let result = AskResult::new(asking, ask, state, ci.now());
                on_result(&result);
                results.push(result);
            }
            Ok(results)
        })
    }

    // A file that is there is a run that counts, whoever made it.
    fn settle<'a>(&'a self, ci: &'a Ci, ledger: &'a Ledger) -> Fallible<'a, Vec<Asking>> {
        Box::pin(async move {
            let mut settled = Vec::new();
            for asking in ledger.open_askings(&ci.root_url)? {
                let runs = self.runs_on(asking.push, asking.jobs[0].job.as_str(), false);
                let Some(run) = runs.last().filter(|_| !asking.is_in_hand()) else { continue };
                let state = AskState::Sent { request: run.key.request };
                if ledger.settle(&asking, &state)? {
                    settled.push(Asking { state, ..asking });
                }
            }
            Ok(settled)
        })
    }

    fn wait<'a>(
        &'a self,
        ci: &'a Ci,
        outcomes: &'a mut [Outcome],
        _ear: &'a mut Ear,
        cancel: &'a CancellationToken,
        on_change: &'a mut (dyn FnMut(&Outcome) + Send),
    ) -> Fallible<'a, ()> {
        Box::pin(async move {
            while !cancel.is_cancelled() && outcomes.iter().any(|outcome| !outcome.done) {
                self.stand(ci, outcomes).await?;
                outcomes.iter().for_each(&mut *on_change);
                pause(ci.poll, cancel).await;
            }
            Ok(())
        })
    }

    fn stand<'a>(&'a self, _ci: &'a Ci, outcomes: &'a mut [Outcome]) -> Fallible<'a, ()> {
        for outcome in outcomes.iter_mut() {
            let runs = self.runs_on(outcome.push.id.number(), outcome.job.as_str(), true);
            outcome.runs = runs.into_iter().filter(|r| r.key.request == outcome.action).collect();
            outcome.done = outcome.runs.iter().all(|run| run.state.is_final());
        }
        Box::pin(async { Ok(()) })
    }

    fn cancels(&self, _run: &Run) -> Option<Sends> {
        None
    }

    fn link(&self, request: RequestId) -> Option<String> {
        Some(format!("file:{request}"))
    }
}

impl EventSource for Toy {}

impl EvidenceSource for Toy {
    fn find_run<'a>(&'a self, _ci: &'a Ci, _spec: &'a RunSpec) -> Fallible<'a, AskedRun> {
        Box::pin(async { Err(Error::NotFound("a folder has no links".into())) })
    }

    fn read<'a>(
        &'a self,
        _ci: &'a Ci,
        _run: &'a AskedRun,
        _wish: &'a EvidenceWish,
    ) -> Answer<'a, EvidenceRead> {
        Box::pin(async { EvidenceRead::failed("a folder has no logs".into()) })
    }
}

impl HealthCheck for Toy {
    fn checks<'a>(&'a self, _ci: &'a Ci) -> Answer<'a, Vec<Check>> {
        Box::pin(async { Vec::new() })
    }
}

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
