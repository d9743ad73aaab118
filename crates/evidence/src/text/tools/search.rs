//! A search over a whole log for the needles of all rules at once, and which rules a line's needles
//! lead to.
//!
//! A rule that needs another to have taken a line before sleeps until then: its needles, which are
//! often as short as `) `, are not looked for.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::set::RuleError;

/// An automaton over needles, and the rules of each.
#[derive(Debug, Clone)]
struct Automaton {
    search: AhoCorasick,
    rules: Vec<Vec<u16>>,
}

impl Automaton {
    fn new(
        needles: &[(String, Option<u16>)],
        takes: impl Fn(u16) -> bool,
    ) -> Result<Self, RuleError> {
        let mut texts: Vec<&str> = Vec::new();
        let mut rules: Vec<Vec<u16>> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (needle, rule) in needles {
            if needle.is_empty() || rule.is_some_and(|rule| !takes(rule)) {
                continue;
            }
            let place = *places.entry(needle.as_str()).or_insert_with(|| {
                texts.push(needle);
                rules.push(Vec::new());
                texts.len() - 1
            });
            rules[place].extend(rule);
        }
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(texts)
            .map_err(|error| RuleError { rule: "all".into(), why: error.to_string() })?;
        Ok(Self { search, rules })
    }
}

/// The search, with the rules that sleep and without.
#[derive(Debug)]
pub(in crate::text) struct Search {
    few: Automaton,
    /// Built when a rule wakes, which in most logs none does.
    all: OnceLock<Automaton>,
    needles: Vec<(String, Option<u16>)>,
}

impl Search {
    /// For needles with their rules, or of no rule; `sleeps` tells which rules do.
    pub(super) fn new(
        needles: Vec<(String, Option<u16>)>,
        sleeps: impl Fn(u16) -> bool,
    ) -> Result<Self, RuleError> {
        let few = Automaton::new(&needles, |rule| !sleeps(rule))?;
        Ok(Self { few, all: OnceLock::new(), needles })
    }

    fn of(&self, awake: bool) -> &Automaton {
        if !awake {
            return &self.few;
        }
        // With as many needles again it cannot fail where the first did not.
        self.all.get_or_init(|| {
            Automaton::new(&self.needles, |_| true).unwrap_or_else(|_| self.few.clone())
        })
    }

    /// Where the next needle from `from` on begins.
    pub(in crate::text) fn find(&self, bytes: &[u8], from: usize, awake: bool) -> Option<usize> {
        let found = self.of(awake).search.find(&bytes[from..])?;
        Some(found.start() + from)
    }

    /// The rules whose needles a line has, in their order.
    pub(super) fn rules(&self, line: &[u8], awake: bool, into: &mut Vec<u16>) {
        into.clear();
        let automaton = self.of(awake);
        for found in automaton.search.find_overlapping_iter(line) {
            into.extend_from_slice(&automaton.rules[found.pattern().as_usize()]);
        }
        into.sort_unstable();
        into.dedup();
    }
}
