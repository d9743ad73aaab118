//! The pushes of a range.

use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, keeps};

use crate::ci::Ci;
use crate::error::Error;
use crate::store::FactKind;

/// Pushes in a row, newest first.
#[derive(Debug, Clone)]
pub struct RangePushes {
    /// The pushes.
    pub pushes: Vec<Push>,
    /// Which of them everything is counted from.
    pub origin: usize,
    /// Whether there is no older push in the repository.
    pub at_start: bool,
    keeps: Vec<bool>,
}

impl RangePushes {
    /// Whether `--every` keeps a push.
    pub fn keeps(&self, index: usize) -> bool {
        self.keeps.get(index).copied().unwrap_or(false)
    }

    /// Only the pushes that `--every` keeps.
    pub fn thinned(&self) -> impl Iterator<Item = &Push> {
        self.pushes.iter().zip(&self.keeps).filter(|(_, keeps)| **keeps).map(|(push, _)| push)
    }
}

/// Pushes of one range at the most; more are refused, not cut off.
pub(crate) const MOST: usize = 5000;

/// Reads the pushes of a range.
///
/// # Errors
/// [`Error::Usage`] for a range that runs the wrong way or is too long, [`Error::NotFound`] for an
/// empty one.
pub async fn read_range(ci: &Ci, spec: &RangeSpec) -> Result<RangePushes, Error> {
    let (mut pushes, origin, at_start) = ci.pushes.range(ci, spec).await?;
    if pushes.len() > MOST {
        return Err(too_long(pushes.len()));
    }
    ci.put_names(&mut pushes);
    let kept = (0..pushes.len()).map(|i| keeps(spec.every, pushes.len(), origin, i)).collect();
    Ok(RangePushes { pushes, origin, at_start, keeps: kept })
}

/// Fills in the first lines of the commits at the heads of pushes that are shown to people.
pub async fn read_summaries(ci: &Ci, pushes: &mut [Push]) {
    ci.pushes.summarise(ci, pushes).await;
}

/// The first line of the commit at a push's head, as far as that is known without a request.
pub fn known_summary(ci: &Ci, push: &Push) -> Option<String> {
    let kept = || ci.fact(FactKind::Summary, &push.id.number().to_string());
    push.summary.clone().or_else(kept)
}

pub(crate) fn too_long(pushes: usize) -> Error {
    Error::Usage(format!("the range has {pushes} pushes, and {MOST} are the most: narrow it"))
}

pub(crate) fn reversed(from: &Push, rev: &Push) -> Error {
    Error::Usage(format!(
        "the range runs the wrong way: --from-rev is push {} and --rev is the older push {}; swap them",
        from.id, rev.id
    ))
}

pub(crate) fn empty(ci: &Ci, rev: &Push) -> Error {
    Error::NotFound(format!(
        "the range is empty: {} has no push since then up to push {} ({})",
        ci.repo,
        rev.id,
        rev.revision.short()
    ))
}
