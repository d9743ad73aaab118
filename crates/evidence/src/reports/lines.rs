//! Lines of JSON that tell of tests: Dart's reporter, Rust's libtest, LUCI's sink.

use std::collections::HashMap;
use std::io::Read;

use serde_json::Value;

use super::cases::{Case, Cases, Ended};
use super::said::told;
use crate::evidence::{Evidence, Format, Mark};
use crate::json;
use crate::read::Question;

/// Tests that are remembered until they ended.
const OPEN: usize = 50_000;

/// Reads the lines.
pub(crate) fn read(source: impl Read, question: &Question) -> Evidence {
    let mut run = Run {
        cases: Cases::new(Format::JsonLines, question),
        tests: HashMap::new(),
        suites: HashMap::new(),
        errors: HashMap::new(),
    };
    let mut odd = 0u64;
    let ends =
        json::each_line(source, &question.limits, |text, byte| {
            match serde_json::from_slice::<Value>(text) {
                Ok(record) => run.record(&record, byte),
                Err(_) => odd += u64::from(!text.is_empty()),
            }
        });
    let mut marks = Vec::new();
    if odd > 0 {
        marks.push(Mark::Unreadable(format!("{odd} lines are no record: passed over")));
    }
    let mut evidence = run.cases.finish(marks);
    ends.say(&mut evidence);
    evidence
}

struct Run {
    cases: Cases,
    tests: HashMap<u64, (String, u64)>,
    suites: HashMap<u64, String>,
    errors: HashMap<u64, String>,
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("")
}

impl Run {
    fn record(&mut self, record: &Value, byte: u64) {
        let result = record.get("testResult").or_else(|| record.get("tr"));
        if let Some(result) = result {
            return self.luci(result, byte);
        }
        match text(record, "/type") {
            "suite" => {
                let id = record.pointer("/suite/id").and_then(Value::as_u64);
                if let Some(id) = id.filter(|_| self.suites.len() < OPEN) {
                    self.suites.insert(id, text(record, "/suite/path").to_owned());
                }
            }
            "testStart" => {
                let get = |path| record.pointer(path).and_then(Value::as_u64);
                if let Some(id) = get("/test/id").filter(|_| self.tests.len() < OPEN) {
                    let suite = get("/test/suiteID").unwrap_or(0);
                    self.tests.insert(id, (text(record, "/test/name").to_owned(), suite));
                }
            }
            "error" => {
                let id = record.get("testID").and_then(Value::as_u64).unwrap_or(0);
                if self.errors.len() < OPEN {
                    self.errors.entry(id).or_insert_with(|| text(record, "/error").to_owned());
                }
            }
            "testDone" => self.dart(record, byte),
            "test" => self.libtest(record, byte),
            _ => {}
        }
    }

    fn dart(&mut self, record: &Value, byte: u64) {
        let id = record.get("testID").and_then(Value::as_u64).unwrap_or(0);
        let Some((test, suite)) = self.tests.remove(&id) else { return };
        let error = self.errors.remove(&id).unwrap_or_default();
        if record.get("hidden").and_then(Value::as_bool) == Some(true) && error.is_empty() {
            return;
        }
        let skipped = record.get("skipped").and_then(Value::as_bool) == Some(true);
        let ended = match text(record, "/result") {
            "success" if skipped => Ended::Skipped,
            "success" => Ended::Passed,
            result => failed(result, told(&error, "", "", &test)),
        };
        let group = self.suites.get(&suite).cloned();
        self.cases.add(Case { test, group, ended, hint: String::new(), byte });
    }

    fn libtest(&mut self, record: &Value, byte: u64) {
        let test = text(record, "/name").to_owned();
        let ended = match text(record, "/event") {
            "ok" => Ended::Passed,
            "ignored" => Ended::Skipped,
            event @ ("failed" | "timeout") => {
                let said = text(record, "/message");
                let output = text(record, "/stdout");
                // What panicked tells stands in the line after its place.
                let after = output.split_once("panicked at ").map_or(output, |(_, rest)| rest);
                let rest = after.split_once(":\n").map_or(after, |(_, rest)| rest);
                failed(event, told(said, rest, "", &test))
            }
            _ => return,
        };
        self.cases.add(Case { test, group: None, ended, hint: String::new(), byte });
    }

    fn luci(&mut self, result: &Value, byte: u64) {
        let test = text(result, "/testId").to_owned();
        let ended = luci_ended(result, &test);
        self.cases.add(Case { test, group: None, ended, hint: String::new(), byte });
    }
}

fn failed(status: &str, message: Option<String>) -> Ended {
    Ended::Failed { status: status.to_ascii_uppercase(), message }
}

/// How a result of LUCI ended: what is expected is none of a failure.
pub(super) fn luci_ended(result: &Value, test: &str) -> Ended {
    let expected = result.get("expected").and_then(Value::as_bool).unwrap_or(false);
    match text(result, "/status") {
        "SKIP" => Ended::Skipped,
        _ if expected => Ended::Passed,
        "PASS" if result.get("expected").is_none() => Ended::Passed,
        status => {
            let said = text(result, "/failureReason/primaryErrorMessage");
            failed(status, told(said, text(result, "/summaryHtml"), "", test))
        }
    }
}
