//! Rules made ready: one search for their needles, one automaton that tells which rules take a line.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use regex::bytes::{Regex, RegexBuilder};

use super::rule::{Effect, List, Rule, Says, Tier, ToolFile};
use super::search::Search;

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The rule, `tool/name`.
    pub rule: String,
    /// What is wrong with it.
    pub why: String,
}

impl std::fmt::Display for RuleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule {}: {}", self.rule, self.why)
    }
}

impl std::error::Error for RuleError {}

/// How large an automaton of a rule may become, in bytes.
const SIZE: usize = 4 << 20;

/// Rules that a log is read by.
#[derive(Debug)]
pub struct Rules {
    pub(super) all: Vec<Ready>,
    pub(in crate::text) search: Search,
    marked: Option<usize>,
}

/// A rule that is ready. Its expressions are compiled when they are first used.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) tool: String,
    /// The tools that sum up together.
    pub(crate) family: String,
    pub(crate) rule: Rule,
    /// The place of the rule that has to stand before.
    pub(super) needs: Option<usize>,
    /// The place of the rule that has to stand anywhere.
    pub(crate) somewhere: Option<usize>,
    /// The places of those that do not count as met after it.
    ends: Vec<usize>,
    /// The places of those that tell better.
    pub(crate) yields_to: Vec<usize>,
    line: Lazy,
    not: Option<Lazy>,
    pub(super) says: Vec<ReadySays>,
    pub(super) list: Option<ReadyList>,
    pub(super) swallow: Option<Lazy>,
    pub(crate) tier: Tier,
}

/// An expression that is compiled when it is first used.
#[derive(Debug)]
pub(super) struct Lazy(String, OnceLock<Option<Regex>>);

impl Lazy {
    fn new(pattern: &str) -> Self {
        Self(pattern.to_owned(), OnceLock::new())
    }

    /// The expression; none where it is not well-formed, which [`Rules::new`] refuses for rules of
    /// users and a test for ours.
    pub(super) fn get(&self) -> Option<&Regex> {
        self.1.get_or_init(|| regex(&self.0).ok()).as_ref()
    }

    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        self.get().is_some_and(|regex| regex.is_match(text))
    }
}

fn lazy(pattern: Option<&String>) -> Option<Lazy> {
    pattern.map(|pattern| Lazy::new(pattern))
}

#[derive(Debug)]
pub(super) struct ReadySays {
    pub(super) says: Says,
    pub(super) line: Lazy,
    pub(super) from: Option<Lazy>,
    pub(super) skip: Option<Lazy>,
    pub(super) until: Option<Lazy>,
    pub(super) last: Option<Lazy>,
}

impl ReadySays {
    fn new(says: &Says) -> Self {
        Self {
            line: Lazy::new(&says.line),
            from: lazy(says.from.as_ref()),
            skip: lazy(says.skip.as_ref()),
            until: lazy(says.until.as_ref()),
            last: lazy(says.last.as_ref()),
            says: says.clone(),
        }
    }
}

#[derive(Debug)]
pub(super) struct ReadyList {
    pub(super) line: Lazy,
    pub(super) skip: Option<Lazy>,
    pub(super) until: Option<Lazy>,
    pub(super) within: usize,
}

impl ReadyList {
    fn new(list: &List) -> Self {
        Self {
            line: Lazy::new(&list.line),
            skip: lazy(list.skip.as_ref()),
            until: lazy(list.until.as_ref()),
            within: list.within,
        }
    }
}

/// Compiles a rule's expression, which goes by bytes.
pub(in crate::text) fn regex(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).unicode(false).size_limit(SIZE).build()
}

impl Ready {
    fn new(tool: &str, family: &str, rule: &Rule) -> Self {
        Self {
            tool: tool.to_owned(),
            family: family.to_owned(),
            needs: None,
            somewhere: None,
            ends: Vec::new(),
            yields_to: Vec::new(),
            line: Lazy::new(&rule.line),
            not: lazy(rule.not.as_ref()),
            says: rule.says.iter().map(ReadySays::new).collect(),
            list: rule.list.as_ref().map(ReadyList::new),
            swallow: lazy(rule.swallow.as_ref()),
            tier: rule.tier(),
            rule: rule.clone(),
        }
    }

