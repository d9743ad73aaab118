//! JUnit XML, as most harnesses write it: `testsuite` within `testsuites`, `testcase` within, and
//! in that `failure`, `error` or `skipped`; `flakyFailure` and `flakyError` of what passed when it
//! was run again.

mod thin;

use std::io::{BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::evidence::{Collector, Evidence, Format, Mark};
use crate::failure::{Failure, Kind, Where};
use crate::names::test_of_id;
use crate::read::Question;
use crate::subject::{Seen, Tracker};

/// A test case that is being read.
#[derive(Debug, Default)]
struct Case {
    test: String,
    byte: u64,
    failures: Vec<Told>,
    skipped: bool,
}

/// A failure of it.
#[derive(Debug)]
struct Told {
    status: &'static str,
    message: String,
    tolerated: bool,
}

/// How deep elements may be nested.
const DEPTH: usize = 100;

/// Failures of one case that are kept.
const OF_ONE: usize = 100;

/// Reads JUnit XML to its end.
pub(crate) fn read(source: impl Read, question: &Question) -> Evidence {
    let limits = &question.limits;
    let mut collector = Collector::new(Format::Junit, limits);
    let mut tracker = Tracker::new(question.subject.as_ref());
    // Output of a test, which may be as long as a log, is thinned out before it is parsed.
    let mut reader = Reader::from_reader(BufReader::new(thin::Thin::new(source)));
    let mut buffer = Vec::new();
    let mut suites: Vec<String> = Vec::new();
    let mut case: Option<Case> = None;
    let (mut cases, mut depth, mut inside, mut closed) = (0u64, 0usize, false, false);
    let mut marks = Vec::new();
    loop {
        buffer.clear();
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(error) => {
                marks.push(Mark::CutOff(format!(
                    "it is XML up to byte {} only: {error}",
                    reader.error_position()
                )));
                break;
            }
        };
        match event {
            Event::Eof => break,
            Event::Start(element) => {
                depth += 1;
                if depth > DEPTH {
                    marks.push(Mark::Bound(format!("nested deeper than {DEPTH} elements")));
                    break;
                }
                inside =
                    open(&element, &mut suites, &mut case, reader.buffer_position(), limits.text);
            }
            Event::Empty(element) => {
                let name = element.local_name();
                open(&element, &mut suites, &mut case, reader.buffer_position(), limits.text);
                if name.as_ref() == "testcase" {
                    cases += 1;
                    end(case.take(), &suites, cases, &mut collector, &mut tracker, limits.text);
                } else if name.as_ref() == "testsuite" {
                    suites.pop();
                }
            }
            Event::Text(text) if inside => {
                say(&mut case, &text, limits.text);
            }
            Event::CData(text) if inside => {
                say(&mut case, &text, limits.text);
            }
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                inside = false;
                match element.local_name().as_ref() {
                    "testcase" => {
                        cases += 1;
                        end(case.take(), &suites, cases, &mut collector, &mut tracker, limits.text);
                    }
                    "testsuite" => {
                        suites.pop();
                    }
                    _ => {}
                }
                closed = depth == 0;
            }
            _ => {}
        }
    }
    if !closed && marks.is_empty() && depth > 0 {
        marks.push(Mark::CutOff("its last elements are not closed".into()));
    }
    let mut evidence = collector.finish();
    evidence.seen = tracker.finish(marks.is_empty());
    evidence.lines = cases;
    for mark in marks {
        evidence.mark(mark);
    }
    evidence
}

/// Opens an element; tells whether its text says what failed.
fn open(
    element: &BytesStart<'_>,
    suites: &mut Vec<String>,
    case: &mut Option<Case>,
    byte: u64,
    longest: usize,
) -> bool {
    let attribute = |name: &str| {
        let attribute = element.try_get_attribute(name).ok().flatten()?;
        let value = attribute.value.into_owned();
        let value =
            quick_xml::escape::unescape(&value).map(|value| value.into_owned()).unwrap_or(value);
        Some(value[..value.floor_char_boundary(longest)].to_owned())
            .filter(|value| !value.is_empty())
    };
    let name = element.local_name();
    match name.as_ref() {
        "testsuite" => suites.push(attribute("name").unwrap_or_default()),
        "testcase" => {
            let name = attribute("name").unwrap_or_default();
            let test = match attribute("classname") {
                Some(class) if !name.is_empty() => format!("{class}.{name}"),
                Some(class) => class,
                None => name,
            };
            *case = Some(Case { test: test_of_id(&test), byte, ..Case::default() });
        }
        "skipped" => {
            if let Some(case) = case {
                case.skipped = true;
            }
        }
        kind @ ("failure" | "error" | "flakyFailure" | "flakyError" | "rerunFailure"
        | "rerunError") => {
            let Some(case) = case else { return false };
            if case.failures.len() >= OF_ONE {
                return false;
            }
            case.failures.push(Told {
                status: if kind.to_ascii_lowercase().ends_with("error") { "ERROR" } else { "FAIL" },
                message: attribute("message").or_else(|| attribute("type")).unwrap_or_default(),
                tolerated: kind.starts_with("flaky"),
            });
            return true;
        }
        _ => {}
    }
    false
}

/// What stands within a failure says what failed, where its attributes don't.
fn say(case: &mut Option<Case>, text: &str, longest: usize) {
    let told = case.as_mut().and_then(|case| case.failures.last_mut());
    if let Some(told) = told.filter(|told| told.message.is_empty()) {
        let text = text.trim();
        told.message = text[..text.floor_char_boundary(longest)].to_owned();
    }
}

/// Ends a case.
fn end(
    case: Option<Case>,
    suites: &[String],
    number: u64,
    collector: &mut Collector,
    tracker: &mut Tracker,
    longest: usize,
) {
    let Some(case) = case else { return };
    let group = suites.iter().rev().find(|name| !name.is_empty()).cloned();
    let seen = match case.failures.as_slice() {
        [] if case.skipped => Seen::Skipped,
        [] => Seen::Passed,
        failures if failures.iter().all(|told| told.tolerated) => Seen::Tolerated,
        _ => Seen::Failed,
    };
    if tracker.is(Some(&case.test), group.as_deref()) {
        tracker.see(seen);
    }
    for told in case.failures {
        let at = Where { line: number, byte: case.byte };
        let message = Some(told.message).filter(|message| !message.is_empty());
        let said = message.as_deref().unwrap_or("");
        let kind = if said.to_ascii_lowercase().contains("timed out") {
            Kind::Timeout
        } else {
            Kind::Unexpected
        };
        let mut failure = Failure::new(kind, at);
        failure.test = Some(case.test[..case.test.floor_char_boundary(longest)].to_owned());
        failure.group.clone_from(&group);
        failure.status = Some(told.status.to_owned());
        // The first line says it; the stack below names places that move.
        failure.message = message.map(|message| message.lines().next().unwrap_or("").to_owned());
        failure.known_intermittent = told.tolerated;
        collector.add(failure);
    }
}
