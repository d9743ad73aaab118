//! What came out of one log or artifact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Where};
use crate::limits::Limits;
use crate::subject::Seen;

/// What a source is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// mozlog's summary of errors: failures and groups, no passing tests.
    Errorsummary,
    /// mozlog's raw structured log: every test.
    Structured,
    /// A log as people read it.
    Text,
    /// JUnit XML.
    Junit,
    /// A Buildbot master's test results.
    TestResults,
    /// NUnit 2 or 3.
    Nunit,
    /// xUnit.net.
    XunitNet,
    /// Visual Studio's test results.
    Trx,
    /// CTest's `Test.xml`.
    Ctest,
    /// Robot Framework's output.
    Robot,
    /// TestNG's results.
    Testng,
    /// Boost.Test's log or report.
    Boost,
    /// Qt Test.
    Qtest,
    /// CppUnit.
    Cppunit,
    /// Catch2 or doctest.
    Catch2,
    /// `go test -json`.
    GoJson,
    /// Lines of JSON of Dart, libtest or ResultDB.
    JsonLines,
    /// Mocha's JSON.
    Mocha,
    /// Jest's or Vitest's JSON.
    Jest,
    /// RSpec's JSON.
    Rspec,
    /// Playwright's JSON.
    Playwright,
    /// pytest-json-report.
    PytestJson,
    /// googletest's JSON.
    GoogletestJson,
    /// LUCI's or Chromium's results.
    Luci,
    /// Subunit, version 2.
    Subunit,
}

impl Format {
    /// Its name in sentences.
    pub fn name(self) -> &'static str {
        match self {
            Self::Errorsummary => "errorsummary",
            Self::Structured => "structured log",
            Self::Text => "text log",
            Self::Junit => "JUnit XML",
            Self::TestResults => "test results",
            Self::Nunit => "NUnit XML",
            Self::XunitNet => "xUnit.net XML",
            Self::Trx => "TRX",
            Self::Ctest => "CTest XML",
            Self::Robot => "Robot Framework XML",
            Self::Testng => "TestNG XML",
            Self::Boost => "Boost.Test XML",
            Self::Qtest => "Qt Test XML",
            Self::Cppunit => "CppUnit XML",
            Self::Catch2 => "Catch2 XML",
            Self::GoJson => "go test -json",
            Self::JsonLines => "JSON lines of tests",
            Self::Mocha => "Mocha JSON",
            Self::Jest => "Jest JSON",
            Self::Rspec => "RSpec JSON",
            Self::Playwright => "Playwright JSON",
            Self::PytestJson => "pytest JSON",
            Self::GoogletestJson => "googletest JSON",
            Self::Luci => "LUCI results",
            Self::Subunit => "subunit",
        }
    }
}

impl Format {
    /// The format itself, or that of JUnit for all reports: sources of one family tell of the same
    /// tests.
    pub fn family(self) -> Self {
        if self.is_report() { Self::Junit } else { self }
    }

    /// Whether it is a report that a runner wrote of its tests.
    pub(crate) fn is_report(self) -> bool {
        !matches!(self, Self::Errorsummary | Self::Structured | Self::Text | Self::TestResults)
    }
}

/// How a group (a manifest) ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupStatus {
    /// It ran to its end, and well.
    Passed,
    /// Something in it failed.
    Failed,
    /// It was left out.
    Skipped,
    /// It was on the list and never began.
    NotRun,
    /// It began, or may have, and nothing says how it ended.
    Unknown,
}

impl GroupStatus {
    /// What that says to whoever requests the group.
    pub(crate) fn seen(self) -> Seen {
        match self {
            Self::Passed => Seen::Passed,
            Self::Failed => Seen::Failed,
            Self::Skipped => Seen::Skipped,
            Self::NotRun => Seen::NotRun,
            Self::Unknown => Seen::Unfinished,
        }
    }
}

