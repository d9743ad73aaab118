//! mozlog's errorsummary: failures and groups, a record a line. It holds no passing tests, as a
//! rule, so that it cannot say that a test ran.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde::Deserialize;

use crate::blocks::Block;
use crate::evidence::{Collector, Evidence, Format, GroupStatus, Mark};
use crate::failure::{Failure, Kind, Where};
use crate::json::{self, PassedOver, Text};
use crate::names::test_of_id;
use crate::read::Question;
use crate::structured::result::{self, Told};
use crate::subject::{Seen, Tracker};

/// A record; which of these keys it has depends on its action. All others are ignored.
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
    status: Text<'a>,
    #[serde(borrow)]
    expected: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    stack: Text<'a>,
    #[serde(borrow)]
    signature: Text<'a>,
    #[serde(borrow)]
    level: Text<'a>,
    #[serde(borrow)]
    known_intermittent: Vec<Text<'a>>,
    #[serde(borrow)]
    groups: Vec<Text<'a>>,
}

/// Log records that are kept: they count where nothing else tells why a run is red.
const LOGS: usize = 20;

struct Reader<'q> {
    question: &'q Question,
    collector: Collector,
    tracker: Tracker,
    passed_over: PassedOver,
    /// What each group's own result was.
    results: BTreeMap<String, Option<GroupStatus>>,
    listed: BTreeSet<String>,
    /// Groups in which something failed.
    failed: BTreeSet<String>,
    logs: Vec<Failure>,
    truncated: bool,
    lines: u64,
}

/// Reads an errorsummary to its end.
pub(crate) fn read(source: impl Read, question: &Question) -> Evidence {
    let mut reader = Reader {
        question,
        collector: Collector::new(Format::Errorsummary, &question.limits),
        tracker: Tracker::new(question.subject.as_ref()),
        passed_over: PassedOver::default(),
        results: BTreeMap::new(),
        listed: BTreeSet::new(),
        failed: BTreeSet::new(),
        logs: Vec::new(),
        truncated: false,
        lines: 0,
    };
    let mut blocks =
        crate::blocks::Blocks::new(source, crate::blocks::Ends::Newline, question.limits.record);
    while let Some(block) = blocks.next() {
        reader.block(&block);
    }
    let ends = json::Ends::of(&mut blocks, &question.limits);
    reader.finish(ends)
}

