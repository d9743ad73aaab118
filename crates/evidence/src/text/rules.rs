//! Which line of a log of Mozilla's harnesses is an error: the rules that Treeherder goes by, so that
//! the same lines are found that people know from there (`wire/treeherder.md`). Everybody else's
//! tools have rules of their own (`tools/`).

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::Regex;

use crate::blocks::Ends;

/// Errors wherever they stand in a line.
const ANYWHERE: &[&str] = &[
    "TEST-UNEXPECTED-",
    "fatal error",
    "FATAL ERROR",
    "Hit MOZ_CRASH",
    "REFTEST ERROR",
    "PROCESS-CRASH",
    "Assertion fail",
    "###!!! ABORT:",
    "SUMMARY: (?:Address|Thread|UndefinedBehavior)Sanitizer",
    "ThreadSanitizer: nested bug",
    "Automation Error:",
    "command timed out:",
    "wget: unable ",
    r"bash\.exe: \*\*\* ",
    "Unsuccessful task run with exit code: 137",
    "YOU ARE LEAKING THE WORLD",
    r" error\(\d*\):",
    r":\d+: error:",
    r" error R?C\d*:",
    r"ERROR [45]\d\d:",
    r"mozmake\.(?:exe|EXE)(?:\[\d+\])?: \*\*\*",
];

/// Errors at the beginning of a line, after the stamps.
const AT_START: &[&str] = &[
    r"g?make(?:\[\d+\])?: \*\*\*",
    "[A-Za-z.]+Error: ",
    "[A-Za-z.]*Exception: ",
    "remoteFailed:",
    "rm: cannot ",
    "abort:",
    r"\[taskcluster\] Error:",
    r"\[[\w._-]+:(?:error|exception)\]",
];

/// What only Mozilla's harnesses, Taskcluster and the Buildbot of old write: an error in any log.
const UNMISTAKABLE: &str = concat!(
    r"^(?:PID \d+ \| )?TEST-UNEXPECTED-|^PROCESS-CRASH \||^REFTEST ERROR|^Automation Error:|^remoteFailed:",
    r"|^command timed out:|Hit MOZ_CRASH|###!!! ABORT:|YOU ARE LEAKING THE WORLD",
    r"|^\[taskcluster\] Error:|^\[[\w._-]+:(?:error|exception)\]",
    r"|Unsuccessful task run with exit code: 137"
);

/// Never errors, whatever else is in the line with its stamp of mozharness.
const NEVER: &str = "TEST-(?:INFO|PASS) |A content process crashed and MOZ_CRASHREPORTER_SHUTDOWN is set, shutting down";

/// Never errors, once that stamp is gone.
const NEVER_BARE: &str = r"I[ /](?:Gecko|TestRunner).*TEST-UNEXPECTED-|Assertion failure$|^TEST-UNEXPECTED-WARNING\b|^TimeoutException: |^ImportError: No module named pygtk$|non-fatal error";

/// An error by mozharness' own word.
const BY_LEVEL: &str = r"^\d+:\d+:\d+ +(?:ERROR|CRITICAL|FATAL) - ";

/// A stamp of Taskcluster, which is not one of its own messages.
const TASK_STAMP: &str = r"^\[(?:[^\]]*20\d{2}-[^\]]+)\]\s";

/// A stamp of mozharness.
const HARNESS_STAMP: &str = r"^\d+:\d+:\d+ +(?:DEBUG|INFO|WARNING) - +";

/// Bytes of which every line that a rule takes has one: what a search over everything looks for.
const NEEDLES: &[&str] = &[
    "TEST-UNEXPECTED-",
    "fatal error",
    "FATAL ERROR",
    "Hit MOZ_CRASH",
    "REFTEST ERROR",
    "PROCESS-CRASH",
    "Assertion fail",
    "###!!! ABORT:",
    "SUMMARY: ",
    "ThreadSanitizer: nested bug",
    "Automation Error:",
    "command timed out:",
    "wget: unable ",
    ": *** ",
    ": ***",
    "Unsuccessful task run",
    "YOU ARE LEAKING",
    " error(",
    ": error:",
    " error C",
    " error RC",
    "ERROR 4",
    "ERROR 5",
    "Error: ",
    "Exception: ",
    "remoteFailed:",
    "rm: cannot ",
    "abort:",
    "] Error:",
    ":error]",
    ":exception]",
    " ERROR - ",
    " CRITICAL - ",
    " FATAL - ",
];

