//! The last resort: the most likely reason in a log of which no rule took anything that says why.
//!
//! Where a command ended badly, the reason mostly stands right before, in a line that has a word of
//! trouble. Every line of a window before such an end (and before the end of the log) has a score:
//!
//! | what | points |
//! |---|---|
//! | begins with a word of trouble and a colon (`error:`, `fatal:`, `E:`) | 9 |
//! | has such a word with a colon, or a capital word of trouble | 7 |
//! | has a word of trouble (`error`, `failed`, `exception`, …) | 5 |
//! | has a word of lack (`cannot`, `not found`, `unable to`, …) | 4 |
//! | names a file and a line (`a/b.c:12`) | 2 |
//! | is among the last 3, 10, 25, 60 lines that say something | 7, 5, 3, 1 |
//! | is a command, a warning, an option, a count of zero | −8 |
//! | is the CI's own (`Done. Your build exited`, `travis_time`) | out |
//!
//! The window before the first command that ended badly counts most: what comes after it is often
//! only cleaning up. The best line and the lines around it are the guess; up to two more are told.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::envelope::bare;
use super::rules::lossy;
use super::tools::is_infra;
use crate::failure::{Failure, Kind, Where};

/// How many lines a window has.
const LINES: usize = 120;

/// How many lines before an end a hint may stand.
const NEAR: usize = 40;

/// Guesses that are told, and how many lines lie between them at least.
const GUESSES: usize = 3;
const APART: u64 = 6;

/// Windows that are kept of the first ends, and of the last.
const KEPT: (usize, usize) = (2, 3);

/// A line of a window.
#[derive(Debug, Clone)]
struct Line {
    text: String,
    at: Where,
}

/// Lines before places where something ended badly.
#[derive(Debug, Default)]
pub(super) struct Windows {
    first: Vec<Vec<Line>>,
    last: Vec<Vec<Line>>,
}

/// What is known of how a job ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Red {
    /// Whether something says that it failed.
    pub(super) is_red: bool,
    /// Whether the log reaches to its end, so that its last words are about that.
    pub(super) is_ended: bool,
}

impl Windows {
    /// Keeps the lines before a place.
    pub(super) fn end(&mut self, before: &[u8], at: Where) {
        let window = lines(before, at);
        if self.first.len() < KEPT.0 {
            self.first.push(window);
        } else {
            if self.last.len() >= KEPT.1 {
                self.last.remove(0);
            }
            self.last.push(window);
        }
    }

    /// Whether a line stands near to where something ended badly, or to the end.
    pub(super) fn holds(&self, line: u64) -> bool {
        let holds = |window: &Vec<Line>| {
            let says = window.iter().rev().filter(|line| points(&line.text).is_some());
            says.take(NEAR).any(|one| one.at.line == line)
        };
        self.first.iter().chain(&self.last).any(holds)
    }

    /// The most likely reasons, the likeliest first: lines of different places.
    pub(super) fn guess(self, red: Red, longest: usize) -> Vec<Failure> {
        let windows: Vec<Vec<Line>> = self.first.into_iter().chain(self.last).collect();
        let mut all: Vec<(i32, &[Line], usize)> = Vec::new();
        for (number, window) in windows.iter().enumerate() {
            let mut behind = 0;
            for (place, line) in window.iter().enumerate().rev() {
                let Some(points) = points(&line.text) else { continue };
                let near = match behind {
                    0..3 => 7,
                    3..10 => 5,
                    10..25 => 3,
                    25..60 => 1,
                    _ => 0,
                };
                behind += 1;
                // A line without a word of trouble is one only at the very end.
                if points < 0 || (points == 0 && !(near == 7 && red.is_ended)) {
                    continue;
                }
                let first = if number == 0 { 4 } else { 0 };
                // Where nothing says that the job failed, a guess needs more: the log's last words.
                if red.is_red || (points >= 9 && near == 7) {
                    all.push((points + near + first, window, place));
                }
            }
        }
        all.sort_by_key(|(points, ..)| std::cmp::Reverse(*points));
        let mut guesses: Vec<Failure> = Vec::new();
        for (_, window, place) in all {
            let line = window[place].at.line;
            if guesses.iter().all(|guess| guess.at.line.abs_diff(line) > APART) {
                guesses.push(told(window, place, longest));
            }
            if guesses.len() == GUESSES {
                break;
            }
        }
        guesses
    }
}

