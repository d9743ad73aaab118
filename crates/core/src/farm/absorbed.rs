//! Which request absorbed another.

use std::collections::{HashMap, HashSet};

use super::request::{Request, Results};
use crate::ids::BuildRequestId;

/// How far, in seconds, the absorbing request's submission may lie from the claim by which the
/// other was coalesced: the master does both at once, and writes whole seconds.
const APART: i64 = 2;

/// For each coalesced request the one that was built, or is to be, in its place, as far as it can
/// be told.
///
/// Nothing on the master points from one to the other: it is the smallest id above it on the same
/// builder that was submitted when the other was claimed; and so on while that was coalesced too.
pub fn absorbers(
    requests: &[Request],
    built: &HashSet<BuildRequestId>,
) -> HashMap<BuildRequestId, BuildRequestId> {
    let is_coalesced = |request: &Request| {
        request.results == Some(Results::Skipped) && !built.contains(&request.id)
    };
    let mut of_builder: HashMap<u64, Vec<&Request>> = HashMap::new();
    for request in requests {
        of_builder.entry(request.builder).or_default().push(request);
    }
    let mut next: HashMap<BuildRequestId, BuildRequestId> = HashMap::new();
    for list in of_builder.values_mut() {
        list.sort_unstable_by_key(|request| request.id);
        for (place, request) in list.iter().enumerate().filter(|(_, r)| is_coalesced(r)) {
            let Some(claimed) = request.claimed.or(request.complete) else { continue };
            let later = list[place + 1..].iter();
            let mut near = later.filter(|other| other.submitted.since(claimed).abs() <= APART);
            if let Some(absorber) = near.next() {
                next.insert(request.id, absorber.id);
            }
        }
    }
    // Ids only rise along a chain, so that it ends.
    let last = |mut id: BuildRequestId| {
        while let Some(into) = next.get(&id) {
            id = *into;
        }
        id
    };
    // On a busy master a step of the chain may take longer: then nobody can tell where it ends.
    let lost: HashSet<BuildRequestId> = requests
        .iter()
        .filter(|request| is_coalesced(request) && !next.contains_key(&request.id))
        .map(|request| request.id)
        .collect();
    let ends = next.iter().map(|(id, into)| (*id, last(*into)));
    ends.filter(|(_, into)| !lost.contains(into)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::request::tests::{ended, request};
    use super::*;

    #[test]
    fn the_chain_is_followed_to_what_was_built() {
        let coalesced = |id, submitted, at| ended(request(id, 7, submitted), at, Results::Skipped);
        let requests = [
            coalesced(1, 100, 110),
            coalesced(2, 110, 120),
            request(3, 8, 120),
            request(4, 7, 120),
            // Nobody came when this one was skipped: it is not said into what.
            coalesced(5, 130, 300),
            // Skipped with a build is no coalescing.
            coalesced(6, 140, 150),
            request(7, 7, 150),
        ];
        let built = HashSet::from([BuildRequestId(6)]);
        let found = absorbers(&requests, &built);
        let mut pairs: Vec<_> = found.into_iter().map(|(a, b)| (a.0, b.0)).collect();
        pairs.sort_unstable();
        assert_eq!(pairs, [(1, 4), (2, 4)]);
    }

    proptest! {
        /// Whatever a master tells: what was built in a request's place came after it, on the same
        /// builder, and was not coalesced itself as far as that can be told.
        #[test]
        fn what_absorbed_another_came_later(
            rows in prop::collection::vec((1u64..4, 0i64..40, prop::option::of(0i64..6), prop::bool::ANY), 0..30),
        ) {
            let requests: Vec<Request> = (1u64..)
                .zip(rows)
                .map(|(id, (builder, at, after, skipped))| {
                    let results = if skipped { Results::Skipped } else { Results::Success };
                    let open = request(id, builder, at);
                    after.map_or(open.clone(), |after| ended(open, at + after, results))
                })
                .collect();
            let found = absorbers(&requests, &HashSet::new());
            let of = |id: BuildRequestId| requests.iter().find(|request| request.id == id).unwrap();
            for (from, into) in &found {
                prop_assert!(into > from);
                prop_assert_eq!(of(*from).builder, of(*into).builder);
                prop_assert_eq!(of(*from).results, Some(Results::Skipped));
                prop_assert!(!found.contains_key(into));
                prop_assert_ne!(of(*into).results, Some(Results::Skipped));
            }
        }
    }
}
