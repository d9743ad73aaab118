//! Reads a text log: a search over everything for what an error has in it, and a look at the lines
//! where it is found. While a rule looks for more, at every line.

use std::cell::RefCell;
use std::io::Read;
use std::rc::Rc;

use super::failing;
use super::plain::{Plain, Taken};
use super::rules::{Dialect, lossy, without_task_stamp};
use super::settle;
use super::surround::{Kept, Surround};
use super::tools::{Around, Drafts, Rules, Tier, Tools};
use crate::blocks::{BEHIND, Block, Blocks, Ends, ends_in};
use crate::evidence::{Collector, Evidence, Format, Mark};
use crate::failure::{Failure, Where};
use crate::names::test_of_id;
use crate::read::Question;
use crate::subject::{Seen, Tracker};

/// Reads a text log to its end. `head` is how it begins.
pub(crate) fn read(source: impl Read, head: &[u8], question: &Question) -> Evidence {
    let limits = &question.limits;
    let rules = question.rules.clone().unwrap_or_else(Rules::known);
    let subject = question.subject.as_ref().map_or("", |subject| subject.name()).to_owned();
    let dialect = Dialect::of(head);
    let (plain, taken) = Plain::new(source, dialect.ends == Ends::Newline);
    let mut reader = Reader {
        subject,
        tools: Tools::new(rules, limits.text, question.explain),
        drafts: Drafts::new(limits),
        matches: Collector::new(Format::Text, limits),
        surround: Surround::new(question.context, limits.text),
        tracker: Tracker::new(question.subject.as_ref()),
        manifest: None,
        lines: 0,
        question,
        dialect,
        taken,
        tail: Vec::new(),
        end: 0,
    };
    let mut blocks = Blocks::new(plain, Ends::Any, limits.line);
    while let Some(block) = blocks.next() {
        reader.block(&block);
    }
    let (cut, broke) = (blocks.cut, blocks.broke.take());
    let mut evidence = reader.finish();
    if cut > 0 {
        let longest = limits.line;
        evidence.mark(Mark::Bound(format!("{cut} pieces of lines longer than {longest} bytes")));
    }
    crate::input::say_broken(&mut evidence, broke);
    evidence
}

/// How much of a log's end is kept for a guess.
const TAIL: usize = 24 << 10;

struct Reader<'q> {
    question: &'q Question,
    dialect: Dialect,
    /// The test or group that is requested.
    subject: String,
    tools: Tools,
    drafts: Drafts,
    /// Lines that fit the pattern.
    matches: Collector,
    surround: Surround,
    tracker: Tracker,
    /// The manifest that is at work, where the log says so.
    manifest: Option<String>,
    /// Lines before the block.
    lines: u64,
    taken: Rc<RefCell<Taken>>,
    /// The last lines so far, and where they end in the plain stream.
    tail: Vec<u8>,
    end: u64,
}

