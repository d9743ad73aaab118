//! A line that is an error, read for what failed and how.

use super::rules::{bare, is_by_level, lossy};
use crate::failure::{Failure, Kind, Where};
use crate::names::{group_of_id, is_no_test, test_of_id};

const UNEXPECTED: &str = "TEST-UNEXPECTED-";
const KNOWN: &str = "TEST-KNOWN-INTERMITTENT-";
const CRASH: &str = "PROCESS-CRASH | ";

/// Reads an error line, or one of a known intermittent, without Taskcluster's stamp.
pub(super) fn read(line: &[u8], at: Where, manifest: Option<&str>, longest: usize) -> Failure {
    let by_level = is_by_level(line);
    let text = lossy(bare(line));
    let short = |text: &str| text[..text.floor_char_boundary(longest)].to_owned();
    let mut failure = if let Some((_, rest)) = text.split_once(CRASH) {
        crash(rest, at)
    } else if let Some((_, rest)) = text.split_once(UNEXPECTED) {
        unexpected(rest, at)
    } else if let Some((_, rest)) = text.split_once(KNOWN) {
        Failure { known_intermittent: true, ..unexpected(rest, at) }
    } else {
        let message = by_level.then(|| text.split_once(" - ")).flatten().map_or(&*text, |(_, m)| m);
        Failure { message: Some(message.to_owned()), ..Failure::new(kind_of(&text, by_level), at) }
    };
    if failure.test.is_some() && failure.group.is_none() {
        failure.group = manifest.map(str::to_owned);
    }
    for text in [&mut failure.test, &mut failure.message, &mut failure.crash].into_iter().flatten()
    {
        if text.len() > longest {
            *text = short(text);
        }
    }
    failure
}

/// `FAIL | test | message`, after the words that all of them begin with.
fn unexpected(rest: &str, at: Where) -> Failure {
    let mut parts = rest.splitn(3, " | ");
    let status = parts.next().unwrap_or("").trim();
    let id = parts.next().unwrap_or("").trim();
    let message = parts.next().map(str::trim).filter(|message| !message.is_empty());
    let said = message.unwrap_or("");
    let kind = if status == "CRASH" {
        Kind::Crash
    } else if id.contains("leakcheck") || id == "LeakSanitizer" || leaks(said) {
        Kind::Leak
    } else if status == "TIMEOUT" || takes_too_long(said) {
        Kind::Timeout
    } else if id == "automation.py" {
        Kind::Harness
    } else {
        Kind::Unexpected
    };
    let mut failure = Failure::new(kind, at);
    failure.status = Some(status.to_owned()).filter(|status| !status.is_empty());
    failure.message = message.map(str::to_owned);
    name(&mut failure, id);
    if kind == Kind::Leak && failure.test.is_none() {
        // The leak check names the manifest after which it looked.
        let manifest = message.filter(|said| said.ends_with(".toml") || said.ends_with(".ini"));
        failure.group = manifest.map(str::to_owned);
        if manifest.is_some() {
            failure.message = Some(id.to_owned());
        }
    }
    failure
}

/// Gives a failure its test, unless what stands there is the harness' own word.
fn name(failure: &mut Failure, id: &str) {
    if !is_no_test(id) {
        failure.test = Some(test_of_id(id));
        failure.group = group_of_id(id).map(str::to_owned);
    }
}

/// Whether a test that failed says that it took too long.
pub(crate) fn takes_too_long(said: &str) -> bool {
    said.starts_with("Test timed out") || said.contains("application timed out after")
}

/// Whether a test that failed says that it leaked.
pub(crate) fn leaks(said: &str) -> bool {
    said.starts_with("leaked ") || said.contains("leaked until shutdown")
}

/// What follows `PROCESS-CRASH | `: `[minidump | ]REASON [SIGNATURE] | test`, where the test may be
/// a process; of Java `test | exception`.
fn crash(rest: &str, at: Where) -> Failure {
    let parts: Vec<&str> = rest.split(" | ").map(str::trim).collect();
    let mut failure = Failure::new(Kind::Crash, at);
    failure.status = Some("CRASH".to_owned());
    let signed = parts.iter().position(|part| part.ends_with(']') && part.contains('['));
    let (reason, id) = match signed {
        Some(place) => {
            let (reason, signature) = signed_reason(parts[place]);
            failure.crash = Some(signature.to_owned());
            (reason.to_owned(), parts.get(place + 1).copied())
        }
        None => (parts.get(1..).unwrap_or_default().join(" | "), parts.first().copied()),
    };
    failure.message = Some(reason).filter(|reason| !reason.is_empty());
    name(&mut failure, id.unwrap_or(""));
    failure
}

/// `REASON [SIGNATURE]`; a signature may have brackets of its own.
fn signed_reason(part: &str) -> (&str, &str) {
    let at = part.find("[@").or_else(|| part.rfind('[')).unwrap_or(part.len());
    let signature = part[at..].trim_start_matches('[').trim_end_matches(']');
    (part[..at].trim(), signature)
}

/// Whether the task's own command failed, which is not the machine's fault: `exit status 1`. A kill
/// for lack of memory is (137).
fn ended_with_a_status(text: &str) -> bool {
    let status = text.split_once("exit status ").or_else(|| text.split_once("exit code: "));
    let digits = |rest: &str| {
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>().ok()
    };
    status.and_then(|(_, rest)| digits(rest)).is_some_and(|status| status != 137)
}

