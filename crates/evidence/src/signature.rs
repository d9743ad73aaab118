//! What makes one failure equal to another.
//!
//! Two failures are the same when kind, status, test, crash signature and what was said are the
//! same after everything that differs between two runs of the same code is taken out of what was
//! said, in this order:
//!
//! | what | becomes |
//! |---|---|
//! | the scheme, host and port of a URL, and a path's folders | nothing: the file's name stays |
//! | a date, a time of day, both together | `<time>` |
//! | a UUID, 8 or more hex digits with a number among them | `<id>` |
//! | `0x…` | `<addr>` |
//! | a number with a unit of time | `<duration>` |
//! | any other number, also within a word (`server18`) | `<n>` |
//!
//! Subtest and message are joined by ` - `, as text logs write them, so that a failure compares
//! equal whichever source told of it. A whole number of up to three digits that stands alone in
//! the name of a subtest (before that ` - `) stays: `Test 1` and `Test 2` are two.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use crate::failure::{Failure, Kind};

/// The normalised text of a failure, and a short name of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signature {
    id: String,
    text: String,
}

/// How much of what was said counts. Two failures that differ only past this are the same.
const COUNTS: usize = 600;

static VARYING: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = concat!(
        // A URL: what is before its path, and the folders.
        r"(?P<url>\b(?:https?|file|wss?|ftp)://[^\s/'\x22)\]>,]*(?:/[^\s/'\x22)\]>,?#]*)*/)",
        r"|(?P<path>(?:\b[A-Za-z]:\\|\\\\)(?:[^\s\\'\x22:|<>]+\\)+|(?:/[\w.+@~-]+){2,}/)",
        r"|(?P<time>\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?Z?)?|\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?)",
        r"|(?P<id>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b|\b[0-9a-fA-F]{8,}\b)",
        r"|(?P<addr>\b0[xX][0-9a-fA-F]+)",
        r"|(?P<duration>\b\d+(?:\.\d+)? ?(?:ns|us|µs|ms|milliseconds?|msecs?|s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b)",
        r"|(?P<n>\d+(?:[.,]\d+)*)",
    );
    #[allow(clippy::expect_used, reason = "the pattern is a constant, compiled by every test")]
    Regex::new(pattern).expect("the pattern is well-formed")
});

impl Signature {
    /// The signature of a failure.
    pub(crate) fn of(failure: &Failure) -> Self {
        let said = match (&failure.subtest, &failure.message) {
            (Some(subtest), Some(message)) => format!("{subtest} - {message}"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => String::new(),
        };
        // What a crash says besides is where it was seen, not what it is.
        let said = match &failure.crash {
            Some(crash) if crash != "None" => normalised(crash),
            _ => normalised(&said),
        };
        let status = match failure.kind {
            Kind::Unexpected => failure.status.as_deref().unwrap_or(""),
            _ => "",
        };
        let test = failure.test.as_deref().unwrap_or("");
        let text = format!("{} {status}|{test}|{said}", failure.kind.word());
        let digest = Sha1::digest(text.as_bytes());
        let id = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Self { id, text }
    }

    /// Its short name: twelve hex digits, the same wherever and whenever it is made.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is compared.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Takes out what differs between two runs of the same code.
pub(crate) fn normalised(said: &str) -> String {
    let said = &said[..said.floor_char_boundary(COUNTS)];
    let name = said.find(" - ").unwrap_or(0);
    let bytes = said.as_bytes();
    let glued = |at: usize| {
        let byte = bytes.get(at).copied().unwrap_or(b' ');
        byte.is_ascii_alphanumeric() || byte == b'_'
    };
    let replaced = VARYING.replace_all(said, |found: &Captures<'_>| {
        let Some(whole) = found.get(0) else { return String::new() };
        let is = |name| found.name(name).is_some();
        let text = whole.as_str();
        if is("url") || is("path") {
            String::new()
        } else if is("time") {
            "<time>".into()
        } else if is("id") {
            // Letters alone are a word; digits alone are a number.
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            match digits {
                0 => text.to_owned(),
                _ if digits == text.len() => "<n>".into(),
                _ => "<id>".into(),
            }
        } else if is("addr") {
            "<addr>".into()
        } else if is("duration") {
            "<duration>".into()
        } else {
            let before = whole.start().checked_sub(1);
            let alone = !before.is_some_and(glued) && !glued(whole.end());
            let small = text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
            match whole.end() <= name && alone && small {
                true => text.to_owned(),
                false => "<n>".into(),
            }
        }
    });
    replaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_taken_out() {
        let same: &[&[&str]] = &[
            &[
                "Not listening for network events from: server18.conn0.networkParent25 (resource://devtools/network-parent.js:99:13)",
                "Not listening for network events from: server2.conn1.networkParent3 (resource://devtools/network-parent.js:101:9)",
            ],
            &["application timed out after 370 seconds", "application timed out after 371.5 s"],
            &["leaked 0x7f3a12bc bytes at 12:13:14.55", "leaked 0x11 bytes at 09:00:01"],
            &[
                "cannot open /builds/worker/workspace/build/tests/a.js",
                "cannot open /Users/cltbld/tasks/task_1739/build/tests/a.js",
                r"cannot open C:\Users\task_17\build\tests\a.js",
            ],
            &["GET http://127.0.0.1:8888/tests/dom/a.html", "GET http://localhost:4443/x/y/a.html"],
            &[
                "id 0b5c6d1e-7f6a-4c43-9d5e-2f1a8c37e0b4 of 6fca9a4e1b",
                "id ffffffff-7f6a-4c43-9d5e-2f1a8c37e0b4 of 99aa9a4e1bcc",
            ],
            &["Test 1 - got 7, expected 10", "Test 1 - got 700, expected 10"],
            &["max difference: 255, pixels: 1080", "max difference: 1, pixels: 4"],
            &["2025-02-13T23:44:11.061Z gone", "2026-11-23 08:00:00 gone"],
        ];
        for group in same {
            let first = normalised(group[0]);
            for other in *group {
                assert_eq!(normalised(other), first, "{other}");
            }
        }
    }

    #[test]
    fn what_tells_apart_stays() {
        let different = [
            ("Test 1 - failed", "Test 2 - failed"),
            ("cannot open /a/b/c/one.js", "cannot open /a/b/c/two.js"),
            ("expected true, got false", "expected false, got true"),
            ("deadbeef is a word", "cafebabe is a word"),
        ];
        for (one, other) in different {
            assert_ne!(normalised(one), normalised(other));
        }
    }
}
