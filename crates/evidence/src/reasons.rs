//! Why a job is red: the tests and groups that failed in its runs on one push, the likeliest first.

use std::collections::{BTreeMap, BTreeSet};

use crate::failure::{Failure, Kind};
use crate::proof::About;
use crate::subject::Subject;

/// Something that failed in runs of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// What runs are judged by to chase it.
    pub about: About,
    /// The runs in which it failed.
    pub runs: u32,
    /// Its failures in all of them.
    failures: u32,
}

impl Reason {
    /// What it is called; none for a failure outside of all tests.
    pub fn name(&self) -> Option<&str> {
        self.about.subject.as_ref().map(Subject::name)
    }
}

/// The reasons for which runs failed, from the failures of each: what failed in most runs first. One
/// test of a group is chased as that test, several as the group. A failure outside of all tests is a
/// reason only where no test and no group failed: then it is chased by its signature.
pub fn reasons<'a, F>(runs: impl IntoIterator<Item = F>) -> Vec<Reason>
where
    F: IntoIterator<Item = &'a Failure>,
{
    let mut groups: BTreeMap<&str, Tally<'a>> = BTreeMap::new();
    let mut alone: BTreeMap<&str, Tally<'a>> = BTreeMap::new();
    let mut outside: Tally<'a> = Tally::default();
    for (run, failures) in runs.into_iter().enumerate() {
        // The infrastructure's failures say nothing of the push, and a guess nothing at all.
        for failure in failures.into_iter().filter(|f| !matches!(f.kind, Kind::Infra | Kind::Guess))
        {
            let (test, group) = (failure.test.as_deref(), failure.group.as_deref());
            let tally = match (group, test) {
                (Some(group), _) => groups.entry(group).or_default(),
                (None, Some(test)) => alone.entry(test).or_default(),
                (None, None) => &mut outside,
            };
            tally.runs.insert(run);
            tally.failures += 1;
            tally.tests.extend(test);
            tally.of_group |= group.is_some() && test.is_none();
            tally.signatures.insert(failure.signature.text());
        }
    }
    let mut reasons: Vec<Reason> = Vec::new();
    for (group, tally) in &groups {
        let only = match (tally.tests.len(), tally.of_group) {
            (1, false) => tally.tests.first().map(|test| Subject::Test((*test).to_owned())),
            _ => None,
        };
        let subject = only.unwrap_or_else(|| Subject::Group((*group).to_owned()));
        reasons.push(tally.reason(Some(subject), Some((*group).to_owned())));
    }
    for (test, tally) in &alone {
        reasons.push(tally.reason(Some(Subject::Test((*test).to_owned())), None));
    }
    if reasons.is_empty() && !outside.runs.is_empty() {
        reasons.push(outside.reason(None, None));
    }
    // Names come in their order already, and stay so where nothing tells two apart.
    reasons.sort_by_key(|reason| std::cmp::Reverse((reason.runs, reason.failures)));
    reasons
}

/// What is counted of one group or test.
#[derive(Debug, Default)]
struct Tally<'a> {
    runs: BTreeSet<usize>,
    failures: u32,
    tests: BTreeSet<&'a str>,
    /// Whether something failed in the group that is no test's.
    of_group: bool,
    signatures: BTreeSet<&'a str>,
}

impl Tally<'_> {
    fn reason(&self, subject: Option<Subject>, manifest: Option<String>) -> Reason {
        let signatures = match subject {
            // How it fails may differ from run to run.
            Some(_) => BTreeSet::new(),
            None => self.signatures.iter().map(|text| (*text).to_owned()).collect(),
        };
        let about = About { subject, signatures, manifest, inferred: true };
        let runs = u32::try_from(self.runs.len()).unwrap_or(u32::MAX);
        Reason { about, runs, failures: self.failures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Where;

    fn failure(group: Option<&str>, test: Option<&str>, kind: Kind) -> Failure {
        let at = Where { line: 1, byte: 0 };
        Failure {
            group: group.map(str::to_owned),
            test: test.map(str::to_owned),
            message: Some("went wrong".into()),
            ..Failure::new(kind, at)
        }
        .sign()
    }

    fn names(runs: &[Vec<Failure>]) -> Vec<(Option<String>, u32)> {
        let found = reasons(runs.iter().map(|run| run.iter()));
        found.iter().map(|reason| (reason.name().map(str::to_owned), reason.runs)).collect()
    }

    #[test]
    fn what_failed_in_most_runs_comes_first() {
        let a = || failure(Some("g"), Some("g/a"), Kind::Unexpected);
        let b = || failure(Some("h"), Some("h/b"), Kind::Timeout);
        let runs = [vec![b(), a()], vec![a()], vec![a(), a()]];
        assert_eq!(names(&runs), [(Some("g/a".into()), 3), (Some("h/b".into()), 1)]);
        let found = reasons(runs.iter().map(|run| run.iter()));
        assert_eq!(found[0].about.manifest.as_deref(), Some("g"));
        assert!(found[0].about.inferred && found[0].about.signatures.is_empty());
    }

    #[test]
    fn several_tests_of_a_group_are_the_group_and_so_is_a_failure_of_its_own() {
        let of = |test| failure(Some("g"), test, Kind::Crash);
        assert_eq!(names(&[vec![of(Some("g/a")), of(Some("g/b"))]]), [(Some("g".into()), 1)]);
        assert_eq!(names(&[vec![of(None)], vec![of(Some("g/a"))]]), [(Some("g".into()), 2)]);
    }

    #[test]
    fn a_failure_outside_of_tests_counts_only_alone_and_the_infrastructures_never() {
        let outside = || failure(None, None, Kind::Build);
        assert_eq!(names(&[vec![outside()]]), [(None, 1)]);
        let found = reasons([[outside()].iter()]);
        assert_eq!(found[0].about.signatures.len(), 1);
        let test = failure(None, Some("t"), Kind::Unexpected);
        assert_eq!(names(&[vec![outside(), test]]), [(Some("t".into()), 1)]);
        assert_eq!(names(&[vec![failure(None, None, Kind::Infra)]]), []);
        assert_eq!(names(&[]), []);
    }
}