    /// Its name with that of its tool.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.tool, self.rule.name)
    }

    pub(super) fn line(&self) -> Option<&Regex> {
        self.line.get()
    }

    fn takes(&self, text: &[u8]) -> bool {
        self.not.as_ref().is_none_or(|not| !not.is_match(text))
    }

    /// Every expression of it, for a check.
    fn expressions(&self) -> Vec<&Lazy> {
        let mut all = vec![&self.line];
        all.extend(self.not.iter().chain(&self.swallow));
        for says in &self.says {
            all.push(&says.line);
            all.extend([&says.from, &says.skip, &says.until, &says.last].into_iter().flatten());
        }
        if let Some(list) = &self.list {
            all.push(&list.line);
            all.extend(list.skip.iter().chain(&list.until));
        }
        all
    }
}

impl Rules {
    /// The rules that come with the program.
    pub fn known() -> Arc<Self> {
        static KNOWN: LazyLock<Arc<Rules>> = LazyLock::new(|| {
            let rules = super::known::files().iter().flat_map(of_file).collect();
            #[allow(clippy::expect_used, reason = "they are constants, compiled by every test")]
            Arc::new(Rules::build(rules).expect("the rules that come with the program are sound"))
        });
        Arc::clone(&KNOWN)
    }

    /// Rules of a user before those that come with the program.
    ///
    /// # Errors
    /// If an expression is not well-formed or too large, a needle is missing, or a rule is named
    /// that is not there.
    pub fn with(own: &[Rule]) -> Result<Arc<Self>, RuleError> {
        let mut rules: Vec<Ready> =
            own.iter().map(|rule| Ready::new("yours", "yours", rule)).collect();
        for ready in &rules {
            let wrong = |why: String| RuleError { rule: ready.name(), why };
            if ready.rule.needles.iter().all(|needle| needle.trim().is_empty()) {
                return Err(wrong(
                    "it has no needle: give a text that each of its lines has".into(),
                ));
            }
            for lazy in ready.expressions() {
                regex(&lazy.0).map_err(|error| wrong(format!("{:?}: {error}", lazy.0)))?;
            }
        }
        rules.extend(super::known::files().iter().flat_map(of_file));
        Self::build(rules).map(Arc::new)
    }

    fn build(mut rules: Vec<Ready>) -> Result<Self, RuleError> {
        let places: HashMap<String, usize> =
            rules.iter().enumerate().map(|(place, ready)| (ready.name(), place)).collect();
        for ready in &mut rules {
            let find = |name: &String| {
                let full = match name.contains('/') {
                    true => name.clone(),
                    false => format!("{}/{name}", ready.tool),
                };
                places.get(&full).copied().ok_or_else(|| RuleError {
                    rule: format!("{}/{}", ready.tool, ready.rule.name),
                    why: format!("there is no rule {name:?} beside it"),
                })
            };
            let needs = ready.rule.needs.as_ref().map(find).transpose()?;
            let somewhere = ready.rule.somewhere.as_ref().map(find).transpose()?;
            let yields_to = ready.rule.yields_to.iter().map(find).collect::<Result<_, _>>()?;
            let ends = ready.rule.ends.iter().map(find).collect::<Result<_, _>>()?;
            (ready.needs, ready.yields_to, ready.ends) = (needs, yields_to, ends);
            ready.somewhere = somewhere;
        }
        let marked = rules.iter().position(|ready| ready.rule.effect == Effect::Marked);
        // What the CI marks is taken where nothing else takes it; what counts at the end of a log is
        // looked for there.
        let own = crate::text::rules::own_needles().map(|needle| (needle.to_owned(), None));
        let mut needles: Vec<(String, Option<u16>)> = own.collect();
        for (place, ready) in rules.iter().enumerate() {
            if ready.rule.effect != Effect::PassedAtEnd {
                needles.extend(ready.rule.needles.iter().map(|n| (n.clone(), Some(place as u16))));
            }
        }
        let search = Search::new(needles, |place| rules[usize::from(place)].needs.is_some())?;
        Ok(Self { all: rules, search, marked })
    }

