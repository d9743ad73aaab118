//! What a command works with: the CI that is meant, and what the user said of the output.

use mozci_clients::http::Http;
use mozci_engine::Error;
use mozci_engine::ci::{Ci, Opening};
use mozci_engine::config::{
    CiConfig, Config, CredentialSource, Here, Notify, credentials, pulse, repo_of_clone,
};
use mozci_engine::drive::search::Repositories;
use mozci_engine::notify::Channels;
use mozci_engine::store::{Directories, SharedStore};
use mozci_sim::server::SimCredentials;
use mozci_sim::{Sim, SimConfig, WorldConfig};
use tempfile::TempDir;

use crate::app::Global;
use crate::failure;

/// A repository that is open, and the options that every command takes.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) ci: Ci,
    pub(crate) config: CiConfig,
    pub(crate) ci_name: String,
    pub(crate) global: Global,
    notify: Notify,
    /// The simulated CI and its files, which end with the command.
    pub(crate) sim: Option<(Sim, TempDir)>,
}

/// Who asks, as every server sees it.
const USER_AGENT: &str =
    concat!("mozci/", env!("CARGO_PKG_VERSION"), " (+", env!("CARGO_PKG_REPOSITORY"), ")");

impl Context {
    /// Opens what the options name; `named` is a repository that a link among the arguments
    /// names.
    pub(crate) async fn open(global: &Global, named: Option<String>) -> Result<Self, Error> {
        if global.ci.as_deref() == Some("demo") {
            return Self::demo(global, SimConfig::default()).await;
        }
        Self::configured(global, named)
    }

    /// Opens a CI of the config, also one that is called as the simulated one is.
    pub(crate) fn configured(global: &Global, named: Option<String>) -> Result<Self, Error> {
        let config = Config::load(global.config.as_deref())?;
        let folder = std::env::current_dir().unwrap_or_default();
        let (file, here) = Here::of(&folder)?.unwrap_or_default();
        let (name, ci) =
            config.ci(global.ci.as_deref().or(here.ci.as_deref())).map_err(|error| {
                match (&global.ci, &here.ci) {
                    (None, Some(_)) => Error::Usage(format!("{}: {error}", file.display())),
                    _ => error,
                }
            })?;
        if global.ci.is_none() && here.ci.is_none() && config.default_ci.is_none() && !global.quiet
        {
            failure::say(&format!(
                "note: no config names a CI: using the built-in one, {name}; `mozci config init` writes a config for yours"
            ));
        }
        let repo = global.repo.clone().or_else(|| named.and_then(|named| repo_of(ci, &named)));
        let repo = repo.or(here.repo).or_else(|| repo_of_clone(ci, &folder));
        let credentials = credentials(ci, |name| std::env::var(name).ok())?;
        let mut place = Directories::usual()?;
        place.database = config.database(|name| std::env::var(name).ok())?;
        Self::of(global, &config, (name, ci), repo.as_deref(), credentials, place)
    }

