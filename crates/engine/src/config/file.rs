//! The file's shape, what is wrong with it, and the presets below it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use mozci_core::guard::{BreakerSettings, Budgets};
use mozci_core::ids::Vcs;
use serde::Deserialize;

use crate::error::Error;

const PRESETS: &str = include_str!("presets.toml");

/// The whole configuration. An unknown key is an error.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The CI that is meant when none is named; `firefox` where this is not set.
    pub default_ci: Option<String>,
    /// A PostgreSQL database that has the ledger and the investigations, for several machines to share; else a file
    /// of this machine has them. `MOZCI_DATABASE_URL` in the environment comes before it.
    pub database_url: Option<String>,
    /// The limits of what may be requested.
    #[serde(default)]
    pub guards: Guards,
    /// Who is told of what was asked to be told.
    #[serde(default)]
    pub notify: Notify,
    /// Rules of text logs of one's own, which come before those of the program.
    #[serde(default)]
    pub rules: Vec<mozci_evidence::Rule>,
    /// The CIs by their names.
    #[serde(default)]
    pub ci: BTreeMap<String, CiConfig>,
}

/// Who is told, of what somebody asks to be told (`--tell`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// Where webhooks go; they are signed with `MOZCI_WEBHOOK_SECRET`.
    pub webhook: Option<String>,
    /// Whether that may be a private address.
    #[serde(default)]
    pub webhook_allow_private: bool,
    /// Who gets e-mail.
    #[serde(default)]
    pub email_to: Vec<String>,
    /// Who it is from; the first who gets it, unless set.
    pub email_from: Option<String>,
    /// `smtps://host:port`, or `smtp://host:port` with STARTTLS; `SMTP_USER` and `SMTP_PASSWORD` where
    /// the server wants them.
    pub smtp_url: Option<String>,
}

/// The limits of what may be requested.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guards {
    /// Runs that one plan may request.
    runs_per_plan: Option<u32>,
    /// Runs of one job that one push may get.
    runs_per_push: Option<u32>,
    /// Runs that may be requested within 24 hours.
    runs_per_day: Option<u32>,
    /// Runs that may be requested within 24 hours in pools of workers that are scarce, by the pools'
    /// names.
    #[serde(default)]
    pools: BTreeMap<String, u32>,
    /// A job is left alone when so many of its newest finished runs ended in infrastructure failures;
    /// 6 unless set.
    infra_failures: Option<u32>,
    /// Of so many; 10 unless set.
    infra_of: Option<u32>,
    /// For so many minutes; 30 unless set.
    rest_minutes: Option<u32>,
    /// What is done while the tree is closed; it is refused unless set.
    #[serde(default)]
    closed_tree: ClosedTree,
    /// Runs whose logs and artifacts one command reads to judge them by a test.
    runs_read: Option<usize>,
}

impl Guards {
    /// Runs that one command reads to judge them; 2,000 unless set.
    pub fn runs_read(&self) -> usize {
        self.runs_read.unwrap_or(2_000)
    }

    /// What is done while the tree is closed.
    pub fn closed_tree(&self) -> ClosedTree {
        self.closed_tree
    }

    /// The limits, those that are not set at their defaults.
    pub fn budgets(&self) -> Budgets {
        let default = Budgets::default();
        Budgets {
            plan: self.runs_per_plan.unwrap_or(default.plan),
            push: self.runs_per_push.unwrap_or(default.push),
            day: self.runs_per_day.unwrap_or(default.day),
            pools: self.pools.clone(),
            breaker: BreakerSettings {
                bad: self.infra_failures.unwrap_or(default.breaker.bad),
                of: self.infra_of.unwrap_or(default.breaker.of),
                rest_minutes: self.rest_minutes.unwrap_or(default.breaker.rest_minutes),
            },
        }
    }
}

/// What is done while the tree is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClosedTree {
    /// Nothing is requested.
    #[default]
    Refuse,
    /// It is waited for.
    Wait,
    /// It is requested all the same.
    Ignore,
}

/// The kinds of CI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CiKind {
    /// Taskcluster: with taskgraph and Treeherder beside it, or with bare task groups.
    Taskcluster,
    /// A Buildbot master.
    Buildbot,
    /// A Buildbot farm of 2011 to 2017: self-serve BuildAPI, dumps of builds, allthethings.json.
    BuildApi,
}

