//! Failures by the ids of their signatures: what was read once can be named so afterwards.

use std::collections::BTreeSet;

use mozci_evidence::{About, Failure, Subject};
use serde::{Deserialize, Serialize};

use crate::ci::Ci;
use crate::error::Error;
use crate::store::FactKind;

/// What a signature stands for.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    test: Option<String>,
    group: Option<String>,
    text: String,
}

/// Failures of one run that are kept at the most.
const MOST: usize = 200;

/// Keeps what failures are of, by their signatures.
pub(super) fn keep<'a>(ci: &Ci, failures: impl Iterator<Item = &'a Failure>) {
    let kept = failures.take(MOST).map(|failure| {
        let (test, group) = (failure.test.clone(), failure.group.clone());
        let text = failure.signature.text().to_owned();
        (failure.signature.id().to_owned(), Kept { test, group, text })
    });
    ci.keep(FactKind::Signature, kept);
}

/// The failure of a signature.
///
/// # Errors
/// [`Error::NotFound`] for one that was not read here.
pub(super) fn about(ci: &Ci, id: &str, subject: Option<Subject>) -> Result<About, Error> {
    let kept: Kept = ci.fact(FactKind::Signature, id).ok_or_else(|| {
        Error::NotFound(format!(
            "no failure with the signature {id} was read here: `mozci failures` reads failures and shows their signatures"
        ))
    })?;
    let test = kept.test.map(Subject::Test).or(kept.group.map(Subject::Group));
    Ok(About::named(subject.or(test), BTreeSet::from([kept.text])))
}
