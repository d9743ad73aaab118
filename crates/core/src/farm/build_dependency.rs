//! Which build a builder's runs depend on: no master tells, so that it is inferred from history.

use std::collections::{BTreeSet, HashMap};

use super::request::{Build, Request, Results};
use crate::ids::BuildId;
use crate::time::At;

/// A buildset, as far as it tells what started it and what it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its id.
    pub id: u64,
    /// What it is of: sets of one revision have the same.
    pub stamp: u64,
    /// When it was submitted.
    pub submitted: At,
    /// When all of it had ended, where it has.
    pub complete: Option<At>,
    /// Whether the master calls it a success, be it that it was coalesced.
    pub good: bool,
    /// The build that triggered it, where one did.
    pub parent: Option<BuildId>,
    /// Whether somebody forced or rebuilt it.
    pub forced: bool,
}

/// What a builder depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildDependency {
    /// On these.
    On(Link),
    /// On one of these two builders, which end at the same time and not always together.
    OneOf(u64, u64),
    /// On nothing, by all that was seen.
    Nothing,
    /// Too little was seen to tell.
    Unknown,
}

/// A builder's tie to its builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The ids of the builds' builders, in order: one as a rule, and all of a set where a dependent
    /// scheduler waits for all of it.
    pub builds: Vec<u64>,
    /// Whether the build starts it even where the build itself was forced.
    pub starts: bool,
}

/// How many seconds after the build's end a dependent scheduler may take to submit.
const FOLLOWS: i64 = 2;

/// The newest requests of a builder that are looked at.
const LOOKED_AT: usize = 40;

/// What a builder depends on, by its requests that nobody forced. A request with a parent build hangs
/// on that one's builder. One without hangs, as a dependent scheduler has it, on what ended well on
/// the same revision in the seconds before it was submitted. What ended well and was not followed
/// speaks against a builder, so that those are told apart that end at the same time; at least two
/// requests more have to speak for it.
pub fn build_dependency(
    builder: u64,
    sets: &[Set],
    requests: &[Request],
    builds: &[Build],
) -> BuildDependency {
    let set_of: HashMap<u64, &Set> = sets.iter().map(|set| (set.id, set)).collect();
    let of_set = |request: &Request| set_of.get(&request.set).copied();
    let mut own: Vec<&Request> = requests.iter().filter(|r| r.builder == builder).collect();
    own.sort_unstable_by_key(|request| std::cmp::Reverse(request.id));
    let own: Vec<&Set> = own.into_iter().filter_map(of_set).filter(|set| !set.forced).collect();
    let own = &own[..own.len().min(LOOKED_AT)];
    if let Some(build) = triggering(own, builds) {
        return BuildDependency::On(Link { builds: vec![build], starts: true });
    }
    let Some(first) = own.iter().map(|set| set.submitted).min() else {
        return BuildDependency::Unknown;
    };
    let mut of_stamp: HashMap<u64, Vec<&Set>> = HashMap::new();
    own.iter().for_each(|set| of_stamp.entry(set.stamp).or_default().push(set));
    // Whether something of a builder that ended well was followed by the builder in question.
    let mut votes: HashMap<u64, (i32, bool)> = HashMap::new();
    // What was coalesced ended when something else arrived, which many things do at that moment.
    let told = |request: &&Request| request.results != Some(Results::Skipped);
    for request in requests.iter().filter(|request| request.builder != builder).filter(told) {
        let Some(set) = of_set(request).filter(|set| set.good) else { continue };
        let Some(complete) = set.complete.filter(|at| *at >= first.plus(-FOLLOWS)) else {
            continue;
        };
        let follows = |other: &&&Set| {
            other.id > set.id && (0..=FOLLOWS).contains(&other.submitted.since(complete))
        };
        let followed = of_stamp.get(&set.stamp).into_iter().flatten().find(follows).is_some();
        let vote = votes.entry(request.builder).or_default();
        match (followed, set.forced) {
            (true, forced) => {
                vote.0 += 1;
                vote.1 |= forced;
            }
            // Somebody may force a build without what follows it.
            (false, true) => {}
            (false, false) => vote.0 -= 1,
        }
    }
    let best = votes.values().map(|(count, _)| *count).max().unwrap_or(0);
    let mut leading: Vec<u64> = votes
        .iter()
        .filter(|(_, (count, _))| *count == best)
        .map(|(builder, _)| *builder)
        .collect();
    // One that was coalesced now and then has fewer votes, and is waited for all the same.
    if let [only] = leading.as_slice() {
        let only = *only;
        let with =
            |other: &&u64| **other != only && are_together(&[only, **other], &set_of, requests);
        leading.extend(votes.keys().filter(with).copied().collect::<Vec<_>>());
    }
    leading.sort_unstable();
    match leading.as_slice() {
        [first, second, ..] if best >= 2 && !are_together(&leading, &set_of, requests) => {
            BuildDependency::OneOf(*first, *second)
        }
        [_, ..] if best >= 2 => {
            let starts = leading.iter().any(|build| votes[build].1);
            BuildDependency::On(Link { builds: leading, starts })
        }
        _ if own.len() >= 2 => BuildDependency::Nothing,
        _ => BuildDependency::Unknown,
    }
}

