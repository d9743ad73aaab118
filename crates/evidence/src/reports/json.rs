//! Reports that are one JSON document.

use std::io::Read;

use serde_json::Value;

use super::cases::{Case, Cases, Ended};
use super::lines::luci_ended;
use super::said::told;
use crate::evidence::{Evidence, Format, Mark};
use crate::read::Question;

/// How many bytes a document may have: it is read as one.
const DOCUMENT: u64 = 32 << 20;

/// How deep suites may lie in one another.
const DEPTH: usize = 100;

/// Reads a document.
pub(crate) fn read(source: impl Read, format: Format, question: &Question) -> Evidence {
    let mut bytes = Vec::new();
    let broke = source.take(DOCUMENT).read_to_end(&mut bytes).err();
    // A runner may print a line before it, or after.
    let begin = bytes.iter().position(|byte| matches!(byte, b'{' | b'[')).unwrap_or(0);
    let document =
        serde_json::Deserializer::from_slice(&bytes[begin..]).into_iter::<Value>().next();
    let mut cases = Cases::new(format, question);
    let mut marks = Vec::new();
    match document {
        Some(Ok(document)) => match format {
            Format::Mocha => mocha(&document, &mut cases),
            Format::Jest => jest(&document, &mut cases),
            Format::Rspec => rspec(&document, &mut cases),
            Format::Playwright => playwright(&document, &mut cases),
            Format::PytestJson => pytest(&document, &mut cases),
            Format::GoogletestJson => googletest(&document, &mut cases),
            _ => luci(&document, &mut cases),
        },
        _ if bytes.len() as u64 == DOCUMENT => {
            marks.push(Mark::Bound(format!("a document of more than {DOCUMENT} bytes")));
        }
        _ => marks.push(Mark::CutOff("it is no whole JSON document".into())),
    }
    let mut evidence = cases.finish(marks);
    crate::input::say_broken(&mut evidence, broke);
    evidence
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or("")
}

fn list<'v>(value: &'v Value, path: &str) -> impl Iterator<Item = &'v Value> {
    value.pointer(path).and_then(Value::as_array).into_iter().flatten()
}

fn failed(status: &str, message: Option<String>) -> Ended {
    Ended::Failed { status: status.to_ascii_uppercase(), message }
}

fn case(test: String, group: &str, ended: Ended) -> Case {
    let group = Some(group.to_owned()).filter(|group| !group.is_empty());
    Case { test, group, ended, hint: String::new(), byte: 0 }
}

/// Terminal colours in a text, which JSON of Jest and Playwright has.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after.find(|c: char| c.is_ascii_alphabetic()).map_or("", |end| &after[end + 1..]);
    }
    plain.push_str(rest);
    plain
}

fn mocha(document: &Value, cases: &mut Cases) {
    for test in list(document, "/failures") {
        let name = text(test, "/fullTitle").to_owned();
        let (said, stack) = (text(test, "/err/message"), text(test, "/err/stack"));
        let ended = failed("FAIL", told(said, stack, "", &name));
        cases.add(case(name, text(test, "/file"), ended));
    }
    for (path, ended) in [("/passes", Ended::Passed), ("/pending", Ended::Skipped)] {
        for test in list(document, path) {
            let name = text(test, "/fullTitle").to_owned();
            cases.add(case(name, text(test, "/file"), ended.clone()));
        }
    }
}

fn jest(document: &Value, cases: &mut Cases) {
    for file in list(document, "/testResults") {
        let group = text(file, "/name").to_owned();
        let mut any = false;
        for test in list(file, "/assertionResults") {
            any = true;
            let mut name: Vec<&str> =
                list(test, "/ancestorTitles").filter_map(Value::as_str).collect();
            name.push(text(test, "/title"));
            let name = name.join(" › ");
            let said: Vec<String> =
                list(test, "/failureMessages").filter_map(Value::as_str).map(plain).collect();
            let ended = match text(test, "/status") {
                "failed" => failed("FAIL", told(&said.join("\n"), "", "", &name)),
                "passed" => Ended::Passed,
                _ => Ended::Skipped,
            };
            cases.add(case(name, &group, ended));
        }
        if text(file, "/status") == "failed" && !any {
            // The file itself could not be run.
            let said = plain(text(file, "/message"));
            cases.add(case(group.clone(), &group, failed("ERROR", told(&said, "", "", &group))));
        }
    }
}

fn rspec(document: &Value, cases: &mut Cases) {
    for example in list(document, "/examples") {
        let name = text(example, "/full_description").to_owned();
        let ended = match text(example, "/status") {
            "failed" => {
                let said = text(example, "/exception/message");
                failed("FAIL", told(said, "", text(example, "/exception/class"), &name))
            }
            "passed" => Ended::Passed,
            _ => Ended::Skipped,
        };
        cases.add(case(name, text(example, "/file_path"), ended));
    }
    let outside = document.pointer("/summary/errors_outside_of_examples_count");
    cases.counted += outside.and_then(Value::as_u64).unwrap_or(0);
}