/// The last lines before a place, without stamps.
fn lines(before: &[u8], at: Where) -> Vec<Line> {
    let whole = before.strip_suffix(b"\n").unwrap_or(before);
    let mut found = Vec::new();
    let (mut number, mut byte) = (at.line, at.byte);
    for raw in whole.rsplit(|byte| *byte == b'\n').take(LINES) {
        number = number.saturating_sub(1);
        byte = byte.saturating_sub(raw.len() as u64 + 1);
        // Of a line that a progress bar writes over, its last form is what stands there.
        let shown = raw.trim_ascii_end();
        let shown = shown.rsplit(|byte| *byte == b'\r').next().unwrap_or(shown);
        let text = lossy(bare(shown).text).into_owned();
        found.push(Line { text, at: Where { line: number.max(1), byte } });
    }
    found.reverse();
    found
}

fn told(window: &[Line], place: usize, longest: usize) -> Failure {
    let short = |line: &Line| line.text[..line.text.floor_char_boundary(longest)].to_owned();
    let belongs = |line: &&Line| points(&line.text).is_some() && !line.text.trim().is_empty();
    let mut before: Vec<String> =
        window[..place].iter().rev().take(3).take_while(belongs).map(short).collect();
    before.reverse();
    let after = window[place + 1..].iter().take(5).take_while(belongs).map(short).collect();
    let line = &window[place];
    let message = Some(short(line).trim().to_owned());
    Failure { message, before, after, ..Failure::new(Kind::Guess, line.at) }
}

fn regex(pattern: &str) -> Regex {
    #[allow(clippy::expect_used, reason = "the patterns are constants, compiled by every test")]
    super::tools::regex(pattern).expect("well-formed")
}

static STARTS: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^\s*(?:[\w./-]+: )?(?i:error|fatal|failed|failure|panic|exception|abort(?:ed)?|E)(?:\[\w+\])?!?:",
    )
});
static TROUBLE_WITH_COLON: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?i:error|fatal|failed|failure|panic|exception|aborted)\b[^:\n]{0,20}:|\b(?:ERROR|FATAL|FAIL|FAILED|FAILURE|PANIC|ABORT|ABORTED|BROKEN)\b|[A-Za-z](?:Error|Exception)\b|^\s*(?:\xE2\x9C\x97|\xE2\x9C\x96|\xE2\x9C\x98|\xC3\x97|\xE2\x9D\x8C) ",
    )
});
static TROUBLE: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?i:errors?|errored|fatal|fail(?:s|ed|ure|ures|ing)?|panic(?:ked)?|exceptions?|abort(?:ed|ing)?|crash(?:ed)?|broken|killed|rejected|violations?|incorrect|bad)\b",
    )
});
static LACK: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"\b(?i:cannot|can't|could ?n[o']t|could not|unable to|not found|no such|not (?:defined|provided|allowed|recognized|supported|installed|exist|a valid|valid|declared)|undefined|unknown|unrecognized|unresolved|invalid|missing|denied|refused|unexpected|mismatch|unsupported|does ?n[o']t|does not|did not|is not|must be|should (?:be|not|have)|conflicts?|too (?:long|wide|large|many)|longer than|exceed(?:s|ed)?|expected|timed? ?out|unable|wrong|illegal|expired|duplicate|already exists)\b",
    )
});
static PLACE: LazyLock<Regex> = LazyLock::new(|| regex(r"[\w/.-]+\.\w+[:(]\d+"));
static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^\s*(?:\$ |\+{1,3} ?[a-z./_]|> |# |\[?-{1,2}\w)|\\$|^\s*(?:g?cc|g\+\+|clang|clang\+\+|cc|c\+\+|libtool|/bin/sh|sh|bash|cd|export|mkdir|rm|cp|mv) |\b(?i:warn(?:ing)?s?|deprecat\w+|npm notice|info|debug|skipp(?:ed|ing)|ignor(?:ed|ing)|passed|success(?:ful(?:ly)?)?|retry(?:ing)?|(?:0|no) (?:errors?|fail(?:ed|ures?)|warnings?))\b| -W(?:no-)?error| -W\w+|Selecting previously|Unpacking|Setting up |Get:\d|^\s*at |^\s*ok\b|^\s*\xE2\x9C\x93|^\s*\xE2\x9C\x94|\.\.\. ?ok$|\bOK$|\[OK\]|\bok \d|^\s*\d+ passing|100%",
    )
});
static OF_THE_CI: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"^travis_|^ERROR: pip.s dependency resolver does not currently|^[\w.-]+ \S+ requires \S+, but you have .* which is incompatible|^Done\. Your build|^The command .* (?:exited|failed)|^section_(?:start|end)|^\[taskcluster|^##\[|^\s*$|^Cleaning up |^Uploading |^[-=*_#~.\s]+$|^npm ERR! (?:A complete log|    /|$|Please include|This is probably not|node v|npm  ?v|Linux|argv)|^program finished with|^elapsedTime=|^Post job cleanup|^Your build has been stopped|^store build cache|^make(?:\[\d+\])?: (?:Leaving|Entering)|^Finished: |^Build step ",
    )
});