/// Something about a source that whoever reads the outcome has to know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "mark", content = "detail")]
pub enum Mark {
    /// There is nothing in it.
    Empty,
    /// It is something else than a log: a page of HTML, an error, binary data. Nothing was read.
    NotALog(String),
    /// It ends in the middle, as of a run that was killed or an upload that broke off.
    CutOff(String),
    /// The packing is damaged; what came before was read.
    Damaged(String),
    /// A bound was met.
    Bound(String),
    /// Records that could not be read were passed over.
    Unreadable(String),
    /// It is not in UTF-8.
    Encoding(String),
    /// No failure was recognised, and it does not say that all went well. That is no sign that nothing
    /// failed.
    NothingRecognised,
    /// It counts failures that it does not name.
    Unnamed(String),
}

impl Mark {
    /// The mark in words.
    pub fn words(&self) -> String {
        match self {
            Self::Empty => "it is empty".into(),
            Self::NotALog(what) => format!("not a log but {what}"),
            Self::CutOff(how) => format!("cut off: {how}"),
            Self::Damaged(how) => format!("damaged: {how}"),
            Self::Bound(what) => format!("bound: {what}"),
            Self::Unreadable(what) => what.clone(),
            Self::Encoding(what) => what.clone(),
            Self::NothingRecognised => {
                "no failure was recognised, which does not mean that nothing failed".into()
            }
            Self::Unnamed(what) => what.clone(),
        }
    }
}

/// A line of a text log that fits the pattern which was requested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The line.
    pub text: String,
    /// Where it stands.
    #[serde(flatten)]
    pub at: Where,
    /// Lines before it, as many as were requested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// Lines after it, as many as were requested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

/// Why a line of a text log was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// Where it stands.
    #[serde(flatten)]
    pub at: Where,
    /// The line, as the rule saw it.
    pub text: String,
    /// The rule, `tool/name`.
    pub rule: String,
    /// What that means.
    pub what: String,
}

/// What one source says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What it is written in.
    pub format: Format,
    /// Failures, in the order of the source; of very many the first. One that is a guess stands alone.
    pub failures: Vec<Failure>,
    /// How many failures there are, those that are not kept included, and guesses left out.
    pub total: u64,
    /// Unexpected results that the harness lets pass, as it knows them to come and go.
    pub tolerated: Vec<Failure>,
    /// How many of these there are.
    pub tolerated_total: u64,
    /// Lines that fit the pattern which was requested; of very many the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Match>,
    /// How many of these there are.
    #[serde(default)]
    pub matches_total: u64,
    /// Which lines rules took, and why, where that was requested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explained: Vec<Explained>,
    /// How the groups ended, where the source tells of groups.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, GroupStatus>,
    /// What it says of the test or group that was requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Whether it goes on to its own end, so that what is not in it did not happen.
    pub whole: bool,
    /// What is to be known of it besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Bytes read, unpacked.
    pub bytes: u64,
    /// Lines read.
    pub lines: u64,
}

impl Evidence {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            failures: Vec::new(),
            total: 0,
            tolerated: Vec::new(),
            tolerated_total: 0,
            matches: Vec::new(),
            matches_total: 0,
            explained: Vec::new(),
            groups: BTreeMap::new(),
            seen: None,
            whole: true,
            marks: Vec::new(),
            bytes: 0,
            lines: 0,
        }
    }

    /// The likeliest reasons, where no rule knew one.
    pub fn guesses(&self) -> impl Iterator<Item = &Failure> {
        self.failures.iter().filter(|failure| failure.kind == crate::failure::Kind::Guess)
    }

    /// The failures without guesses, and what was let pass.
    pub fn certain(&self) -> impl Iterator<Item = &Failure> {
        let counts = |failure: &&Failure| failure.kind != crate::failure::Kind::Guess;
        self.failures.iter().filter(counts).chain(&self.tolerated)
    }

    /// Whether it leaves open if anything failed: nothing was recognised, or failures are counted
    /// that nobody names.
    pub fn is_unclear(&self) -> bool {
        let unclear = |mark: &Mark| matches!(mark, Mark::NothingRecognised | Mark::Unnamed(_));
        self.total == 0 && self.marks.iter().any(unclear)
    }

    /// Whether it is no log at all, so that it says nothing.
    pub fn is_void(&self) -> bool {
        self.marks.iter().any(|mark| matches!(mark, Mark::Empty | Mark::NotALog(_)))
    }

    pub(crate) fn mark(&mut self, mark: Mark) {
        if matches!(mark, Mark::CutOff(_) | Mark::Damaged(_) | Mark::Empty | Mark::NotALog(_)) {
            self.whole = false;
        }
        if !self.marks.contains(&mark) {
            self.marks.push(mark);
        }
    }
}

