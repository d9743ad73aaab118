//! What a run of a test job leaves: errorsummary, structured log and text log, of one story. In
//! shape as the recordings of real ones (`captures/taskcluster/logs`).

use std::fmt::Write;

use serde_json::json;

use crate::world::{Catalog, Outcome, SUITES, World};

/// Tests of each manifest.
const TESTS: u32 = 3;

/// A run of a test job.
#[derive(Debug, Clone)]
pub(super) struct TestRun {
    pub(super) push: u32,
    pub(super) job: usize,
    pub(super) n: u8,
    pub(super) run: u32,
    pub(super) outcome: Outcome,
    /// When it began, in milliseconds.
    pub(super) started: i64,
    pub(super) suite: usize,
    /// The manifests that it runs, by their numbers.
    pub(super) manifests: Vec<u32>,
}

/// How one test of the run went.
struct Told {
    test: String,
    /// What it failed by: the name of the check, and its message.
    failed: Option<(&'static str, String)>,
    tolerated: bool,
}

impl TestRun {
    /// The names of its artifacts, besides the text log.
    pub(super) fn names(&self) -> Vec<String> {
        let suite = SUITES[self.suite].name;
        match self.outcome {
            Outcome::Exception(_) => Vec::new(),
            _ => ["errorsummary", "raw"]
                .map(|kind| format!("public/test_info/{suite}_{kind}.log"))
                .to_vec(),
        }
    }

    /// An artifact's content, where it is one of these.
    pub(super) fn content(&self, world: &World, name: &str) -> Option<String> {
        let groups = self.groups(world);
        if name.ends_with("_errorsummary.log") {
            Some(self.summary(&groups))
        } else if name.ends_with("_raw.log") {
            Some(self.raw(&groups))
        } else if name.ends_with("/live_backing.log") {
            Some(self.text(world, &groups))
        } else {
            None
        }
    }

    /// A number that differs from run to run: a port, a process, a count.
    fn varies(&self, what: u32) -> u32 {
        let seed = u64::from(self.push) * 31 + self.job as u64 * 17 + u64::from(self.n) * 7;
        let mixed =
            (seed + u64::from(self.run) + u64::from(what)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 48) as u32
    }

    fn groups(&self, world: &World) -> Vec<(String, Vec<Told>)> {
        let failing = match self.outcome {
            Outcome::Failed => world.failing(self.push, self.job, self.n, &self.manifests),
            _ => Vec::new(),
        };
        let group = |manifest: u32| {
            let name = Catalog::manifest_name(self.suite, manifest);
            let tests = (0..TESTS).map(|number| {
                let mut of = failing.iter().filter(|planted| planted.manifest == manifest);
                // A regression breaks a manifest's first test; what comes and goes the second.
                let failed = of.find(|planted| u32::from(planted.intermittent) == number);
                let failed = failed.map(|planted| match planted.intermittent {
                    true => (
                        "settles in time",
                        format!(
                            "waited {} ms for port {} of http://127.0.0.1:{}/group-{manifest}",
                            self.varies(1),
                            self.varies(2),
                            self.varies(2)
                        ),
                    ),
                    false => (
                        "value after reflow",
                        format!("got \"{}\", expected \"10\"", planted.number % 9),
                    ),
                });
                let tolerated =
                    number == 2 && manifest % 5 == 4 && self.varies(manifest).is_multiple_of(10);
                Told { test: Catalog::test_name(self.suite, manifest, number), failed, tolerated }
            });
            (name, tests.collect())
        };
        self.manifests.iter().copied().map(group).collect()
    }

