//! Every job that can run: builds, and the tests that depend on them, over platforms and suites.

use super::random::{For, hash};

/// What kind of job it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Makes what tests run on.
    Build,
    /// Runs tests on a build.
    Test,
    /// Looks at the source alone.
    Source,
}

impl JobKind {
    /// taskgraph's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Test => "test",
            Self::Source => "source-test",
        }
    }
}

/// One job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its label.
    pub label: String,
    /// Its kind.
    pub kind: JobKind,
    /// Treeherder's platform.
    pub platform: &'static str,
    /// `opt` or `debug`.
    pub option: &'static str,
    /// The build that it depends on, by its place in the catalog.
    pub build: Option<usize>,
    /// The suite and the chunk of it, for tests.
    pub chunk: Option<(usize, u32)>,
    /// Treeherder's symbol and group symbol.
    pub symbols: (String, &'static str),
    /// How long it takes as a rule, in minutes.
    pub minutes: u32,
}

impl Job {
    /// Treeherder's tier: macOS is of the second.
    pub fn tier(&self) -> u8 {
        if self.platform.starts_with("macosx") && self.kind == JobKind::Test { 2 } else { 1 }
    }
}

/// A suite of tests.
#[derive(Debug, Clone, Copy)]
pub struct Suite {
    /// Its name.
    pub name: &'static str,
    /// The family that `test-type` names.
    pub family: &'static str,
    group: &'static str,
    symbol: &'static str,
    minutes: u32,
}

/// The suites, the same on every platform.
pub const SUITES: [Suite; 5] = [
    Suite { name: "mochitest-plain", family: "mochitest", group: "M", symbol: "", minutes: 23 },
    Suite {
        name: "mochitest-browser-chrome",
        family: "mochitest",
        group: "M",
        symbol: "bc",
        minutes: 38,
    },
    Suite { name: "xpcshell", family: "xpcshell", group: "X", symbol: "X", minutes: 17 },
    Suite {
        name: "web-platform-tests",
        family: "web-platform-tests",
        group: "W",
        symbol: "wpt",
        minutes: 44,
    },
    Suite { name: "reftest", family: "reftest", group: "R", symbol: "R", minutes: 26 },
];

const PLATFORMS: [(&str, &str, &str, &str); 5] = [
    ("linux2404-64", "opt", "build-linux64/opt", "linux64"),
    ("linux2404-64", "debug", "build-linux64/debug", "linux64"),
    ("windows11-64-24h2", "opt", "build-win64/opt", "win64"),
    ("windows11-64-24h2", "debug", "build-win64/debug", "win64"),
    ("macosx1500-aarch64", "opt", "build-macosx64/opt", "macosx64"),
];

/// Every job, builds first.
#[derive(Debug, Clone)]
pub struct Catalog {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// How many chunks each suite has on each platform.
    pub chunks: u32,
    /// How many pushes chunks stay as they were dealt.
    pub deal_every: u32,
}

/// How many pushes chunks stay as they were dealt, as a rule.
pub(crate) const DEAL_EVERY: u32 = 50;

impl Catalog {
    /// A catalog of about `size` jobs: five builds, two source jobs, and suites in as many
    /// chunks as it takes.
    pub fn new(size: u32) -> Self {
        let chunks = (size.saturating_sub(7) / 25).max(1);
        let mut jobs: Vec<Job> = PLATFORMS
            .iter()
            .map(|(_, option, label, platform)| Job {
                label: (*label).to_owned(),
                kind: JobKind::Build,
                platform,
                option,
                build: None,
                chunk: None,
                symbols: ("B".to_owned(), "?"),
                minutes: if *option == "debug" { 41 } else { 34 },
            })
            .collect();
        for (label, symbol, minutes) in
            [("source-test-mozlint-eslint", "ES", 6), ("source-test-mozlint-ruff", "ruff", 2)]
        {
            jobs.push(Job {
                label: label.to_owned(),
                kind: JobKind::Source,
                platform: "lint",
                option: "opt",
                build: None,
                chunk: None,
                symbols: (symbol.to_owned(), "?"),
                minutes,
            });
        }
        for (build, (platform, option, _, _)) in PLATFORMS.iter().enumerate() {
            for (index, suite) in SUITES.iter().enumerate() {
                for chunk in 1..=chunks {
                    jobs.push(Job {
                        label: format!("test-{platform}/{option}-{}-{chunk}", suite.name),
                        kind: JobKind::Test,
                        platform,
                        option,
                        build: Some(build),
                        chunk: Some((index, chunk)),
                        symbols: (format!("{}{chunk}", suite.symbol), suite.group),
                        minutes: suite.minutes,
                    });
                }
            }
        }
        Self { jobs, chunks, deal_every: DEAL_EVERY }
    }

    /// The place of a label.
    pub fn find(&self, label: &str) -> Option<usize> {
        self.jobs.iter().position(|job| job.label == label)
    }

    /// How many manifests a suite has.
    pub fn manifests(&self) -> u32 {
        self.chunks * 3
    }

    /// A manifest's name.
    pub fn manifest_name(suite: usize, manifest: u32) -> String {
        let area = ["dom", "layout", "browser", "netwerk", "toolkit", "editor"]
            [(manifest as usize + suite) % 6];
        match SUITES[suite].name {
            "web-platform-tests" => format!("/{area}/group-{manifest}"),
            "reftest" => format!("{area}/reftests/group-{manifest}/reftest.list"),
            "xpcshell" => format!("{area}/group-{manifest}/test/unit/xpcshell.toml"),
            name => format!(
                "{area}/group-{manifest}/test/{}.toml",
                if name == "mochitest-plain" { "mochitest" } else { "browser" }
            ),
        }
    }

    /// A test's name: each manifest has a few.
    pub fn test_name(suite: usize, manifest: u32, number: u32) -> String {
        let name = Self::manifest_name(suite, manifest);
        let folder = name.rsplit_once('/').map_or(name.as_str(), |(folder, _)| folder);
        match SUITES[suite].name {
            "web-platform-tests" => format!("{name}/test_{number}.html"),
            "xpcshell" => format!("{folder}/test_{manifest}_{number}.js"),
            "mochitest-browser-chrome" => format!("{folder}/browser_{manifest}_{number}.js"),
            "reftest" => format!("{folder}/test_{number}.html == {folder}/ref_{number}.html"),
            _ => format!("{folder}/test_{manifest}_{number}.html"),
        }
    }

    /// The chunk that runs a manifest on a push. Chunks are dealt anew every fifty pushes, and
    /// then about one manifest in six moves; where they are dealt more often, one in two. A suite's first
    /// manifest never does.
    pub fn chunk_of(&self, seed: u64, suite: usize, manifest: u32, push: u32) -> u32 {
        let home = manifest % self.chunks + 1;
        let dealt = u64::from(push / self.deal_every);
        let deal = [For::Chunk as u64, suite as u64, u64::from(manifest), dealt];
        let one_in = if self.deal_every == DEAL_EVERY { 6 } else { 2 };
        if manifest == 0 || !hash(seed, &deal).is_multiple_of(one_in) {
            home
        } else {
            home % self.chunks + 1
        }
    }

    /// The manifests that a job runs on a push.
    pub fn manifests_of(&self, seed: u64, job: usize, push: u32) -> Vec<u32> {
        match self.jobs[job].chunk {
            None => Vec::new(),
            Some((suite, chunk)) => (0..self.manifests())
                .filter(|m| self.chunk_of(seed, suite, *m, push) == chunk)
                .collect(),
        }
    }
}
