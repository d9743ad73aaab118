//! Follows the rules through a log, line by line.

use std::sync::Arc;

use super::drafts::Drafts;
use super::open::Open;
use super::rule::{Effect, Tier};
use super::set::Rules;
use crate::evidence::Explained;
use crate::failure::Where;
use crate::text::envelope::{bare, without_prefix};
use crate::text::guess::Windows;
use crate::text::rules::lossy;

/// Searches that are open at once.
const OPEN: usize = 12;

/// How many lines are the last ones.
const LAST: usize = 60;

/// How many taken lines are explained.
const EXPLAINED: usize = 5000;

/// A line and what stands before it in the log.
#[derive(Clone, Copy)]
pub(in crate::text) struct Around<'a> {
    /// The line as it stands in the log, without its end.
    pub(in crate::text) line: &'a [u8],
    /// Where it stands.
    pub(in crate::text) at: Where,
    /// What came before, as far as it is kept.
    pub(in crate::text) before: &'a [u8],
}

impl<'a> Around<'a> {
    /// The lines before it, the nearest first, without stamps.
    fn lines_before(self) -> impl Iterator<Item = &'a [u8]> + Clone {
        let before = self.before;
        let before = before.strip_suffix(b"\n").unwrap_or(before);
        before.rsplit(|byte| *byte == b'\n').map(|line| bare(line).text)
    }
}

/// How a log says that its job ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::text) struct Outcome {
    /// The CI's own word: well or not. The last one counts.
    pub(in crate::text) job: Option<bool>,
    /// The CI is one that says at the end how the job ended.
    pub(in crate::text) begun: bool,
    /// A tool said that all went well, and nothing was told to have failed since.
    pub(in crate::text) passed: bool,
}

/// The rules at work.
pub(in crate::text) struct Tools {
    pub(in crate::text) rules: Arc<Rules>,
    opens: Vec<Open>,
    /// Rules that took a line.
    met: Vec<bool>,
    /// Whether rules that sleep at first are awake.
    pub(in crate::text) awake: bool,
    candidates: Vec<u16>,
    longest: usize,
    pub(in crate::text) outcome: Outcome,
    pub(in crate::text) windows: Windows,
    /// Why lines were taken, where that is requested.
    explains: Option<Vec<Explained>>,
}

impl Tools {
    pub(in crate::text) fn new(rules: Arc<Rules>, longest: usize, explains: bool) -> Self {
        let met = vec![false; rules.all.len()];
        let explains = explains.then(Vec::new);
        Self {
            rules,
            opens: Vec::new(),
            met,
            awake: false,
            candidates: Vec::new(),
            longest,
            outcome: Outcome::default(),
            windows: Windows::default(),
            explains,
        }
    }

    /// Whether every line is wanted, and not only those that have a needle.
    pub(in crate::text) fn wants_all(&self) -> bool {
        !self.opens.is_empty()
    }

    /// Looks at a line; tells where the failure is kept that it is, if it is one and kept.
    pub(in crate::text) fn line(
        &mut self,
        around: Around<'_>,
        has_needle: bool,
        drafts: &mut Drafts,
    ) -> Option<usize> {
        let bare = bare(around.line);
        let swallowed = self.look(bare.text, around, drafts);
        if !has_needle {
            return None;
        }
        let (rules, met) = (&self.rules, &mut self.met);
        rules.search.rules(around.line, self.awake, &mut self.candidates);
        let candidates = &self.candidates;
        let mut taken = rules.take(bare.text, candidates, met).map(|place| (place, bare.text));
        if taken.is_none() && !candidates.is_empty() {
            taken = without_prefix(bare.text)
                .and_then(|text| rules.take(text, candidates, met).map(|place| (place, text)))
                .filter(|(place, _)| self.rules.get(*place).rule.effect != Effect::Nothing);
        }
        let is_needed =
            |place: &u16| self.rules.get(usize::from(*place)).rule.effect == Effect::Nothing;
        if self.candidates.iter().any(is_needed) {
            self.awake = self.rules.wakes(&self.met);
        }
        if bare.is_marked && taken.is_none_or(|(place, _)| self.rules.get(place).tier >= Tier::Hint)
        {
            let text = match bare.text.starts_with(b"::error") {
                true => without_prefix(bare.text).unwrap_or(bare.text),
                false => bare.text,
            };
            let marked = self.rules.marked(text).map(|place| (place, text));
            taken = marked.or(taken);
        }
        let (place, text) = taken?;
        if swallowed && self.rules.get(place).tier != Tier::Test {
            return None;
        }
        self.begin(place, text, bare.text, around, drafts)
    }

    /// Gives a line to the searches that are open; tells whether one of them keeps it for itself.
    fn look(&mut self, text: &[u8], around: Around<'_>, drafts: &mut Drafts) -> bool {
        let mut swallowed = false;
        let mut at = 0;
        while at < self.opens.len() {
            let open = &mut self.opens[at];
            let Some(own) = text.strip_prefix(open.prefix.as_slice()) else {
                at += 1;
                continue;
            };
            swallowed |= open.swallows();
            if let Some(told) = open.look(&self.rules, own, around.at, self.longest) {
                self.outcome.passed = false;
                let place = told.rule;
                explain(
                    &mut self.explains,
                    &self.rules,
                    place,
                    around,
                    own,
                    "an entry of its list",
                );
                drafts.add_told(&self.rules, told, own);
            }
            if self.opens[at].is_done() {
                let open = self.opens.remove(at);
                self.end(open, drafts);
            } else {
                at += 1;
            }
        }
        swallowed
    }

