//! What rules told of, in the order of the log, within bounds, until the log's end settles it.

use std::collections::{HashMap, VecDeque};

use super::open::{Told, made};
use super::rule::{Effect, Tier};
use super::set::{Ready, Rules};
use super::words::{is_infra, kind_of_test};
use crate::failure::{Failure, Kind, Where};
use crate::limits::Limits;

/// Hints and echoes that are kept of the beginning, and of the end.
const SPARE: (usize, usize) = (20, 30);

/// Tests of which notes are kept.
const NOTES: usize = 4000;

/// Something that is told, and by which rule.
#[derive(Debug, Clone)]
pub(in crate::text) struct Draft {
    pub(in crate::text) failure: Failure,
    /// The rule's place; none where it is one of Mozilla's harnesses.
    pub(in crate::text) rule: Option<usize>,
    pub(in crate::text) tier: Tier,
    pub(in crate::text) effect: Effect,
    /// Whether the message was found, and is not the line itself.
    pub(in crate::text) is_told: bool,
}

/// Everything that is told so far.
#[derive(Debug)]
pub(in crate::text) struct Drafts {
    pub(in crate::text) all: Vec<Draft>,
    first: Vec<Draft>,
    last: VecDeque<Draft>,
    /// The place of each test by rule, so that what is told twice takes no room.
    known: HashMap<(Option<usize>, String), usize>,
    /// Failures for which there is no room.
    pub(in crate::text) over: u64,
    kept: usize,
    limits: Limits,
    /// What tests said before anything told how they ended.
    notes: HashMap<String, String>,
    /// Where each tool last summed up.
    summaries: HashMap<String, u64>,
}

impl Drafts {
    pub(in crate::text) fn new(limits: &Limits) -> Self {
        Self {
            all: Vec::new(),
            first: Vec::new(),
            last: VecDeque::new(),
            known: HashMap::new(),
            over: 0,
            kept: 0,
            limits: limits.clone(),
            notes: HashMap::new(),
            summaries: HashMap::new(),
        }
    }

    /// Takes what one of Mozilla's harnesses told; tells where it is kept, if it is.
    pub(in crate::text) fn add_harness(&mut self, failure: Failure, tier: Tier) -> Option<usize> {
        self.add(Draft { failure, rule: None, tier, effect: Effect::Fail, is_told: true })
    }

    /// Takes what a rule told; tells where it is kept, if it is.
    pub(super) fn add_told(&mut self, rules: &Rules, told: Told, line: &[u8]) -> Option<usize> {
        let ready = rules.get(told.rule);
        let draft = drafted(ready, told, line, self.limits.text);
        match draft.effect {
            Effect::Note => {
                self.note(draft);
                return None;
            }
            Effect::Nothing => return None,
            _ => {}
        }
        if let (Some(test), Tier::Test) = (&draft.failure.test, draft.tier) {
            let key = (draft.rule, test.clone());
            if let Some(place) = self.known.get(&key).copied() {
                let known = &mut self.all[place];
                // The rule found this test before, as in a summary at the end of the log.
                let is_same_suite =
                    known.failure.group == draft.failure.group || draft.failure.group.is_none();
                // One that says something else is another failure of the same test.
                let says_other = known.is_told
                    && draft.is_told
                    && known.failure.message != draft.failure.message;
                if is_same_suite && !says_other {
                    if !known.is_told && draft.is_told {
                        known.failure.message = draft.failure.message;
                        known.failure.kind = draft.failure.kind;
                        known.is_told = true;
                    }
                    return Some(place);
                }
            }
            let place = self.add(draft)?;
            self.known.insert(key, place);
            return Some(place);
        }
        self.add(draft)
    }

    /// A tool sums up: what its lines tell from here on is of another run of it.
    pub(super) fn summed_up(&mut self, family: &str, at: Where) {
        self.summaries.insert(family.to_owned(), at.line);
    }

    /// Where a tool last summed up.
    pub(super) fn summed_up_at(&self, family: &str) -> u64 {
        self.summaries.get(family).copied().unwrap_or(0)
    }

    /// A tool's last word is that all went well, so that its failures since a line came and went.
    pub(super) fn all_passed(&mut self, rules: &Rules, place: usize, at: Where, since: u64) {
        let family = rules.get(place).family.clone();
        self.summaries.insert(family.clone(), at.line);
        for draft in self.all.iter_mut().rev().take_while(|draft| draft.failure.at.line > since) {
            let is_its = draft.rule.is_some_and(|rule| rules.get(rule).family == family);
            if is_its && draft.effect == Effect::Fail {
                draft.effect = Effect::Rerun;
            }
        }
        // It may fail in the next run of the tool.
        self.known.retain(|(rule, _), _| rule.is_none_or(|rule| rules.get(rule).family != family));
    }

