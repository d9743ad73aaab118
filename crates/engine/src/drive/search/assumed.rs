//! What a verdict rests on.

use mozci_core::culprit::{Assumption, Known, assumptions};
use mozci_core::rate::Rate;

use crate::drive::search::outcome::Finished;

/// What the verdict rests on, and what of it was checked.
pub fn assumed(finished: &Finished<'_>) -> Vec<Assumption> {
    let about = finished.question.about.as_ref();
    let name = about.map(|about| match (&about.subject, about.signatures.is_empty()) {
        (Some(subject), true) => subject.name().to_owned(),
        (Some(subject), false) => format!("one failure of {}", subject.name()),
        (None, _) => "one failure".to_owned(),
    });
    let culprits = finished.culprits;
    let counts = finished.search.counts().first().copied().unwrap_or_default();
    assumptions(&Known {
        judged_by: name.as_deref(),
        commits_read: !culprits.is_empty() && culprits.iter().all(|c| !c.commits.is_empty()),
        good: Rate::of(counts.failed, counts.telling()),
        older: finished.search.posterior().suspects.first().copied().unwrap_or(0.0),
    })
}
