//! What a run says of a test, a group or a failure: the verdict that backfills and searches go by.

use std::collections::BTreeSet;

use mozci_core::run::{Proof, Says};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::subject::{Seen, Subject};

/// What runs are judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The test or group, where there is one: a failure outside of all tests has none.
    pub subject: Option<Subject>,
    /// The signatures of which one has to occur; any unexpected result will do where there are
    /// none.
    pub signatures: BTreeSet<String>,
    /// The manifest that runs the test, where a run told it. Else it follows from the test's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// Whether nobody requested this: it is why a job is red on a push. A green run of the job that
    /// was given the manifest passed then, and need not be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
}

impl About {
    /// What somebody requests.
    pub fn named(subject: Option<Subject>, signatures: BTreeSet<String>) -> Self {
        Self { subject, signatures, manifest: None, inferred: false }
    }
}

/// What a run says. It is bad if the subject failed there (in that way, if a way is requested), good
/// if it ran and passed, be the run red or green, and tells nothing otherwise.
///
/// `failures` are all that were found in the run, `seen` what the sources saw of the subject, and
/// `run_passed` whether the run as a whole ended well.
pub fn prove<'a>(
    about: &About,
    failures: impl IntoIterator<Item = &'a Failure>,
    seen: Seen,
    run_passed: bool,
) -> Proof {
    let proof = |says, why: &str| Proof { says, why: why.into() };
    // A guess has no part in judging.
    let same = |failure: &&Failure| {
        failure.kind != crate::Kind::Guess && about.signatures.contains(failure.signature.text())
    };
    let occurred = failures.into_iter().any(|failure| same(&failure));
    match (about.signatures.is_empty(), occurred, &about.subject) {
        (false, true, _) => proof(Says::Bad, "the same failure"),
        (false, false, None) => match run_passed {
            true => proof(Says::Good, "the run passed"),
            false => proof(Says::Unknown, "it failed in another way"),
        },
        (_, _, subject) => match (seen, about.signatures.is_empty(), subject) {
            (Seen::Passed, ..) => proof(Says::Good, "it passed"),
            (Seen::Failed, true, _) => proof(Says::Bad, "it failed"),
            (Seen::Failed, false, _) => proof(Says::Unknown, "it failed in another way"),
            (Seen::NotRun, ..) => proof(Says::NotRun, Seen::NotRun.words()),
            (seen, ..) => proof(Says::Unknown, seen.words()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Kind, Where};

    #[test]
    fn a_run_is_judged_by_what_is_asked_for() {
        let failure = |message: &str| {
            let at = Where { line: 1, byte: 0 };
            let message = Some(message.to_owned());
            Failure { message, test: Some("t".into()), ..Failure::new(Kind::Unexpected, at) }.sign()
        };
        let (ours, other) = (failure("got 1, expected 2"), failure("something else"));
        let test = Some(Subject::Test("t".into()));
        let any = About::named(test.clone(), BTreeSet::new());
        let one = BTreeSet::from([ours.signature.text().to_owned()]);
        let way = About::named(test, one.clone());
        let outside = About::named(None, one);
        let check = |about, failures: &[&Failure], seen, passed, says| {
            let proof = prove(about, failures.iter().copied(), seen, passed);
            assert_eq!(proof.says, says, "{seen:?}: {}", proof.why);
        };
        check(&any, &[&other], Seen::Failed, false, Says::Bad);
        check(&any, &[], Seen::Passed, false, Says::Good);
        check(&any, &[], Seen::NotRun, true, Says::NotRun);
        check(&way, &[], Seen::NotRun, false, Says::NotRun);
        for seen in [Seen::NotTold, Seen::Skipped, Seen::Tolerated, Seen::Unfinished] {
            check(&any, &[], seen, true, Says::Unknown);
            check(&way, &[], seen, true, Says::Unknown);
        }
        check(&way, &[&failure("got 7, expected 9")], Seen::Failed, false, Says::Bad);
        check(&way, &[&other], Seen::Failed, false, Says::Unknown);
        check(&way, &[], Seen::Passed, false, Says::Good);
        check(&outside, &[], Seen::NotTold, true, Says::Good);
        check(&outside, &[&other], Seen::NotTold, false, Says::Unknown);
        check(&outside, &[&ours], Seen::NotTold, false, Says::Bad);
    }
}
