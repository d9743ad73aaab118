//! `go test -json`: an event a line. What a test printed is kept until it ended, in bounds.

use std::collections::HashMap;
use std::io::Read;

use serde::Deserialize;

use super::cases::{Case, Cases, Ended};
use crate::evidence::{Evidence, Format, Mark};
use crate::json::{self, Text};
use crate::read::Question;

/// Bytes of output that are kept of a test, and tests of which some is kept.
const OUTPUT: usize = 4 << 10;
const OPEN: usize = 20_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Event<'a> {
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    package: Text<'a>,
    #[serde(borrow)]
    import_path: Text<'a>,
    #[serde(borrow)]
    test: Text<'a>,
    #[serde(borrow)]
    output: Text<'a>,
}

/// Reads the events.
pub(crate) fn read(source: impl Read, question: &Question) -> Evidence {
    let mut run = Run::new(question);
    let mut odd = 0u64;
    let ends =
        json::each_line(source, &question.limits, |text, byte| {
            match serde_json::from_slice::<Event<'_>>(text) {
                Ok(event) if text.trim_ascii_start().starts_with(b"{") => run.event(&event, byte),
                _ => odd += u64::from(!text.is_empty()),
            }
        });
    let mut marks = Vec::new();
    if odd > 0 {
        marks.push(Mark::Unreadable(format!("{odd} lines are no event: passed over")));
    }
    let unfinished = run.finish();
    if unfinished > 0 {
        marks.push(Mark::CutOff(format!("{unfinished} tests began and did not end")));
    }
    let mut evidence = run.cases.finish(marks);
    ends.say(&mut evidence);
    evidence
}

type Key = (String, Option<String>);

struct Run {
    cases: Cases,
    output: HashMap<Key, String>,
    /// Tests that began and did not end.
    open: HashMap<Key, u64>,
    /// Failed tests of each package, to know which failures are told already.
    failed: HashMap<String, Vec<String>>,
    /// How many of these were told when the package last ended badly: another run of it takes none of them back.
    ended: HashMap<String, usize>,
}

impl Run {
    fn new(question: &Question) -> Self {
        Self {
            cases: Cases::new(Format::GoJson, question),
            output: HashMap::new(),
            open: HashMap::new(),
            failed: HashMap::new(),
            ended: HashMap::new(),
        }
    }

    fn event(&mut self, event: &Event<'_>, byte: u64) {
        let package = event.package.get().or(event.import_path.get()).unwrap_or("");
        // `example.org/a [example.org/a.test]` is the package as its test sees it.
        let package = package.split(' ').next().unwrap_or("").to_owned();
        let key = (package, event.test.get().map(str::to_owned));
        match event.action.get().unwrap_or("") {
            "run" if self.open.len() < OPEN => {
                self.open.insert(key, byte);
            }
            "output" | "build-output" => {
                let said = event.output.get().unwrap_or("");
                if self.output.len() < OPEN || self.output.contains_key(&key) {
                    let output = self.output.entry(key).or_default();
                    if output.len() + said.len() < OUTPUT {
                        output.push_str(said);
                    }
                }
            }
            "pass" => self.end(key, Ended::Passed, byte),
            "skip" => self.end(key, Ended::Skipped, byte),
            "fail" => self.fail(key, byte),
            _ => {}
        }
    }

    fn end(&mut self, key: Key, ended: Ended, byte: u64) {
        self.output.remove(&key);
        self.open.remove(&key);
        let hint = String::new();
        match key {
            (package, Some(test)) => {
                self.cases.add(Case { test, group: Some(package), ended, hint, byte });
            }
            // No test of a package that passed failed: a line of a test's own looked like one's end.
            (package, None) if ended == Ended::Passed => {
                let since = self.ended.get(&package).copied().unwrap_or(0);
                let failed = self
                    .failed
                    .get_mut(&package)
                    .map(|failed| failed.split_off(since.min(failed.len())));
                for test in failed.unwrap_or_default() {
                    let group = Some(package.clone());
                    let ended = Ended::Passed;
                    self.cases.add(Case { test, group, ended, hint: hint.clone(), byte });
                }
            }
            _ => {}
        }
    }