/// What sort of error a line without a test is.
fn kind_of(text: &str, by_level: bool) -> Kind {
    let has = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    let starts = |needles: &[&str]| needles.iter().any(|needle| text.starts_with(needle));
    if has(&["SUMMARY: AddressSanitizer", "SUMMARY: ThreadSanitizer"])
        || has(&["SUMMARY: UndefinedBehaviorSanitizer", "ThreadSanitizer: nested bug"])
        || has(&["ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer"])
        || has(&["WARNING: MemorySanitizer", ": runtime error: "])
    {
        Kind::Sanitizer
    } else if has(&["Hit MOZ_CRASH", "###!!! ABORT:", "Assertion fail"]) {
        Kind::Crash
    } else if has(&["YOU ARE LEAKING THE WORLD"]) {
        Kind::Leak
    } else if has(&["command timed out:", "Automation Error:", "wget: unable ", "exit code: 137"])
        || has(&["ERROR 4", "ERROR 5", ":exception]"])
        || starts(&["remoteFailed:", "abort:"])
        || (starts(&["[taskcluster"]) && !ended_with_a_status(text))
    {
        Kind::Infra
    } else if starts(&["[taskcluster"]) {
        Kind::Harness
    } else if has(&["(fatal error)"]) {
        Kind::Unknown
    } else if has(&[": error:", " error C", " error RC", "fatal error", "FATAL ERROR"])
        || has(&["make: ***", "]: ***", "mozmake", " error("])
    {
        Kind::Build
    } else if has(&["[  FAILED  ] "]) {
        Kind::Unexpected
    } else if by_level || has(&["REFTEST ERROR", "Error: ", "Exception: ", "rm: cannot "]) {
        Kind::Harness
    } else {
        Kind::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Where {
        Where { line: 1, byte: 0 }
    }

    fn told(line: &str) -> Failure {
        read(line.as_bytes(), at(), Some("a/m.toml"), 2000)
    }

    #[test]
    fn crashes_are_read_in_all_their_shapes() {
        let check = |line: &str, crash: Option<&str>, test: Option<&str>| {
            let read = told(line);
            assert_eq!((read.crash.as_deref(), read.test.as_deref()), (crash, test), "{line}");
            assert_eq!(read.kind, Kind::Crash);
        };
        let frame = Some("@ mozilla::Foo<int[2]>::Bar");
        check(
            "PROCESS-CRASH | MOZ_ASSERT(x) [@ mozilla::Foo<int[2]>::Bar] | a/t.js",
            frame,
            Some("a/t.js"),
        );
        check(
            "12:00:00     INFO - PROCESS-CRASH | 0b5c6d1e-7f6a | application crashed [@ x()] | a/t.js",
            Some("@ x()"),
            Some("a/t.js"),
        );
        check("PROCESS-CRASH | application crashed [None] | pid: 12", Some("None"), None);
        check("PROCESS-CRASH | application crashed [@ y] | automation.py", Some("@ y"), None);
        check("PROCESS-CRASH | a/t.js | java.lang.Error: x", None, Some("a/t.js"));
        check("TEST-UNEXPECTED-CRASH | a/t.js | expected OK", None, Some("a/t.js"));
    }

    #[test]
    fn kinds_are_told_apart() {
        let check = |line: &str, kind: Kind| assert_eq!(told(line).kind, kind, "{line}");
        check("TEST-UNEXPECTED-FAIL | a/t.js | got 1, expected 2", Kind::Unexpected);
        check("TEST-UNEXPECTED-TIMEOUT | a/t.js | expected OK", Kind::Timeout);
        check("TEST-UNEXPECTED-FAIL | a/t.js | Test timed out - ", Kind::Timeout);
        check("TEST-UNEXPECTED-FAIL | leakcheck | tab process: 12 bytes leaked (A)", Kind::Leak);
        check("TEST-UNEXPECTED-FAIL | a/t.js | leaked 1 window(s) until shutdown", Kind::Leak);
        check("PID 1 | SUMMARY: AddressSanitizer: heap-use-after-free a.h:1 in f", Kind::Sanitizer);
        check("PID 1 | ==1==ERROR: AddressSanitizer: heap-use-after-free", Kind::Sanitizer);
        check("/a/b.cpp:1:2: error: no", Kind::Build);
        check("make: *** [all] Error 1", Kind::Build);
        check("[taskcluster:error] exit status 1", Kind::Harness);
        check("[taskcluster:error] Task timeout after 3600 seconds", Kind::Infra);
        check("PID 51 | WARNING: hanging at shutdown (fatal error).: file a.cpp:1", Kind::Unknown);
        check("12:00:00    ERROR - Return code: 1", Kind::Harness);
        check("KeyError: 1", Kind::Harness);
    }

    #[test]
    fn manifests_go_with_tests_alone() {
        assert_eq!(told("TEST-UNEXPECTED-FAIL | a/t.js | x").group.as_deref(), Some("a/m.toml"));
        assert_eq!(told("make: *** [all] Error 1").group, None);
        let own = told("TEST-UNEXPECTED-FAIL | xpcshell.toml:a/t.js | x");
        assert_eq!(
            (own.group.as_deref(), own.test.as_deref()),
            (Some("xpcshell.toml"), Some("a/t.js"))
        );
        assert!(told("TEST-KNOWN-INTERMITTENT-FAIL | a/t.js | x").known_intermittent);
    }
}
