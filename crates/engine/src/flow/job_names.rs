//! The names of the jobs that there are.

use std::num::NonZeroU32;

use mozci_core::filter::JobFilter;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::{Matrix, choose, read_range};
use crate::store::FactKind;

/// Pushes that are looked through for one that says what can run.
const LOOKED_THROUGH: u32 = 9;

/// Names that are kept at the most.
const MOST: usize = 100_000;

/// The names that were seen last, without any request: they may be old.
pub fn seen_names(ci: &Ci) -> Vec<String> {
    ci.fact(FactKind::Jobs, "").unwrap_or_default()
}

/// The names of the jobs that can run on a push, or on the newest of those before it that tells.
///
/// # Errors
/// [`Error::NotFound`] where nobody tells.
pub async fn job_names(ci: &Ci, rev: RevisionSpec) -> Result<Vec<String>, Error> {
    let reach = Reach::Back(LOOKED_THROUGH);
    let range = read_range(ci, &RangeSpec { rev, reach, every: NonZeroU32::MIN }).await?;
    let all = JobFilter { any_kind: true, ..JobFilter::default() };
    let chosen = choose(ci, &range.pushes, &all).await?;
    let names: Vec<String> = chosen.jobs.iter().map(ToString::to_string).collect();
    keep(ci, &names);
    Ok(names)
}

/// Keeps the names of the jobs that ran, beside those that were seen before.
pub(crate) fn keep_seen(ci: &Ci, matrix: &Matrix) {
    let mut names = seen_names(ci);
    let before = names.len();
    names.extend(matrix.jobs.iter().map(|(job, _)| job.to_string()));
    names.sort_unstable();
    names.dedup();
    if names.len() > before {
        keep(ci, &names);
    }
}

fn keep(ci: &Ci, names: &[String]) {
    if names.len() <= MOST {
        ci.keep(FactKind::Jobs, [(String::new(), names)]);
    }
}
