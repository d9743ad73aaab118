//! The test or group that is requested, and what a source saw of it.

use serde::{Deserialize, Serialize};

/// What is requested.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A test, by its path or id.
    Test(String),
    /// A group: a manifest.
    Group(String),
}

impl Subject {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Test(name) | Self::Group(name) => name,
        }
    }
}

/// What a source saw of it. Of several the worst counts, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// It is not mentioned, and the source mentions all that ran: it did not run.
    NotRun,
    /// It is not mentioned, which says nothing.
    NotTold,
    /// It was left out.
    Skipped,
    /// It ran and passed.
    Passed,
    /// It failed in a way that it is known to fail from time to time, and was let pass.
    Tolerated,
    /// It began, and nothing says how it ended.
    Unfinished,
    /// It failed.
    Failed,
}

impl Seen {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotRun => "did not run",
            Self::NotTold => "is not told of",
            Self::Skipped => "was skipped",
            Self::Passed => "passed",
            Self::Tolerated => "failed as it is known to, and was let pass",
            Self::Unfinished => "began and did not end",
            Self::Failed => "failed",
        }
    }
}

/// Follows one test or group through a source.
#[derive(Debug, Clone)]
pub(crate) struct Tracker {
    subject: Option<Subject>,
    worst: Option<Seen>,
    open: bool,
}

impl Tracker {
    pub(crate) fn new(subject: Option<&Subject>) -> Self {
        Self { subject: subject.cloned(), worst: None, open: false }
    }

    /// Whether something is requested.
    pub(crate) fn is_asked(&self) -> bool {
        self.subject.is_some()
    }

    pub(crate) fn test(&self) -> Option<&str> {
        match &self.subject {
            Some(Subject::Test(name)) => Some(name),
            _ => None,
        }
    }

    pub(crate) fn group(&self) -> Option<&str> {
        match &self.subject {
            Some(Subject::Group(name)) => Some(name),
            _ => None,
        }
    }

    /// Whether this test, or one of this group, is the one that is requested.
    pub(crate) fn is(&self, test: Option<&str>, group: Option<&str>) -> bool {
        match &self.subject {
            None => false,
            Some(Subject::Test(name)) => test == Some(name),
            Some(Subject::Group(name)) => group == Some(name),
        }
    }

    /// It began.
    pub(crate) fn start(&mut self) {
        self.open = true;
    }

    /// It ended.
    pub(crate) fn end(&mut self, how: Seen) {
        self.open = false;
        self.see(how);
    }

    /// Something of it was seen.
    pub(crate) fn see(&mut self, what: Seen) {
        self.worst = self.worst.max(Some(what));
    }

    /// What there is to say at the end of a source that tells of all that ran (or does not).
    pub(crate) fn finish(self, tells_all: bool) -> Option<Seen> {
        self.subject.as_ref()?;
        let open = self.open.then_some(Seen::Unfinished);
        let absent = if tells_all { Seen::NotRun } else { Seen::NotTold };
        Some(self.worst.max(open).unwrap_or(absent))
    }
}