/// The points of a line but for its place; none where it is the CI's own.
fn points(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    if OF_THE_CI.is_match(bytes) {
        return None;
    }
    let mut points = 0;
    if STARTS.is_match(bytes) {
        points += 9;
    } else if TROUBLE_WITH_COLON.is_match(bytes) {
        points += 7;
    } else if TROUBLE.is_match(bytes) || is_infra(text) {
        points += 5;
    }
    if LACK.is_match(bytes) {
        points += 4;
    }
    if points > 0 && PLACE.is_match(bytes) {
        points += 2;
    }
    if COMMAND.is_match(bytes) {
        points -= 8;
    }
    Some(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(log: &str, is_red: bool) -> Option<String> {
        let mut windows = Windows::default();
        let line = log.lines().count() as u64 + 1;
        windows.end(log.as_bytes(), Where { line, byte: log.len() as u64 });
        windows
            .guess(Red { is_red, is_ended: is_red }, 2000)
            .into_iter()
            .next()
            .and_then(|failure| failure.message)
    }

    #[test]
    fn the_most_likely_line_is_taken() {
        let check = |log: &str, line: &str| assert_eq!(guessed(log, true).as_deref(), Some(line));
        check(
            "gate 1 ... fine\ngate 2 ... BROKEN (expected 4, got 3)\n1 of 2 gates broken\n",
            "gate 2 ... BROKEN (expected 4, got 3)",
        );
        check("$ ./x --error\nfoo: cannot open lock\ncleaned\n", "foo: cannot open lock");
        check("all quiet\nand then nothing\n", "and then nothing");
    }

    #[test]
    fn a_log_that_nothing_calls_red_needs_a_sure_line() {
        assert_eq!(guessed("all quiet\nsomething failed\nagain\n", false), None);
        assert!(guessed("Error: cannot open the lock\n", false).is_some());
    }

    #[test]
    fn places_are_those_of_the_log() {
        let mut windows = Windows::default();
        windows.end(b"a\n2031-03-04T05:06:07Z error: b\nc\n", Where { line: 4, byte: 34 });
        let failure = windows.guess(Red { is_red: true, is_ended: true }, 2000).remove(0);
        assert_eq!((failure.at.line, failure.at.byte), (2, 2));
        assert_eq!(failure.kind, Kind::Guess);
    }
}