fn playwright(document: &Value, cases: &mut Cases) {
    for suite in list(document, "/suites") {
        playwright_suite(suite, &mut Vec::new(), cases);
    }
    for error in list(document, "/errors") {
        let said = plain(text(error, "/message"));
        cases.add(case(String::new(), "", failed("ERROR", told(&said, "", "", ""))));
    }
}

fn playwright_suite<'v>(suite: &'v Value, path: &mut Vec<&'v str>, cases: &mut Cases) {
    if path.len() > DEPTH {
        return;
    }
    path.push(text(suite, "/title"));
    for spec in list(suite, "/specs") {
        for test in list(spec, "/tests") {
            let mut name = path.clone();
            name.push(text(spec, "/title"));
            let project = text(test, "/projectName");
            let name = match project {
                "" => name.join(" › "),
                _ => format!("[{project}] › {}", name.join(" › ")),
            };
            let wrong = list(test, "/results")
                .find(|result| !matches!(text(result, "/status"), "passed" | "skipped" | ""));
            let status = wrong.map_or("failed", |wrong| text(wrong, "/status"));
            let said = wrong.map_or(String::new(), |wrong| {
                let error = text(wrong, "/error/message");
                plain(if error.is_empty() { text(wrong, "/errors/0/message") } else { error })
            });
            let message = told(&said, "", "", &name);
            let ended = match text(test, "/status") {
                "unexpected" => failed(status, message),
                "flaky" => Ended::Flaky { status: status.to_ascii_uppercase(), message },
                "skipped" => Ended::Skipped,
                _ => Ended::Passed,
            };
            cases.add(case(name, text(spec, "/file"), ended));
        }
    }
    for inner in list(suite, "/suites") {
        playwright_suite(inner, path, cases);
    }
    path.pop();
}

fn pytest(document: &Value, cases: &mut Cases) {
    for collector in list(document, "/collectors") {
        if text(collector, "/outcome") == "failed" {
            let name = text(collector, "/nodeid").to_owned();
            let said = told("", text(collector, "/longrepr"), "", &name);
            cases.add(case(name, "", failed("ERROR", said)));
        }
    }
    for test in list(document, "/tests") {
        let name = text(test, "/nodeid").to_owned();
        let stage = ["setup", "call", "teardown"]
            .iter()
            .find(|stage| text(test, &format!("/{stage}/outcome")) == "failed");
        let ended = match text(test, "/outcome") {
            outcome @ ("failed" | "error") => {
                let of =
                    |path: &str| stage.map_or("", |stage| text(test, &format!("/{stage}/{path}")));
                failed(outcome, told(of("crash/message"), of("longrepr"), "", &name))
            }
            "passed" | "xfailed" => Ended::Passed,
            _ => Ended::Skipped,
        };
        cases.add(case(name, "", ended));
    }
}

fn googletest(document: &Value, cases: &mut Cases) {
    for suite in list(document, "/testsuites") {
        let group = text(suite, "/name");
        for test in list(suite, "/testsuite") {
            let name = format!("{group}.{}", text(test, "/name"));
            let first = list(test, "/failures").next();
            let ended = match first {
                Some(failure) => {
                    // Its first line is the place.
                    let said = text(failure, "/failure");
                    let rest = said.split_once('\n').map_or(said, |(_, rest)| rest);
                    failed("FAIL", told(rest, said, "", &name))
                }
                None if text(test, "/result") == "SKIPPED" => Ended::Skipped,
                None => Ended::Passed,
            };
            cases.add(case(name, group, ended));
        }
    }
}

/// ResultDB's list of results, or Chromium's tree of tests.
fn luci(document: &Value, cases: &mut Cases) {
    for result in list(document, "/testResults") {
        let name = text(result, "/testId").to_owned();
        cases.add(case(name.clone(), "", luci_ended(result, &name)));
    }
    let separator = match text(document, "/path_delimiter") {
        "" => "/",
        separator => separator,
    };
    if let Some(tests) = document.get("tests") {
        chromium(tests, "", separator, 0, cases);
    }
}

fn chromium(tests: &Value, path: &str, separator: &str, depth: usize, cases: &mut Cases) {
    let Some(tests) = tests.as_object().filter(|_| depth < DEPTH) else { return };
    for (name, test) in tests {
        let path = if path.is_empty() { name.clone() } else { format!("{path}{separator}{name}") };
        let (actual, expected) = (text(test, "/actual"), text(test, "/expected"));
        if actual.is_empty() {
            chromium(test, &path, separator, depth + 1, cases);
            continue;
        }
        let fits = |actual: &str| expected.split(' ').any(|one| one == actual);
        let tries: Vec<&str> = actual.split(' ').collect();
        let last = tries.last().copied().unwrap_or("");
        let first = tries.first().copied().unwrap_or("");
        let ended = if last == "SKIP" {
            Ended::Skipped
        } else if !fits(last) {
            failed(last, None)
        } else if !fits(first) {
            Ended::Flaky { status: first.to_owned(), message: None }
        } else {
            Ended::Passed
        };
        cases.add(case(path, "", ended));
    }
}
