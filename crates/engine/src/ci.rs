//! One repository of one CI, with everything that is needed to ask about it.

mod decided;
mod facts;
mod git;
mod names;
mod opening;
mod senses;
mod settings;

use std::time::Duration;

use mozci_clients::hg::Pushlog;
use mozci_clients::http::Http;
use mozci_clients::pulse::PulseSettings;
use mozci_clients::taskcluster::Taskcluster;
use mozci_clients::treeherder::Treeherder;
use mozci_clients::treestatus::Treestatus;
use mozci_core::guard::Budgets;
use mozci_core::ids::{RepoName, RequestId};
use mozci_core::push::Push;
use mozci_core::revision::host_of;
use mozci_core::time::At;
use mozci_evidence::About;
use parking_lot::Mutex;
use url::Url;

use crate::buildapi::BuildApi;
use crate::config::{CiKind, ClosedTree, GroupRule, PushlogKind};
use crate::error::Error;
use crate::farm::Farm;
use crate::store::{Day, Facts, Place};
use decided::Decided;
pub(crate) use decided::Failed;
pub use git::GitPushes;
pub(crate) use names::Named;
use names::Names;
pub use opening::Opening;
use opening::System;
pub(crate) use settings::parse;
use settings::{root_of, settings};

/// Where a repository's pushes are read.
#[derive(Debug)]
pub enum PushSource {
    /// From its own pushlog.
    Hg(Pushlog),
    /// From Treeherder.
    Treeherder(Treeherder),
    /// From the Buildbot master's changes.
    Changes,
    /// From a Git repository.
    Git(GitPushes),
    /// From archived dumps of a BuildAPI's farm.
    Dumps,
}

/// Where the tasks of a push are, on a Taskcluster without task graphs.
#[derive(Debug, Clone)]
pub(crate) struct Plain {
    /// The index path of one of them, with `{revision}` or `{push}` in it.
    pub(crate) index: String,
    /// How the group follows from that task.
    pub(crate) group: GroupRule,
    /// The path of the text that tasks are called by.
    pub(crate) label: String,
}

impl Plain {
    /// The index path of a task of a push.
    pub(crate) fn path(&self, push: &Push) -> String {
        let path = self.index.replace("{revision}", push.revision.hash());
        path.replace("{push}", &push.id.to_string())
    }
}

/// One repository of one CI.
#[derive(Debug)]
pub struct Ci {
    /// The repository.
    pub repo: RepoName,
    /// The CI's root URL, by which the ledger knows it.
    pub root_url: String,
    /// Where pushes come from.
    pub pushes: PushSource,
    treeherder: Option<Treeherder>,
    pub(crate) plain: Option<Plain>,
    system: System,
    /// The limits of what may be asked for.
    pub budgets: Budgets,
    /// Runs that one command reads to judge them by a test, a group or a failure.
    pub runs_read: usize,
    /// How long to pause between two looks while waiting.
    pub poll: Duration,
    /// Where the files are.
    pub place: Place,
    /// Where decision tasks are indexed.
    pub index: String,
    /// Treeherder's platform of decision and action tasks alike, so that one question brings both.
    pub decision_platform: String,
    pub(crate) others: Vec<(String, Pushlog)>,
    /// The repositories that are merged into this one, by their names.
    merges_from: Vec<String>,
    pub(crate) project: String,
    hosts: Vec<String>,
    root: Url,
    http: Http,
    facts: Option<Facts>,
    notes: Mutex<Vec<String>>,
    about: Mutex<Option<About>>,
    on_news: Option<fn(&str)>,
    pulse: Option<PulseSettings>,
    treestatus: Option<(Treestatus, String)>,
    names: Names,
    closed_tree: ClosedTree,
    sandbox: Option<std::path::PathBuf>,
    /// Rules of text logs, where the config has some of its own.
    pub(crate) rules: Option<std::sync::Arc<mozci_evidence::Rules>>,
    decided: Decided,
}

