//! A rule's line, and what is taken from the lines around it.

use std::collections::BTreeMap;

use regex::bytes::{Captures, Regex};

use super::rule::{Look, Pick};
use super::set::{Ready, ReadySays, Rules};
use crate::failure::Where;
use crate::text::rules::lossy;

/// What the named groups of a rule caught.
pub(super) type Caught = BTreeMap<String, String>;

/// Takes the named groups of a line; those that are empty are left out.
fn catch(regex: &Regex, found: &Captures<'_>, longest: usize) -> Caught {
    let mut caught = Caught::new();
    for name in regex.capture_names().flatten() {
        let text = found.name(name).map(|group| lossy(group.as_bytes()).trim().to_owned());
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            // A group may stand in several alternatives as `message` and `message2`.
            let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
            let text = text[..text.floor_char_boundary(longest)].to_owned();
            caught.entry(name.to_owned()).or_insert(text);
        }
    }
    caught
}

/// Makes a text of groups: the first template of which all are there. `{class+name}` is both, the
/// name once where the class has it already.
pub(super) fn made(templates: &[String], caught: &Caught) -> Option<String> {
    templates.iter().find_map(|template| {
        let mut text = String::new();
        let mut rest = template.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            text.push_str(before);
            match name.split_once('+') {
                // The class of a test whose name it may have at its end.
                Some((class, name)) => {
                    let (class, name) = (caught.get(class)?, caught.get(name)?);
                    text.push_str(class);
                    let has = class.strip_suffix(name.as_str()).is_some_and(|c| c.ends_with('.'));
                    if !has {
                        text.push('.');
                        text.push_str(name);
                    }
                }
                None => text.push_str(caught.get(name)?),
            }
            rest = after;
        }
        text.push_str(rest);
        Some(text)
    })
}

/// A search for more in the lines after a rule's own.
#[derive(Debug, Default)]
struct Search {
    begun: bool,
    done: bool,
    seen: usize,
    /// Lines that still belong to what was taken last.
    more: usize,
    caught: Caught,
}

impl Search {
    /// Looks at a line.
    fn look(&mut self, says: &ReadySays, text: &[u8], longest: usize) {
        if self.done {
            return;
        }
        self.seen += 1;
        let fits =
            |lazy: &Option<super::set::Lazy>| lazy.as_ref().is_some_and(|l| l.is_match(text));
        if !self.begun {
            self.begun = says.from.is_none();
        }
        if !self.begun {
            self.begun = fits(&says.from);
            self.done = self.seen >= says.says.within;
            return;
        }
        if fits(&says.until) {
            self.done = true;
            return;
        }
        if !fits(&says.skip) {
            self.take(says, text, longest);
        }
        self.done |= self.seen >= says.says.within || fits(&says.last);
    }

    fn take(&mut self, says: &ReadySays, text: &[u8], longest: usize) {
        let Some(regex) = says.line.get() else { return };
        let Some(found) = regex.captures(text) else { return };
        let mut caught = catch(regex, &found, longest);
        if caught.is_empty() && regex.capture_names().flatten().next().is_none() {
            let line = lossy(text).trim().to_owned();
            if !line.is_empty() {
                caught.insert("message".into(), line[..line.floor_char_boundary(longest)].into());
            }
        }
        if caught.is_empty() {
            return;
        }
        if self.more > 0 {
            self.more -= 1;
            for (name, text) in caught {
                let whole = self.caught.entry(name).or_default();
                if whole.len() + text.len() < longest {
                    let blank = if whole.is_empty() { "" } else { " " };
                    whole.push_str(blank);
                    whole.push_str(&text);
                }
            }
        } else {
            self.caught = caught;
            self.more = says.says.take.saturating_sub(1);
        }
        self.done = self.more == 0 && says.says.pick == Pick::First;
    }
}

/// A rule's line whose search goes on.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) rule: usize,
    pub(super) at: Where,
    /// What a runner of runners put before its line, and puts before all that belong to it.
    pub(super) prefix: Vec<u8>,
    pub(super) caught: Caught,
    searches: Vec<Search>,
    /// Lines of its list that may still come.
    list: usize,
    swallows: usize,
}

/// A failure as a rule tells of it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) rule: usize,
    pub(super) at: Where,
    pub(super) caught: Caught,
}

/// Lines that are swallowed at the most.
const SWALLOWED: usize = 2000;

impl Open {
    /// Opens a rule at its line; what stands before it is looked through at once.
    pub(super) fn new<'b>(
        place: usize,
        ready: &Ready,
        text: &[u8],
        at: Where,
        before: impl Iterator<Item = &'b [u8]> + Clone,
        longest: usize,
    ) -> Self {
        let mut caught = Caught::new();
        if let Some(regex) = ready.line()
            && let Some(found) = regex.captures(text)
        {
            caught = catch(regex, &found, longest);
        }
        let mut searches = Vec::new();
        for says in &ready.says {
            let mut search = Search::default();
            if says.says.look == Look::Before {
                for line in before.clone().take(says.says.within) {
                    search.look(says, line, longest);
                    if search.done {
                        break;
                    }
                }
                search.done = true;
            }
            searches.push(search);
        }
        let list = ready.list.as_ref().map_or(0, |list| list.within);
        let swallows = ready.swallow.as_ref().map_or(0, |_| SWALLOWED);
        Self { rule: place, at, prefix: Vec::new(), caught, searches, list, swallows }
    }

    /// Whether nothing more is wanted of the lines to come.
    pub(super) fn is_done(&self) -> bool {
        self.list == 0 && self.swallows == 0 && self.searches.iter().all(|search| search.done)
    }

    /// Whether the line just looked at belongs to it alone.
    pub(super) fn swallows(&self) -> bool {
        self.swallows > 0
    }

    /// Looks at the next line; tells of a failure that the line itself is.
    pub(super) fn look(
        &mut self,
        rules: &Rules,
        text: &[u8],
        at: Where,
        longest: usize,
    ) -> Option<Told> {
        let ready = rules.get(self.rule);
        for (search, says) in self.searches.iter_mut().zip(&ready.says) {
            search.look(says, text, longest);
        }
        if self.swallows > 0 {
            self.swallows -= 1;
            if ready.swallow.as_ref().is_some_and(|end| end.is_match(text)) {
                self.swallows = 0;
            }
        }
        let list = ready.list.as_ref().filter(|_| self.list > 0)?;
        self.list -= 1;
        if list.until.as_ref().is_some_and(|until| until.is_match(text)) {
            self.list = 0;
            return None;
        }
        if list.skip.as_ref().is_some_and(|skip| skip.is_match(text)) {
            return None;
        }
        let found = list.line.get().and_then(|regex| Some((regex, regex.captures(text)?)));
        let Some((regex, found)) = found else {
            if list.until.is_none() {
                self.list = 0;
            }
            return None;
        };
        let mut caught = self.caught.clone();
        caught.extend(catch(regex, &found, longest));
        Some(Told { rule: self.rule, at, caught })
    }

    /// Ends it: what the rule's own line tells, with what the lines around it say. What was found
    /// in an earlier search counts before what was found in a later one.
    pub(super) fn end(self, rules: &Rules) -> Told {
        let mut caught = self.caught;
        for (search, says) in self.searches.into_iter().zip(&rules.get(self.rule).says) {
            for (name, text) in search.caught {
                match caught.get_mut(&name) {
                    Some(known) if says.says.joins => {
                        known.push(' ');
                        known.push_str(&text);
                    }
                    Some(_) => {}
                    None => {
                        caught.insert(name, text);
                    }
                }
            }
        }
        Told { rule: self.rule, at: self.at, caught }
    }
}