/// One CI.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CiConfig {
    /// Its kind.
    pub kind: CiKind,
    /// Taskcluster's root URL, a Buildbot master's URL, or that of a BuildAPI's self-serve; only where
    /// there are archived dumps it may be left out.
    #[serde(alias = "url", default)]
    pub root_url: String,
    /// Where the dumps of builds of a BuildAPI's farm are served.
    pub buildjson_url: Option<String>,
    /// A folder of archived dumps, `builds-2015-03-01.js.gz`.
    pub buildjson_dir: Option<PathBuf>,
    /// The URL or the path of allthethings.json.
    pub allthethings: Option<String>,
    /// Treeherder's URL; needed where repositories have task graphs.
    pub treeherder_url: Option<String>,
    /// Where the trees' status is told (Treestatus), for whoever holds back while a tree is closed.
    pub treestatus_url: Option<String>,
    /// Where Lando tells what commits are called in the other version control system.
    pub lando_url: Option<String>,
    /// Where Pulse is: `amqps://host:port`.
    pub pulse_url: Option<String>,
    /// A command that prints credentials as JSON, used where the environment has none: for
    /// Taskcluster `clientId`, `accessToken` and `certificate`, for Buildbot `user` and `password`,
    /// or `cookie`.
    pub credentials_command: Option<Vec<String>>,
    /// How long `--wait` pauses between two looks; 15 seconds unless set.
    pub poll_seconds: Option<f64>,
    /// Requests under way at once to one host; 8 unless set.
    pub requests_at_once: Option<usize>,
    /// Requests to one host within a minute; 240 unless set.
    pub requests_per_minute: Option<usize>,
    /// How long an answer may take; 60 seconds unless set.
    pub timeout_seconds: Option<f64>,
    /// How long the first of two retries waits, the other three times as long; 0.1 seconds unless
    /// set.
    pub retry_seconds: Option<f64>,
    /// The repositories by their names.
    #[serde(default)]
    pub repos: BTreeMap<String, RepoConfig>,
}

/// Where a repository's pushes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PushlogKind {
    /// From the Mercurial server's pushlog.
    Hg,
    /// From Treeherder.
    Treeherder,
    /// From a Buildbot master's changes.
    Changes,
    /// From archived dumps: the revisions that were built.
    Dumps,
    /// From a Git repository: the commits of the branch along first parents.
    Git,
}

/// A name, or a list of names.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Names {
    /// One; empty for none.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Names {
    /// The names, without empty ones.
    pub fn list(&self) -> Vec<String> {
        let all = match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        };
        all.iter().filter(|name| !name.is_empty()).cloned().collect()
    }
}

/// One repository.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepoConfig {
    /// Where its pushes are read.
    pub pushlog: PushlogKind,
    /// Its URL; needed for `pushlog = "hg"`. For `pushlog = "git"` a clone's folder, or where to
    /// clone from.
    pub url: Option<String>,
    /// The branch, where it is called otherwise than the repository here; for Buildbot and Git.
    pub branch: Option<String>,
    /// Whose revisions the pushes are, where their source does not say: Buildbot's changes are Git's
    /// and Treeherder's pushes Mercurial's unless set.
    pub vcs: Option<VcsName>,
    /// What Lando calls the repository, where it knows its commits' names.
    pub lando_repo: Option<String>,
    /// The folder of a clone, of either version control system, in which short hashes are looked up.
    pub clone: Option<PathBuf>,
    /// The codebase, on a Buildbot master that has several.
    pub codebase: Option<String>,
    /// For Buildbot, the project of the branch's changes, where several share the branch.
    pub project: Option<String>,
    /// For Buildbot, the repository of the branch's changes as the master names it, where several share
    /// the branch.
    pub repository: Option<String>,
    /// For Buildbot, the category of the branch's pushes. Where it is not said, requests to pull or
    /// merge are left out.
    pub category: Option<String>,
    /// For Buildbot, the builder that each builder depends on, or a list of those that it depends on all of;
    /// empty for none. What is not said here is inferred from history.
    #[serde(default)]
    pub build_of: BTreeMap<String, Names>,
    /// Builders that their build starts by itself, also where it was forced.
    #[serde(default)]
    pub started_by_build: Vec<String>,
    /// For each builder the values of its force scheduler's fields.
    #[serde(default)]
    pub force: BTreeMap<String, BTreeMap<String, String>>,
    /// Whether the Buildbot master coalesces requests (`collapseRequests`), as it does unless told
    /// otherwise. Where it does not, requests need not wait for one another.
    #[serde(default = "yes")]
    pub coalesces: bool,
    /// Repositories that are merged into it.
    #[serde(default)]
    pub merges_from: Vec<String>,
    /// The tree's name in Treestatus, where that is another than Treeherder's.
    pub tree: Option<String>,
    /// Its name in Treeherder, where that is another.
    pub treeherder_project: Option<String>,
    /// Where its decision tasks are indexed; `gecko.v2.<name>` unless set.
    pub index: Option<String>,
    /// Treeherder's platform of decision and action tasks; `gecko-decision` unless set.
    pub decision_platform: Option<String>,
    /// For a repository without task graphs and Treeherder: the index path of a task of each
    /// push's group, with `{revision}` or `{push}` in it.
    pub tasks_index: Option<String>,
    /// Whether the task's group is the push's, or the task's own id is the group's.
    #[serde(default)]
    pub group: GroupRule,
    /// The path of the text in a definition that tasks are called by; `metadata.name` unless set.
    pub label: Option<String>,
}

fn yes() -> bool {
    true
}

/// The version control systems, as the config names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VcsName {
    /// Git.
    Git,
    /// Mercurial.
    Hg,
    /// Subversion, on a Buildbot master: revisions are numbers.
    Svn,
}

