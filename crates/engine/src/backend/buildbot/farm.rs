//! A Buildbot farm, as the configuration has it: the master, and what is to be known of one of its
//! branches.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use mozci_clients::buildbot::{
    BuildbotCredentials, Builder, ForceScheduler, Got, Master, Parameters, Worker,
};
use mozci_clients::http::{Http, HttpError};
use mozci_core::ids::{BuildId, RepoName, Vcs};
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use url::Url;

use crate::backend::buildbot::lineage::Lineage;
use crate::config::{CredentialSource, Credentials, CredentialsCommand, RepoConfig};
use crate::error::Error;

/// Builds of which is kept what they found.
const MOST_GOT: usize = 10_000;

/// A master and one of its branches.
#[derive(Debug)]
pub(crate) struct Farm {
    /// The master.
    pub(crate) master: Master,
    /// The branch.
    pub(crate) branch: String,
    /// Whose revisions its changes are.
    pub(crate) vcs: Vcs,
    /// The codebase, where it was said.
    codebase: Option<String>,
    /// The codebases that the branch's changes are of, as far as they were seen.
    seen_codebases: Mutex<BTreeSet<String>>,
    /// Whose changes are the branch's.
    pub(crate) lineage: Lineage,
    /// The builders that each builder depends on, as far as it was said.
    pub(crate) build_of: BTreeMap<String, Vec<String>>,
    /// Builders that their build starts by itself, as far as it was said.
    pub(crate) started: Vec<String>,
    /// Whether requests that wait are coalesced.
    pub(crate) coalesces: bool,
    force: BTreeMap<String, Parameters>,
    given: Mutex<Parameters>,
    got: Mutex<HashMap<BuildId, Got>>,
    access: CredentialSource,
    /// What the command printed, once it has.
    fetched: Arc<OnceCell<BuildbotCredentials>>,
    signed_in: OnceCell<()>,
    builders: OnceCell<Vec<Builder>>,
    workers: OnceCell<Vec<Worker>>,
    schedulers: OnceCell<Vec<ForceScheduler>>,
}

impl Farm {
    pub(crate) fn new(
        http: &Http,
        url: &Url,
        repo: &RepoName,
        own: &RepoConfig,
        access: CredentialSource,
    ) -> Self {
        let master = Master::new(http.clone(), url.clone());
        let fetched = Arc::default();
        if let CredentialSource::Command(command) = &access {
            let (master, command, fetched) =
                (master.clone(), command.clone(), Arc::clone(&fetched));
            http.when_refused(&master.base().clone(), move || {
                let (master, command, fetched) =
                    (master.clone(), command.clone(), Arc::clone(&fetched));
                async move {
                    let fetched = fetch(&master, &command, &fetched).await;
                    fetched.map_err(|error| error.to_string())
                }
            });
        }
        Self {
            master,
            branch: own.branch.clone().unwrap_or_else(|| repo.to_string()),
            vcs: own.vcs(),
            codebase: own.codebase.clone(),
            seen_codebases: Mutex::default(),
            lineage: Lineage::new(own),
            build_of: own.build_of.iter().map(|(job, on)| (job.clone(), on.list())).collect(),
            started: own.started_by_build.clone(),
            coalesces: own.coalesces,
            force: own.force.clone(),
            given: Mutex::default(),
            got: Mutex::default(),
            access,
            fetched,
            signed_in: OnceCell::new(),
            builders: OnceCell::new(),
            workers: OnceCell::new(),
            schedulers: OnceCell::new(),
        }
    }

    /// The codebase of the branch: what was said, or the only one that its changes are of.
    pub(crate) fn codebase(&self) -> Option<String> {
        self.codebase.clone().or_else(|| self.seen_codebases.lock().first().cloned())
    }

    /// Notes which codebases the branch's changes are of.
    ///
    /// # Errors
    /// [`Error::Usage`] where they are of several, and nobody said which is meant.
    pub(crate) fn saw_codebases(&self, seen: &BTreeSet<&str>) -> Result<(), Error> {
        let mut known = self.seen_codebases.lock();
        known.extend(seen.iter().map(|name| (*name).to_owned()));
        if self.codebase.is_none() && known.len() > 1 {
            return Err(Error::Usage(format!(
                "the changes of the branch {:?} are of several codebases ({}): say which with `codebase` in the config",
                self.branch,
                known.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
            )));
        }
        Ok(())
    }

    /// Who signs in with a password.
    pub(crate) fn user(&self) -> Option<&str> {
        match self.at_hand() {
            Some(BuildbotCredentials::Password { user, .. }) => Some(user),
            Some(BuildbotCredentials::Cookie(_)) | None => None,
        }
    }

    fn at_hand(&self) -> Option<&BuildbotCredentials> {
        match &self.access {
            CredentialSource::Given(Credentials::Buildbot(given)) => Some(given),
            _ => self.fetched.get(),
        }
    }

