//! How each XML format writes a case.

use super::cases::{Case, Ended};
use super::junit;
use super::said::told;
use super::xml::{Element, Raw};
use crate::evidence::Format;

/// What differs between formats.
pub(super) struct Shape {
    /// Whether an element is a case, given those around it.
    pub(super) is_case: fn(&Element, &[Element]) -> bool,
    /// Reads a case; none where it is not one after all.
    pub(super) read: fn(&Raw) -> Option<Case>,
    /// Failures that an element counts.
    pub(super) counts: fn(&Element, &[Element]) -> u64,
}

/// The shape of a format; of what is no XML report it takes nothing.
pub(super) fn shape_of(format: Format) -> Shape {
    let none = |_: &Element, _: &[Element]| 0;
    match format {
        Format::Junit => {
            Shape { is_case: junit::is_case, read: junit::case, counts: junit::counts }
        }
        Format::Nunit => Shape { is_case: |e, _| e.name == "test-case", read: nunit, counts: none },
        Format::XunitNet => Shape { is_case: |e, _| e.name == "test", read: xunit, counts: none },
        Format::Trx => {
            Shape { is_case: |e, _| e.name == "UnitTestResult", read: trx, counts: none }
        }
        Format::Ctest => Shape {
            is_case: |e, _| e.name == "Test" && e.get("Status").is_some(),
            read: ctest,
            counts: none,
        },
        Format::Robot => Shape { is_case: |e, _| e.name == "test", read: robot, counts: none },
        Format::Testng => {
            Shape { is_case: |e, _| e.name == "test-method", read: testng, counts: none }
        }
        Format::Boost => Shape { is_case: |e, _| e.name == "TestCase", read: boost, counts: none },
        Format::Qtest => Shape { is_case: |e, _| e.name == "Incident", read: qtest, counts: none },
        Format::Cppunit => {
            Shape { is_case: |e, _| e.name == "FailedTest", read: cppunit, counts: none }
        }
        Format::Catch2 => {
            Shape { is_case: |e, _| e.name == "TestCase", read: catch2, counts: none }
        }
        _ => Shape { is_case: |_, _| false, read: |_| None, counts: none },
    }
}

fn failed(status: &str, message: Option<String>) -> Ended {
    Ended::Failed { status: status.to_ascii_uppercase(), message }
}

fn case(raw: &Raw, test: String, group: Option<String>, ended: Ended) -> Option<Case> {
    Some(Case { test, group, ended, hint: String::new(), byte: raw.byte })
}

/// NUnit 3 (`result="Failed"`) and 2 (`success="False"`).
fn nunit(raw: &Raw) -> Option<Case> {
    let element = &raw.element;
    let test = element.get("fullname").or(element.get("name")).unwrap_or("").to_owned();
    let result = element.get("result").unwrap_or("");
    let ended = match result {
        "Failed" | "Failure" | "Error" | "Cancelled" => {
            let label = element.get("label").unwrap_or(result);
            let stack = raw.text("stack-trace").unwrap_or("");
            failed(label, told(raw.text("message").unwrap_or(""), stack, "", &test))
        }
        "Skipped" | "Ignored" | "Inconclusive" | "NotRunnable" => Ended::Skipped,
        _ if element.get("success") == Some("False") => {
            failed("FAIL", told(raw.text("message").unwrap_or(""), "", "", &test))
        }
        _ if element.get("executed") == Some("False") => Ended::Skipped,
        _ => Ended::Passed,
    };
    case(raw, test, None, ended)
}

/// xUnit.net v1 and v2.
fn xunit(raw: &Raw) -> Option<Case> {
    let test = raw.element.get("name").unwrap_or("").to_owned();
    let ended = match raw.element.get("result").unwrap_or("") {
        "Fail" => {
            let kind = raw.part("failure").and_then(|part| part.element.get("exception-type"));
            let stack = raw.text("stack-trace").unwrap_or("");
            failed(
                "FAIL",
                told(raw.text("message").unwrap_or(""), stack, kind.unwrap_or(""), &test),
            )
        }
        "Skip" | "NotRun" => Ended::Skipped,
        _ => Ended::Passed,
    };
    case(raw, test, None, ended)
}

