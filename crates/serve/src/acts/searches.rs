//! Searches that somebody began on a page, driven here until they end.

use std::num::NonZeroU32;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision_name::RevisionName;
use mozci_core::time::At;
use mozci_engine::Error;
use mozci_engine::ci::Ci;
use mozci_engine::drive::search::{
    Repositories, SearchContext, SearchOptions, SearchProgress, names, search, take_the_same,
    verdict_line,
};
use mozci_engine::drive::{
    Consent, Observer, Permission, Progress, Question, Session, check_resumable, claim_again,
    open_ledger,
};
use mozci_engine::flow::{BisectQuestion, Subjects, judge_by, read_range, spelled};
use mozci_engine::store::{Investigation, InvestigationState, Lease};
use mozci_pages::{About, plural, report};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::chase::chase;
use super::host::line;
use crate::error::whole;

/// What somebody wants to be searched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SearchWanted {
    /// The job that is run.
    pub(crate) job: String,
    /// The push on which it fails.
    pub(crate) bad: String,
    /// The test that is chased; the whole job where there is none.
    #[serde(default)]
    pub(crate) test: Option<String>,
    /// Runs at the most.
    pub(crate) budget: u32,
}

/// A search that is driven here, or was.
pub(crate) struct Live {
    pub(crate) repo: String,
    pub(crate) wanted: SearchWanted,
    /// What happened, oldest first.
    pub(crate) events: Mutex<Vec<(At, String)>>,
    /// The report, once it ended with something to report.
    pub(crate) report: Mutex<Option<String>>,
    /// Whether it has ended, and with what error.
    pub(crate) ended: Mutex<Option<Result<(), String>>>,
    pub(crate) cancel: CancellationToken,
}

impl Live {
    fn new(repo: &str, wanted: SearchWanted, cancel: &CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            repo: repo.to_owned(),
            wanted,
            events: Mutex::new(Vec::new()),
            report: Mutex::new(None),
            ended: Mutex::new(None),
            cancel: cancel.child_token(),
        })
    }
}

/// Events of one search that are kept at the most.
const MOST: usize = 2_000;

struct Host {
    live: Arc<Live>,
    /// Who waits for the investigation's id.
    begun: Option<oneshot::Sender<String>>,
    program: String,
    version: String,
}

impl Host {
    fn say(&self, ci: &Ci, text: String) {
        let mut events = self.live.events.lock();
        if events.len() < MOST {
            events.push((ci.now(), text));
        }
    }
}

impl Observer for Host {
    fn on(&mut self, ci: &Ci, progress: Progress<'_>) {
        if let Some(line) = line(&progress) {
            return self.say(ci, line);
        }
        let Progress::Search(progress) = progress else { return };
        match progress {
            SearchProgress::Begun { id } => {
                if let Some(begun) = self.begun.take() {
                    // Whoever waited may have gone away; the search goes on.
                    let _ = begun.send(id.to_owned());
                }
            }
            SearchProgress::Opened { case, .. } => self.say(
                ci,
                format!(
                    "{} suspects between push {} and {}",
                    case.hunt().suspects(),
                    case.good().id,
                    case.bad().id
                ),
            ),
            SearchProgress::Round { number, plan } => {
                self.say(
                    ci,
                    format!("round {number}: {} requested", plural(plan.runs() as usize, "run")),
                );
            }
            SearchProgress::Belief { search, case, requested } => {
                let posterior = search.posterior();
                let best = (1..posterior.suspects.len())
                    .max_by(|a, b| posterior.suspects[*a].total_cmp(&posterior.suspects[*b]));
                let named = best.and_then(|best| {
                    Some((case.hunt().push(best)?.push.id, posterior.suspects[best]))
                });
                if let Some((id, share)) = named {
                    let share = mozci_core::rate::probability(share);
                    self.say(
                        ci,
                        format!(
                            "{} requested so far; likeliest: push {id} ({share})",
                            plural(requested as usize, "run")
                        ),
                    );
                }
            }
            SearchProgress::Widened { case } => {
                self.say(
                    ci,
                    format!("the good push fails, too: going back to push {}", case.good().id),
                );
            }
            SearchProgress::Finished(finished) => {
                let about = About { program: &self.program, version: &self.version, now: ci.now() };
                *self.live.report.lock() = Some(report(finished, ci, about));
                let summary = match finished.ended {
                    mozci_engine::drive::search::Ended::Verdict(verdict) => {
                        verdict_line(verdict, &names(finished.case))
                    }
                    _ => finished.end()["summary"].as_str().unwrap_or("ended").to_owned(),
                };
                self.say(ci, summary);
            }
            _ => {}
        }
    }
}

impl Consent for Host {
    fn confirm<'a>(&'a mut self, _question: Question<'a>) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async { Ok(false) })
    }
}