impl RepoConfig {
    /// Whose revisions the pushes are.
    pub(crate) fn vcs(&self) -> Vcs {
        match (self.pushlog, self.vcs) {
            (PushlogKind::Hg, _) => Vcs::Hg,
            (PushlogKind::Git, _) => Vcs::Git,
            (_, Some(VcsName::Git)) | (PushlogKind::Changes, None) => Vcs::Git,
            (_, Some(VcsName::Svn)) => Vcs::Svn,
            (_, Some(VcsName::Hg)) | (PushlogKind::Treeherder | PushlogKind::Dumps, None) => {
                Vcs::Hg
            }
        }
    }
}

/// Which group a push's tasks are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupRule {
    /// The group of the task that is indexed.
    #[default]
    Group,
    /// The one that has the indexed task's id.
    Task,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the config file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has a line that is broken or a key that nobody knows.
    #[error("the config file {path} cannot be used: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, column and key, in words.
        message: String,
    },
}

impl ConfigError {
    /// The same error, of this file.
    fn in_file(self, file: &Path) -> Self {
        match self {
            Self::Parse { message, .. } => Self::Parse { path: file.to_owned(), message },
            other => other,
        }
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}

/// The largest file that is read, in bytes.
const LARGEST: u64 = 4 << 20;

impl Config {
    /// Reads the presets and over them the file: the given one, which must be there, or
    /// `$XDG_CONFIG_HOME/mozci/config.toml`, which need not.
    ///
    /// # Errors
    /// [`ConfigError`], which names file, line and key.
    pub fn load(given: Option<&Path>) -> Result<Self, ConfigError> {
        let mut config = Self::parse(PRESETS)?;
        let path = match given {
            Some(path) => path.to_owned(),
            None => match Self::usual_path() {
                Some(path) if path.exists() => path,
                _ => return Ok(config),
            },
        };
        let read = |source| ConfigError::Read { path: path.clone(), source };
        let bytes = mozci_clients::files::read(&path, LARGEST).map_err(read)?;
        let text = String::from_utf8(bytes)
            .map_err(|error| read(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))?;
        let own = Self::parse(&text).map_err(|error| error.in_file(&path))?;
        // Whoever configures one CI means it.
        let only = (own.ci.len() == 1).then(|| own.ci.keys().next().cloned()).flatten();
        config.default_ci = own.default_ci.or(only);
        config.guards = own.guards;
        config.notify = own.notify;
        config.rules = own.rules;
        // A CI of the file's takes the place of a preset as a whole.
        config.ci.extend(own.ci);
        Ok(config)
    }

    /// Reads the text of a config alone, without presets.
    ///
    /// # Errors
    /// [`ConfigError::Parse`], without a path.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::Parse {
            path: "config.toml".into(),
            message: error.to_string().trim_end().to_owned(),
        })
    }

    /// The rules of text logs, where it has some of its own.
    ///
    /// # Errors
    /// [`Error::Usage`] for a rule that cannot be used, with why.
    pub fn log_rules(&self) -> Result<Option<std::sync::Arc<mozci_evidence::Rules>>, Error> {
        if self.rules.is_empty() {
            return Ok(None);
        }
        let rules = mozci_evidence::Rules::with(&self.rules);
        rules.map(Some).map_err(|error| Error::Usage(format!("in the config: {error}")))
    }

    /// Where the file is looked for.
    pub fn usual_path() -> Option<PathBuf> {
        let base = etcetera::choose_base_strategy().ok()?;
        Some(base.config_dir().join("mozci").join("config.toml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::load(Some(file.path()))
    }

    #[test]
    fn the_presets_are_sound_and_the_file_lies_over_them() {
        let config = load("default_ci = \"x\"\n[ci.x]\nkind = \"taskcluster\"\nroot_url = \"http://127.0.0.1\"\ntreeherder_url = \"http://127.0.0.1\"\n").unwrap();
        assert_eq!(config.ci(None).unwrap().0, "x");
        let firefox = config.ci(Some("firefox")).unwrap().1;
        let (_, autoland) = firefox.repo(Some("autoland")).unwrap();
        assert_eq!(autoland.tree.as_deref(), Some("firefox-autoland"));
        assert!(firefox.treestatus_url.is_some(), "a closed tree stops what is sent");
        for name in ["mozilla-esr140", "comm-central", "nss", "taskgraph", "application-services"] {
            assert!(firefox.repo(Some(name)).is_ok(), "{name}");
        }
        let error = firefox.repo(Some("autolnad")).unwrap_err().to_string();
        assert!(error.contains("did you mean autoland?"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let unknown = load("default_ci = \"x\"\n\n[guards]\nruns_per_weak = 3\n").unwrap_err();
        let text = unknown.to_string();
        assert!(text.contains("line 4") && text.contains("runs_per_weak"), "{text}");
        let broken = load("default_ci = \n").unwrap_err().to_string();
        assert!(broken.contains("line 1"), "{broken}");
        assert!(load("[ci.x]\nkind = \"jenkins\"\n").unwrap_err().to_string().contains("line 2"));
    }
}
