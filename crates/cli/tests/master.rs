//! A real Buildbot master with a Git repository and a worker, started by a test and stopped by it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::world::Said;

/// How long a master, a build or anything else of it may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A master that runs, and a home for the program.
pub(crate) struct Master {
    pub(crate) url: String,
    /// The repository's commits, the oldest first: the first is number 1.
    pub(crate) revisions: Vec<String>,
    pub(crate) home: TempDir,
    bin: PathBuf,
    auth: String,
    pause: String,
    process: Option<Child>,
}

impl Drop for Master {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A version of Buildbot, by the variable that names the folder of its programs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Version {
    Four,
    ThreeEleven,
}

/// The folder of Buildbot's programs; none where the test was not started by `scripts/test`.
fn programs(version: Version) -> Option<PathBuf> {
    let name = match version {
        Version::Four => "MOZCI_TEST_BUILDBOT",
        Version::ThreeEleven => "MOZCI_TEST_BUILDBOT_3",
    };
    let found = std::env::var_os(name).map(PathBuf::from);
    if found.is_none() {
        eprintln!("skipped: {name} does not name a Buildbot; scripts/test installs one");
    }
    found
}

impl Master {
    /// A master whose doors are open, or as `auth` says: `userpass`, `closed`.
    pub(crate) fn start(auth: &str) -> Option<Self> {
        Self::shaped("master.cfg", auth)
    }

    /// A master as a configuration in `tests/farm` has it.
    pub(crate) fn shaped(config: &str, auth: &str) -> Option<Self> {
        Self::of(Version::Four, config, auth)
    }

