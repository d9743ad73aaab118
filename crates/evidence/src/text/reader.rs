//! Reads a text log: a search over everything for what an error has in it, and a look only at the
//! lines where it is found.

use std::io::Read;

use super::failing;
use super::rules::{is_error_line, lossy, needles, without_task_stamp};
use crate::blocks::{Block, Blocks, Ends, ends_in};
use crate::evidence::{Collector, Evidence, Format, Mark};
use crate::failure::Where;
use crate::needles::Needles;
use crate::read::Question;
use crate::subject::{Seen, Tracker};

/// Reads a text log to its end.
pub(crate) fn read(source: impl Read, question: &Question) -> Evidence {
    let limits = &question.limits;
    let mut reader = Reader {
        question,
        needles: needles(question.subject.as_ref().map_or("", |subject| subject.name())),
        collector: Collector::new(Format::Text, limits),
        tracker: Tracker::new(question.subject.as_ref()),
        manifest: None,
        wanting: Vec::new(),
        lines: 0,
    };
    let mut blocks = Blocks::new(source, Ends::Any, limits.line);
    while let Some(block) = blocks.next() {
        reader.block(&block);
    }
    let (cut, broke) = (blocks.cut, blocks.broke.take());
    let tracker = reader.tracker;
    let mut evidence = reader.collector.finish();
    // A text log does not have to name what passes.
    evidence.seen = tracker.finish(false);
    evidence.lines = reader.lines;
    if cut > 0 {
        let longest = limits.line;
        evidence.mark(Mark::Bound(format!("{cut} pieces of lines longer than {longest} bytes")));
    }
    crate::input::say_broken(&mut evidence, broke);
    evidence
}

/// Something that is kept, by its place.
#[derive(Debug, Clone, Copy)]
enum Kept {
    Failure(usize),
    Match(usize),
}

struct Reader<'q> {
    question: &'q Question,
    needles: Needles,
    collector: Collector,
    tracker: Tracker,
    /// The manifest that is at work, where the log says so.
    manifest: Option<String>,
    /// What wants more of the lines after it, and how many.
    wanting: Vec<(Kept, usize)>,
    /// Lines before the block.
    lines: u64,
}

