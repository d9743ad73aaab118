//! One repository of one CI, with everything that is needed to ask about it.

mod facts;
pub(crate) mod names;
mod opening;
mod resolved;
mod senses;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use mozci_clients::hg::Pushlog;
use mozci_clients::http::Http;
use mozci_clients::treestatus::Treestatus;
use mozci_core::guard::Budgets;
use mozci_core::ids::{RepoName, RequestId};
use mozci_core::push::PushRef;
use mozci_core::revision::host_of;
use mozci_core::time::At;
use mozci_evidence::About;
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use url::Url;

use crate::backend::pushes::Pushes;
use crate::backend::{self, Backend, PushSource};
use crate::config::{ClosedTree, PushlogKind};
use crate::error::Error;
use crate::store::{Day, Directories, Facts, Ledger, SharedStore};
pub(crate) use names::Named;
use names::Names;
pub use opening::Opening;
use resolved::Resolved;
pub(crate) use settings::parse;
use settings::settings;

/// Notes that are kept until somebody takes them.
const NOTES: usize = 200;

/// One repository of one CI.
#[derive(Debug)]
pub struct Ci {
    /// The repository.
    pub repo: RepoName,
    /// The CI's root URL, by which the ledger knows it.
    pub root_url: String,
    /// Where pushes come from.
    pub(crate) pushes: Pushes,
    backend: Arc<dyn Backend>,
    /// The limits of what may be requested.
    pub budgets: Budgets,
    /// Runs that one command reads to judge them by a test, a group or a failure.
    pub runs_read: usize,
    /// How long to pause between two looks while waiting.
    pub poll: Duration,
    /// Where the files are.
    pub place: Directories,
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
    treestatus: Option<(Treestatus, String)>,
    names: Names,
    closed_tree: ClosedTree,
    /// Rules of text logs, where the config has some of its own.
    pub(crate) rules: Option<std::sync::Arc<mozci_evidence::Rules>>,
    resolved: Resolved,
    store: OnceCell<SharedStore>,
}

impl Ci {
    /// Opens a repository. Sends nothing.
    ///
    /// # Errors
    /// [`Error::Usage`] for a URL that is none, [`Error::NotFound`] for an unknown repository.
    pub fn open(opening: Opening<'_>) -> Result<Self, Error> {
        Self::assemble(opening, None)
    }

    /// Opens a repository with a backend and a source of pushes of somebody's own, whatever kind of CI the config
    /// says it is.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn with(
        opening: Opening<'_>,
        backend: Arc<dyn Backend>,
        pushes: Arc<dyn PushSource>,
    ) -> Result<Self, Error> {
        Self::assemble(opening, Some((backend, Pushes::Own(pushes))))
    }

    fn assemble(
        mut opening: Opening<'_>,
        own_parts: Option<(Arc<dyn Backend>, Pushes)>,
    ) -> Result<Self, Error> {
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
        let project = config.project(own, &repo);
        let treestatus = match &config.treestatus_url {
            Some(url) => {
                let tree = own.tree.clone().unwrap_or_else(|| project.clone());
                Some((Treestatus::new(http.clone(), parse(url, "treestatus_url")?), tree))
            }
            None => None,
        };
        let results = backend::results(config, own, &http, &project)?;
        let mut others = Vec::new();
        for name in config.repos.keys().filter(|name| *name != repo.as_str()) {
            others.extend(pushlog(name)?.map(|pushlog| (name.clone(), pushlog)));
        }
        let root = backend::root_of(config)?;
        // A CI without a server is known by where its archive is.
        let root_text = match config.root_url.is_empty() {
            true => root.to_string(),
            false => config.root_url.clone(),
        };
        let mut hosts: Vec<String> = results
            .iter()
            .map(|results| results.url())
            .chain([&root])
            .filter_map(host_of)
            .collect();
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
        let (backend, pushes) = match own_parts {
            Some(parts) => parts,
            None => {
                let own_log = pushlog(repo.as_str())?;
                let pushes = backend::open_pushes(&opening, &repo, own, own_log, &results)?;
                (backend::open(&mut opening, &http, &root, &repo, own, results)?, pushes)
            }
        };
        Ok(Self {
            backend,
            root,
            treestatus,
            names: Names::new(config, own, &http, opening.clone)?,
            closed_tree: opening.closed_tree,
            rules: opening.rules,
            resolved: Resolved::default(),
            store: OnceCell::new_with(opening.store),
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

    /// Where everything is written down. Opened by the first who needs it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn store(&self) -> Result<SharedStore, Error> {
        let store = self.store.get_or_try_init(|| self.place.open_store()).await?;
        Ok(SharedStore::clone(store))
    }

    /// The store, where somebody opened it.
    pub fn opened_store(&self) -> Option<SharedStore> {
        self.store.get().map(SharedStore::clone)
    }

    /// Gives back what this process holds in the store. Called before the process ends.
    pub async fn leave(&self) {
        if let Some(store) = self.store.get() {
            store.leave().await;
        }
    }

    /// The ledger, for one command.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn ledger(&self) -> Result<Ledger, Error> {
        Ok(Ledger::of(self.store().await?))
    }

    /// What runs its jobs.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// The repository's name where its results are shown.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// Whether there is something to send requests with.
    pub fn can_send(&self) -> bool {
        self.backend.can_request()
    }

    /// How long failures to read may go on until following is given up.
    pub fn patience(&self) -> Duration {
        self.backend.capabilities().patience
    }

    /// Where a request can be looked at.
    pub fn link(&self, request: RequestId) -> Option<String> {
        self.backend.link(request)
    }

    /// The page that shows a push to people, where there is one.
    pub fn page_of(&self, push: &PushRef) -> Option<String> {
        self.backend.page_of(push).or_else(|| self.pushes.page_of(push))
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

    /// The CI's present, as far as it told it: what is requested counts by its clock alone.
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

    /// Notes something that the user should know besides the answer.
    pub fn note(&self, text: impl Into<String>) {
        let text = text.into();
        let mut notes = self.notes.lock();
        if notes.len() < NOTES && !notes.contains(&text) {
            notes.push(text);
            if notes.len() == NOTES {
                notes.push("there are more notes, which are not kept".to_owned());
            }
        }
    }
}