/// Whether builders are in each other's buildsets, wherever nobody forced one of them.
fn are_together(builders: &[u64], set_of: &HashMap<u64, &Set>, requests: &[Request]) -> bool {
    let mut of: HashMap<u64, BTreeSet<u64>> = HashMap::new();
    for request in requests.iter().filter(|request| builders.contains(&request.builder)) {
        if set_of.get(&request.set).is_some_and(|set| !set.forced) {
            of.entry(request.builder).or_default().insert(request.set);
        }
    }
    let mut sets = builders.iter().map(|builder| of.get(builder));
    let first = sets.next().flatten();
    first.is_some() && sets.all(|other| other == first)
}

/// The builder whose builds trigger these sets: the newest that tells is believed.
fn triggering(own: &[&Set], builds: &[Build]) -> Option<u64> {
    let builder_of: HashMap<BuildId, u64> = builds.iter().map(|b| (b.id, b.builder)).collect();
    own.iter().find_map(|set| builder_of.get(&set.parent?)).copied()
}

/// Whether a request that depends on a build was submitted though there was none: the build's own
/// requests on the same revision were coalesced, and none of its builds had ended by then. The
/// coalesced one's buildset is called a success, and a dependent scheduler goes by that.
pub fn is_build_absent(submitted: At, build: &[(&Request, Vec<&Build>)]) -> bool {
    let coalesced = build
        .iter()
        .any(|(request, builds)| request.results == Some(Results::Skipped) && builds.is_empty());
    let says = |build: &&&Build| {
        use Results::{Failure, Success, Warnings};
        matches!(build.results, Some(Success | Warnings | Failure))
    };
    let mut ended = build.iter().flat_map(|(_, builds)| builds).filter(says);
    coalesced && !ended.any(|build| build.complete.is_some_and(|at| at <= submitted))
}

#[cfg(test)]
mod tests {
    use super::super::request::tests::{build, ended, request};
    use super::*;

    fn set(request: &Request, stamp: u64, complete: Option<i64>) -> Set {
        let complete = complete.map(At);
        let (id, submitted) = (request.set, request.submitted);
        Set { id, stamp, submitted, complete, good: true, parent: None, forced: false }
    }

    fn link(build: u64, starts: bool) -> Link {
        Link { builds: vec![build], starts }
    }

    const BUILD: u64 = 1;
    const TEST: u64 = 2;
    const SMOKE: u64 = 3;
    const DOCS: u64 = 4;

    /// Revisions of which each has a build, a test that follows it, and a smoke test that the
    /// build triggers.
    fn history(revisions: u64, forced: bool) -> (Vec<Set>, Vec<Request>, Vec<Build>) {
        let (mut sets, mut requests, mut builds) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..revisions {
            let start = 1000 * i as i64;
            let of_build = request(10 * i, BUILD, start);
            let test = request(10 * i + 5, TEST, start + 101);
            let smoke = request(10 * i + 1, SMOKE, start + 50);
            builds.push(build(i, &of_build, Some(Results::Success)));
            let made = set(&of_build, i, Some(start + 100));
            sets.push(Set { forced, ..made });
            sets.push(set(&test, i, Some(start + 200)));
            sets.push(Set { parent: Some(BuildId(i)), ..set(&smoke, i, Some(start + 70)) });
            requests.extend([of_build, test, smoke]);
        }
        (sets, requests, builds)
    }

