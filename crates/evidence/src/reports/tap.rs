//! The Test Anything Protocol, versions 12 to 14, where a whole source is of it.
//!
//! Within a log of other things the rules of `tap.toml` read it.

use std::io::Read;

use super::cases::{Case, Cases, Ended};
use crate::evidence::{Evidence, Format, Mark};
use crate::json;
use crate::read::Question;

/// Failed tests that wait for the end of the one that they belong to.
const WAITING: usize = 5_000;

/// Bytes of a test's own line that are kept, for where it is all that is said.
const LINE: usize = 500;

/// Lines of comments that a message has.
const LINES: usize = 3;

/// Whether all of a source's beginning is of this protocol.
pub(crate) fn is_tap(head: &str) -> bool {
    let lines: Vec<&str> = head.lines().filter(|line| !line.trim().is_empty()).collect();
    // The last line of a beginning may be cut.
    let lines =
        if head.ends_with('\n') { &lines[..] } else { &lines[..lines.len().saturating_sub(1)] };
    let is_first = |line: &str| {
        line.starts_with("TAP version ") || plan(line).is_some() || result(line).is_some()
    };
    let results = lines.iter().filter(|line| result(line.trim_start()).is_some()).count();
    // Colours are taken off by the reader of text.
    if results == 0 || head.contains('\u{1b}') || !lines.first().is_some_and(|line| is_first(line))
    {
        return false;
    }
    let mut in_block = false;
    lines.iter().all(|line| {
        let text = line.trim_start();
        let is_edge = matches!(text, "---" | "...");
        in_block = if is_edge { text == "---" } else { in_block };
        let is_its = result(text).is_some()
            || plan(text).is_some()
            || ["#", "TAP version", "Bail out!", "pragma "]
                .iter()
                .any(|start| text.starts_with(start));
        in_block || is_edge || is_its
    })
}