/// Visual Studio's results.
fn trx(raw: &Raw) -> Option<Case> {
    let test = raw.element.get("testName").unwrap_or("").to_owned();
    let ended = match raw.element.get("outcome").unwrap_or("") {
        outcome @ ("Failed" | "Error" | "Timeout" | "Aborted" | "Disconnected") => {
            let said = raw.text("Message").or(raw.text("StdErr")).unwrap_or("");
            failed(outcome, told(said, raw.text("StackTrace").unwrap_or(""), "", &test))
        }
        "Passed" | "PassedButRunAborted" | "Completed" => Ended::Passed,
        _ => Ended::Skipped,
    };
    case(raw, test, None, ended)
}

/// CTest's `Test.xml`.
fn ctest(raw: &Raw) -> Option<Case> {
    let test = raw.text("Name").unwrap_or("").to_owned();
    // Measurements that are named come before the output, which is not.
    let mut measured = Vec::new();
    let mut name = "";
    for part in &raw.parts {
        match part.element.name.as_str() {
            "NamedMeasurement" => name = part.element.get("name").unwrap_or(""),
            "Measurement" => name = "output",
            "Value" => measured.push((name, part.text.trim())),
            _ => {}
        }
    }
    let get =
        |wanted: &str| measured.iter().find(|(name, _)| *name == wanted).map(|(_, text)| *text);
    let ended = match raw.element.get("Status").unwrap_or("") {
        "failed" => {
            let code = get("Exit Code").or(get("Completion Status")).unwrap_or("");
            let output = get("output").unwrap_or("");
            let last = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("");
            let said = told(last, output, if code == "Failed" { "" } else { code }, &test);
            let status = if code.is_empty() { "failed" } else { code };
            failed(status, said)
        }
        "notrun" => match get("Completion Status").unwrap_or("") {
            "Disabled" | "" => Ended::Skipped,
            status if status.starts_with("SKIP") => Ended::Skipped,
            status => failed("Not Run", told(get("output").unwrap_or(""), status, "", &test)),
        },
        _ => Ended::Passed,
    };
    case(raw, test, None, ended)
}

/// Robot Framework's `output.xml`: the status that is the test's own is its last child.
fn robot(raw: &Raw) -> Option<Case> {
    let name = raw.element.get("name").unwrap_or("").to_owned();
    let suites = raw.around.iter().filter(|element| element.name == "suite");
    let group: Vec<&str> = suites.filter_map(|element| element.get("name")).collect();
    let own = raw.parts.iter().rev().find(|p| p.depth == 1 && p.element.name == "status")?;
    let ended = match own.element.get("status").unwrap_or("") {
        "FAIL" => failed("FAIL", told(own.text.trim(), "", "", &name)),
        "SKIP" | "NOT RUN" => Ended::Skipped,
        _ => Ended::Passed,
    };
    case(raw, name, Some(group.join(".")), ended)
}

/// TestNG's results; set-up methods have no part in them.
fn testng(raw: &Raw) -> Option<Case> {
    let name = raw.element.get("name").unwrap_or("");
    let class = raw.around.iter().rev().find(|element| element.name == "class");
    let test = match class.and_then(|element| element.get("name")) {
        Some(class) => format!("{class}.{name}"),
        None => name.to_owned(),
    };
    let ended = match raw.element.get("status").unwrap_or("") {
        "FAIL" => {
            let kind = raw.part("exception").and_then(|part| part.element.get("class"));
            let stack = raw.text("short-stacktrace").or(raw.text("full-stacktrace")).unwrap_or("");
            failed(
                "FAIL",
                told(raw.text("message").unwrap_or(""), stack, kind.unwrap_or(""), &test),
            )
        }
        "SKIP" => Ended::Skipped,
        _ => Ended::Passed,
    };
    case(raw, test, None, ended)
}