    /// Starts a simulated CI inside the program and opens it.
    pub(crate) async fn demo(global: &Global, sim: SimConfig) -> Result<Self, Error> {
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: std::io::Error| Error::Odd(format!("{what}: {error}"))
        };
        let sim = Sim::start(sim).await.map_err(failed("cannot start the simulated CI"))?;
        let folder = TempDir::new().map_err(failed("cannot make a temporary folder"))?;
        let path = folder.path().join("config.toml");
        let text = mozci_sim::config(&sim.urls, Some(&SimCredentials::sheriff()), None);
        std::fs::write(&path, text).map_err(failed("cannot write the demo's config"))?;
        let config = Config::load(Some(&path))?;
        let (_, ci) = config.ci(Some("demo"))?;
        let (repo, place) = (global.repo.as_deref(), Directories::at(folder.path()));
        let credentials = credentials(ci, |_| None)?;
        // Commands that answers name are for the simulated CI, too.
        let global = &Global { ci: Some("demo".to_owned()), ..global.clone() };
        let open = Self::of(global, &config, ("demo", ci), repo, credentials, place)?;
        Ok(Self { sim: Some((sim, folder)), ..open })
    }

    /// Opens another repository of the same CI.
    ///
    /// # Errors
    /// [`Error::Usage`] for one that the config does not have.
    pub(crate) fn sibling(&self, repo: &str) -> Result<Self, Error> {
        let path = match &self.sim {
            Some((_, folder)) => Some(folder.path().join("config.toml")),
            None => self.global.config.clone(),
        };
        let config = Config::load(path.as_deref())?;
        let (name, ci) = config.ci(Some(&self.ci_name))?;
        let credentials = match &self.sim {
            Some(_) => credentials(ci, |_| None)?,
            None => credentials(ci, |name| std::env::var(name).ok())?,
        };
        let place = self.ci.place.clone();
        let shared = Some((self.ci.http(), self.ci.opened_store()));
        Self::with(&self.global, &config, (name, ci), Some(repo), credentials, place, shared)
    }

    fn of(
        global: &Global,
        config: &Config,
        (name, ci): (&str, &CiConfig),
        repo: Option<&str>,
        credentials: CredentialSource,
        place: Directories,
    ) -> Result<Self, Error> {
        Self::with(global, config, (name, ci), repo, credentials, place, None)
    }

    fn with(
        global: &Global,
        config: &Config,
        (name, ci): (&str, &CiConfig),
        repo: Option<&str>,
        credentials: CredentialSource,
        place: Directories,
        shared: Option<(Http, Option<SharedStore>)>,
    ) -> Result<Self, Error> {
        let (http, store) = shared.map_or((None, None), |(http, store)| (Some(http), store));
        let (pulse, deaf) = match pulse(ci, |name| std::env::var(name).ok()) {
            Ok(pulse) => (pulse, None),
            Err(why) => (None, Some(why)),
        };
        let open = Ci::open(Opening {
            config: ci,
            repo,
            credentials,
            pulse,
            http,
            store,
            budgets: config.guards.budgets(),
            clone: global.clone.clone(),
            closed_tree: config.guards.closed_tree(),
            runs_read: config.guards.runs_read(),
            rules: config.log_rules()?,
            place,
            sandbox: std::env::current_exe().ok(),
            user_agent: USER_AGENT.to_owned(),
        })?;
        if let Some(why) = deaf {
            open.note(format!("Pulse is not used, and the CI is polled instead: {why}"));
        }
        Ok(Self {
            ci: open,
            config: ci.clone(),
            ci_name: name.to_owned(),
            global: global.clone(),
            notify: config.notify.clone(),
            sim: None,
        })
    }

    /// Requests that this command sent, or may have sent, in whichever repository of the CI.
    pub(crate) fn sent(&self) -> u64 {
        self.ci.http().meter().sent_so_far()
    }

    /// Says on stderr what should be known besides the answer.
    pub(crate) fn say_notes(&self) {
        self.say_notes_of(&self.ci);
    }

    /// The same of another repository of the CI.
    pub(crate) fn say_notes_of(&self, ci: &Ci) {
        for note in ci.take_notes() {
            self.talk(&format!("note: {note}"));
        }
        let usage = ci.usage();
        if usage.retries > 0 {
            let requests = crate::show::plural(usage.retries as usize, "request");
            self.talk(&format!("note: {requests} retried"));
        }
        if usage.held.as_secs() > 0 {
            self.talk(&format!(
                "note: requests waited {} s in all to stay within the rate limit",
                usage.held.as_secs()
            ));
        }
    }

    /// The ways to whoever is told; none where the config names nobody.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address that is none.
    pub(crate) fn channels(&self) -> Result<Option<Channels>, Error> {
        Channels::open(&self.notify, USER_AGENT, |name| std::env::var(name).ok())
    }

    /// How a command has to begin to be asked of the same CI and repository.
    pub(crate) fn program(&self) -> String {
        let mut line = "mozci".to_owned();
        let config = self.global.config.as_ref().map(|path| path.display().to_string());
        let given = [
            ("config", config),
            ("ci", self.global.ci.clone()),
            ("repo", self.global.repo.clone()),
            ("clone", self.global.clone.as_ref().map(|path| path.display().to_string())),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                line.push_str(&format!(" --{name} {}", crate::show::shell_word(&value)));
            }
        }
        line
    }

    /// Says on a terminal's stderr what is being done, until the next line takes its place.
    pub(crate) fn progress(&self, text: &str) {
        if !self.global.quiet {
            crate::status::step(text);
        }
    }

    /// Shows what is waited for on the status line, until it has ended.
    pub(crate) fn wait(&self, text: &str) {
        if !self.global.quiet {
            crate::status::wait(text);
        }
    }

    /// Talk on stderr, unless it is to be quiet.
    pub(crate) fn talk(&self, line: &str) {
        if !self.global.quiet {
            failure::say(line);
        }
    }
}

impl Repositories for Context {
    fn open(&self, repo: &str) -> Result<Ci, Error> {
        Ok(self.sibling(repo)?.ci)
    }
}

/// The repository that a link's name means: by its own name, else by Treeherder's.
fn repo_of(ci: &CiConfig, named: &str) -> Option<String> {
    if ci.repos.contains_key(named) {
        return Some(named.to_owned());
    }
    let by_project = ci
        .repos
        .iter()
        .find(|(_, repo)| repo.treeherder_project.as_deref() == Some(named))
        .map(|(name, _)| name.clone());
    by_project.or_else(|| Some(named.to_owned()))
}

/// The world that `--ci demo` and `mozci demo` have.
pub(crate) fn demo_world(seed: u64, pushes: u32) -> WorldConfig {
    WorldConfig { seed, pushes, ..WorldConfig::default() }
}