    /// Drops what rules told of which a line is missing that has to stand somewhere.
    pub(super) fn drop_without(&mut self, rules: &Rules, met: &[bool]) {
        self.all.retain(|draft| {
            let needed = draft.rule.and_then(|rule| rules.get(rule).somewhere);
            needed.is_none_or(|needed| met[needed])
        });
        self.known.clear();
    }

    /// Notes what a test said, for when it is told to have failed. Of very many the first count.
    fn note(&mut self, draft: Draft) {
        let (Some(test), Some(message), true) =
            (draft.failure.test, draft.failure.message, draft.is_told)
        else {
            return;
        };
        if self.notes.len() < NOTES {
            self.notes.entry(test).or_insert(message);
        }
    }

    fn add(&mut self, draft: Draft) -> Option<usize> {
        if draft.tier >= Tier::Hint {
            if self.first.len() < SPARE.0 {
                self.first.push(draft);
            } else {
                if self.last.len() >= SPARE.1 {
                    self.last.pop_front();
                }
                self.last.push_back(draft);
            }
            return None;
        }
        let size = draft.failure.size();
        let full = self.all.len() >= self.limits.failures || self.kept + size > self.limits.kept;
        if full {
            self.over += u64::from(draft.effect == Effect::Fail);
            return None;
        }
        self.kept += size;
        self.all.push(draft);
        Some(self.all.len() - 1)
    }

    /// Whether another line of text may be kept; it is counted as if it were.
    pub(in crate::text) fn room_for(&mut self, line: &str) -> bool {
        let size = line.len() + 24;
        let fits = self.kept + size <= self.limits.kept;
        self.kept += if fits { size } else { 0 };
        fits
    }

    /// All of it, and what only counts where nothing better was told.
    pub(in crate::text) fn take(mut self) -> (Vec<Draft>, Vec<Draft>) {
        for draft in self.all.iter_mut().filter(|draft| !draft.is_told) {
            let said = draft.failure.test.as_ref().and_then(|test| self.notes.get(test));
            if let Some(said) = said {
                draft.failure.message = Some(said.clone());
                draft.is_told = true;
            }
        }
        (self.all, self.first.into_iter().chain(self.last).collect())
    }
}

fn drafted(ready: &Ready, told: Told, line: &[u8], longest: usize) -> Draft {
    let rule = &ready.rule;
    let caught = &told.caught;
    let get = |name: &str| caught.get(name).cloned();
    let test = if rule.test.is_empty() { get("test") } else { made(&rule.test, caught) };
    let group = if rule.group.is_empty() { get("group") } else { made(&rule.group, caught) };
    let is_unnamed = !rule.test.is_empty() && test.is_none();
    let said = if rule.message.is_empty() { get("message") } else { made(&rule.message, caught) };
    let is_told = said.is_some();
    let status = get("status").unwrap_or_else(|| "FAIL".to_owned());
    let message = said.or_else(|| {
        let line = crate::text::rules::lossy(line).trim().to_owned();
        Some(line).filter(|line| !line.is_empty())
    });
    let words = message.as_deref().filter(|_| is_told).unwrap_or("");
    let kind = match (rule.kind, ready.tier) {
        (Some(kind), _) => kind,
        (None, Tier::Test) => kind_of_test(&status, words),
        (None, _) if is_infra(message.as_deref().unwrap_or("")) => Kind::Infra,
        (None, Tier::Cause) => Kind::Build,
        (None, _) => Kind::Harness,
    };
    let mut failure = Failure::new(kind, told.at);
    let short = |text: String| text[..text.floor_char_boundary(longest)].to_owned();
    failure.test = test.map(short);
    failure.group = group.map(short);
    failure.status = (ready.tier == Tier::Test).then_some(status);
    failure.message = message.map(short);
    failure.rule = Some(ready.name());
    failure.is_named_by_suite = true;
    let effect = match rule.effect {
        Effect::Marked => Effect::Fail,
        _ if rule.requires.iter().any(|name| !caught.contains_key(name)) => Effect::Nothing,
        // A test whose name is not found is none. A crash is one all the same.
        _ if is_unnamed && rule.kind.is_none() => Effect::Nothing,
        effect => effect,
    };
    let tier = if is_unnamed { Tier::Cause } else { ready.tier };
    Draft { failure, rule: Some(told.rule), tier, effect, is_told }
}
