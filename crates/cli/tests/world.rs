//! A simulated CI with a home of its own, and the program run against it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use mozci_sim::{Sim, SimConfig, World, WorldConfig};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const JOB: &str = "test-linux2404-64/opt-mochitest-plain-1";

/// A world that is being served, and a home for the program.
pub(crate) struct Served {
    pub(crate) sim: Sim,
    pub(crate) home: TempDir,
    _runtime: tokio::runtime::Runtime,
}

/// What the program said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: i32,
}

impl Said {
    pub(crate) fn new(output: &Output) -> Self {
        Self {
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
            status: output.status.code().unwrap_or(-1),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Everything, for a snapshot.
    pub(crate) fn whole(&self) -> String {
        let Self { stdout, stderr, status } = self;
        format!("{stdout}--- stderr\n{stderr}--- status {status}\n")
    }
}

impl Served {
    /// A world in which everything has long ended, and what is requested ends at once.
    pub(crate) fn settled() -> Self {
        Self::of(WorldConfig { newest_minutes_ago: 600, speed: 20_000.0, ..WorldConfig::default() })
    }

    pub(crate) fn of(world: WorldConfig) -> Self {
        Self::start(SimConfig { world, ..SimConfig::default() })
    }

    pub(crate) fn start(config: SimConfig) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let sim = runtime.block_on(Sim::start(config)).unwrap();
        let home = TempDir::new().unwrap();
        let served = Self { sim, home, _runtime: runtime };
        served.write_config(&served.config());
        served
    }

    pub(crate) fn world(&self) -> &World {
        &self.sim.world
    }

    /// A config with the sheriff's credentials.
    pub(crate) fn config(&self) -> String {
        let urls = &self.sim.urls;
        let credentials = serde_json::json!(mozci_sim::SimCredentials::sheriff()).to_string();
        format!(
            "default_ci = \"sim\"\n[ci.sim]\nkind = \"taskcluster\"\nroot_url = \"{}\"\ntreeherder_url = \"{}\"\npoll_seconds = 0.05\nrequests_per_minute = 100000\ncredentials_command = {}\n\
             [ci.sim.repos.autoland]\npushlog = \"hg\"\nurl = \"{}/integration/autoland\"\nmerges_from = [\"mozilla-central\"]\n\
             [ci.sim.repos.mozilla-central]\npushlog = \"hg\"\nurl = \"{}/mozilla-central\"\nmerges_from = [\"autoland\"]\n\
             [ci.sim.repos.bare]\npushlog = \"treeherder\"\ntreeherder_project = \"autoland\"\n",
            urls.taskcluster,
            urls.treeherder,
            serde_json::json!(["echo", credentials]),
            urls.hg,
            urls.hg
        )
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.home.path().join("config.toml")
    }

    pub(crate) fn write_config(&self, text: &str) {
        std::fs::write(self.config_path(), text).unwrap();
    }

    pub(crate) fn read_config(&self) -> String {
        std::fs::read_to_string(self.config_path()).unwrap()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mozci"));
        command
            .arg("--config")
            .arg(self.config_path())
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", self.home.path().join("state"))
            .env("XDG_CACHE_HOME", self.home.path().join("cache"))
            .stdin(Stdio::null());
        command
    }

    /// As [`command`](Self::command), with what it listens to Pulse with.
    pub(crate) fn listening(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("PULSE_USER", "watcher").env("PULSE_PASSWORD", "watcher-password");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::new(&self.command(arguments).output().unwrap())
    }

    pub(crate) fn ledger(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.home.path().join("state/mozci/ledger.db")).unwrap()
    }

    /// How many trigger requests stand in the ledger in a state.
    pub(crate) fn askings(&self, state: &str) -> i64 {
        let count = "SELECT count(*) FROM askings WHERE state = ?";
        self.ledger().query_row(count, [state], |row| row.get(0)).unwrap()
    }

    /// Takes the credentials out of the config.
    pub(crate) fn without_credentials(&self) {
        let config = self.config();
        let bare = config.lines().filter(|line| !line.starts_with("credentials_command"));
        self.write_config(&bare.map(|line| format!("{line}\n")).collect::<String>());
    }

    /// Every action that the CI has is one of the ledger's, and the other way round, each once.
    pub(crate) fn nothing_lost_and_nothing_doubled(&self, what: &str) {
        let asked: Vec<String> =
            self.world().dynamic().actions.iter().map(|action| action.id.to_string()).collect();
        let ledger = self.ledger();
        let mut query = ledger.prepare("SELECT task FROM askings WHERE state = 'sent'").unwrap();
        let sent: Vec<String> =
            query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let of = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(of(&asked), of(&sent), "{what}");
        assert_eq!((of(&asked).len(), of(&sent).len()), (asked.len(), sent.len()), "{what}");
    }

    /// The head of the push so many before the newest.
    pub(crate) fn node(&self, back: usize) -> String {
        let pushes = &self.world().autoland.pushes;
        pushes[pushes.len() - 1 - back].node().to_owned()
    }

    /// The task of the story's job on the push so many before the newest.
    pub(crate) fn task(&self, back: u32) -> String {
        let world = self.world();
        let job = world.catalog.find(JOB).unwrap();
        let dynamic = world.dynamic();
        let push = world.config.pushes - 1 - back;
        let task = world.tasks_of_job(push, job, &dynamic).next().unwrap();
        dynamic.id_of(world.seed(), task).to_string()
    }

    /// Tasks of the story's job that actions created, on all pushes.
    pub(crate) fn created(&self) -> usize {
        let job = self.world().catalog.find(JOB).unwrap();
        let dynamic = self.world().dynamic();
        dynamic.tasks.iter().filter(|((_, j), _)| *j == job).map(|(_, tasks)| tasks.len()).sum()
    }

    /// Actions that were requested.
    pub(crate) fn actions(&self) -> usize {
        self.world().dynamic().actions.len()
    }
}

/// The pushes on which a plan requests the job, by their numbers.
pub(crate) fn planned(json: &Value) -> Vec<u64> {
    let requests = json["plan"]["requests"].as_array().unwrap();
    requests.iter().map(|request| request["push"]["id"].as_u64().unwrap()).collect()
}

/// Takes out of a text what differs from run to run.
pub(crate) fn steady() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b\d+ (s|min|h|d)\b old", "[age] old");
    settings.add_filter(r" +\d+ (s|min|h|d)  ", " [age]  ");
    settings.add_filter(r"\| +\d+ (s|min|h|d) \|", "| [age] |");
    settings.add_filter(r"push_timestamp__(gte|lte)=\d+", "push_timestamp__$1=[date]");
    settings.add_filter(r"127\.0\.0\.1:\d+", "[host]");
    settings.add_filter(r#""date": \d+"#, "\"date\": 0");
    settings.add_filter(r#"_behind_seconds": \d+"#, "_behind_seconds\": 0");
    settings.add_filter(r"asking [A-Za-z0-9_-]{22}", "asking [id]");
    settings.add_filter(r#""id": "[A-Za-z0-9_-]{22}""#, "\"id\": \"[ledger id]\"");
    settings.add_filter(r"/tmp/\.tmp\w+", "[home]");
    settings.set_omit_expression(true);
    settings
}