    /// What tells a user's own rules from another's, for what is kept.
    pub fn own_id(&self) -> String {
        let own = self.all.iter().filter(|ready| ready.tool == "yours").map(|ready| &ready.rule);
        let text = serde_json::to_string(&own.collect::<Vec<_>>()).unwrap_or_default();
        crate::signature::short_name(&text)
    }

    pub(crate) fn get(&self, place: usize) -> &Ready {
        &self.all[place]
    }

    /// The rule that takes a line, of those whose needles it has, given which rules had one before.
    /// What is nearer to the reason counts, then what stands first. Rules that only others need are
    /// noted, and leave the line to another.
    pub(super) fn take(&self, text: &[u8], candidates: &[u16], met: &mut [bool]) -> Option<usize> {
        let mut found: Option<usize> = None;
        let rank = |place: usize| {
            let ready = &self.all[place];
            (ready.rule.effect == Effect::Nothing, ready.tier)
        };
        for place in candidates.iter().map(|place| usize::from(*place)) {
            let ready = &self.all[place];
            let sleeps = ready.needs.is_some_and(|needed| !met[needed]);
            let is_first = ready.rule.effect == Effect::Nothing
                || found.is_none_or(|found| rank(place) < rank(found));
            if sleeps || !is_first || ready.rule.effect == Effect::Marked {
                continue;
            }
            let fits = ready.line.is_match(text) && ready.takes(text);
            if !fits {
                continue;
            }
            if ready.rule.effect == Effect::Nothing {
                met[place] = true;
            }
            for ended in &ready.ends {
                met[*ended] = false;
            }
            if found.is_none_or(|found| rank(place) < rank(found)) {
                found = Some(place);
            }
        }
        found
    }

    /// Whether one of a log's last lines says that all went well.
    pub(super) fn passes_at_end(&self, text: &[u8]) -> bool {
        let at_end = self.all.iter().filter(|ready| ready.rule.effect == Effect::PassedAtEnd);
        at_end.into_iter().any(|ready| ready.line.is_match(text) && ready.takes(text))
    }

    /// Whether a rule that others need is among those that are met.
    pub(super) fn wakes(&self, met: &[bool]) -> bool {
        self.all.iter().any(|ready| ready.needs.is_some_and(|needed| met[needed]))
    }

    /// The lines of all rules as alternatives of one expression, without names of groups.
    pub(in crate::text) fn as_one_pattern(&self) -> String {
        let mut all: Vec<String> = Vec::new();
        let searched =
            |ready: &&Ready| !matches!(ready.rule.effect, Effect::Marked | Effect::PassedAtEnd);
        for ready in self.all.iter().filter(searched) {
            let mut plain = String::new();
            let mut rest = ready.rule.line.trim_start_matches('^');
            while let Some((before, after)) = rest.split_once("(?<") {
                plain.push_str(before);
                plain.push_str("(?:");
                rest = after.split_once('>').map_or("", |(_, rest)| rest);
            }
            plain.push_str(rest);
            all.push(format!("(?:{plain})"));
        }
        all.join("|")
    }

    /// The rule for a line that the CI marks, where it takes it.
    pub(super) fn marked(&self, text: &[u8]) -> Option<usize> {
        self.marked.filter(|place| !text.is_empty() && self.all[*place].takes(text))
    }

    /// What is wrong with the rules that come with the program, for a test: expressions, effects
    /// that say nothing, names that are there twice.
    #[cfg(test)]
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        for ready in &self.all {
            if !names.insert(ready.name()) {
                faults.push(format!("{} is there twice", ready.name()));
            }
            for lazy in ready.expressions() {
                if let Err(error) = regex(&lazy.0) {
                    faults.push(format!("{}: {error}", ready.name()));
                }
            }
            let is_failure = ready.rule.effect == Effect::Fail && ready.tier != Tier::Echo;
            if is_failure && ready.rule.example.is_empty() && ready.rule.list.is_none() {
                faults.push(format!("{} has no example", ready.name()));
            }
        }
        faults
    }
}

fn of_file(file: &ToolFile) -> Vec<Ready> {
    let family = file.family.as_ref().unwrap_or(&file.tool);
    file.rule.iter().map(|rule| Ready::new(&file.tool, family, rule)).collect()
}