impl Reader<'_> {
    fn block(&mut self, block: &Block<'_>) {
        let bytes = block.lines();
        self.want(bytes);
        self.matches(block);
        // Lines are counted up to here, which is the beginning of a line.
        let (mut counted, mut from) = (0, 0);
        while let Some(found) = self.needles.find(bytes, from) {
            let start = memchr::memrchr2(b'\n', b'\r', &bytes[..found]).map_or(0, |at| at + 1);
            let end =
                memchr::memchr2(b'\n', b'\r', &bytes[found..]).map_or(bytes.len(), |at| found + at);
            self.lines += ends_in(&bytes[counted..start], Ends::Any);
            counted = start;
            let at = Where { line: self.lines + 1, byte: block.byte + start as u64 };
            if let Some(kept) = self.line(&bytes[start..end], at) {
                self.surround(Kept::Failure(kept), block, start, end);
            }
            from = end.max(found + 1);
            if from >= bytes.len() {
                break;
            }
        }
        let rest = &bytes[counted..];
        self.lines += ends_in(rest, Ends::Any);
        // The last line of a log may lack its end.
        self.lines +=
            u64::from(!rest.is_empty() && !rest.ends_with(b"\n") && !rest.ends_with(b"\r"));
    }

    /// Looks for the pattern that was asked for.
    fn matches(&mut self, block: &Block<'_>) {
        let Some(pattern) = &self.question.pattern else { return };
        let bytes = block.lines();
        let (mut lines, mut counted, mut from) = (self.lines, 0, 0);
        while let Some(found) = pattern.find_at(bytes, from).map(|found| found.start()) {
            let (start, end) = line_around(bytes, found);
            lines += ends_in(&bytes[counted..start], Ends::Any);
            counted = start;
            let at = Where { line: lines + 1, byte: block.byte + start as u64 };
            let text = short(&bytes[start..end], self.question.limits.text);
            if let Some(kept) = self.collector.add_match(text, at) {
                self.surround(Kept::Match(kept), block, start, end);
            }
            from = end.max(found) + 1;
            if from >= bytes.len() {
                break;
            }
        }
    }

    /// Looks at a line that has something in it; tells which failure it is, if it is one and kept.
    fn line(&mut self, line: &[u8], at: Where) -> Option<usize> {
        let line = without_task_stamp(line);
        if let Some(place) = memchr::memmem::find(line, b"Running manifest: ") {
            let name = lossy(&line[place + 18..]);
            self.manifest = name.split_whitespace().next().map(str::to_owned);
            return None;
        }
        self.follow(line);
        let known = memchr::memmem::find(line, b"TEST-KNOWN-INTERMITTENT-").is_some();
        if !known && !is_error_line(line) {
            return None;
        }
        let limits = &self.question.limits;
        let failure = failing::read(line, at, self.manifest.as_deref(), limits.text);
        let is_ours = self.tracker.is(failure.test.as_deref(), failure.group.as_deref());
        if is_ours {
            self.tracker.see(if known { Seen::Tolerated } else { Seen::Failed });
        }
        self.collector.add(failure)
    }

    /// Follows the test that is asked for. `TEST-PASS` may be said of each check of a test: only
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
        if crate::names::test_of_id(id) != test {
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

    /// Takes the lines around a failure, as far as they are here.
    fn surround(&mut self, kept: Kept, block: &Block<'_>, start: usize, end: usize) {
        let wanted = self.question.context;
        if wanted == 0 {
            return;
        }
        let longest = self.question.limits.text;
        let mut lines: Vec<String> = lines_of(&block.all[..block.from + start])
            .rev()
            .take(wanted)
            .map(|line| short(line, longest))
            .collect();
        lines.reverse();
        lines.retain(|line| self.collector.room_for(line));
        match kept {
            Kept::Failure(place) => self.collector.evidence.failures[place].before = lines,
            Kept::Match(place) => self.collector.evidence.matches[place].before = lines,
        }
        let next = match block.lines()[end..] {
            [b'\r', b'\n', ..] => end + 2,
            [] => end,
            _ => end + 1,
        };
        self.after(kept, wanted, &block.lines()[next..]);
    }

    /// Gives the lines of a new block to those that lacked them.
    fn want(&mut self, bytes: &[u8]) {
        for (kept, wanted) in std::mem::take(&mut self.wanting) {
            self.after(kept, wanted, bytes);
        }
    }

    /// Takes lines after a failure, and remembers how many are still to come.
    fn after(&mut self, kept: Kept, wanted: usize, bytes: &[u8]) {
        let longest = self.question.limits.text;
        let mut missing = wanted;
        for line in lines_of(bytes).take(wanted) {
            missing -= 1;
            let line = short(line, longest);
            if self.collector.room_for(&line) {
                let evidence = &mut self.collector.evidence;
                match kept {
                    Kept::Failure(place) => evidence.failures[place].after.push(line),
                    Kept::Match(place) => evidence.matches[place].after.push(line),
                }
            }
        }
        if missing > 0 {
            self.wanting.push((kept, missing));
        }
    }
}

/// Where the line around a place begins and ends, without its end.
fn line_around(bytes: &[u8], place: usize) -> (usize, usize) {
    let start = memchr::memrchr2(b'\n', b'\r', &bytes[..place]).map_or(0, |at| at + 1);
    let end = memchr::memchr2(b'\n', b'\r', &bytes[place..]).map_or(bytes.len(), |at| place + at);
    (start, end)
}

fn short(line: &[u8], longest: usize) -> String {
    lossy(&line[..line.len().min(longest)]).trim_end().to_owned()
}

/// The lines of some bytes, from either side.
fn lines_of(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let any = !bytes.is_empty();
    bytes.split(|byte| *byte == b'\n').filter(move |_| any)
}
