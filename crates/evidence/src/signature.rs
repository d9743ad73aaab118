//! What makes one failure equal to another.
//!
//! Two failures are the same when kind, status, test, crash signature and what was said are the
//! same after everything that differs between two runs of the same code is taken out of what was
//! said, in this order:
//!
//! | what | becomes |
//! |---|---|
//! | exit codes, statuses of HTTP, signals, errno, the number of a step | stay |
//! | an offset in a library | stays |
//! | a temporary file's name, what lies in a folder for such | `<tmp>` |
//! | the scheme, host and port of a URL, and a path's folders, with a drive or without | nothing: the file's name stays |
//! | a date, in numbers or words, a time of day, a zone, all together | `<time>` |
//! | a UUID, a task's id, the end of a pod's name, 7 or more hex digits with a number among them | `<id>` |
//! | `0x…` | `<addr>` |
//! | a number with a unit of time, or several | `<duration>` |
//! | any other number, also within a word (`server18`) | `<n>` |
//!
//! Subtest and message are joined by ` - `, as text logs write them, so that a failure compares
//! equal whichever source told of it. A whole number of up to three digits that stands alone in
//! the name of a subtest (before that ` - `) stays: `Test 1` and `Test 2` are two. The suite counts
//! where it is no manifest, so that two tests of one name in two suites are two.

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
        // Numbers that tell two bugs apart.
        r"(?P<keep>(?i:\b(?:exit(?:ed|s)?|return(?:ed|s)?|rc|status|code|errno|err|signal|http(?:/\d(?:\.\d)?)?|os error|winerror|response)\b(?:[ :=#(\[]|with|non-zero|exit|code|status|value|of|was|is)*-?\d+\b)",
        r"|(?i:\b(?:step|test|subtest|case|check|phase|stage|part|assertion|scenario|example|argument|arg|param|parameter|option|rule)s?[ #_-]?#?\d{1,3}\b)",
        r"|\b[1-5]\d\d (?:OK|Created|Accepted|No Content|Moved|Found|Not Modified|Bad Request|Unauthorized|Forbidden|Not Found|Method Not|Conflict|Gone|Too Many|Internal Server|Not Implemented|Bad Gateway|Service Unavailable|Gateway)",
        r"|[\w.-]+\.(?:so(?:\.\d+)*|dll|dylib|exe|sys) ?\+ ?0[xX][0-9a-fA-F]+)",
        // Temporary names, before the paths that lead to them.
        r"|(?P<tmp>(?:/private)?/(?:tmp|var/tmp|var/folders/\w+/\w+/[TC])/[\w.@+-]+|\btmp[._]?[A-Za-z0-9_]{6,}\b|(?i:\b[a-z]:[\\/](?:[^\s\\/'\x22:|<>]+[\\/])*te?mp[\\/][\w.~-]+))",
        // A URL: what is before its path, and the folders.
        r"|(?P<url>\b(?:https?|file|wss?|ftp)://[^\s/'\x22)\]>,]*(?:/[^\s/'\x22)\]>,?#]*)*/)",
        r"|(?P<path>(?:\b[A-Za-z]:[\\/]|\\\\)(?:[^\s\\/'\x22:|<>]+[\\/]+)+|(?:/[\w.+@~-]+){2,}/)",
        // Dates and times, in numbers and words, with what belongs to them.
        r"|(?P<time>(?:(?:\b(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?,? )?(?:\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? +\d{1,2}(?:st|nd|rd|th)?(?:,? \d{4}\b)?|\b\d{1,2}[ -](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[ -,]+\d{4}\b)",
        r"|\b\d{4}[-/]\d\d[-/]\d\d|\b\d{1,2}[/.]\d{1,2}[/.]\d{4}\b|\b\d{1,2}:\d\d:\d\d|\b\d{8}T\d{6})(?:[T ,]*\d{1,2}:\d\d(?::\d\d)?)?(?:[.,]\d+)?(?: \d{4}\b)?(?: ?(?:AM|PM|am|pm)\b)?(?: ?(?:Z\b|(?:UTC|GMT|CES?T|E[SD]T|P[SD]T|M[SD]T|C[SD]T|BST|JST|IST)\b(?:[+-]\d{2}:?\d{2})?|[+-]\d{2}:?\d{2}\b))?(?: \([A-Z][A-Za-z ]+\))?)",
        r"|(?P<id>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b",
        r"|-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b|-[bcdfghjklmnpqrstvwxz2456789]{5}\b",
        r"|\b[0-9a-fA-F]{7,}\b|@[0-9a-f]{5,8}\b)",
        r"|(?P<slug>[A-Za-z0-9_-]{22,})",
        r"|(?P<addr>\b0[xX][0-9a-fA-F]+)",
        r"|(?P<duration>\b(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|h|m|s)){2,}|\bPT(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?|\b\d+(?:\.\d+)? ?(?:ns|us|µs|ms|milliseconds?|msecs?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|days?)\b)",
        r"|(?P<n>\d+(?:[.,]\d+)*)",
    );
    #[allow(clippy::expect_used, reason = "the pattern is a constant, compiled by every test")]
    Regex::new(pattern).expect("the pattern is well-formed")
});