    #[test]
    fn what_follows_and_what_is_triggered_hangs() {
        let (sets, requests, builds) = history(5, false);
        let of = |builder| build_dependency(builder, &sets, &requests, &builds);
        assert_eq!(of(TEST), BuildDependency::On(link(BUILD, false)));
        assert_eq!(of(SMOKE), BuildDependency::On(link(BUILD, true)));
        assert_eq!(of(BUILD), BuildDependency::Nothing);
        assert_eq!(of(9), BuildDependency::Unknown);
        let (sets, requests, builds) = history(5, true);
        let started = build_dependency(TEST, &sets, &requests, &builds);
        assert_eq!(started, BuildDependency::On(link(BUILD, true)));
        // Another builder that ends with the build is told apart where it alone ended well.
        let (mut sets, mut requests, builds) = history(5, false);
        for i in 0..6 {
            let docs = request(10 * i + 3, DOCS, 1000 * i as i64);
            sets.push(set(&docs, i, Some(1000 * i as i64 + 100)));
            requests.push(docs);
        }
        let told = build_dependency(TEST, &sets, &requests, &builds);
        assert_eq!(told, BuildDependency::On(link(BUILD, false)));
        sets.pop();
        assert_eq!(
            build_dependency(TEST, &sets, &requests, &builds),
            BuildDependency::OneOf(BUILD, DOCS)
        );
        // Of one follower nobody can tell, of one that was triggered everybody.
        let (sets, requests, builds) = history(1, false);
        assert_eq!(build_dependency(TEST, &sets, &requests, &builds), BuildDependency::Unknown);
        let triggered = build_dependency(SMOKE, &sets, &requests, &builds);
        assert_eq!(triggered, BuildDependency::On(link(BUILD, true)));
    }

    #[test]
    fn what_was_coalesced_in_a_burst_ties_nobody() {
        let (mut sets, mut requests) = (Vec::new(), Vec::new());
        // Commits of one second: each of them coalesces the one before on both builders.
        for i in 0..6 {
            for (n, builder) in [(0, DOCS), (1, BUILD)] {
                let one = request(10 * i + n, builder, 1000);
                let one = super::super::request::tests::ended(one, 1000, Results::Skipped);
                sets.push(set(&one, i, Some(1000)));
                requests.push(one);
            }
        }
        for builder in [BUILD, DOCS] {
            assert_eq!(build_dependency(builder, &sets, &requests, &[]), BuildDependency::Nothing);
        }
    }

    #[test]
    fn what_follows_a_whole_buildset_hangs_on_all_of_it() {
        let (sets, mut requests, builds) = history(5, false);
        // Another builder of the builds' own sets, as a scheduler of two builders has it.
        for i in 0..5 {
            let with = Request { set: requests[3 * i].set, ..request(700 + i as u64, DOCS, 0) };
            requests.push(with);
        }
        let both = Link { builds: vec![BUILD, DOCS], starts: false };
        assert_eq!(build_dependency(TEST, &sets, &requests, &builds), BuildDependency::On(both));
    }

    #[test]
    fn a_test_of_a_coalesced_build_proves_nothing_until_it_is_built() {
        let coalesced = ended(request(1, BUILD, 100), 110, Results::Skipped);
        let later = request(9, BUILD, 500);
        let done = build(4, &later, Some(Results::Success));
        assert!(is_build_absent(At(111), &[(&coalesced, vec![])]));
        let both = [(&coalesced, vec![]), (&later, vec![&done])];
        assert!(is_build_absent(At(111), &both));
        assert!(!is_build_absent(At(600), &both));
        assert!(!is_build_absent(At(600), &[]));
    }
}
