//! Rules of text logs as data: one file a tool in `rules/`, or `[[rules]]` of a user's config.
//!
//! A rule sees a line without stamps and colours (`envelope.rs`, `plain.rs`). `docs/rules.md` tells
//! users how to write one.

use serde::{Deserialize, Serialize};

use crate::failure::Kind;

/// The rules of one tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToolFile {
    /// What the tool is called.
    pub(crate) tool: String,
    /// The tools that it sums up together with; itself where that is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) family: Option<String>,
    /// Where it is documented what it prints.
    pub(crate) source: Vec<String>,
    /// Its rules; of several that take a line the first counts.
    pub(crate) rule: Vec<Rule>,
}

/// A line that a tool prints, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, one of its kind within a tool.
    pub name: String,
    /// Texts of which every line that it takes has one: what a search over the whole log looks for.
    pub needles: Vec<String>,
    /// The line, as a regular expression over bytes. Its named groups are what `test`, `group` and
    /// `message` are made of.
    pub line: String,
    /// Lines that `line` fits and that it does not take all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<String>,
    /// Another rule, of the tool or `tool/name`, of which a line must stand before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// Another rule, of the tool or `tool/name`, of which a line must stand anywhere in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub somewhere: Option<String>,
    /// Whether programs that end well print such lines, too: where nothing else says that the job failed, it is a guess.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub generic: bool,
    /// Other rules of the tool that count as not met from here on: another part of the log begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<String>,
    /// What it means.
    #[serde(default)]
    pub effect: Effect,
    /// How near it is to the reason; follows from `test` where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// What sort of failure it is; of a test it is told by the words where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// How the test is called, made of groups (`{class}.{name}`): the first of which all are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// How the suite is called, in the same way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<String>,
    /// How the message reads, in the same way; the group `message` where it is not given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub message: Vec<String>,
    /// Groups without which it tells nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Lines around it that say more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub says: Vec<Says>,
    /// The lines after it of which each is a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<List>,
    /// The lines up to this one are the test's own: no rule takes any of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swallow: Option<String>,
    /// Other rules of the tool that tell of the same tests better. Where one of them told of a
    /// test, this one only adds what it knows to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yields_to: Vec<String>,
    /// Lines, and what is to be read from them: the rule's tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub example: Vec<Example>,
}

/// What a line means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Something failed.
    #[default]
    Fail,
    /// It failed before and passed at another attempt.
    Flaky,
    /// It is run again; that it passed then follows from its being told of no more.
    Rerun,
    /// The CI is one that says at the end how the job ended: without that the log is not whole.
    Begun,
    /// The job ended well, by the CI's own word.
    EndedWell,
    /// A tool says that something went well.
    Passed,
    /// The same, where it stands among the last lines of a log.
    PassedAtEnd,
    /// A tool's last word is that all its tests went well: what its lines told before came and went,
    /// or was printed by a test.
    AllPassed,
    /// A command did not end well. What stands before it is where a guess looks.
    EndedBadly,
    /// What the lines after it say belongs to a test that may be told to have failed later.
    Note,
    /// The CI itself marks the line as an error (`##[error]`), and no other rule takes it.
    Marked,
    /// Nothing: other rules need it, or it takes its lines from them.
    Nothing,
}

/// How near a line is to the reason. What is nearer hides what is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// A test that failed.
    Test,
    /// What went wrong, in the words of the tool that met it.
    Cause,
    /// Something that often is the reason.
    Hint,
    /// That something failed, and not what.
    Echo,
}

/// Lines around a rule's own of which something is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Says {
    /// On which side they stand.
    #[serde(default)]
    pub look: Look,
    /// The line. Its named groups are taken; where it has none, the line is the `message`.
    pub line: String,
    /// The search begins behind a line that fits this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Lines that are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<String>,
    /// The line at which the search ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The last line that is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// How many lines are looked at.
    #[serde(default = "within")]
    pub within: usize,
    /// How many lines are taken, one after the other.
    #[serde(default = "one")]
    pub take: usize,
    /// Whether the last that fits counts.
    #[serde(default)]
    pub pick: Pick,
    /// Whether what is taken is put behind what is known, with a blank between.
    #[serde(default)]
    pub joins: bool,
}

fn within() -> usize {
    60
}

fn one() -> usize {
    1
}

/// On which side of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    /// Below it.
    #[default]
    After,
    /// Above it, the nearest first.
    Before,
}

/// Which of several lines that fit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// The first.
    #[default]
    First,
    /// The last.
    Last,
}

/// Lines of which each is a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Such a line.
    pub line: String,
    /// Lines that are passed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<String>,
    /// The line at which the list ends. Without one it ends at the first line that does not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How many lines are looked at.
    #[serde(default = "many")]
    pub within: usize,
}

fn many() -> usize {
    5000
}

/// Lines of a log, and what is to be read from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The lines.
    pub log: String,
    /// The failures in them: all, in their order.
    #[serde(default)]
    pub failed: Vec<Expected>,
    /// What came and went.
    #[serde(default)]
    pub flaky: Vec<String>,
}

/// A failure that is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The test, where it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// The suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What sort of failure it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Rule {
    /// How near it is to the reason.
    pub(super) fn tier(&self) -> Tier {
        let names_test = !self.test.is_empty() || self.line.contains("?<test>");
        self.tier.unwrap_or(if names_test { Tier::Test } else { Tier::Cause })
    }
}
