//! Reads a structured log: only records that can say something are taken apart.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;

use serde::Deserialize;

use super::leaks;
use super::result::{self, Told};
use crate::blocks::{Block, Blocks, Ends};
use crate::evidence::{Collector, Evidence, Format, GroupStatus, Mark};
use crate::failure::{Failure, Kind, Where};
use crate::json::{self, PassedOver, Text};
use crate::names::test_of_id;
use crate::needles::Needles;
use crate::read::Question;
use crate::subject::{Seen, Tracker};

/// What every record that says something has in it. A quote within a text is escaped, so that
/// these are whole words of the record.
const NEEDLES: &[&str] = &[
    "\"expected\"",
    "\"crash\"",
    "\"assertion_count\"",
    "\"lsan_leak\"",
    "\"lsan_summary\"",
    "\"mozleak_total\"",
    "\"valgrind_error\"",
    "\"shutdown_failure\"",
    "\"suite_start\"",
    "\"suite_end\"",
    "\"group_start\"",
    "\"group_end\"",
    "\"ERROR\"",
    "\"CRITICAL\"",
];

/// Log records that are kept: they count where nothing else tells why a run is red.
const LOGS: usize = 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    action: Text<'a>,
    #[serde(borrow)]
    test: Text<'a>,
    #[serde(borrow)]
    subtest: Text<'a>,
    #[serde(borrow)]
    group: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    status: Text<'a>,
    #[serde(borrow)]
    expected: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    stack: Text<'a>,
    #[serde(borrow)]
    stackwalk_stdout: Text<'a>,
    #[serde(borrow)]
    signature: Text<'a>,
    #[serde(borrow)]
    level: Text<'a>,
    #[serde(borrow)]
    known_intermittent: Vec<Text<'a>>,
}

/// The tests of a suite: a list of them by group, or (in old logs) a flat one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Tests<'a> {
    #[serde(borrow)]
    ByGroup(BTreeMap<Cow<'a, str>, Vec<Text<'a>>>),
    Flat(serde::de::IgnoredAny),
}

#[derive(Debug, Deserialize)]
struct SuiteStart<'a> {
    #[serde(borrow)]
    tests: Tests<'a>,
}

struct Reader<'q> {
    question: &'q Question,
    needles: Needles,
    collector: Collector,
    tracker: Tracker,
    passed_over: PassedOver,
    /// The group of every test of the suites, by the test's hash.
    group_of: HashMap<u64, u32>,
    groups: Vec<String>,
    ended: BTreeSet<String>,
    failed: BTreeSet<String>,
    marks_groups: bool,
    logs: Vec<Failure>,
    leaks: bool,
    suites: (u64, u64),
    lines: u64,
}

/// Reads a structured log to its end.
pub(crate) fn read(source: impl Read, question: &Question) -> Evidence {
    let tracker = Tracker::new(question.subject.as_ref());
    // How a test's path is written may differ; the name of its file does not.
    let name = tracker.test().map_or("", |test| test.rsplit('/').next().unwrap_or(test)).to_owned();
    let mut reader = Reader {
        question,
        needles: Needles::new(NEEDLES.iter().copied().chain([name.as_str()])),
        collector: Collector::new(Format::Structured, &question.limits),
        tracker,
        passed_over: PassedOver::default(),
        group_of: HashMap::new(),
        groups: Vec::new(),
        ended: BTreeSet::new(),
        failed: BTreeSet::new(),
        marks_groups: false,
        logs: Vec::new(),
        leaks: false,
        suites: (0, 0),
        lines: 0,
    };
    let mut blocks = Blocks::new(source, Ends::Newline, question.limits.record);
    while let Some(block) = blocks.next() {
        reader.block(&block);
    }
    let ends = json::Ends::of(&mut blocks, &question.limits);
    reader.finish(ends)
}

fn hash(test: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    test.hash(&mut hasher);
    hasher.finish()
}

