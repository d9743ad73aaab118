//! The end of a text log: what rules told one by one becomes what is said of the whole.
//!
//! 1. Rules that tell of the same test become one failure, with the best message there is.
//! 2. What passed at another attempt is tolerated.
//! 3. What is nearer to the reason hides what is not: a test that failed or a compiler's error hides
//!    `make: *** [test] Error 1`. Of Mozilla's harnesses every line stays, as in Treeherder.
//! 4. Where the job ended well by the CI's own word, a failed test is tolerated, and errors that were
//!    survived are none.
//! 5. Where nothing tells the reason, the likeliest is guessed, and that is said.

use std::collections::{HashMap, HashSet};

use super::guess::{Red, Windows};
use super::tools::{Draft, Drafts, Effect, Outcome, Rules, Tier};
use crate::evidence::{Collector, Mark};
use crate::failure::{Failure, Kind};

/// How the log ended, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    /// Whether one of Mozilla's harnesses wrote it.
    pub(super) is_harness: bool,
}

/// How many lines are the last words of a log.
const LAST_WORDS: u64 = 12;

/// Hints, the last of them, and echoes, the first, that are told where nothing better is.
const SHOWN: (usize, usize) = (10, 3);

/// Settles a log.
pub(super) fn settle(
    drafts: Drafts,
    rules: &Rules,
    ended: Ended,
    windows: Windows,
    (lines, longest): (u64, usize),
    into: &mut Collector,
) {
    let over = drafts.over;
    let (mut all, spare) = drafts.take();
    give_way(&mut all, rules);
    join(&mut all);
    drop_parents(&mut all, rules);
    let came_and_went = come_and_go(&mut all);
    let well = ended.outcome.job == Some(true);
    if well && !ended.is_harness {
        all.retain(|draft| draft.rule.is_none() || draft.tier == Tier::Test);
        for draft in all.iter_mut().filter(|draft| draft.rule.is_some()) {
            draft.failure.known_intermittent = true;
        }
    }
    let is_told = all.iter().any(|draft| !draft.failure.known_intermittent);
    let is_cut = ended.outcome.begun && ended.outcome.job.is_none();
    // The last words of a log that says nothing of its end are what it ended with.
    let last_words = lines.saturating_sub(LAST_WORDS);
    let is_hint_last =
        spare.iter().any(|draft| draft.tier == Tier::Hint && draft.failure.at.line > last_words);
    let is_said_red = ended.outcome.job == Some(false)
        || is_cut
        || spare.iter().any(|draft| draft.tier == Tier::Echo) && !ended.outcome.passed;
    let is_red = is_said_red || is_hint_last && !ended.outcome.passed;
    let mut echoed = false;
    let mut guessed = Vec::new();
    if !is_told && !well {
        // What was survived is no reason: a hint counts only where something ended badly after it.
        let near = |draft: &&Draft| windows.holds(draft.failure.at.line);
        let mut said = HashSet::new();
        let is_new = |draft: &&Draft| said.insert(draft.failure.message.clone());
        let hints: Vec<&Draft> = spare
            .iter()
            .filter(|draft| draft.tier == Tier::Hint && is_red)
            .filter(near)
            .filter(is_new)
            .collect();
        let first = hints.len().saturating_sub(SHOWN.0);
        // Where nothing else says that the job failed, that this is why is a guess.
        let is_guess = |draft: &Draft| {
            !is_said_red && draft.rule.is_some_and(|place| rules.get(place).rule.generic)
        };
        let hints = hints[first..].iter().map(|draft| (*draft).clone());
        let (doubtful, sure): (Vec<Draft>, Vec<Draft>) = hints.partition(is_guess);
        all.extend(sure);
        guessed.extend(doubtful.into_iter().map(|draft| as_guess(draft.failure)));
        if is_red && all.iter().all(|draft| draft.failure.known_intermittent) {
            let echoes = spare.iter().filter(|draft| draft.tier == Tier::Echo);
            all.extend(echoes.take(SHOWN.1).cloned());
            echoed = true;
        }
    }
    all.extend(came_and_went);
    all.sort_by_key(|draft| draft.failure.at);
    for draft in all {
        into.add(draft.failure);
    }
    into.count(if well { 0 } else { over });
    let outcome = ended.outcome;
    let is_clear = well || outcome.passed && outcome.job.is_none() && !outcome.begun;
    if (is_told && !echoed) || is_clear {
        return;
    }
    if into.evidence.total == 0 || echoed {
        if guessed.is_empty() {
            // Of a log that is cut off its last line is no reason by being the last.
            let is_ended = is_said_red && !(is_cut && spare.is_empty());
            guessed = windows.guess(Red { is_red, is_ended }, longest);
        }
        for guess in guessed {
            into.add_guess(guess);
        }
    }
    if into.evidence.total == 0 {
        into.evidence.mark(Mark::NothingRecognised);
    }
}

/// A failure of which it is not known whether it is one.
fn as_guess(failure: Failure) -> Failure {
    Failure { message: failure.message, ..Failure::new(Kind::Guess, failure.at) }
}

/// The name of a test as it is compared: what separates its parts differs between a runner's lines.
fn comparable(test: &str) -> String {
    let mut name = String::with_capacity(test.len());
    for word in test.split([' ', '\u{203a}', '>', '#']).filter(|word| !word.is_empty()) {
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&word.replace("::", "."));
    }
    name
}

