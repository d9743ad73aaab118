//! Telling reports apart by how they begin.

use crate::evidence::Format;

/// The format of an XML report, by its first element.
pub(crate) fn of_xml(start: &str) -> Option<Format> {
    let mut rest = start;
    let root = loop {
        rest = &rest[rest.find('<')? + 1..];
        if rest.starts_with(['?', '!']) {
            // A comment may have anything in it.
            let end = if rest.starts_with("!--") { "-->" } else { ">" };
            rest = &rest[rest.find(end)?..];
            continue;
        }
        let end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/')?;
        break &rest[..end];
    };
    let has = |text: &str| start.contains(text);
    let local = root.rsplit(':').next().unwrap_or(root);
    Some(match local {
        "testsuites" | "testsuite" | "testcase" => Format::Junit,
        "test-run" | "test-results" => Format::Nunit,
        "assemblies" | "assembly" => Format::XunitNet,
        "TestRun" if has("TeamTest") || has("UnitTestResult") => Format::Trx,
        "TestRun" => Format::Cppunit,
        "Site" => Format::Ctest,
        "robot" => Format::Robot,
        "testng-results" => Format::Testng,
        "TestLog" | "BoostTestLog" | "TestResult" => Format::Boost,
        "TestCase" => Format::Qtest,
        "Catch" | "Catch2TestRun" | "doctest" => Format::Catch2,
        _ if has("<testsuite") || has("<testcase") => Format::Junit,
        _ => return None,
    })
}

/// The format of a JSON report, by the keys of its beginning.
pub(crate) fn of_json(start: &str) -> Option<Format> {
    let head = &start[..start.floor_char_boundary(8192)];
    let has = |key: &str| head.contains(&format!("\"{key}\""));
    let first = head.lines().next().unwrap_or("");
    let in_first = |key: &str| first.contains(&format!("\"{key}\""));
    let is_line = first.trim_end().ends_with('}');
    Some(if is_line && in_first("Action") && (in_first("Package") || in_first("ImportPath")) {
        Format::GoJson
    } else if is_line
        && in_first("type")
        && (in_first("protocolVersion") || in_first("suite") || in_first("test_count"))
        || is_line && (in_first("testResult") || in_first("tr"))
    {
        Format::JsonLines
    } else if has("stats") && (has("passes") || has("suites")) && !has("config") {
        Format::Mocha
    } else if has("numFailedTests") || has("numFailedTestSuites") || has("numTotalTestSuites") {
        Format::Jest
    } else if has("examples") && (has("version") || has("summary_line") || has("full_description"))
    {
        Format::Rspec
    } else if has("config") && (has("suites") || has("rootDir")) && has("projects") {
        Format::Playwright
    } else if has("exitcode") && (has("root") || has("summary")) {
        Format::PytestJson
    } else if has("testsuites") {
        Format::GoogletestJson
    } else if has("num_failures_by_type")
        || has("path_delimiter")
        || has("testResults") && has("testId")
    {
        Format::Luci
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_told_by_their_roots() {
        let check = |start: &str, format| assert_eq!(of_xml(start), format, "{start}");
        check(
            "<?xml version='1.0'?>\n<!-- <testsuite> -->\n<test-run id='2'>",
            Some(Format::Nunit),
        );
        check("<TestRun xmlns='urn:schemas/VisualStudio/TeamTest/2010'>", Some(Format::Trx));
        check("<TestRun><FailedTests>", Some(Format::Cppunit));
        check("<Site Name='w'><Testing>", Some(Format::Ctest));
        check("<report><testsuite>", Some(Format::Junit));
        check("<html><body>", None);
    }

    #[test]
    fn json_is_told_by_its_keys() {
        let check = |start: &str, format| assert_eq!(of_json(start), format, "{start}");
        check(
            "{\"Time\":\"x\",\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"T\"}\n",
            Some(Format::GoJson),
        );
        check("{\"stats\":{\"tests\":2,\"passes\":1},\"failures\":[]}", Some(Format::Mocha));
        check("{\"numFailedTestSuites\":1}", Some(Format::Jest));
        check("{\"version\":\"3.12\",\"examples\":[]}", Some(Format::Rspec));
        check("{\"a\": 1}", None);
    }
}