/// What else a reader wants to see: manifests, and what was let pass.
const MARKS: &[&str] = &["Running manifest: ", "TEST-KNOWN-INTERMITTENT-"];

fn regex(pattern: &str) -> Regex {
    #[allow(clippy::expect_used, reason = "the patterns are constants, compiled by every test")]
    Regex::new(pattern).expect("the pattern is well-formed")
}

static ERROR: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!("{}|^(?:{})", ANYWHERE.join("|"), AT_START.join("|"))));
static NEVER_AT_ALL: LazyLock<Regex> = LazyLock::new(|| regex(NEVER));
static NEVER_WHEN_BARE: LazyLock<Regex> = LazyLock::new(|| regex(NEVER_BARE));
static LEVEL: LazyLock<Regex> = LazyLock::new(|| regex(BY_LEVEL));
static OF_TASK: LazyLock<Regex> = LazyLock::new(|| regex(TASK_STAMP));
static OF_HARNESS: LazyLock<Regex> = LazyLock::new(|| regex(HARNESS_STAMP));

static OF_HARNESSES_ALONE: LazyLock<Regex> = LazyLock::new(|| regex(UNMISTAKABLE));
static BEGINS_AS_HARNESS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?m)^(?:\[[^\]\n]*\] )?\d\d:\d\d:\d\d +(?:DEBUG|INFO|WARNING|ERROR|CRITICAL|FATAL) - |^(?:\[[^\]\n]*\] )?TEST-(?:START|PASS|OK) \| ",
    )
});
static STAMPED: LazyLock<Regex> = LazyLock::new(|| regex(r"^\d\d:\d\d:\d\d +[A-Z]+ - "));
static BEGINS_AS_TASK: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?m)^\[(?:taskcluster|(?:task|vcs|setup|fetches) 20)"));

/// How a log is to be read, by how it begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// Whether one of Mozilla's harnesses wrote it, so that Treeherder's rules hold for each line.
    pub(super) is_harness: bool,
    /// What counts as the end of a line: as Treeherder counts in the logs that it shows, as an
    /// editor does in all others.
    pub(super) ends: Ends,
}

impl Dialect {
    pub(super) fn of(head: &[u8]) -> Self {
        let is_harness = BEGINS_AS_HARNESS.is_match(head);
        let is_task = is_harness || BEGINS_AS_TASK.is_match(head);
        Self { is_harness, ends: if is_task { Ends::Any } else { Ends::Newline } }
    }

    /// Whether a line without Taskcluster's stamp is an error by the harnesses' rules.
    pub(super) fn is_error(self, line: &[u8]) -> bool {
        // A task may begin with much before its harness does.
        let is_its = self.is_harness || self.ends == Ends::Any && STAMPED.is_match(line);
        match is_its {
            true => is_error_line(line),
            false => {
                let bare = bare(line);
                OF_HARNESSES_ALONE.is_match(bare) && !NEVER_WHEN_BARE.is_match(bare)
            }
        }
    }
}

/// All rules that make a line an error, as one pattern that `rg` takes.
pub fn rules_as_one_pattern() -> String {
    let (task, harness) = (&TASK_STAMP[1..], &HARNESS_STAMP[1..]);
    let starts = AT_START.join("|");
    let tools = super::tools::Rules::known().as_one_pattern();
    format!(
        "{}|^(?:{task})?(?:{harness})?(?:{starts}|{tools})|^(?:{task})?{}",
        ANYWHERE.join("|"),
        &BY_LEVEL[1..]
    )
}

/// Takes Taskcluster's stamp from the beginning of a line.
pub(crate) fn without_task_stamp(line: &[u8]) -> &[u8] {
    if !line.starts_with(b"[") || line.starts_with(b"[taskcluster:") {
        return line;
    }
    OF_TASK.find(line).map_or(line, |stamp| &line[stamp.end()..])
}

/// Takes mozharness' stamp from the beginning of a line, and white space from its end.
pub(crate) fn bare(line: &[u8]) -> &[u8] {
    let begins = line.first().is_some_and(u8::is_ascii_digit);
    let stamp = if begins { OF_HARNESS.find(line).map_or(0, |stamp| stamp.end()) } else { 0 };
    line[stamp..].trim_ascii_end()
}

