//! What holds of whatever is read: nothing panics, how the bytes come makes no difference, and logs
//! one after the other have the failures of both.

#![allow(clippy::unwrap_used, reason = "tests say why they fail")]

use std::io::{Cursor, Read};

use mozci_evidence::{Evidence, Format, Kind, Question, Subject, read};
use proptest::prelude::*;

const FORMATS: [Option<Format>; 6] = [
    None,
    Some(Format::Text),
    Some(Format::Errorsummary),
    Some(Format::Structured),
    Some(Format::Junit),
    Some(Format::TestResults),
];

/// Lines as they come in logs of all formats, whole and broken.
const LINES: [&str; 24] = [
    "TEST-START | dom/a/test_b.html",
    "TEST-PASS | dom/a/test_b.html | fine",
    "TEST-UNEXPECTED-FAIL | dom/a/test_b.html | got 1, expected 2",
    "[task 2026-01-01T00:00:01.000Z] 00:00:01     INFO - TEST-UNEXPECTED-TIMEOUT | dom/a/test_c.html | took too long",
    "TEST-OK | dom/a/test_b.html | took 12ms",
    "PROCESS-CRASH | application crashed [@ mozilla::Foo(int)] | dom/a/test_b.html",
    "Running manifest: dom/a/mochitest.toml",
    "SUMMARY: AddressSanitizer: heap-use-after-free /a/b.cpp:12:3 in foo",
    "/builds/a.cpp:3:4: error: no such thing",
    "[taskcluster:error] exit status 1",
    r#"{"action":"test_groups","line":0,"groups":["a.toml","b.toml"]}"#,
    r#"{"action":"test_result","test":"t","group":"a.toml","status":"FAIL","expected":"PASS","line":3,"known_intermittent":[]}"#,
    r#"{"action":"group_result","group":"a.toml","status":"ERROR","line":5}"#,
    r#"{"action":"suite_start","tests":{"a.toml":["t"]},"time":1,"source":"x"}"#,
    r#"{"action":"test_start","test":"t","time":2,"source":"x"}"#,
    r#"{"action":"test_end","test":"t","status":"FAIL","expected":"PASS","time":1,"source":"x"}"#,
    r#"{"action":"test_status","test":"t","subtest":"s","status":"FAIL","expected":"PASS"}"#,
    r#"{"action":"crash","signature":"@ foo","test":"t"}"#,
    r#"{"action":"test_result","test":"t","#,
    r#"<testsuite><testcase classname="c" name="n"><failure message="m">x</failure></testcase>"#,
    "</testsuite>",
    r#"{"test_results":[{"test_name":"a","value":"FAILED"}]}"#,
    "",
    "\u{1b}[31mred\u{0}",
];

/// Gives its bytes a few at a time.
struct Dripping {
    bytes: Cursor<Vec<u8>>,
    steps: Vec<usize>,
    at: usize,
}

impl Read for Dripping {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let step = self.steps[self.at % self.steps.len()].min(buffer.len());
        self.at += 1;
        self.bytes.read(&mut buffer[..step])
    }
}

fn question(format: Option<Format>, asks: bool) -> Question {
    let subject = asks.then(|| Subject::Test("dom/a/test_b.html".into()));
    Question { format, subject, ..Question::default() }
}

fn text(lines: &[(usize, bool)]) -> Vec<u8> {
    let end = |carriage: bool| if carriage { "\r\n" } else { "\n" };
    let lines = lines.iter().map(|(line, carriage)| format!("{}{}", LINES[*line], end(*carriage)));
    lines.collect::<String>().into_bytes()
}

fn lines() -> impl Strategy<Value = Vec<(usize, bool)>> {
    prop::collection::vec((0..LINES.len(), any::<bool>()), 0..40)
}

/// As [`lines`] without the last one, whose NUL may make binary data of a few lines and not of many.
fn lines_of_text() -> impl Strategy<Value = Vec<(usize, bool)>> {
    prop::collection::vec((0..LINES.len() - 1, any::<bool>()), 0..40)
}

fn whole(bytes: Vec<u8>, question: &Question) -> Evidence {
    read(Cursor::new(bytes), question)
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_their_end(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
        format in prop::sample::select(FORMATS.to_vec()),
        asks in any::<bool>(),
    ) {
        let evidence = whole(bytes, &question(format, asks));
        let certain = evidence.failures.iter().filter(|failure| failure.kind != Kind::Guess);
        prop_assert!(certain.count() as u64 <= evidence.total);
    }

    #[test]
    fn lines_cut_anywhere_are_read_to_their_end(
        lines in lines(),
        format in prop::sample::select(FORMATS.to_vec()),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = text(&lines);
        bytes.truncate(cut.index(bytes.len() + 1));
        whole(bytes, &question(format, true));
    }

    #[test]
    fn how_the_bytes_come_makes_no_difference(
        lines in lines(),
        format in prop::sample::select(FORMATS.to_vec()),
        steps in prop::collection::vec(1usize..70, 1..8),
    ) {
        let bytes = text(&lines);
        let asked = question(format, true);
        let dripping = Dripping { bytes: Cursor::new(bytes.clone()), steps, at: 0 };
        prop_assert_eq!(read(dripping, &asked), whole(bytes, &asked));
    }

    #[test]
    fn logs_in_a_row_have_the_failures_of_each(a in lines_of_text(), b in lines_of_text()) {
        // How a log is read depends on whose it is, which its beginning tells.
        let begun = |lines| [b"00:00:00     INFO - it begins\n".to_vec(), text(lines)].concat();
        let (first, second) = (begun(&a), begun(&b));
        for format in [Format::Text, Format::Errorsummary] {
            let asked = question(Some(format), false);
            let found = |bytes: &[u8]| {
                let failures = whole(bytes.to_vec(), &asked).failures;
                // A guess is of a log as a whole.
                let certain = failures.into_iter().filter(|failure| failure.kind != Kind::Guess);
                certain.map(|f| (f.kind, f.test, f.message)).collect::<Vec<_>>()
            };
            let both = found(&[&first[..], &second[..]].concat());
            prop_assert_eq!(both, [found(&first), found(&second)].concat(), "{:?}", format);
        }
    }
}
