//! Ranges: a revision and how far around it.

use std::num::NonZeroU32;

use crate::revision::RevisionSpec;
use crate::time::At;

/// Which pushes are asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeSpec {
    /// The push that everything is counted from.
    pub rev: RevisionSpec,
    /// How far around it.
    pub reach: Reach,
    /// Only every so many pushes, counted from `rev`; both ends are kept.
    pub every: NonZeroU32,
}

/// How far around its revision a range goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// The one push.
    Single,
    /// Back to this revision's push, which is included.
    From(RevisionSpec),
    /// So many pushes before it, the revision's own push besides.
    Back(u32),
    /// So many pushes before and so many after.
    Delta(u32),
    /// Every push since then.
    Since(At),
}

/// Whether `--every` keeps the push at `index` of a range of `len`, in which the push that is
/// counted from stands at `origin`.
pub fn keeps(every: NonZeroU32, len: usize, origin: usize, index: usize) -> bool {
    index == 0
        || index + 1 == len
        || (index.abs_diff(origin) as u64).is_multiple_of(u64::from(every.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counts_from_the_revision_and_keeps_both_ends() {
        let kept = |every, len, origin| -> Vec<usize> {
            let every = NonZeroU32::new(every).unwrap();
            (0..len).filter(|i| keeps(every, len, origin, *i)).collect()
        };
        assert_eq!(kept(1, 4, 0), [0, 1, 2, 3]);
        assert_eq!(kept(3, 8, 0), [0, 3, 6, 7]);
        assert_eq!(kept(3, 9, 4), [0, 1, 4, 7, 8]);
        assert_eq!(kept(2, 1, 0), [0]);
    }
}