impl Ci {
    /// Opens a repository. Sends nothing.
    ///
    /// # Errors
    /// [`Error::Usage`] for a URL that is none, [`Error::NotFound`] for an unknown repository.
    pub fn open(opening: Opening<'_>) -> Result<Self, Error> {
        let config = opening.config;
        let (repo, own) = config.repo(opening.repo)?;
        let mut notes = Vec::new();
        let settings = settings(config, &opening, &mut notes);
        let http = match opening.http.clone() {
            Some(http) => http,
            None => Http::new(settings).map_err(Error::service("cannot set up HTTP"))?,
        };
        let pushlog = |name: &str| -> Result<Option<Pushlog>, Error> {
            let Some(repo) = config.repos.get(name) else {
                return Ok(None);
            };
            match (repo.pushlog, &repo.url) {
                (PushlogKind::Hg, Some(url)) => {
                    Ok(Some(Pushlog::new(http.clone(), parse(url, "url")?)))
                }
                (PushlogKind::Hg, None) => Err(Error::Usage(format!(
                    "the repository {name:?} has pushlog = \"hg\" and no `url` in the config"
                ))),
                (_, _) => Ok(None),
            }
        };
        let project = own.treeherder_project.as_deref().unwrap_or(repo.as_str()).to_owned();
        let treeherder_url = match &config.treeherder_url {
            Some(url) => Some(parse(url, "treeherder_url")?),
            None => None,
        };
        let treestatus = match &config.treestatus_url {
            Some(url) => {
                let tree = own.tree.clone().unwrap_or_else(|| project.clone());
                Some((Treestatus::new(http.clone(), parse(url, "treestatus_url")?), tree))
            }
            None => None,
        };
        let treeherder = treeherder_url
            .clone()
            .map(|url| Treeherder::new(http.clone(), url, &project).of(own.vcs()));
        let pushes = match (own.pushlog, pushlog(repo.as_str())?, &treeherder) {
            (PushlogKind::Changes, ..) => PushSource::Changes,
            (PushlogKind::Dumps, ..) => PushSource::Dumps,
            (PushlogKind::Git, ..) => PushSource::Git(GitPushes::new(&repo, own, &opening.place)?),
            (_, Some(pushlog), _) => PushSource::Hg(pushlog),
            (_, None, Some(treeherder)) => PushSource::Treeherder(treeherder.clone()),
            (_, None, None) => return Err(without_treeherder(&repo)),
        };
        fits(config.kind, own.pushlog, &repo)?;
        let plain = match &own.tasks_index {
            _ if config.kind != CiKind::Taskcluster => None,
            None if treeherder.is_none() => return Err(without_treeherder(&repo)),
            None => None,
            Some(index) if !(index.contains("{revision}") || index.contains("{push}")) => {
                return Err(Error::Usage(format!(
                    "`tasks_index` = {index:?} in the config names no push: put {{revision}} or {{push}} in it"
                )));
            }
            Some(index) => Some(Plain {
                index: index.clone(),
                group: own.group,
                label: own.label.clone().unwrap_or_else(|| "metadata.name".to_owned()),
            }),
        };
        let mut others = Vec::new();
        for name in config.repos.keys().filter(|name| *name != repo.as_str()) {
            others.extend(pushlog(name)?.map(|pushlog| (name.clone(), pushlog)));
        }
        let root = root_of(config)?;
        // What a BuildAPI without a server is known by is where its archive is.
        let root_text = match config.root_url.is_empty() {
            true => root.to_string(),
            false => config.root_url.clone(),
        };
        let mut hosts: Vec<String> =
            treeherder_url.iter().chain([&root]).filter_map(host_of).collect();
        let urls = config.repos.values().filter(|repo| repo.pushlog == PushlogKind::Hg);
        for url in urls.filter_map(|repo| repo.url.as_deref()) {
            hosts.extend(host_of(&parse(url, "url")?));
        }
        let server = format!("{root_text} {} {repo}", own.url.as_deref().unwrap_or(""));
        let facts = match Facts::open(&opening.place.cache, server) {
            Ok(facts) => Some(facts),
            Err(error) => {
                let note = format!("working without the cache, which costs requests: {error}");
                notes.push(note);
                None
            }
        };
        let system = System::open(opening.credentials, config, &http, &root, &repo, own)?;
        Ok(Self {
            system,
            decision_platform: own
                .decision_platform
                .clone()
                .unwrap_or_else(|| "gecko-decision".to_owned()),
            index: own.index.clone().unwrap_or_else(|| format!("gecko.v2.{project}")),
            treeherder,
            plain,
            root,
            on_news: opening.on_news,
            pulse: opening.pulse,
            treestatus,
            names: Names::new(config, own, &http, opening.clone)?,
            closed_tree: opening.closed_tree,
            rules: opening.rules,
            sandbox: opening.sandbox,
            decided: Decided::default(),
            about: Mutex::default(),
            root_url: root_text.trim_end_matches('/').to_owned(),
            budgets: opening.budgets,
            runs_read: opening.runs_read,
            poll: Duration::from_secs_f64(config.poll_seconds.unwrap_or(15.0).clamp(0.05, 600.0)),
            place: opening.place,
            repo,
            pushes,
            others,
            merges_from: own.merges_from.clone(),
            project,
            hosts,
            http,
            facts,
            notes: Mutex::new(notes),
        })
    }