impl Reader<'_> {
    fn find(&self, bytes: &[u8], from: usize) -> usize {
        self.needles.find(bytes, from).unwrap_or(usize::MAX)
    }

    fn block(&mut self, block: &Block<'_>) {
        let bytes = block.lines();
        let (mut start, mut next) = (0, self.find(bytes, 0));
        while start < bytes.len() {
            let end =
                memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at + 1);
            self.lines += 1;
            let whole = &bytes[start..end];
            let at = Where { line: self.lines, byte: block.byte + start as u64 };
            let line = json::trimmed(whole);
            if !json::looks_like_a_record(line) {
                if !line.is_empty() {
                    self.passed_over.half = line.starts_with(b"{") && !whole.ends_with(b"\n");
                    self.passed_over.text += u64::from(!self.passed_over.half);
                }
            } else if next < end {
                match json::record::<Record<'_>>(line, None) {
                    Some(record) => self.record(&record, line, at),
                    None => self.passed_over.records += 1,
                }
            }
            if next < end {
                next = self.find(bytes, end);
            }
            start = end;
        }
    }

    fn record(&mut self, record: &Record<'_>, line: &[u8], at: Where) {
        let longest = self.question.limits.text;
        match record.action.get().unwrap_or("") {
            "suite_start" => self.suite(line),
            "suite_end" => self.suites.1 += 1,
            "group_start" => self.marks_groups = true,
            "group_end" => {
                self.marks_groups = true;
                self.ended.extend(record.name.short(longest));
            }
            "test_start" if self.is_ours(record) => self.tracker.start(),
            "test_status" => self.result(record, at, false),
            "test_end" => self.result(record, at, true),
            "crash" => {
                let mut failure = Failure::new(Kind::Crash, at);
                failure.status = Some("CRASH".into());
                failure.crash = record.signature.short(longest);
                failure.message = record.message.short(longest);
                failure.after =
                    result::stack(&record.stackwalk_stdout, self.question.context, longest);
                self.add(failure, record);
            }
            "log" => {
                let serious = matches!(record.level.get(), Some("ERROR" | "CRITICAL"));
                if serious && self.logs.len() < LOGS {
                    let message = record.message.short(longest);
                    self.logs.push(Failure { message, ..Failure::new(Kind::Harness, at) });
                }
            }
            action => self.other(action, record, line, at),
        }
    }

    fn other(&mut self, action: &str, record: &Record<'_>, line: &[u8], at: Where) {
        let told = json::record::<leaks::Record<'_>>(line, None)
            .and_then(|other| other.failure(action, at));
        let Some(failure) = told else { return };
        match action {
            "lsan_leak" => self.leaks = true,
            // What it sums up was told one by one.
            "lsan_summary" if std::mem::take(&mut self.leaks) => return,
            _ => {}
        }
        self.add(failure, record);
    }

    fn suite(&mut self, line: &[u8]) {
        self.suites.0 += 1;
        let Some(SuiteStart { tests: Tests::ByGroup(tests) }) = json::record(line, None) else {
            return;
        };
        let longest = self.question.limits.text;
        for (group, tests) in tests.iter().filter(|(group, _)| *group != "default") {
            let number = self.groups.len() as u32;
            self.groups.push(group[..group.floor_char_boundary(longest)].to_owned());
            self.group_of
                .extend(tests.iter().filter_map(Text::get).map(|test| (hash(test), number)));
        }
    }

    /// The group of a record: its own, or that of its test in the suite.
    fn group<'r>(&'r self, record: &'r Record<'_>) -> Option<&'r str> {
        let of_test = || {
            let number = self.group_of.get(&hash(record.test.get()?))?;
            self.groups.get(*number as usize).map(String::as_str)
        };
        record.group.get().filter(|group| *group != "default").or_else(of_test)
    }

    fn is_ours(&self, record: &Record<'_>) -> bool {
        let test = record.test.get().map(test_of_id);
        self.tracker.is(test.as_deref(), self.group(record))
    }

    fn result(&mut self, record: &Record<'_>, at: Where, is_end: bool) {
        let known = record.known_intermittent.iter().filter_map(Text::get).map(Cow::Borrowed);
        let told = result::told(record.status.get(), record.expected.get(), known);
        if is_end && self.tracker.test().is_some() && self.is_ours(record) {
            self.tracker.end(match told {
                Told::Expected => Seen::Passed,
                Told::Skipped => Seen::Skipped,
                Told::Tolerated => Seen::Tolerated,
                Told::Unexpected => Seen::Failed,
            });
        }
        if !matches!(told, Told::Tolerated | Told::Unexpected) {
            return;
        }
        let limits = &self.question.limits;
        let status = record.status.get().unwrap_or("");
        let said = record.subtest.get().or(record.message.get()).unwrap_or("");
        let mut failure = Failure::new(result::kind(status, said), at);
        failure.known_intermittent = told == Told::Tolerated;
        failure.status = record.status.short(limits.text);
        failure.expected = record.expected.short(limits.text);
        failure.subtest = record.subtest.short(limits.text);
        failure.message = record.message.short(limits.text);
        failure.after = result::stack(&record.stack, self.question.context, limits.text);
        self.add(failure, record);
    }

    fn add(&mut self, mut failure: Failure, record: &Record<'_>) {
        let longest = self.question.limits.text;
        let group = self.group(record).map(|group| Cow::Owned(group.to_owned()));
        result::name(&mut failure, &record.test, &Text(group), longest);
        if self.tracker.is(failure.test.as_deref(), failure.group.as_deref()) {
            self.tracker.see(if failure.known_intermittent {
                Seen::Tolerated
            } else {
                Seen::Failed
            });
        }
        if let Some(group) = failure.group.as_ref().filter(|_| !failure.known_intermittent) {
            self.failed.insert(group.clone());
        }
        self.collector.add(failure);
    }

    /// How a group ended. It passed where its own end is there, or that of the whole run.
    fn status(&self, group: &str, whole: bool) -> GroupStatus {
        if self.failed.contains(group) {
            GroupStatus::Failed
        } else if self.ended.contains(group) || (whole && !self.marks_groups) {
            GroupStatus::Passed
        } else if whole {
            GroupStatus::NotRun
        } else {
            GroupStatus::Unknown
        }
    }

    fn finish(mut self, ends: json::Ends) -> Evidence {
        let whole = self.suites.1 >= self.suites.0 && self.suites.1 > 0;
        if self.collector.evidence.total == 0 {
            for failure in std::mem::take(&mut self.logs) {
                self.collector.add(failure);
            }
        }
        let mut groups = BTreeMap::new();
        for group in self.groups.iter().chain(&self.ended).chain(&self.failed) {
            groups.insert(group.clone(), self.status(group, whole));
        }
        if let Some(status) = self.tracker.group().and_then(|group| groups.get(group)) {
            self.tracker.see(status.seen());
        }
        let tells_all = match self.tracker.group() {
            Some(_) => whole && !groups.is_empty(),
            None => whole,
        };
        let mut evidence = self.collector.finish();
        evidence.seen = self.tracker.finish(tells_all);
        evidence.groups = groups;
        evidence.lines = self.lines;
        if !whole {
            let (started, ended) = self.suites;
            evidence.mark(Mark::CutOff(match started {
                0 => "no suite begins in it".into(),
                1 => "its suite has no end: the run was killed, or the log is not all there".into(),
                _ => format!("{started} suites begin and {ended} end"),
            }));
        }
        self.passed_over.say(&mut evidence);
        ends.say(&mut evidence);
        evidence
    }
}
