//! Which listed requests came of which trigger requests: BuildAPI says of neither.

use std::collections::BTreeSet;

use crate::ids::BuildRequestId;

/// The requests that came of some trigger requests for one builder on one revision, in the order in which they
/// were asked: of those that were not listed yet when it was asked the first that no earlier request
/// takes. That it is somebody else's makes no difference to how many runs there are.
pub fn match_requests(
    known: &[BTreeSet<BuildRequestId>],
    listed: &BTreeSet<BuildRequestId>,
) -> Vec<Option<BuildRequestId>> {
    let mut taken: BTreeSet<BuildRequestId> = BTreeSet::new();
    let first = |known: &BTreeSet<BuildRequestId>, taken: &BTreeSet<BuildRequestId>| {
        listed.iter().find(|id| !known.contains(id) && !taken.contains(id)).copied()
    };
    known
        .iter()
        .map(|known| {
            let found = first(known, &taken);
            taken.extend(found);
            found
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_new_request_is_one_askings() {
        let ids = |ids: &[u64]| ids.iter().map(|id| BuildRequestId(*id)).collect::<BTreeSet<_>>();
        let of = |known: &[&[u64]], listed: &[u64]| {
            let known: Vec<_> = known.iter().map(|known| ids(known)).collect();
            let found = match_requests(&known, &ids(listed));
            found.into_iter().map(|id| id.map(|id| id.0)).collect::<Vec<_>>()
        };
        assert_eq!(of(&[&[1], &[1]], &[1]), [None, None]);
        assert_eq!(of(&[&[1], &[1]], &[1, 7]), [Some(7), None]);
        assert_eq!(of(&[&[1], &[1], &[1, 7, 8]], &[1, 7, 8]), [Some(7), Some(8), None]);
        assert_eq!(of(&[], &[1]), []);
    }
}
