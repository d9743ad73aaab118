//! JUnit XML, as most harnesses write it: `testsuite` within `testsuites`, `testcase` within, and
//! in that `failure`, `error` or `skipped`; `flakyFailure` and `flakyError` of what passed when it
//! was run again. What its public files have besides: an error of a whole suite outside any case, a
//! suite that counts failures and has no cases, a case a try.

use super::cases::{Case, Ended};
use super::said::told;
use super::xml::{Element, Raw};

fn is_failure(name: &str) -> bool {
    matches!(name, "failure" | "error")
}

/// A case, or an error of a whole suite.
pub(super) fn is_case(element: &Element, around: &[Element]) -> bool {
    let of_suite = || around.last().is_some_and(|parent| parent.name == "testsuite");
    element.name == "testcase" || (is_failure(&element.name) && of_suite())
}

/// Failures and errors that an outermost suite counts.
pub(super) fn counts(element: &Element, around: &[Element]) -> u64 {
    let is_inner = around.iter().any(|parent| parent.name == "testsuite");
    if element.name != "testsuite" || is_inner {
        return 0;
    }
    let count = |key| element.get(key).and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
    count("failures").saturating_add(count("errors"))
}

/// The name of a case: class and name, unless one has the other already.
fn name_of(element: &Element) -> String {
    let name = element.get("name").unwrap_or("");
    match element.get("classname").or(element.get("class")) {
        None => name.to_owned(),
        Some(class) if name.is_empty() => class.to_owned(),
        Some(class) if name == class => name.to_owned(),
        Some(class) => {
            let rest = name.strip_prefix(class).unwrap_or("");
            match rest.starts_with(['.', ':', '/', '#', ' ']) {
                true => name.to_owned(),
                false => format!("{class}.{name}"),
            }
        }
    }
}

/// Reads a case.
pub(super) fn case(raw: &Raw) -> Option<Case> {
    let suites = raw.around.iter().rev().filter(|element| element.name == "testsuite");
    let group = suites.filter_map(|element| element.get("name")).next().map(str::to_owned);
    if is_failure(&raw.element.name) {
        // The suite itself failed: its texts are the element's own.
        let test = group.clone().unwrap_or_default();
        let get = |key| raw.element.get(key).unwrap_or("");
        let message = told(get("message"), &raw.own, get("type"), &test);
        let ended = Ended::Failed { status: "ERROR".into(), message };
        return Some(Case { test, group, ended, hint: get("type").to_owned(), byte: raw.byte });
    }
    let test = name_of(&raw.element);
    let of = |wanted: &dyn Fn(&str) -> bool| {
        raw.parts.iter().find(|part| part.depth == 1 && wanted(&part.element.name)).cloned()
    };
    let failed = of(&is_failure).or_else(|| of(&|name| name.starts_with("rerun")));
    let flaky = of(&|name| name.starts_with("flaky"));
    let mut hint = String::new();
    let mut said = |part: &super::xml::Part| {
        let get = |key| part.element.get(key).unwrap_or("");
        hint = get("type").to_owned();
        let status = match part.element.name.to_ascii_lowercase().ends_with("error") {
            true => "ERROR",
            false => "FAIL",
        };
        (status.to_owned(), told(get("message"), &part.text, get("type"), &test))
    };
    // A test that is still to be written may fail.
    let is_todo = of(&|name| name == "skipped")
        .is_some_and(|part| part.element.get("type").is_some_and(|kind| kind == "todo"));
    let ended = match (failed, flaky) {
        _ if is_todo => Ended::Skipped,
        (Some(part), _) => {
            let (status, message) = said(&part);
            Ended::Failed { status, message }
        }
        (None, Some(part)) => {
            let (status, message) = said(&part);
            Ended::Flaky { status, message }
        }
        (None, None) if of(&|name| name == "skipped").is_some() => Ended::Skipped,
        (None, None) => Ended::Passed,
    };
    Some(Case { test, group, ended, hint, byte: raw.byte })
}