/// How many tests a plan promises.
fn plan(line: &str) -> Option<u64> {
    let rest = line.strip_prefix("1..")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// A line of a test: whether it is well, its name, and its directive in capitals.
fn result(line: &str) -> Option<(bool, &str, String)> {
    let (ok, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok")?),
    };
    if !(rest.is_empty() || rest.starts_with(' ')) {
        return None;
    }
    let rest = rest.trim_start();
    let name = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let name = name.strip_prefix("- ").or(name.strip_prefix('-')).unwrap_or(name);
    // `\#` is a sign of the name's own.
    let mut at = 0;
    let hash = loop {
        match name[at..].find('#').map(|found| at + found) {
            Some(found) if name[..found].ends_with('\\') => at = found + 1,
            found => break found,
        }
    };
    let (name, directive) = hash.map_or((name, ""), |at| (&name[..at], &name[at + 1..]));
    let word = directive.trim_start().chars().take_while(|c| c.is_alphabetic());
    Some((ok, name.trim(), word.collect::<String>().to_ascii_uppercase()))
}

/// Reads the lines.
pub(crate) fn read(source: impl Read, question: &Question) -> Evidence {
    let mut run = Run {
        cases: Cases::new(Format::Tap, question),
        waiting: Vec::new(),
        told: 0,
        planned: None,
        block: None,
        failed: Vec::new(),
    };
    let ends = json::each_line(source, &question.limits, |line, byte| {
        run.line(&String::from_utf8_lossy(line), byte);
    });
    let mut marks = Vec::new();
    run.flush(0, None);
    if let Some(planned) = run.planned.filter(|planned| *planned > run.told) {
        marks.push(Mark::CutOff(format!(
            "{planned} tests were planned and {} are told of",
            run.told
        )));
    }
    let mut evidence = run.cases.finish(marks);
    ends.say(&mut evidence);
    evidence
}

/// A test that failed, how deep it stands, its line, and the lines of comments that were taken.
struct Failed {
    depth: usize,
    case: Case,
    line: String,
    lines: usize,
}

struct Run {
    cases: Cases,
    waiting: Vec<Failed>,
    /// Tests of the outermost level that were told of.
    told: u64,
    planned: Option<u64>,
    /// How deep a block of YAML stands that is open.
    block: Option<usize>,
    /// Tests that were told to have failed, with what they belong to.
    failed: Vec<(String, Option<String>)>,
}

impl Run {
    fn line(&mut self, line: &str, byte: u64) {
        let text = line.trim_start();
        let depth = line.len() - text.len();
        if let Some(at) = self.block {
            if text == "..." && depth <= at {
                self.block = None;
            } else {
                self.said_in_block(text);
            }
            return;
        }
        if text == "---" {
            self.block = Some(depth);
            return;
        }
        if let Some((ok, name, directive)) = result(text) {
            let is_parent = self.waiting.last().is_some_and(|failed| failed.depth > depth);
            self.flush(depth, Some(name));
            self.told += u64::from(depth == 0);
            let ended = match directive.as_str() {
                "SKIP" | "SKIPPED" => Ended::Skipped,
                "TODO" => Ended::Skipped,
                _ if ok => Ended::Passed,
                // A test that failed since one within it did is told by that one.
                _ if is_parent => return,
                _ => Ended::Failed { status: "FAIL".into(), message: None },
            };
            let test = name.replace("\\#", "#");
            let hint = String::new();
            let case = Case { test, group: None, ended, hint, byte };
            match case.ended {
                Ended::Failed { .. } => {
                    let line = text[..text.floor_char_boundary(LINE)].to_owned();
                    self.waiting.push(Failed { depth, case, line, lines: 0 });
                }
                _ => self.cases.add(case),
            }
            if self.waiting.len() > WAITING {
                self.flush(0, None);
            }
        } else if depth == 0 && text.starts_with("TAP version ") {
            // What stood before a plan was of a stream of its own, which is told of.
            if self.planned.take().is_some() {
                self.flush(0, None);
                self.failed.clear();
                self.told = 0;
            }
        } else if let Some(planned) = plan(text) {
            self.planned = if depth == 0 { Some(planned) } else { self.planned };
        } else if let Some(why) = text.strip_prefix("Bail out!") {
            self.flush(0, None);
            let why = Some(why.trim().to_owned()).filter(|why| !why.is_empty());
            let ended = Ended::Failed { status: "Bail out!".into(), message: why };
            let (test, hint) = (String::new(), String::new());
            self.cases.add(Case { test, group: None, ended, hint, byte });
        } else if let Some(comment) = text.strip_prefix('#') {
            let comment = comment.trim();
            match comment.strip_prefix("fail ").map(str::trim) {
                Some("0") if depth == 0 => self.none_failed(byte),
                Some(count) if depth == 0 && count.parse::<u64>().is_ok() => {
                    self.flush(0, None);
                    self.failed.clear();
                }
                _ => self.said(comment),
            }
        }
    }

    /// Tells of failed tests that are no deeper than this one and of those within it, which are its.
    fn flush(&mut self, depth: usize, parent: Option<&str>) {
        let first = self.waiting.iter().position(|failed| failed.depth > depth);
        let own = self.waiting.split_off(first.unwrap_or(self.waiting.len()));
        let done = std::mem::take(&mut self.waiting);
        let (stay, done): (Vec<Failed>, Vec<Failed>) =
            done.into_iter().partition(|failed| failed.depth < depth);
        self.waiting = stay;
        for failed in done {
            self.tell(failed);
        }
        for mut failed in own {
            if let Some(parent) = parent.filter(|parent| !parent.is_empty()) {
                failed.case.group = Some(match failed.case.group {
                    Some(inner) => format!("{parent} > {inner}"),
                    None => parent.to_owned(),
                });
            }
            match depth {
                0 => self.tell(failed),
                _ => self.waiting.push(Failed { depth, ..failed }),
            }
        }
    }

    /// Tells of a failed test, and remembers it until the stream sums up.
    fn tell(&mut self, failed: Failed) {
        let Failed { mut case, line, .. } = failed;
        if let Ended::Failed { message: message @ None, .. } = &mut case.ended {
            *message = Some(line);
        }
        if self.failed.len() < WAITING {
            self.failed.push((case.test.clone(), case.group.clone()));
        }
        self.cases.add(case);
    }

    /// The stream sums up that none failed: a test printed what looked like one that did.
    fn none_failed(&mut self, byte: u64) {
        self.flush(0, None);
        for (test, group) in std::mem::take(&mut self.failed) {
            let (ended, hint) = (Ended::Passed, String::new());
            self.cases.add(Case { test, group, ended, hint, byte });
        }
    }

    /// Takes a line of a block of YAML: what is called the message.
    fn said_in_block(&mut self, text: &str) {
        let value = ["message:", "error:", "failureMessage:"]
            .iter()
            .find_map(|key| text.strip_prefix(key))
            .map(|value| value.trim().trim_matches(['"', '\'']))
            .filter(|value| !value.is_empty() && !matches!(*value, "|-" | ">-" | "|" | ">"));
        let Some(failed) = self.waiting.last_mut() else { return };
        if let (Some(value), Ended::Failed { message, .. }) = (value, &mut failed.case.ended) {
            *message = Some(value.to_owned());
            failed.lines = LINES;
        }
    }

    /// Takes a comment behind a failed test.
    fn said(&mut self, comment: &str) {
        let says_nothing =
            ["Failed test", "at ", "(in test file", "(from function", "(in file", "Subtest", "/"]
                .iter()
                .any(|start| comment.starts_with(start));
        let Some(failed) = self.waiting.last_mut().filter(|failed| failed.lines < LINES) else {
            return;
        };
        if let (Ended::Failed { message, .. }, false) =
            (&mut failed.case.ended, comment.is_empty() || says_nothing)
        {
            failed.lines += 1;
            *message = Some(match message.take() {
                Some(known) => format!("{known} {comment}"),
                None => comment.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "TAP version 14
1..5
ok 1 - mast stands
not ok 2 - sail \\# is set
# expected full, got half
not ok 3 - rope # TODO splice it
    # Subtest: hull
    ok 1 - bow
    not ok 2 - stern
      ---
      message: 'leaks'
      ...
    1..2
not ok 4 - hull
";

    #[test]
    fn failed_tests_are_told_with_what_they_belong_to() {
        assert!(is_tap(LOG));
        let evidence = read(LOG.as_bytes(), &Question::default());
        let told: Vec<_> = evidence
            .failures
            .iter()
            .map(|f| (f.test.as_deref(), f.group.as_deref(), f.message.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                (Some("sail # is set"), None, Some("expected full, got half")),
                (Some("stern"), Some("hull"), Some("leaks")),
            ]
        );
        let words: Vec<String> = evidence.marks.iter().map(|mark| mark.words()).collect();
        assert!(
            words.iter().any(|w| w.contains("5 tests were planned and 4 are told of")),
            "{words:?}"
        );
    }

    #[test]
    fn each_stream_sums_up_itself_alone() {
        let log = "TAP version 13\nnot ok 1 - shuts\n# half\n1..1\n# fail 1\nTAP version 13\nnot ok 1 - turns\n1..1\nTAP version 13\nok 1 - other\n1..1\n# fail 0\n";
        let evidence = read(log.as_bytes(), &Question::default());
        let named: Vec<_> = evidence.failures.iter().filter_map(|f| f.test.as_deref()).collect();
        assert_eq!(named, ["shuts", "turns"]);
    }

    #[test]
    fn a_log_of_other_things_is_no_tap() {
        assert!(!is_tap("$ prove\nok 1\n"));
        assert!(!is_tap("ok 1\nnpm ERR! code 1\n"));
        assert!(!is_tap("TAP version 13\n"));
        assert!(is_tap("1..1\nok 1\n# done\n"));
    }
}