    /// The same, of a version.
    pub(crate) fn of(version: Version, config: &str, auth: &str) -> Option<Self> {
        let bin = programs(version)?;
        let home = TempDir::new().unwrap();
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/farm");
        let made = Command::new(bin.join("python"))
            .arg(files.join("make_repo.py"))
            .arg(home.path().join("widgets.git"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let revisions = serde_json::from_slice(&made.stdout).unwrap();
        // Free a moment ago: whoever takes it in between makes the start fail, which is seen.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let base = home.path().join("master");
        std::fs::create_dir(&base).unwrap();
        std::fs::copy(files.join(config), base.join("master.cfg")).unwrap();
        let mut master = Self {
            url: format!("http://127.0.0.1:{port}"),
            revisions,
            home,
            bin,
            auth: auth.to_owned(),
            pause: "0".to_owned(),
            process: None,
        };
        let made = master.buildbot(&["create-master", "-q"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        master.run_again(auth);
        master.configure("");
        Some(master)
    }

    fn buildbot(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.bin.join("buildbot"));
        let home = self.home.path();
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .args(arguments)
            .arg(home.join("master"))
            .env("PATH", format!("{}:{path}", self.bin.display()))
            .env("FARM_BASE", home)
            .env("FARM_REPO", home.join("widgets.git"))
            .env("FARM_PORT", self.url.rsplit(':').next().unwrap())
            .env("FARM_AUTH", &self.auth)
            .env("FARM_PAUSE", &self.pause)
            // What a log's header would give away.
            .env("FARM_SECRET", "hunter2-of-the-worker")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// Starts the master (again), and waits until it answers.
    pub(crate) fn run_again(&mut self, auth: &str) {
        self.auth = auth.to_owned();
        let log = std::fs::File::create(self.home.path().join("master.log")).unwrap();
        let mut command = self.buildbot(&["start", "--nodaemon"]);
        let process = command.stderr(log.try_clone().unwrap()).stdout(log).spawn().unwrap();
        self.process = Some(process);
        let answers = |master: &mut Self| master.status("/config") == Some(200);
        assert!(self.within(answers), "the master did not start");
    }

    /// How many seconds a build takes, from the next start on.
    pub(crate) fn pause(&mut self, seconds: &str) {
        self.pause = seconds.to_owned();
    }

    /// Ends the master at once, as a power failure would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Looks again and again until something holds.
    pub(crate) fn within(&mut self, holds: impl Fn(&mut Self) -> bool) -> bool {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if holds(self) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        eprintln!(
            "{}",
            std::fs::read_to_string(self.home.path().join("master.log")).unwrap_or_default()
        );
        false
    }

    /// Sends a request; status, and whatever came with it.
    fn send(&self, head: &str, body: &str) -> Option<(u16, String)> {
        self.send_as("application/x-www-form-urlencoded", head, body)
    }

    fn send_as(&self, kind: &str, head: &str, body: &str) -> Option<(u16, String)> {
        let mut socket = TcpStream::connect(self.url.trim_start_matches("http://")).ok()?;
        // In the older version an answer ends where the connection does.
        let length = body.len();
        let text = format!(
            "{head} HTTP/1.0\r\nAccept: application/json\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        socket.write_all(text.as_bytes()).ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    fn status(&self, path: &str) -> Option<u16> {
        self.send(&format!("GET {path}"), "").map(|(status, _)| status)
    }

    /// What the master itself says. An answer that was cut short is requested again.
    pub(crate) fn get(&self, path: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let Some((status, body)) = self.send(&format!("GET /api/v2/{path}"), "") else {
                continue;
            };
            assert_eq!(status, 200, "{path}: {body}");
            if let Ok(answer) = serde_json::from_str(&body) {
                return answer;
            }
        }
        panic!("{path}: no whole answer");
    }

    /// Tells the master of commits, by their numbers.
    pub(crate) fn land(&self, numbers: impl IntoIterator<Item = usize>) {
        for number in numbers {
            let revision = &self.revisions[number - 1];
            let repository = self.home.path().join("widgets.git");
            let files = if number.is_multiple_of(3) { r#"["n","often"]"# } else { r#"["n"]"# };
            let body = format!(
                "revision={revision}&branch=main&who=Dev+<dev{}@example.org>&comments=Change+{number}&files={files}&repository={}",
                number % 5,
                repository.display()
            );
            let (status, answer) = self.send("POST /change_hook/base", &body).unwrap();
            assert_eq!(status, 200, "{answer}");
        }
    }

    /// Tells of a change as a hook would that has more to say: `fields` is a query's.
    pub(crate) fn tell(&self, revision: &str, fields: &str) {
        let body =
            format!("revision={revision}&branch=main&who=Dev&comments=x&files=[\"n\"]&{fields}");
        let (status, answer) = self.send("POST /change_hook/base", &body).unwrap();
        assert_eq!(status, 200, "{answer}");
    }

    /// Does something by the master's own interface, as a person would.
    pub(crate) fn act(&self, path: &str, method: &str, params: &Value) {
        let body =
            serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let (head, body) = (format!("POST /api/v2/{path}"), body.to_string());
        let (status, answer) = self.send_as("application/json", &head, &body).unwrap();
        assert_eq!(status, 200, "{answer}");
    }

    /// Tells of commits one by one, each only when everything of the one before has ended.
    pub(crate) fn land_slowly(&mut self, numbers: impl IntoIterator<Item = usize>) {
        for number in numbers {
            self.land([number]);
            self.settle(number);
        }
    }

    /// Waits until the master knows a change by its number and has nothing to do.
    pub(crate) fn settle(&mut self, number: usize) {
        let revision = self.revisions[number - 1].clone();
        let idle = move |master: &mut Self| {
            let sets = master.get("buildsets?order=-bsid&limit=10");
            let sets = sets["buildsets"].as_array().unwrap();
            let of = |set: &Value| set["sourcestamps"][0]["revision"] == revision.as_str();
            let ended = |set: &Value| set["complete"] == true;
            let open = master.get("buildrequests?complete=false&limit=1");
            sets.iter().any(of)
                && sets.iter().filter(|set| of(set)).all(ended)
                && open["buildrequests"].as_array().unwrap().is_empty()
        };
        assert!(self.within(idle), "the master did not come to rest");
    }

    /// Writes the program's config, with some more lines for the CI.
    pub(crate) fn configure(&self, more: &str) {
        let text = format!(
            "default_ci = \"farm\"\n[ci.farm]\nkind = \"buildbot\"\nurl = \"{}\"\nrequests_per_minute = 100000\n{more}\n[ci.farm.repos.main]\npushlog = \"changes\"\n[ci.farm.repos.by-git]\npushlog = \"git\"\nbranch = \"main\"\nurl = \"{}\"\n",
            self.url,
            self.home.path().join("widgets.git").display()
        );
        std::fs::write(self.home.path().join("config.toml"), text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mozci"));
        command
            .arg("--config")
            .arg(self.home.path().join("config.toml"))
            .args(["--repo", "main"])
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", self.home.path().join("state"))
            .env("XDG_CACHE_HOME", self.home.path().join("cache"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn mozci(&self, arguments: &[&str]) -> Said {
        Said::new(&self.command(arguments).output().unwrap())
    }

    /// How many build requests the master has ever had.
    pub(crate) fn requests(&self) -> usize {
        let all = self.get("buildrequests?field=buildrequestid");
        all["buildrequests"].as_array().unwrap().len()
    }
}