    fn fail(&mut self, key: Key, byte: u64) {
        let output = self.output.remove(&key).unwrap_or_default();
        self.open.remove(&key);
        let (package, test) = key;
        let known = self.failed.entry(package.clone()).or_default();
        let said = said(&output);
        let test = match test {
            Some(test) => {
                // A test that failed since one within it did is told by that one.
                let is_parent = known.iter().any(|one| {
                    one.strip_prefix(test.as_str()).is_some_and(|rest| rest.starts_with('/'))
                });
                known.push(test.clone());
                if is_parent && said.is_none() {
                    return;
                }
                test
            }
            // The package failed since a test did.
            None if !known.is_empty() => {
                self.ended.insert(package, known.len());
                return;
            }
            // A panic takes the test that was running with it, which nothing else tells of.
            None => match self.running(&package) {
                Some((test, output)) => return self.died(package, test, &output, byte),
                None => package.clone(),
            },
        };
        let is_timeout = output.contains("panic: test timed out");
        let hint = if is_timeout {
            "timeout"
        } else if output.contains("panic: ") {
            "crash"
        } else {
            ""
        };
        let ended = Ended::Failed { status: "FAIL".into(), message: said };
        self.cases.add(Case { test, group: Some(package), ended, hint: hint.into(), byte });
    }

    /// The test of a package that began, did not end, and printed a panic.
    fn running(&self, package: &str) -> Option<(String, String)> {
        let own = self.open.keys().filter(|(of, test)| of == package && test.is_some());
        let mut own: Vec<&Key> = own.collect();
        own.sort();
        own.into_iter().find_map(|key| {
            let output = self.output.get(key).filter(|output| output.contains("panic: "))?;
            Some((key.1.clone()?, output.clone()))
        })
    }

    fn died(&mut self, package: String, test: String, output: &str, byte: u64) {
        let hint = if output.contains("panic: test timed out") { "timeout" } else { "crash" };
        self.open.remove(&(package.clone(), Some(test.clone())));
        self.failed.entry(package.clone()).or_default().push(test.clone());
        let ended = Ended::Failed { status: "FAIL".into(), message: said(output) };
        self.cases.add(Case { test, group: Some(package), ended, hint: hint.into(), byte });
    }

    /// Ends what did not end: a panic takes the tests that were running with it. Returns how many
    /// tests nothing tells of.
    fn finish(&mut self) -> usize {
        let mut left = 0;
        let mut open: Vec<(Key, u64)> = self.open.drain().collect();
        open.sort();
        for ((package, test), _) in open {
            let known = self.failed.get(&package).is_some_and(|failed| !failed.is_empty());
            left += usize::from(test.is_some() && !known);
        }
        left
    }
}

/// What a test said: its first message, or why it panicked.
fn said(output: &str) -> Option<String> {
    let mut first = None;
    for line in output.lines() {
        let text = line.trim();
        if let Some(panic) = text.strip_prefix("panic: ") {
            return Some(format!("panic: {panic}"));
        }
        let own = !["--- ", "=== ", "FAIL", "ok ", "exit status", "PASS", "#", "goroutine "]
            .iter()
            .any(|start| text.starts_with(start));
        if first.is_some() || !own || text.is_empty() {
            continue;
        }
        let place = text.split_once(": ").filter(|(place, _)| place.contains(".go:"));
        match place {
            Some((_, said)) => first = Some(said.trim().to_owned()),
            None if text.starts_with("Error Trace:") => {}
            None if text.starts_with("Error:") => first = Some(text[6..].trim().to_owned()),
            None if text.ends_with(':') && text.contains(".go:") => {}
            None => first = Some(text.to_owned()),
        }
    }
    first.filter(|said| !said.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_test_of_a_package_that_passed_failed() {
        // `test2json` takes a line that a test printed for the end of another one.
        let log = r#"{"Action":"run","Package":"shop","Test":"TestNoise"}
{"Action":"output","Package":"shop","Test":"nothing","Output":"--- FAIL: nothing\n"}
{"Action":"fail","Package":"shop","Test":"nothing"}
{"Action":"pass","Package":"shop","Test":"TestNoise","Elapsed":0}
{"Action":"pass","Package":"shop","Elapsed":0}
{"Action":"run","Package":"gate","Test":"TestShuts"}
{"Action":"fail","Package":"gate","Test":"TestShuts"}
{"Action":"fail","Package":"gate","Elapsed":0}
"#;
        let evidence = read(log.as_bytes(), &Question::default());
        let named: Vec<_> = evidence.failures.iter().map(|f| f.test.as_deref()).collect();
        assert_eq!(named, [Some("TestShuts")]);
        assert_eq!(evidence.tolerated_total, 1);
        // Nor does another run of a package take back what failed in the first.
        let again = r#"{"Action":"run","Package":"gate","Test":"TestTurns"}
{"Action":"pass","Package":"gate","Test":"TestTurns"}
{"Action":"pass","Package":"gate"}
"#;
        let evidence = read(format!("{log}{again}").leak().as_bytes(), &Question::default());
        let named: Vec<_> = evidence.failures.iter().map(|f| f.test.as_deref()).collect();
        assert_eq!(named, [Some("TestShuts")]);
    }
}