    /// Taskcluster.
    ///
    /// # Errors
    /// [`Error::Usage`] where a Buildbot master runs the jobs.
    pub(crate) fn taskcluster(&self) -> Result<&Taskcluster, Error> {
        match &self.system {
            System::Taskcluster(taskcluster) => Ok(taskcluster),
            System::Buildbot(_) | System::BuildApi(_) => {
                Err(Error::Usage(format!("{} has builds, and no tasks", self.root_url)))
            }
        }
    }

    /// The repository's name in Treeherder.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The Buildbot farm, where it is one.
    pub fn farm(&self) -> Option<&Farm> {
        match &self.system {
            System::Buildbot(farm) => Some(farm),
            System::Taskcluster(_) | System::BuildApi(_) => None,
        }
    }

    /// The farm of a BuildAPI, where it is one.
    pub fn buildapi(&self) -> Option<&BuildApi> {
        match &self.system {
            System::BuildApi(api) => Some(api),
            System::Taskcluster(_) | System::Buildbot(_) => None,
        }
    }

    /// Whether Taskcluster runs the jobs.
    pub(crate) fn is_taskcluster(&self) -> bool {
        matches!(self.system, System::Taskcluster(_))
    }

    /// Whether there is something to ask with: a Buildbot master may be open to everybody.
    pub fn can_ask(&self) -> bool {
        match &self.system {
            System::Taskcluster(taskcluster) => taskcluster.has_credentials(),
            System::Buildbot(_) => true,
            System::BuildApi(api) => api.self_serve.is_some(),
        }
    }

    /// Who asks, as the CI knows them; empty where it asks for no name.
    pub(crate) fn asker(&self) -> String {
        match &self.system {
            System::Taskcluster(taskcluster) => taskcluster.client().unwrap_or_default().to_owned(),
            System::Buildbot(farm) => farm.user().unwrap_or_default().to_owned(),
            System::BuildApi(api) => api.user().unwrap_or_default().to_owned(),
        }
    }

    /// Fetches the credentials where they are not here yet, and signs in: something is about to be
    /// sent.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] where there are none to be had, [`Error::Service`].
    pub(crate) async fn sign_in(&self) -> Result<(), Error> {
        match &self.system {
            System::Taskcluster(taskcluster) => {
                taskcluster.sign_in().await.map_err(|error| Error::NotAllowed(error.words()))
            }
            System::Buildbot(farm) => farm.sign_in().await,
            System::BuildApi(api) => api.sign_in().await,
        }
    }

    /// The program that renders what an action's file computes.
    pub(crate) fn sandbox(&self) -> Option<&std::path::Path> {
        self.sandbox.as_deref()
    }

    /// How long failures to read may go on until following is given up: a Buildbot master that is
    /// started anew is away for as long as it takes.
    pub fn patience(&self) -> Duration {
        match &self.system {
            System::Taskcluster(_) | System::BuildApi(_) => Duration::ZERO,
            System::Buildbot(_) => Duration::from_secs(600),
        }
    }

    /// Where a request can be looked at.
    pub fn link(&self, request: RequestId) -> Option<String> {
        match (&self.system, request) {
            (System::Taskcluster(taskcluster), RequestId::Task(task)) => {
                Some(taskcluster.task_link(task))
            }
            (System::Buildbot(farm), RequestId::BuildRequest(id)) => {
                Some(farm.master.request_link(id))
            }
            _ => None,
        }
    }

    /// Treeherder.
    ///
    /// # Errors
    /// [`Error::Usage`] where the configuration names none.
    pub(crate) fn treeherder(&self) -> Result<&Treeherder, Error> {
        self.treeherder.as_ref().ok_or_else(|| without_treeherder(&self.repo))
    }