/// What a search is begun with besides what is wanted.
pub(super) struct Begin {
    pub(super) open: Arc<dyn Repositories>,
    pub(super) repo: String,
    pub(super) program: String,
    pub(super) version: String,
    pub(super) cancel: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// Begins a search: the investigation's id, or why none was begun, and what can be seen of it.
pub(super) async fn begin(
    begin: Begin,
    wanted: SearchWanted,
) -> Result<(String, Arc<Live>), Error> {
    let Begin { open, repo, program, version, cancel, tasks } = begin;
    let ci = open.open(&repo)?;
    let name: RevisionName =
        wanted.bad.parse().map_err(|error| Error::Usage(format!("{error}")))?;
    let spec =
        RangeSpec { rev: spelled(&ci, &name).await?, reach: Reach::Single, every: NonZeroU32::MIN };
    let bad = read_range(&ci, &spec).await?.pushes.remove(0);
    let subjects = Subjects { test: wanted.test.clone(), ..Subjects::default() };
    judge_by(&ci, &subjects).await?;
    let mut said = None;
    if wanted.test.is_none() {
        said = Some(chase(&ci, &wanted.job, std::slice::from_ref(&bad)).await?);
    }
    let question = BisectQuestion {
        job: wanted.job.clone(),
        about: ci.about(),
        bad: bad.revision.hash().to_owned(),
        budget: wanted.budget,
        ..BisectQuestion::usual()
    };
    // An open search of the same question goes on, under the budget that it had.
    let store = ci.store().await?;
    let lease = take_the_same(&*store, &ci, &question).await?;
    let live = Live::new(&repo, wanted, &cancel);
    live.events.lock().extend(said.map(|said| (ci.now(), said)));
    run(ci, (open, program, version, tasks), (question, lease), live).await
}

/// Goes on with a search that nobody drives.
///
/// # Errors
/// [`Error::Usage`] for a watch, and for one that somebody else drives.
pub(super) async fn resume(begin: Begin, found: &Investigation) -> Result<Arc<Live>, Error> {
    let Begin { open, repo, program, version, cancel, tasks } = begin;
    let ci = open.open(&repo)?;
    check_resumable(&ci, found)?;
    if found.state != InvestigationState::Open {
        return Err(Error::Usage(format!(
            "investigation {} has ended: nothing was sent",
            found.id
        )));
    }
    let question = BisectQuestion::of(found)?;
    if let Some(about) = &question.about {
        ci.judge_by(about.clone());
    }
    let store = ci.store().await?;
    let lease = claim_again(&*store, &found.id).await?;
    let test = question.about.as_ref().and_then(|about| about.subject.as_ref());
    let wanted = SearchWanted {
        job: question.job.clone(),
        bad: question.bad.clone(),
        test: test.map(|subject| subject.name().to_owned()),
        budget: question.budget,
    };
    let live = Live::new(&repo, wanted, &cancel);
    spawn(ci, (open, program, version, tasks), (question, Some(lease)), &live, None);
    Ok(live)
}

/// What a search is driven with: other repositories, how a command begins, the version.
type Means = (Arc<dyn Repositories>, String, String, TaskTracker);

/// Drives a search in a task of its own.
fn spawn(
    ci: Ci,
    (open, program, version, tasks): Means,
    (question, lease): (BisectQuestion, Option<Lease>),
    live: &Arc<Live>,
    begun: Option<oneshot::Sender<String>>,
) {
    let mut host = Host { live: Arc::clone(live), begun, program, version };
    let own = Arc::clone(live);
    tasks.spawn(async move {
        let ended = drive(&ci, &*open, (&question, lease), &mut host, &own.cancel).await;
        *own.ended.lock() = Some(ended.map_err(|error| whole(&error)));
        ci.leave().await;
    });
}

/// Drives a new search, and waits until it has an id.
async fn run(
    ci: Ci,
    means: Means,
    what: (BisectQuestion, Option<Lease>),
    live: Arc<Live>,
) -> Result<(String, Arc<Live>), Error> {
    // One that goes on has its id already.
    if let Some(lease) = &what.1 {
        let id = lease.id.clone();
        spawn(ci, means, what, &live, None);
        return Ok((id, live));
    }
    let (send, receive) = oneshot::channel();
    spawn(ci, means, what, &live, Some(send));
    match receive.await {
        Ok(id) => Ok((id, live)),
        // It ended before anything was written down.
        Err(_) => {
            let why = match &*live.ended.lock() {
                Some(Err(error)) => error.clone(),
                _ => live
                    .events
                    .lock()
                    .last()
                    .map_or("nothing to search".to_owned(), |(_, text)| text.clone()),
            };
            Err(Error::Usage(format!("no search was begun: {why}")))
        }
    }
}

async fn drive(
    ci: &Ci,
    open: &dyn Repositories,
    (question, lease): (&BisectQuestion, Option<Lease>),
    host: &mut Host,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let mut ledger = open_ledger(ci, host).await?;
    let store = ci.store().await?;
    let session = Session { ci, ledger: &mut ledger, host, cancel };
    let options = SearchOptions {
        permission: Permission::Given,
        no_wait: false,
        explain: false,
        mark: false,
        notifier: None,
    };
    let mut context = SearchContext { session, store: &*store, repositories: open, options };
    search(question, lease, true, &mut context).await.map(drop)
}