impl Reader<'_> {
    fn block(&mut self, block: &Block<'_>) {
        let text = json::text_of(block);
        let mut from = 0;
        let bytes = block.lines();
        while from < bytes.len() {
            let end = memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |at| from + at + 1);
            let whole = &bytes[from..end];
            self.lines += 1;
            let at = Where { line: self.lines, byte: block.byte + from as u64 };
            let text = text.and_then(|text| text.get(from..end));
            from = end;
            let line = json::trimmed(whole);
            if line.is_empty() {
                continue;
            }
            if !json::looks_like_a_record(line) {
                self.passed_over.half = line.starts_with(b"{") && !whole.ends_with(b"\n");
                self.passed_over.text += u64::from(!self.passed_over.half);
                continue;
            }
            match json::record::<Record<'_>>(line, text) {
                Some(record) => self.record(&record, at),
                None => self.passed_over.records += 1,
            }
        }
    }

    fn record(&mut self, record: &Record<'_>, at: Where) {
        let longest = self.question.limits.text;
        match record.action.get().unwrap_or("") {
            "test_groups" => {
                let new = record
                    .groups
                    .iter()
                    .filter(|group| group.get().is_some_and(|group| !self.listed.contains(group)));
                let new: Vec<String> = new.filter_map(|group| group.short(longest)).collect();
                self.listed.extend(new);
            }
            "group_result" => {
                let status = group_status(record.status.get());
                let group = record.group.get().unwrap_or("");
                // A group that ran twice is as bad as its worst.
                match self.results.get_mut(group) {
                    Some(before) => *before = worst(*before, status),
                    None => {
                        self.results.extend(record.group.short(longest).map(|name| (name, status)));
                    }
                }
            }
            "test_result" => self.result(record, at),
            "log" => self.log(record, at),
            "crash" => {
                let mut failure = Failure::new(Kind::Crash, at);
                failure.status = Some("CRASH".into());
                failure.crash = record.signature.short(longest);
                failure.message = record.message.short(longest);
                self.add(failure, record);
            }
            "truncated" => self.truncated = true,
            _ => {}
        }
    }

    fn result(&mut self, record: &Record<'_>, at: Where) {
        let known = record.known_intermittent.iter().filter_map(Text::get).map(Cow::Borrowed);
        let told = result::told(record.status.get(), record.expected.get(), known);
        let ours = self.is_ours(record);
        match told {
            Told::Expected if ours => self.tracker.see(Seen::Passed),
            Told::Skipped if ours => self.tracker.see(Seen::Skipped),
            Told::Expected | Told::Skipped => {}
            Told::Tolerated | Told::Unexpected => {
                self.fail_group(record, told == Told::Tolerated);
                if !ours && self.collector.only_counts(told == Told::Tolerated) {
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
        }
    }

    /// A record of the log: an error of the harness, or a failure without a result of its own.
    fn log(&mut self, record: &Record<'_>, at: Where) {
        let longest = self.question.limits.text;
        let failed = record.status.get() == Some("FAIL");
        let serious = matches!(record.level.get(), Some("ERROR" | "CRITICAL"));
        let mut failure = Failure::new(Kind::Harness, at);
        failure.message = record.message.short(longest);
        if failed {
            failure.kind = result::kind("FAIL", record.message.get().unwrap_or(""));
            failure.status = Some("FAIL".into());
            self.add(failure, record);
        } else if serious && self.logs.len() < LOGS {
            self.logs.push(failure);
        }
    }

    /// Remembers that something failed in a record's group.
    fn fail_group(&mut self, record: &Record<'_>, tolerated: bool) {
        if let Some(group) = record.group.get().filter(|_| !tolerated)
            && !self.failed.contains(group)
        {
            self.failed.extend(record.group.short(self.question.limits.text));
        }
    }

    fn is_ours(&self, record: &Record<'_>) -> bool {
        if !self.tracker.is_asked() {
            return false;
        }
        let test = record.test.get().map(test_of_id);
        self.tracker.is(test.as_deref(), record.group.get())
    }

    fn add(&mut self, mut failure: Failure, record: &Record<'_>) {
        let longest = self.question.limits.text;
        result::name(&mut failure, &record.test, &record.group, longest);
        if self.tracker.is(failure.test.as_deref(), failure.group.as_deref()) {
            self.tracker.see(if failure.known_intermittent {
                Seen::Tolerated
            } else {
                Seen::Failed
            });
        }
        self.collector.add(failure);
    }

    fn finish(mut self, ends: json::Ends) -> Evidence {
        if self.collector.evidence.total == 0 {
            for failure in std::mem::take(&mut self.logs) {
                self.collector.add(failure);
            }
        }
        // A killed job writes no results at all: nothing is known of any group then.
        let none = self.results.is_empty();
        let mut groups: BTreeMap<String, GroupStatus> = BTreeMap::new();
        for group in self.listed {
            groups.insert(group, if none { GroupStatus::Unknown } else { GroupStatus::NotRun });
        }
        for (group, status) in self.results {
            groups.insert(group, status.unwrap_or(GroupStatus::Unknown));
        }
        // A failure in it is a failure of it, whatever its own result says, or if it has none.
        for group in &self.failed {
            groups.insert(group.clone(), GroupStatus::Failed);
        }
        if let Some(status) = self.tracker.group().and_then(|group| groups.get(group)) {
            self.tracker.see(status.seen());
        }
        let lists = !groups.is_empty() && !none;
        let tells_all = self.tracker.group().is_some() && lists;
        let mut evidence = self.collector.finish();
        evidence.seen = self.tracker.finish(tells_all);
        evidence.groups = groups;
        evidence.lines = self.lines;
        if self.truncated {
            evidence
                .mark(Mark::CutOff("the harness stopped writing it when it got too long".into()));
        }
        self.passed_over.say(&mut evidence);
        ends.say(&mut evidence);
        evidence
    }
}

/// A group's own result. The words are open: only OK and PASS are a pass; null was begun and has
/// no result.
fn group_status(status: Option<&str>) -> Option<GroupStatus> {
    Some(match status? {
        "OK" | "PASS" => GroupStatus::Passed,
        "SKIP" => GroupStatus::Skipped,
        _ => GroupStatus::Failed,
    })
}

fn worst(one: Option<GroupStatus>, other: Option<GroupStatus>) -> Option<GroupStatus> {
    use GroupStatus::{Failed, Passed};
    match (one, other) {
        (Some(Failed), _) | (_, Some(Failed)) => Some(Failed),
        // One of two is not known to have ended.
        (None, _) | (_, None) => None,
        (Some(Passed), _) | (_, Some(Passed)) => Some(Passed),
        (one, _) => one,
    }
}