/// Whether a line without Taskcluster's stamp is an error.
pub fn is_error_line(line: &[u8]) -> bool {
    if NEVER_AT_ALL.is_match(line) {
        return false;
    }
    if LEVEL.is_match(line) {
        return true;
    }
    let bare = bare(line);
    !NEVER_WHEN_BARE.is_match(bare) && ERROR.is_match(bare)
}

/// Whether mozharness itself calls a line an error.
pub(crate) fn is_by_level(line: &[u8]) -> bool {
    LEVEL.is_match(line)
}

/// What a search over everything looks for, beside what the tools' rules have.
pub(super) fn own_needles() -> impl Iterator<Item = &'static str> + Clone {
    NEEDLES.iter().chain(MARKS).copied()
}

/// Text of a log, whatever its bytes are.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_that_are_errors() {
        let errors = [
            "14:56:19     INFO - TEST-UNEXPECTED-TIMEOUT | automation.py | application timed out",
            "make: *** [all] Error 2",
            "gmake[2]: *** [x] Error 1",
            r"mozmake.exe: *** [x] Error 1",
            "KeyError: 261",
            "selenium.common.exceptions.WebDriverException: gone",
            "[taskcluster] Error: Task run failed",
            "[taskcluster:error] exit status 1",
            "[fetches:exception] x",
            "abort: error: Connection refused",
            "c:/a/b.cpp(12) : error C2065: 'x'",
            "x.rc(12) : error RC2135: y",
            "/a/b.cpp:12:3: error: no",
            "12:00:00    ERROR - Return code: 1",
            "12:00:00    FATAL - Halting",
            "ERROR 404: Not Found.",
            "rm: cannot remove 'x'",
            "x error(12): y",
        ];
        for line in errors {
            assert!(is_error_line(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn lines_that_are_none() {
        let none = [
            "12:00:00     INFO - TEST-PASS | a | fatal error",
            "TEST-INFO | TEST-UNEXPECTED-FAIL",
            "TEST-UNEXPECTED-WARNING | a",
            "12:00:00     INFO - a non-fatal error",
            "TimeoutException: x",
            "ImportError: No module named pygtk",
            "Assertion failure",
            "I/Gecko (123): TEST-UNEXPECTED-FAIL",
            "some [12:error] in the middle",
            "a word KeyError: in the middle",
            "12:00:00     INFO - ERROR in a message",
        ];
        for line in none {
            assert!(!is_error_line(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn stamps_go() {
        let bare =
            |line: &str| String::from_utf8(without_task_stamp(line.as_bytes()).into()).unwrap();
        assert_eq!(bare("[task 2016-08-18T17:50:56.955523Z] x"), "x");
        assert_eq!(bare("[taskcluster:error] 2016- x"), "[taskcluster:error] 2016- x");
        assert_eq!(bare("[2016- task] x"), "x");
    }

    #[test]
    fn the_one_pattern_is_well_formed_and_takes_what_the_rules_take() {
        let pattern = Regex::new(&rules_as_one_pattern()).unwrap();
        for line in ["[task 2025-01-01T00:00:00Z] abort: x", "12:00:00    FATAL - x", "KeyError: 1"]
        {
            assert!(pattern.is_match(line.as_bytes()), "{line}");
        }
    }

    proptest! {
        /// Whatever the rules take has a needle, or it would be overlooked.
        #[test]
        fn every_error_has_a_needle(parts in proptest::collection::vec(prop_oneof![
            proptest::sample::select(vec![
                "make", "g", "[2]", ": *** ", "bash.exe", "mozmake.EXE", "Key", "Error", ": ", " ",
                "Exception", "[", "taskcluster", "] ", "Error:", ":error]",
                ":exception]", ":12", ": error:", " error", "(12):", " R", "C2065:", "ERROR 5", "00:",
                "12:00:00 ", "ERROR - ", "FATAL - ", "INFO - ", "Assertion fail", "SUMMARY: ",
                "ThreadSanitizer", ": nested bug", "abort:", "remoteFailed:", "rm: cannot ",
            ]).prop_map(str::to_owned),
            "[ -~]{0,4}",
        ], 0..7)) {
            let line = parts.concat();
            let found = own_needles().find(|needle| line.contains(needle));
            prop_assert!(!is_error_line(line.as_bytes()) || found.is_some(), "{}", line);
        }
    }
}
