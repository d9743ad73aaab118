//! What is wanted of runs, and what came of it.

use std::sync::Arc;

use mozci_evidence::{
    Evidence, Failure, Kind, Limits, Mark, Question, Rules, Seen, Subject, Wanted,
};
use regex::bytes::Regex;
use serde::{Deserialize, Serialize};

/// What logs say, as the present rules read them: what an older program read is read again.
const READING: &str = "2";

/// What is wanted of runs.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The test or group that is requested.
    pub subject: Option<Subject>,
    /// Lines around each failure and each match.
    pub context: usize,
    /// What the logs are searched for.
    pub pattern: Option<Regex>,
    /// The rules of text logs, where the config has some of its own.
    pub rules: Option<Arc<Rules>>,
}

impl Wish {
    /// The kind of question, by which sources are chosen.
    pub fn wanted(&self) -> Wanted {
        match (&self.pattern, self.context, &self.subject) {
            (Some(_), ..) | (_, 1.., _) => Wanted::Lines,
            (_, _, Some(_)) => Wanted::Subject,
            _ => Wanted::Failures,
        }
    }

    /// What distinguishes it from others, for what is kept.
    pub(crate) fn key(&self) -> String {
        let subject = match &self.subject {
            None => String::new(),
            Some(Subject::Test(name)) => format!("test {name}"),
            Some(Subject::Group(name)) => format!("group {name}"),
        };
        let pattern = self.pattern.as_ref().map_or("", Regex::as_str);
        let rules = self.rules.as_ref().map_or(String::new(), |rules| rules.own_id());
        format!("{READING}{rules}|{subject}|{}|{pattern}", self.context)
    }

    /// The question that is put to one source. Less is kept of it than of a file that somebody
    /// looks at by itself: it is kept on disk, one for each run.
    pub(crate) fn question(&self, format: mozci_evidence::Format) -> Question {
        let limits = Limits { failures: 1000, kept: 1 << 20, ..Limits::default() };
        Question {
            format: Some(format),
            subject: self.subject.clone(),
            context: self.context,
            pattern: self.pattern.clone(),
            rules: self.rules.clone(),
            limits,
            ..Question::default()
        }
    }
}

/// One source of a run, read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Its name: an artifact's, or `step/log`.
    pub source: String,
    /// Where it can be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What it says.
    pub evidence: Evidence,
}

/// A source that was not read, or of no use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// Its name.
    pub source: String,
    /// Why.
    pub why: String,
}

/// Everything that was read of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEvidence {
    /// What was read, best first.
    pub readings: Vec<Reading>,
    /// What was not, or did not help.
    pub passed_over: Vec<PassedOver>,
    /// Why nothing is known, where reading failed as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl RunEvidence {
    /// Its failures. Where a better source tells of any, those of a worse one are the same again.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        let best = self.readings.iter().find(|reading| !reading.evidence.failures.is_empty());
        let best = best.map(|reading| reading.evidence.format.family());
        let readings =
            self.readings.iter().filter(move |r| Some(r.evidence.format.family()) == best);
        readings.flat_map(|reading| &reading.evidence.failures)
    }

    /// How many failures there are, those that are not kept included.
    pub fn total(&self) -> u64 {
        let best = self.readings.iter().find(|reading| reading.evidence.total > 0);
        let best = best.map(|reading| reading.evidence.format.family());
        let readings = self.readings.iter().filter(|r| Some(r.evidence.format.family()) == best);
        readings.map(|reading| reading.evidence.total).sum()
    }

    /// Whether it leaves open if anything failed: nothing was recognised, or what failed is only
    /// counted.
    pub fn is_unclear(&self) -> bool {
        self.total() == 0 && self.readings.iter().any(|reading| reading.evidence.is_unclear())
    }

    /// What whoever reads the failures has to know: that there are none that anybody recognised.
    pub fn unclear(&self) -> Option<&Mark> {
        let marks = self.readings.iter().flat_map(|reading| &reading.evidence.marks);
        let mut open = marks.filter(|m| matches!(m, Mark::NothingRecognised | Mark::Unnamed(_)));
        open.next().filter(|_| self.is_unclear())
    }

    /// Its failures without guesses, which have no part in judging anything.
    pub fn certain(&self) -> impl Iterator<Item = &Failure> {
        self.failures().filter(|failure| failure.kind != Kind::Guess)
    }

    /// Results that were let pass, as they are known to come and go.
    pub fn tolerated(&self) -> impl Iterator<Item = &Failure> {
        let best = self.readings.iter().find(|reading| !reading.evidence.tolerated.is_empty());
        best.into_iter().flat_map(|reading| &reading.evidence.tolerated)
    }

    /// What was seen of the test or group that was requested. That nothing was told by one source
    /// says nothing where another one tells.
    pub fn seen(&self) -> Seen {
        let usable = self.readings.iter().filter(|reading| !reading.evidence.is_void());
        let mut all: Vec<Seen> = usable.filter_map(|reading| reading.evidence.seen).collect();
        // What is not told of says less than that it did not run, of a source that tells all.
        if all.contains(&Seen::NotRun) {
            all.retain(|seen| *seen != Seen::NotTold);
        }
        all.into_iter().max().unwrap_or(Seen::NotTold)
    }

    pub(crate) fn pass_over(&mut self, source: impl Into<String>, why: impl Into<String>) {
        self.passed_over.push(PassedOver { source: source.into(), why: why.into() });
    }
}