/// Whether one name is the end of the other, at a part's beginning.
fn is_end_of(short: &str, long: &str) -> bool {
    long.strip_suffix(short)
        .is_some_and(|before| before.is_empty() || before.ends_with(['.', '/', ':', '-']))
}

/// Rules that tell less give what they know to those that tell more, and go.
fn give_way(all: &mut Vec<Draft>, rules: &Rules) {
    let yields = |draft: &Draft| draft.rule.map(|place| &rules.get(place).yields_to);
    let names: Vec<Option<String>> =
        all.iter().map(|draft| draft.failure.test.as_deref().map(comparable)).collect();
    let mut gone = vec![false; all.len()];
    // Names that end alike are looked for only among the rules that tell better.
    for place in 0..all.len() {
        let Some(better) = yields(&all[place]).filter(|better| !better.is_empty()) else {
            continue;
        };
        let Some(name) = &names[place] else { continue };
        let fits = |other: &usize| {
            let is_better = all[*other].rule.is_some_and(|rule| better.contains(&rule));
            is_better
                && names[*other]
                    .as_ref()
                    .is_some_and(|long| is_end_of(name, long) || is_end_of(long, name))
        };
        let Some(target) = (0..all.len()).find(fits) else { continue };
        gone[place] = true;
        let given = all[place].clone();
        take_over(&mut all[target], &given);
    }
    let mut place = 0;
    all.retain(|_| {
        place += 1;
        !gone[place - 1]
    });
}

/// Gives a failure what another knows of the same one.
fn take_over(known: &mut Draft, other: &Draft) {
    let cut = known.failure.message.as_deref().is_some_and(|said| said.ends_with("..."));
    if other.is_told && (!known.is_told || cut) {
        known.failure.message.clone_from(&other.failure.message);
        known.is_told = true;
        known.failure.at = known.failure.at.min(other.failure.at);
    }
    if known.failure.kind == Kind::Unexpected {
        known.failure.kind = other.failure.kind;
    }
    if known.failure.group.is_none() {
        known.failure.group.clone_from(&other.failure.group);
    }
}

/// Joins what several rules told of a test of one name.
fn join(all: &mut Vec<Draft>) {
    let mut first: HashMap<String, usize> = HashMap::new();
    let mut joined: Vec<Draft> = Vec::with_capacity(all.len());
    for draft in all.drain(..) {
        let is_tools = draft.rule.is_some() && draft.effect == Effect::Fail;
        let Some(name) = draft.failure.test.as_deref().filter(|_| is_tools).map(comparable) else {
            joined.push(draft);
            continue;
        };
        if let Some(known) = first.get(&name).map(|place| &mut joined[*place]) {
            let (one, other) = (&known.failure.group, &draft.failure.group);
            let says_other = known.rule == draft.rule
                && known.is_told
                && draft.is_told
                && known.failure.message != draft.failure.message;
            if (one.is_none() || other.is_none() || one == other) && !says_other {
                take_over(known, &draft);
                continue;
            }
        }
        first.entry(name).or_insert(joined.len());
        joined.push(draft);
    }
    *all = joined;
}

/// A test failed since a test within it did: that is one failure, unless it says something itself.
fn drop_parents(all: &mut Vec<Draft>, rules: &Rules) {
    let is_go = |draft: &Draft| draft.rule.is_some_and(|place| rules.get(place).tool == "go");
    let mut parents: HashSet<String> = HashSet::new();
    for draft in all.iter().filter(|draft| is_go(draft)) {
        let mut name = draft.failure.test.as_deref().unwrap_or("");
        while let Some((parent, _)) = name.rsplit_once('/') {
            parents.insert(parent.to_owned());
            name = parent;
        }
    }
    let is_of_others = |draft: &Draft| {
        let said = draft.failure.message.as_deref().unwrap_or("").trim_matches(['\'', '"']);
        let rest = said.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.len() < said.len() && matches!(rest, " subtest failed" | " subtests failed")
    };
    if all.iter().any(|draft| draft.tier == Tier::Test && !is_of_others(draft)) {
        all.retain(|draft| !is_of_others(draft));
    }
    all.retain(|draft| {
        let is_parent = draft.failure.test.as_ref().is_some_and(|test| parents.contains(test));
        draft.is_told || !is_go(draft) || !is_parent
    });
}

/// Sets apart what passed at another attempt. What is only run again counts as that unless it is
/// told to have failed in the end.
fn come_and_go(all: &mut Vec<Draft>) -> Vec<Draft> {
    let name = |draft: &Draft| draft.failure.test.as_deref().map(comparable);
    let of = |effect: Effect| -> HashSet<String> {
        all.iter().filter(|draft| draft.effect == effect).filter_map(name).collect()
    };
    let (failed, flaky) = (of(Effect::Fail), of(Effect::Flaky));
    let mut told: HashSet<String> = HashSet::new();
    let mut tolerated = Vec::new();
    all.retain(|draft| {
        let Some(name) = name(draft) else { return draft.effect == Effect::Fail };

        let passed = match draft.effect {
            Effect::Fail => flaky.contains(&name),
            Effect::Flaky => true,
            _ => !failed.contains(&name),
        };
        if passed && told.insert(name) {
            let mut draft = draft.clone();
            draft.failure.known_intermittent = true;
            tolerated.push(draft);
        }
        draft.effect == Effect::Fail && !passed
    });
    tolerated
}
