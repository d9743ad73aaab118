//! A failure, as one source tells of it.

use serde::{Deserialize, Serialize};

use crate::signature::Signature;

/// What sort of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A test ended otherwise than expected.
    Unexpected,
    /// A test, or a whole harness, took too long.
    Timeout,
    /// A process crashed.
    Crash,
    /// Memory, windows or file handles were not given back.
    Leak,
    /// A sanitizer found something.
    Sanitizer,
    /// Something did not compile or link.
    Build,
    /// The program that runs the tests fell over, or a script around it did.
    Harness,
    /// The machine, the network or the CI; says nothing of the push.
    Infra,
    /// Something else.
    Unknown,
    /// No failure that a rule knows: the likeliest reason in a log that no rule explains. It has no part
    /// in judging pushes.
    Guess,
}

impl Kind {
    /// The kind's one word, as every output writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unexpected => "unexpected",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::Leak => "leak",
            Self::Sanitizer => "sanitizer",
            Self::Build => "build",
            Self::Harness => "harness",
            Self::Infra => "infra",
            Self::Unknown => "unknown",
            Self::Guess => "guess",
        }
    }
}

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Where {
    /// The line, from 1. In text `\n`, `\r\n` and a `\r` alone end one, as Treeherder counts.
    pub line: u64,
    /// The line's first byte in the unpacked log, from 0.
    pub byte: u64,
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What sort it is of.
    pub kind: Kind,
    /// The test, where it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// What within the test, where the source tells it apart from the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtest: Option<String>,
    /// The manifest that the test belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How it ended, in the source's word: `FAIL`, `PASS`, `TIMEOUT`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// How it should have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Where a crash happened: the uppermost frame that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<String>,
    /// The rule that found it in a text log, as `tool/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whether the test's name is one of its kind in its suite alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_named_by_suite: bool,
    /// Whether the test is known to fail so from time to time, so that the harness let it pass.
    #[serde(default)]
    pub known_intermittent: bool,
    /// Where it stands.
    #[serde(flatten)]
    pub at: Where,
    /// Lines before it, as many as were requested.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// Lines after it, as many as were requested; of structured sources the stack.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// What makes it equal to the same failure elsewhere.
    pub signature: Signature,
}

impl Failure {
    /// A failure of which only kind and place are known; [`Failure::sign`] it when the rest is.
    pub(crate) fn new(kind: Kind, at: Where) -> Self {
        Self {
            kind,
            test: None,
            subtest: None,
            group: None,
            status: None,
            expected: None,
            message: None,
            crash: None,
            rule: None,
            is_named_by_suite: false,
            known_intermittent: false,
            at,
            before: Vec::new(),
            after: Vec::new(),
            signature: Signature::default(),
        }
    }

    /// Gives it the signature of what is known of it.
    pub(crate) fn sign(mut self) -> Self {
        self.signature = Signature::of(&self);
        self
    }

    /// How many bytes of text it holds.
    pub(crate) fn size(&self) -> usize {
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let lines = |lines: &[String]| lines.iter().map(|line| line.len() + 24).sum::<usize>();
        of(&self.test)
            + of(&self.subtest)
            + of(&self.group)
            + of(&self.message)
            + of(&self.crash)
            + lines(&self.before)
            + lines(&self.after)
            + self.signature.text().len()
            + 256
    }
}