/// Collects failures within bounds.
#[derive(Debug)]
pub(crate) struct Collector {
    pub(crate) evidence: Evidence,
    limits: Limits,
    kept: usize,
    /// Whether there is no room left, for what is not tolerated and for what is.
    full: [bool; 2],
}

impl Collector {
    pub(crate) fn new(format: Format, limits: &Limits) -> Self {
        Self { evidence: Evidence::new(format), limits: limits.clone(), kept: 0, full: [false; 2] }
    }

    /// Counts a failure for which there is no room; tells whether that is all there is to do.
    pub(crate) fn only_counts(&mut self, tolerated: bool) -> bool {
        if self.full[usize::from(tolerated)] {
            match tolerated {
                true => self.evidence.tolerated_total += 1,
                false => self.evidence.total += 1,
            }
        }
        self.full[usize::from(tolerated)]
    }

    /// Takes a failure, which gets its signature; tells where it is kept, if it is.
    pub(crate) fn add(&mut self, failure: Failure) -> Option<usize> {
        let tolerated = failure.known_intermittent;
        let evidence = &mut self.evidence;
        let (list, total) = match tolerated {
            true => (&mut evidence.tolerated, &mut evidence.tolerated_total),
            false => (&mut evidence.failures, &mut evidence.total),
        };
        *total += 1;
        // Of very many most are only counted.
        if self.full[usize::from(tolerated)] {
            return None;
        }
        let failure = failure.sign();
        let size = failure.size();
        // What is tolerated must not take the room of what is not.
        let share = if tolerated { 8 } else { 1 };
        let full = list.len() >= self.limits.failures / share
            || self.kept + size > self.limits.kept / share;
        if full {
            self.full[usize::from(tolerated)] = true;
            return None;
        }
        self.kept += size;
        list.push(failure);
        Some(list.len() - 1).filter(|_| !tolerated)
    }

    /// Takes the likeliest reason, which is no failure that counts.
    pub(crate) fn add_guess(&mut self, guess: Failure) {
        self.evidence.failures.push(guess.sign());
    }

    /// Takes failures for which there was no room elsewhere.
    pub(crate) fn count(&mut self, more: u64) {
        self.evidence.total += more;
    }

    /// Takes a line that fits the pattern; tells where it is kept, if it is.
    pub(crate) fn add_match(&mut self, text: String, at: Where) -> Option<usize> {
        self.evidence.matches_total += 1;
        let fits = self.evidence.matches.len() < self.limits.failures && self.room_for(&text);
        if !fits {
            return None;
        }
        let (before, after) = (Vec::new(), Vec::new());
        self.evidence.matches.push(Match { text, at, before, after });
        Some(self.evidence.matches.len() - 1)
    }

    /// Whether another line of text may be kept; it is counted as if it were.
    pub(crate) fn room_for(&mut self, line: &str) -> bool {
        let size = line.len() + 24;
        let fits = self.kept + size <= self.limits.kept;
        self.kept += if fits { size } else { 0 };
        fits
    }

    /// Ends, and says what did not fit.
    pub(crate) fn finish(mut self) -> Evidence {
        let evidence = &mut self.evidence;
        let kept = evidence.failures.iter().filter(|f| f.kind != crate::failure::Kind::Guess);
        let kept = kept.count() as u64;
        if kept < evidence.total {
            let total = evidence.total;
            evidence
                .mark(Mark::Bound(format!("{total} failures, of which the first {kept} are kept")));
        }
        let kept = evidence.tolerated.len() as u64;
        if kept < evidence.tolerated_total {
            let total = evidence.tolerated_total;
            evidence.mark(Mark::Bound(format!(
                "{total} known intermittents, of which the first {kept} are kept"
            )));
        }
        let kept = evidence.matches.len() as u64;
        if kept < evidence.matches_total {
            let total = evidence.matches_total;
            evidence.mark(Mark::Bound(format!(
                "{total} lines fit the pattern, of which the first {kept} are kept"
            )));
        }
        self.evidence
    }
}