impl Reader<'_> {
    fn block(&mut self, block: &Block<'_>) {
        let bytes = block.lines();
        self.taken.borrow_mut().forget(block.byte);
        self.end = block.byte + bytes.len() as u64;
        self.surround.want(bytes, &mut self.drafts, &mut self.matches);
        self.matches(block);
        let ends = self.dialect.ends;
        // Lines are counted up to here, which is the beginning of a line.
        let (mut counted, mut from) = (0, 0);
        let mut found = self.find(bytes, 0);
        let mut awake = self.tools.awake;
        while from < bytes.len() {
            let start = match found {
                _ if self.tools.wants_all() => from,
                Some(found) => memchr::memrchr2(b'\n', b'\r', &bytes[from..found])
                    .map_or(from, |at| from + at + 1),
                None => break,
            };
            let end =
                memchr::memchr2(b'\n', b'\r', &bytes[start..]).map_or(bytes.len(), |at| start + at);
            let has_needle = found.is_some_and(|found| found < end);
            self.lines += ends_in(&bytes[counted..start], ends);
            counted = start;
            let byte = self.taken.borrow().place(block.byte + start as u64);
            let at = Where { line: self.lines + 1, byte };
            // As much as is kept of any block, so that it is all the same how the log comes.
            let here = block.from + start;
            let before = &block.all[here.saturating_sub(BEHIND)..here];
            let around = Around { line: &bytes[start..end], at, before };
            if let Some(kept) = self.line(around, has_needle) {
                self.surround.around(
                    Kept::Failure(kept),
                    block,
                    start,
                    end,
                    &mut self.drafts,
                    &mut self.matches,
                );
            }
            let was_awake = std::mem::replace(&mut awake, self.tools.awake);
            from = match bytes[end..] {
                [b'\r', b'\n', ..] => end + 2,
                _ => end + 1,
            };
            let searches_anew = has_needle || was_awake != awake;
            if searches_anew && from < bytes.len() {
                found = self.find(bytes, from);
            }
        }
        let rest = &bytes[counted..];
        self.lines += ends_in(rest, ends);
        // The last line of a log may lack its end.
        let is_ended = rest.ends_with(b"\n") || (rest.ends_with(b"\r") && ends == Ends::Any);
        self.lines += u64::from(!rest.is_empty() && !is_ended);
        self.tail.clear();
        self.tail.extend_from_slice(&block.all[block.all.len().saturating_sub(TAIL)..]);
    }

    /// The next place that a rule or the question has a word for.
    fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let found = self.tools.rules.search.find(bytes, from, self.tools.awake);
        if self.subject.is_empty() {
            return found;
        }
        let end = found.unwrap_or(bytes.len());
        let asked = memchr::memmem::find(&bytes[from..end], self.subject.as_bytes());
        asked.map(|at| at + from).or(found)
    }

    /// Looks for the pattern that was requested.
    fn matches(&mut self, block: &Block<'_>) {
        let Some(pattern) = &self.question.pattern else { return };
        let bytes = block.lines();
        let (mut lines, mut counted, mut from) = (self.lines, 0, 0);
        while let Some(found) = pattern.find_at(bytes, from).map(|found| found.start()) {
            let start = memchr::memrchr2(b'\n', b'\r', &bytes[..found]).map_or(0, |at| at + 1);
            let end =
                memchr::memchr2(b'\n', b'\r', &bytes[found..]).map_or(bytes.len(), |at| found + at);
            lines += ends_in(&bytes[counted..start], self.dialect.ends);
            counted = start;
            let byte = self.taken.borrow().place(block.byte + start as u64);
            let at = Where { line: lines + 1, byte };
            let longest = self.question.limits.text;
            let text = lossy(&bytes[start..end.min(start + longest)]).trim_end().to_owned();
            if let Some(kept) = self.matches.add_match(text, at) {
                self.surround.around(
                    Kept::Match(kept),
                    block,
                    start,
                    end,
                    &mut self.drafts,
                    &mut self.matches,
                );
            }
            from = end.max(found) + 1;
            if from >= bytes.len() {
                break;
            }
        }
    }

    /// Looks at a line; tells where the failure is kept that it is, if it is one and kept.
    fn line(&mut self, around: Around<'_>, has_needle: bool) -> Option<usize> {
        let line = without_task_stamp(around.line);
        if has_needle {
            if let Some(place) = memchr::memmem::find(line, b"Running manifest: ") {
                let name = lossy(&line[place + 18..]);
                self.manifest = name.split_whitespace().next().map(str::to_owned);
                return None;
            }
            self.follow(line);
            let known = memchr::memmem::find(line, b"TEST-KNOWN-INTERMITTENT-").is_some();
            if known || self.dialect.is_error(line) {
                return self.harness(line, around.at, known);
            }
        }
        self.tools.line(around, has_needle, &mut self.drafts)
    }

    /// An error line of one of Mozilla's harnesses.
    fn harness(&mut self, line: &[u8], at: Where, known: bool) -> Option<usize> {
        let limits = &self.question.limits;
        let failure = failing::read(line, at, self.manifest.as_deref(), limits.text);
        if self.tracker.is(failure.test.as_deref(), failure.group.as_deref()) {
            self.tracker.see(if known { Seen::Tolerated } else { Seen::Failed });
        }
        let tier = if failure.test.is_some() { Tier::Test } else { Tier::Cause };
        self.drafts.add_harness(failure, tier)
    }

    /// Follows the test that is requested. `TEST-PASS` may be said of each check of a test: only
    /// what tells how long it took, or `TEST-OK` or `TEST-END`, ends one that was seen to begin.
    fn follow(&mut self, line: &[u8]) {
        let Some(test) = self.tracker.test() else { return };
        let text = lossy(line);
        let Some((word, rest)) =
            text.split_once("TEST-").and_then(|(_, rest)| rest.split_once(" | "))
        else {
            return;
        };
        let (id, said) = rest.split_once(" | ").unwrap_or((rest, ""));
        if test_of_id(id) != test {
            return;
        }
        match word.trim() {
            "START" => self.tracker.start(),
            "SKIP" => self.tracker.end(Seen::Skipped),
            "OK" | "END" | "ERROR" | "TIMEOUT" | "CRASH" => self.tracker.end(Seen::Passed),
            "PASS" | "KNOWN-FAIL" | "FAIL" if said.starts_with("took ") => {
                self.tracker.end(Seen::Passed);
            }
            "PASS" | "KNOWN-FAIL" | "FAIL" => self.tracker.see(Seen::Passed),
            // Of what failed otherwise than expected the error line tells.
            _ => {}
        }
    }

    fn finish(mut self) -> Evidence {
        let explained = self.tools.finish(&self.tail, &mut self.drafts);
        let byte = self.taken.borrow().place(self.end);
        self.tools.windows.end(&self.tail, Where { line: self.lines + 1, byte });
        let (outcome, rules) = (self.tools.outcome, self.tools.rules.clone());
        let ended = settle::Ended { outcome, is_harness: self.dialect.is_harness };
        let longest = self.question.limits.text;
        let size = (self.lines, longest);
        settle::settle(self.drafts, &rules, ended, self.tools.windows, size, &mut self.matches);
        let mut evidence = self.matches.finish();
        for (failures, seen) in
            [(&evidence.failures, Seen::Failed), (&evidence.tolerated, Seen::Tolerated)]
        {
            let told =
                |failure: &&Failure| failure.rule.is_some() && is_ours(&self.tracker, failure);
            if failures.iter().any(|failure| told(&failure)) {
                self.tracker.see(seen);
            }
        }
        // A text log does not have to name what passes.
        evidence.seen = self.tracker.finish(false);
        evidence.lines = self.lines;
        evidence.explained = explained.unwrap_or_default();
        evidence
    }
}

/// Whether a failure is that of the test that is requested, or of a test within it.
fn is_ours(tracker: &Tracker, failure: &Failure) -> bool {
    let Some(test) = failure.test.as_deref() else { return false };
    let id = test_of_id(test);
    let within = tracker
        .test()
        .is_some_and(|asked| test.strip_prefix(asked).is_some_and(|rest| rest.starts_with('/')));
    within || tracker.is(Some(test), None) || tracker.is(Some(&id), failure.group.as_deref())
}