/// Whether a group is a manifest: the test's own path says where it is then.
fn is_manifest(group: &str) -> bool {
    [".toml", ".ini", ".list", ".jsx"].iter().any(|end| group.ends_with(end))
}

impl Signature {
    /// Whether a text can be the id of a signature: twelve hexadecimal digits.
    pub fn is_id(text: &str) -> bool {
        text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    }

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
        // Of a report or a tool's own log the suite is part of the name.
        let suite = failure.group.as_deref().filter(|group| {
            failure.is_named_by_suite
                && !test.is_empty()
                && !is_manifest(group)
                && !test.contains(*group)
        });
        let test = suite.map_or(test.to_owned(), |suite| format!("{suite}: {test}"));
        let text = format!("{} {status}|{test}|{said}", failure.kind.word());
        Self { id: short_name(&text), text }
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

/// A short name of a text: twelve hex digits, the same wherever and whenever it is made.
pub(crate) fn short_name(text: &str) -> String {
    let digest = Sha1::digest(text.as_bytes());
    digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
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
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let before = whole.start().checked_sub(1);
        let alone = !before.is_some_and(glued) && !glued(whole.end());
        if is("keep") {
            text.to_ascii_lowercase()
        } else if is("tmp") {
            // `tmpdirectory` is a word, a random name has digits or eight letters.
            let name = text.trim_start_matches("tmp").trim_start_matches(['.', '_']);
            let random = text.contains(['/', '\\']) || digits > 0 || name.len() == 8;
            if random { "<tmp>".into() } else { text.to_owned() }
        } else if is("url") || is("path") {
            String::new()
        } else if is("time") {
            "<time>".into()
        } else if is("slug") {
            // A task's id has letters of both sizes and digits; a long name has words.
            let has = |is: fn(&u8) -> bool| text.bytes().any(|byte| is(&byte));
            let is_id = text.len() == 22
                && alone
                && has(u8::is_ascii_uppercase)
                && has(u8::is_ascii_lowercase)
                && digits > 0;
            if is_id { "<id>".into() } else { normalised_word(text) }
        } else if is("id") {
            // Letters alone are a word; digits alone are a number.
            let hex = text.trim_start_matches(['-', '@']);
            let lead = &text[..text.len() - hex.len()];
            match digits {
                0 if !lead.contains('@') => text.to_owned(),
                _ if digits == hex.len() && lead.is_empty() => "<n>".into(),
                _ => format!("{lead}<id>"),
            }
        } else if is("addr") {
            "<addr>".into()
        } else if is("duration") {
            "<duration>".into()
        } else {
            let small = text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
            match whole.end() <= name && alone && small {
                true => text.to_owned(),
                false => "<n>".into(),
            }
        }
    });
    let words: Vec<&str> = replaced.split_whitespace().collect();
    let mut text = words.join(" ");
    while text.contains("<time> <time>") {
        text = text.replace("<time> <time>", "<time>");
    }
    text
}

/// A long word with its numbers taken out.
fn normalised_word(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let mut in_number = false;
    for c in word.chars() {
        if c.is_ascii_digit() {
            if !in_number {
                text.push_str("<n>");
            }
        } else {
            text.push(c);
        }
        in_number = c.is_ascii_digit();
    }
    text
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
            &[
                "2025-02-13T23:44:11.061Z gone",
                "2026-11-23 08:00:00 gone",
                "Tue Mar 04 2031 20:47:46 GMT+0000 (Coordinated Universal Time) gone",
                "Sun, 23 Nov 2031 04:01:02 CET gone",
                "March 4, 2031 8:47:46 PM gone",
            ],
            &["took 1h2m3s to shut", "took 4m5s to shut", "took 12 s to shut"],
            &["pod gate-7c9d6b5f4-x2lqz is not ready", "pod gate-7c9d6b5f4-9hkpw is not ready"],
            &["push a1b2c3d has no gate", "push 9e8f7a0 has no gate"],
            &[
                "cannot open '/tmp/tmpk3j9x2ab'",
                "cannot open '/tmp/tmpw0qz7_nd'",
                "cannot open '/var/tmp/x.9Qz'",
            ],
            &["cannot read /a/b/c/gate.js", "cannot read Z:/task_17/checkouts/gate.js"],
            &["task AbCdEfGhIjKlMnOpQr12_w failed", "task ZzYyXxWwVvUuTtSsRr34-Q failed"],
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
            ("process ended with exit code 1", "process ended with exit code 139"),
            ("exited with status 2", "exited with status 3"),
            ("OSError: [Errno 13] while writing", "OSError: [Errno 28] while writing"),
            ("server returned 404 Not Found", "server returned 403 Forbidden"),
            ("HTTP 502 from gate", "HTTP 503 from gate"),
            ("killed by signal 9", "killed by signal 11"),
            ("step 3 of the plan failed", "step 7 of the plan failed"),
            ("@ libharbour.so + 0x1aab4", "@ libharbour.so + 0x8d77b"),
        ];
        for (one, other) in different {
            assert_ne!(normalised(one), normalised(other));
        }
    }
}