/// Boost.Test's log.
fn boost(raw: &Raw) -> Option<Case> {
    let suites = raw.around.iter().filter(|element| element.name == "TestSuite");
    let mut path: Vec<&str> = suites.filter_map(|element| element.get("name")).collect();
    // The outermost is the module.
    let group = if path.is_empty() { None } else { Some(path.remove(0).to_owned()) };
    path.extend(raw.element.get("name"));
    let test = path.join("/");
    let is_failure =
        |name: &str| matches!(name, "Error" | "FatalError" | "Exception" | "SystemError");
    let wrong = raw.parts.iter().find(|part| is_failure(&part.element.name));
    // Its report of results tells by an attribute.
    let by_result =
        raw.element.get("result").is_some_and(|result| matches!(result, "failed" | "aborted"));
    let ended = match wrong {
        Some(part) => failed("FAIL", told(part.text.trim(), "", &part.element.name, &test)),
        None if by_result => failed("FAIL", None),
        None => Ended::Passed,
    };
    case(raw, test, group, ended)
}

/// Qt Test: an incident a function and row of data.
fn qtest(raw: &Raw) -> Option<Case> {
    let of = |name: &str| {
        let element = raw.around.iter().rev().find(|element| element.name == name);
        element.and_then(|element| element.get("name"))
    };
    let function = of("TestFunction").unwrap_or("");
    let mut test = match of("TestCase") {
        Some(class) => format!("{class}::{function}"),
        None => function.to_owned(),
    };
    if let Some(row) = raw.text("DataTag") {
        test = format!("{test}({row})");
    }
    let ended = match raw.element.get("type").unwrap_or("") {
        "fail" | "xpass" => {
            failed("FAIL", told(raw.text("Description").unwrap_or(""), "", "", &test))
        }
        "skip" => Ended::Skipped,
        _ => Ended::Passed,
    };
    case(raw, test, None, ended)
}

/// CppUnit: what failed has a list of its own.
fn cppunit(raw: &Raw) -> Option<Case> {
    let test = raw.text("Name").unwrap_or("").to_owned();
    let kind = raw.text("FailureType").unwrap_or("FAIL");
    let ended = failed(kind, told(raw.text("Message").unwrap_or(""), "", "", &test));
    case(raw, test, None, ended)
}

/// Catch2's and doctest's XML.
fn catch2(raw: &Raw) -> Option<Case> {
    let test = raw.element.get("name").unwrap_or("").to_owned();
    let group = raw.element.get("filename").map(str::to_owned);
    let result = raw.part("OverallResult").or(raw.part("OverallResultsAsserts"));
    let is_failed = result.is_some_and(|part| {
        let get = |key| part.element.get(key);
        get("success") == Some("false") || get("test_case_success") == Some("false")
    });
    if !is_failed {
        return case(raw, test, group, Ended::Passed);
    }
    let text =
        |names: &[&str]| names.iter().find_map(|name| raw.text(name)).unwrap_or("").to_owned();
    let expression = raw.parts.iter().position(|part| {
        part.element.name == "Expression" && part.element.get("success") == Some("false")
    });
    let mut said = String::new();
    if let Some(place) = expression {
        for name in ["Original", "Expanded"] {
            let found = raw.parts[place..].iter().find(|part| part.element.name == name);
            if let Some(part) = found {
                said = format!("{said} {}", part.text.trim()).trim().to_owned();
            }
        }
    }
    let more = text(&["Failure", "FatalErrorCondition", "Exception", "Message"]);
    let said = if said.is_empty() { more } else { said };
    let said = Some(said.split_whitespace().collect::<Vec<_>>().join(" "));
    case(raw, test, group, failed("FAIL", said.filter(|said| !said.is_empty())))
}
