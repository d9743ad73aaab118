//! Cases of a report on their way to failures: kinds, reruns, bounds.

use std::collections::HashMap;

use crate::evidence::{Collector, Evidence, Format, Mark};
use crate::failure::{Failure, Where};
use crate::names::test_of_id;
use crate::read::Question;
use crate::subject::{Seen, Tracker};
use crate::text::tools::kind_of_test;

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Passed,
    Skipped,
    /// It failed; with the word of the report, and what was said.
    Failed {
        status: String,
        message: Option<String>,
    },
    /// It failed, and passed when it was run again.
    Flaky {
        status: String,
        message: Option<String>,
    },
}

/// A case.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) test: String,
    pub(crate) group: Option<String>,
    pub(crate) ended: Ended,
    /// A word of the report that tells what sort of failure it is.
    pub(crate) hint: String,
    /// Its first byte in the source.
    pub(crate) byte: u64,
}

/// Tests whose failures are remembered, so that a later pass is known for a rerun.
const REMEMBERED: usize = 10_000;

/// Takes cases one after the other.
pub(crate) struct Cases {
    collector: Collector,
    tracker: Tracker,
    longest: usize,
    count: u64,
    /// Where the failures of a test are kept, by its name and suite.
    failed: HashMap<(String, Option<String>), Vec<usize>>,
    rerun: Vec<usize>,
    /// Failures that the report counts.
    pub(crate) counted: u64,
}

impl Cases {
    pub(crate) fn new(format: Format, question: &Question) -> Self {
        Self {
            collector: Collector::new(format, &question.limits),
            tracker: Tracker::new(question.subject.as_ref()),
            longest: question.limits.text,
            count: 0,
            failed: HashMap::new(),
            rerun: Vec::new(),
            counted: 0,
        }
    }

    /// Takes a case.
    pub(crate) fn add(&mut self, case: Case) {
        self.count += 1;
        let short = |text: String| text[..text.floor_char_boundary(self.longest)].to_owned();
        let test = short(case.test);
        let group = case.group.filter(|group| !group.is_empty()).map(short);
        let seen = match case.ended {
            Ended::Passed => Seen::Passed,
            Ended::Skipped => Seen::Skipped,
            Ended::Failed { .. } => Seen::Failed,
            Ended::Flaky { .. } => Seen::Tolerated,
        };
        let is_ours = self.tracker.is(Some(&test), group.as_deref())
            || self.tracker.is(Some(&test_of_id(&test)), None);
        if is_ours {
            self.tracker.see(seen);
        }
        let key = (test.clone(), group.clone());
        let (status, message, is_flaky) = match case.ended {
            Ended::Failed { status, message } => (status, message, false),
            Ended::Flaky { status, message } => (status, message, true),
            Ended::Passed => {
                // A test that failed and passes now was run again.
                self.rerun.extend(self.failed.remove(&key).unwrap_or_default());
                return;
            }
            Ended::Skipped => return,
        };
        let said = message.as_deref().unwrap_or("");
        let at = Where { line: self.count, byte: case.byte };
        let words = format!("{status} {}", case.hint);
        let mut failure = Failure::new(kind_of_test(&words, said), at);
        failure.test = Some(test).filter(|test| !test.is_empty());
        failure.group = group;
        failure.status = Some(status);
        failure.message = message.map(short);
        failure.known_intermittent = is_flaky;
        failure.is_named_by_suite = true;
        let kept = self.collector.add(failure);
        if let Some(place) = kept.filter(|_| self.failed.len() < REMEMBERED) {
            self.failed.entry(key).or_default().push(place);
        }
    }

    /// Ends the report, of which `marks` says what is wrong with it.
    pub(crate) fn finish(self, marks: Vec<Mark>) -> Evidence {
        let mut evidence = self.collector.finish();
        // Each test once, however often it was tried.
        let mut told = std::collections::HashSet::new();
        let mut kept = Vec::with_capacity(evidence.failures.len());
        for (place, mut failure) in evidence.failures.drain(..).enumerate() {
            if !self.rerun.contains(&place) {
                kept.push(failure);
                continue;
            }
            evidence.total -= 1;
            if told.insert((failure.test.clone(), failure.group.clone())) {
                failure.known_intermittent = true;
                evidence.tolerated.push(failure);
                evidence.tolerated_total += 1;
            }
        }
        evidence.failures = kept;
        evidence.seen = self.tracker.finish(marks.is_empty());
        evidence.lines = self.count;
        let named = evidence.total + evidence.tolerated_total;
        if self.counted > 0 && named == 0 {
            let counted = self.counted;
            evidence.mark(Mark::Unnamed(format!(
                "the report counts {counted} failures and names none"
            )));
        }
        for mark in marks {
            evidence.mark(mark);
        }
        evidence
    }
}