    fn begin(
        &mut self,
        place: usize,
        text: &[u8],
        whole: &[u8],
        around: Around<'_>,
        drafts: &mut Drafts,
    ) -> Option<usize> {
        self.met[place] = true;
        let rules = Arc::clone(&self.rules);
        let ready = rules.get(place);
        let what = match ready.rule.effect {
            Effect::Fail | Effect::Marked => "a failure",
            Effect::Flaky => "passed at another attempt",
            Effect::Rerun => "run again",
            Effect::Begun => "such a log says at its end how the job ended",
            Effect::EndedWell => "the job ended well",
            Effect::Passed | Effect::PassedAtEnd | Effect::AllPassed => {
                "a tool says that all went well"
            }
            Effect::EndedBadly => "a command did not end well",
            Effect::Note => "a test's own lines follow",
            Effect::Nothing => "other rules need it",
        };
        explain(&mut self.explains, &self.rules, place, around, text, what);
        match ready.rule.effect {
            Effect::Begun => self.outcome.begun = true,
            Effect::EndedWell => self.outcome.job = Some(true),
            Effect::Passed | Effect::PassedAtEnd => self.outcome.passed = true,
            Effect::AllPassed => {
                self.outcome.passed = true;
                let since = drafts.summed_up_at(&ready.family);
                self.end_those_of(&ready.family, since, drafts);
                drafts.all_passed(&self.rules, place, around.at, since);
            }
            Effect::EndedBadly => {
                self.outcome.job = Some(false);
                self.outcome.passed = false;
                self.windows.end(around.before, around.at);
            }
            Effect::Fail | Effect::Marked => {
                self.outcome.passed = false;
                if ready.tier == Tier::Echo {
                    drafts.summed_up(&ready.family, around.at);
                    self.windows.end(around.before, around.at);
                }
            }
            Effect::Flaky | Effect::Rerun | Effect::Note | Effect::Nothing => {}
        }
        let mut open =
            Open::new(place, ready, text, around.at, around.lines_before(), self.longest);
        let prefix = whole.len().saturating_sub(text.len());
        if !whole.starts_with(b"::error") {
            open.prefix = whole[..prefix].to_vec();
        }
        if open.is_done() {
            return self.end_of(open, text, drafts);
        }
        open.caught.entry("line".into()).or_insert_with(|| lossy(text).trim().to_owned());
        self.opens.push(open);
        if self.opens.len() > OPEN {
            let open = self.opens.remove(0);
            self.end(open, drafts);
        }
        None
    }

    /// Ends the searches of a tool that began after a line: it has nothing more to say of what they look for.
    fn end_those_of(&mut self, family: &str, since: u64, drafts: &mut Drafts) {
        let is_its =
            |open: &Open| open.at.line > since && self.rules.get(open.rule).family == family;
        let (its, others) = std::mem::take(&mut self.opens).into_iter().partition(is_its);
        self.opens = others;
        for open in Vec::<Open>::into_iter(its) {
            self.end(open, drafts);
        }
    }

    fn end(&mut self, open: Open, drafts: &mut Drafts) {
        let line = open.caught.get("line").cloned().unwrap_or_default();
        self.end_of(open, line.as_bytes(), drafts);
    }

    fn end_of(&mut self, open: Open, line: &[u8], drafts: &mut Drafts) -> Option<usize> {
        let rules = Arc::clone(&self.rules);
        let ready = rules.get(open.rule);
        let counts = matches!(
            ready.rule.effect,
            Effect::Fail | Effect::Flaky | Effect::Rerun | Effect::Note | Effect::Marked
        );
        // Of a list each entry is a failure, and its heading is none.
        if !counts || ready.list.is_some() {
            return None;
        }
        let told = open.end(&rules);
        drafts.add_told(&rules, told, line)
    }

    /// Ends the log, of which the last lines are given.
    pub(in crate::text) fn finish(
        &mut self,
        tail: &[u8],
        drafts: &mut Drafts,
    ) -> Option<Vec<Explained>> {
        let last = tail.rsplit(|byte| matches!(byte, b'\n' | b'\r')).take(LAST);
        if last.into_iter().any(|line| self.rules.passes_at_end(bare(line).text)) {
            self.outcome.passed = true;
        }
        for open in std::mem::take(&mut self.opens) {
            self.end(open, drafts);
        }
        drafts.drop_without(&self.rules, &self.met);
        self.explains.take()
    }
}

fn explain(
    explains: &mut Option<Vec<Explained>>,
    rules: &Rules,
    place: usize,
    around: Around<'_>,
    text: &[u8],
    what: &str,
) {
    let Some(all) = explains.as_mut().filter(|all| all.len() < EXPLAINED) else { return };
    let text = lossy(text).trim().chars().take(200).collect();
    all.push(Explained { at: around.at, text, rule: rules.get(place).name(), what: what.into() });
}