    /// Whether a platform, as rows have it, is that of decision and action tasks.
    pub fn is_group_platform(&self, platform: &str) -> bool {
        let rest = platform.strip_prefix(self.decision_platform.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether pushes have task graphs, with actions through which jobs are asked for.
    pub fn has_graphs(&self) -> bool {
        self.plain.is_none() && self.is_taskcluster()
    }

    /// The counters of everything that was sent.
    pub fn usage(&self) -> mozci_clients::http::Usage {
        self.count_hits();
        self.http.meter().usage()
    }

    /// Whether a link's host is one of this CI's servers.
    pub(crate) fn has_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| known == host)
    }

    /// The CI's present, as far as it told it: what is asked for counts by its clock alone.
    pub fn now(&self) -> At {
        At(chrono::Utc::now().timestamp() + self.clock_offset().unwrap_or(0))
    }

    /// The last 24 hours, and the runs that they may see.
    pub fn day(&self) -> Day {
        Day { since: self.now().plus(-24 * 3600), limit: self.budgets.day }
    }

    /// How long to pause before an act is sent again that may be.
    pub(crate) fn retry_pause(&self) -> Duration {
        self.http.settings().first_retry
    }

    /// How many seconds the CI's clock is ahead of this machine's, as far as it told it.
    pub fn clock_offset(&self) -> Option<i64> {
        self.http.clock_offset(&self.root)
    }

    /// What to say of a refusal where the clocks differ: a signature holds for a quarter of an
    /// hour.
    pub(crate) fn clock_hint(&self) -> String {
        match self.clock_offset() {
            Some(offset) if offset.abs() > 300 => format!(
                "; this machine's clock is {} s {} the servers', and signatures hold for a quarter of an hour: set it",
                offset.abs(),
                if offset > 0 { "behind" } else { "ahead of" }
            ),
            _ => String::new(),
        }
    }

    /// The pushlogs of the repositories that are merged into this one, as far as they have one.
    pub(crate) fn merge_sources(&self) -> impl Iterator<Item = (&str, &Pushlog)> {
        let named = |name: &String| self.others.iter().find(|(known, _)| known == name);
        self.merges_from.iter().filter_map(named).map(|(name, pushlog)| (name.as_str(), pushlog))
    }

    /// Where the decision task of a push with this head is indexed.
    pub(crate) fn decision_path(&self, revision: &str) -> String {
        format!("{}.revision.{revision}.taskgraph.decision", self.index)
    }

    /// Whether a repository is configured that this one merges from.
    pub fn has_merge_sources(&self) -> bool {
        self.merge_sources().next().is_some()
    }

    /// Things that a user should know besides the answer.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock())
    }

    /// Has every run that is read from here on judged by this.
    pub fn judge_by(&self, about: About) {
        *self.about.lock() = Some(about);
    }

    /// What runs are judged by, where it is not how they ended.
    pub fn about(&self) -> Option<About> {
        self.about.lock().clone()
    }

    /// Tells at once what makes the command take its time.
    pub(crate) fn tell(&self, text: &str) {
        if let Some(tell) = self.on_news {
            tell(text);
        }
    }

    /// Notes something that the user should know besides the answer.
    pub fn note(&self, text: impl Into<String>) {
        let text = text.into();
        let mut notes = self.notes.lock();
        if !notes.contains(&text) {
            notes.push(text);
        }
    }
}

/// A pushlog must be one that its kind of CI has.
fn fits(kind: CiKind, pushlog: PushlogKind, repo: &RepoName) -> Result<(), Error> {
    use PushlogKind::{Changes, Dumps, Git, Hg, Treeherder};
    let (name, fitting, expected): (_, &[PushlogKind], _) = match kind {
        CiKind::Taskcluster => ("Taskcluster", &[Hg, Treeherder], "\"hg\" or \"treeherder\""),
        CiKind::Buildbot => ("Buildbot", &[Changes, Git], "\"changes\" or \"git\""),
        CiKind::BuildApi => ("BuildAPI", &[Hg, Dumps], "\"hg\" or \"dumps\""),
    };
    match fitting.contains(&pushlog) {
        true => Ok(()),
        false => Err(Error::Usage(format!(
            "the repository {repo} of a {name} CI needs pushlog = {expected} in the config"
        ))),
    }
}

fn without_treeherder(repo: &RepoName) -> Error {
    Error::Usage(format!(
        "the config has neither `treeherder_url` for the CI nor `tasks_index` for the repository {repo}: one of them tells where the runs of a push are"
    ))
}