    /// Signs in where it was not done yet, with what a command prints where one is configured.
    ///
    /// # Errors
    /// [`Error::NotAllowed`], [`Error::Service`].
    pub(crate) async fn sign_in(&self) -> Result<(), Error> {
        if let CredentialSource::Command(command) = &self.access {
            fetch(&self.master, command, &self.fetched).await?;
        }
        self.master().await.map(drop)
    }

    /// The master, once we are signed in where the environment has something to sign in with.
    pub(crate) async fn master(&self) -> Result<&Master, Error> {
        let sign_in = async || match &self.access {
            CredentialSource::Given(Credentials::Buildbot(given)) => {
                sign_in_with(&self.master, given).await
            }
            _ => Ok(()),
        };
        self.signed_in.get_or_try_init(sign_in).await?;
        Ok(&self.master)
    }

    /// Whether a session goes with every request.
    pub(crate) fn is_signed_in(&self) -> bool {
        self.master.is_signed_in()
    }

    /// Every builder.
    pub(crate) async fn builders(&self) -> Result<&[Builder], Error> {
        let read = async || {
            let found = self.master().await?.builders().await;
            found.map_err(Error::service("cannot read the master's builders"))
        };
        Ok(self.builders.get_or_try_init(read).await?)
    }

    /// Whether a worker takes builds of a builder now. A master that does not list its workers is taken to
    /// have one.
    pub(crate) async fn has_worker(&self, builder: &str) -> Result<bool, Error> {
        let read = async || {
            let found = self.master().await?.workers().await;
            Ok::<_, Error>(found.unwrap_or_default())
        };
        let workers = self.workers.get_or_try_init(read).await?;
        let id = self.builders().await?.iter().find(|known| known.name == builder).map(|b| b.id);
        let mut own = workers
            .iter()
            .filter(|worker| id.is_some_and(|id| worker.builders.contains(&id)))
            .peekable();
        Ok(own.peek().is_none() || own.any(|worker| worker.takes))
    }

    /// What builds that have ended found, by codebase. Each is asked once a command.
    pub(crate) async fn got(&self, builds: &[BuildId]) -> Result<HashMap<BuildId, Got>, HttpError> {
        let new: Vec<BuildId> = {
            let known = self.got.lock();
            builds.iter().filter(|build| !known.contains_key(build)).copied().collect()
        };
        if !new.is_empty() {
            let found = self.master.got_revisions(&new).await?;
            let mut known = self.got.lock();
            if known.len() > MOST_GOT {
                known.retain(|build, _| builds.contains(build));
            }
            known.extend(found);
        }
        let known = self.got.lock();
        Ok(builds.iter().filter_map(|build| Some((*build, known.get(build)?.clone()))).collect())
    }

    /// The force schedulers.
    pub(crate) async fn schedulers(&self) -> Result<&[ForceScheduler], Error> {
        let read = async || {
            let found = self.master().await?.force_schedulers().await;
            found.map_err(Error::service("cannot read the master's force schedulers"))
        };
        Ok(self.schedulers.get_or_try_init(read).await?)
    }

    /// Whether requests that wait are coalesced, as far as the configuration says.
    pub(crate) fn coalesces(&self) -> bool {
        self.coalesces
    }

    /// Takes values for force schedulers' fields that were given with the command.
    pub(crate) fn take(&self, parameters: Parameters) {
        self.given.lock().extend(parameters);
    }

    /// The configuration's values for force schedulers' fields, by builder.
    pub(crate) fn forced_fields(&self) -> &BTreeMap<String, Parameters> {
        &self.force
    }

    /// What was given with the command.
    pub(crate) fn given(&self) -> Parameters {
        self.given.lock().clone()
    }

    /// The values for a scheduler's fields when it forces a builder: the configuration's, and of
    /// those that were given with the command the ones that it has fields for.
    pub(crate) fn parameters(&self, scheduler: &ForceScheduler, builder: &str) -> Parameters {
        let mut values = self.force.get(builder).cloned().unwrap_or_default();
        let given = self.given.lock();
        let fitting = given.iter().filter(|(name, _)| scheduler.has_field(name));
        values.extend(fitting.map(|(name, value)| (name.clone(), value.clone())));
        values
    }
}

/// Runs the command, once, and signs in with what it prints.
async fn fetch(
    master: &Master,
    command: &CredentialsCommand,
    fetched: &OnceCell<BuildbotCredentials>,
) -> Result<(), Error> {
    let fetch = async || {
        let Credentials::Buildbot(printed) = command.run().await? else {
            return Err(Error::Odd("credentials of another kind of CI".into()));
        };
        sign_in_with(master, &printed).await?;
        Ok(printed)
    };
    fetched.get_or_try_init(fetch).await.map(drop)
}

async fn sign_in_with(master: &Master, credentials: &BuildbotCredentials) -> Result<(), Error> {
    match credentials {
        BuildbotCredentials::Cookie(cookie) => {
            let unfit = |why| Error::NotAllowed(format!("the cookie cannot be used: {why}"));
            master.use_cookie(cookie).map_err(unfit)
        }
        BuildbotCredentials::Password { user, password } => {
            let what = format!("cannot sign in as {user} at {}", master.base());
            master.sign_in(user, password).await.map_err(Error::service(what))
        }
    }
}