    fn summary(&self, groups: &[(String, Vec<Told>)]) -> String {
        let mut lines = vec![json!({
            "action": "test_groups", "line": 0,
            "groups": groups.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        })];
        let mut record = 6;
        let mut failed = 0;
        for (group, tests) in groups {
            for told in tests {
                record += 4;
                if let Some((subtest, message)) = &told.failed {
                    failed += 1;
                    lines.push(json!({
                        "action": "test_result", "test": told.test, "subtest": subtest,
                        "group": group, "status": "FAIL", "expected": "PASS", "message": message,
                        "stack": "ok@SimpleTest/SimpleTest.js:426:16\n", "modifiers": "",
                        "known_intermittent": [], "line": record,
                    }));
                } else if told.tolerated {
                    lines.push(json!({
                        "action": "test_result", "test": told.test, "subtest": "check 0",
                        "group": group, "status": "FAIL", "expected": "PASS", "message": "known",
                        "stack": null, "modifiers": "", "known_intermittent": ["FAIL"],
                        "line": record,
                    }));
                }
            }
        }
        let suite = SUITES[self.suite].name;
        if failed > 0 {
            let message = format!("{suite}: {failed} unexpected result(s)");
            lines.push(
                json!({"action": "log", "level": "ERROR", "message": message, "line": record}),
            );
        }
        for (group, tests) in groups {
            let bad = tests.iter().any(|told| told.failed.is_some());
            lines.push(json!({
                "action": "group_result", "group": group, "status": if bad { "ERROR" } else { "OK" },
                "duration": 3000 + self.varies(3) % 1000, "line": record + 1,
            }));
        }
        lines.iter().fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{line}");
            text
        })
    }

    fn raw(&self, groups: &[(String, Vec<Told>)]) -> String {
        let suite = SUITES[self.suite].name;
        let (mut text, mut time) = (String::new(), self.started);
        let mut say = |mut record: serde_json::Value| {
            time += 37;
            record["time"] = json!(time);
            record["thread"] = json!("MainThread");
            record["pid"] = json!(self.varies(4));
            record["source"] = json!(suite);
            let _ = writeln!(text, "{record}");
        };
        let tests: serde_json::Map<String, serde_json::Value> = groups
            .iter()
            .map(|(name, tests)| {
                (name.clone(), tests.iter().map(|told| json!(told.test)).collect())
            })
            .collect();
        say(json!({"action": "suite_start", "tests": tests, "name": suite, "run_info": {}}));
        for (group, tests) in groups {
            say(json!({"action": "group_start", "name": group}));
            for told in tests {
                say(json!({"action": "test_start", "test": told.test}));
                say(
                    json!({"action": "test_status", "test": told.test, "subtest": "check 1", "status": "PASS"}),
                );
                if let Some((subtest, message)) = &told.failed {
                    say(json!({
                        "action": "test_status", "test": told.test, "subtest": subtest,
                        "status": "FAIL", "expected": "PASS", "message": message,
                        "stack": "ok@SimpleTest/SimpleTest.js:426:16\n",
                    }));
                } else if told.tolerated {
                    say(json!({
                        "action": "test_status", "test": told.test, "subtest": "check 0",
                        "status": "FAIL", "expected": "PASS", "message": "known",
                        "known_intermittent": ["FAIL"],
                    }));
                }
                say(json!({"action": "test_end", "test": told.test, "status": "OK"}));
            }
            say(json!({"action": "group_end", "name": group}));
        }
        say(json!({"action": "suite_end"}));
        text
    }

    fn text(&self, world: &World, groups: &[(String, Vec<Told>)]) -> String {
        let mut time = world.clock.shown(self.started);
        let mut text = String::new();
        let (iso, _) = stamps(time);
        let _ = writeln!(text, "[taskcluster {}] === Task Starting ===", iso.replace('T', " "));
        if let Outcome::Exception(_) = self.outcome {
            return text;
        }
        let mut say = |line: &str| {
            time += 37;
            let (iso, clock) = stamps(time);
            let _ = writeln!(text, "[task {iso}] {clock}     INFO - {line}");
        };
        for (group, tests) in groups {
            if SUITES[self.suite].family == "mochitest" {
                say(&format!("Running manifest: {group}"));
            }
            for told in tests {
                say(&format!("TEST-START | {}", told.test));
                say(&format!("TEST-PASS | {} | check 1", told.test));
                if let Some((subtest, message)) = &told.failed {
                    say(&format!("TEST-UNEXPECTED-FAIL | {} | {subtest} - {message}", told.test));
                    say("    ok@SimpleTest/SimpleTest.js:426:16");
                } else if told.tolerated {
                    say(&format!("TEST-KNOWN-INTERMITTENT-FAIL | {} | check 0 - known", told.test));
                }
                say(&format!("GECKO({}) | ++DOMWINDOW == {}", self.varies(4), self.varies(5) % 60));
                say(&format!("TEST-OK | {} | took {}ms", told.test, 100 + self.varies(6) % 900));
            }
        }
        say("SUITE-END | took 12s");
        if self.outcome == Outcome::Failed {
            let (iso, _) = stamps(time);
            let _ = writeln!(text, "[taskcluster:error] exit status 1");
            let _ = writeln!(text, "[taskcluster {}] === Task Finished ===", iso.replace('T', " "));
        }
        text
    }
}

/// A build's log; a broken one says where.
pub(super) fn build_log(world: &World, outcome: Outcome, started: i64) -> String {
    let time = world.clock.shown(started);
    let (iso, clock) = stamps(time);
    let mut text = format!("[taskcluster {}] === Task Starting ===\n", iso.replace('T', " "));
    let lines: &[&str] = match outcome {
        Outcome::Completed => &["    INFO - build succeeded"],
        Outcome::Failed => &[
            "    INFO - /builds/worker/checkouts/gecko/dom/base/Element.cpp:1204:7: error: use of undeclared identifier 'mReflow'",
            "    INFO - 1 error generated.",
            "    INFO - gmake[4]: *** [Unified_cpp_dom_base3.o] Error 1",
            "   ERROR - Return code: 2",
        ],
        Outcome::Exception(_) => &[],
    };
    for line in lines {
        let _ = writeln!(text, "[task {iso}] {clock} {line}");
    }
    text
}

/// Simulated milliseconds as Taskcluster and as mozharness write them.
fn stamps(at: i64) -> (String, String) {
    let iso = super::reply::iso(at);
    let clock = iso.get(11..19).unwrap_or("00:00:00").to_owned();
    (iso, clock)
}
