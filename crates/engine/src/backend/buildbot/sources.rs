//! Builds that failed before they had the revision that they were of: a checkout that fails says nothing
//! of the push, and least of all where the revision is another repository's.

use std::collections::{HashMap, HashSet};

use mozci_clients::buildbot::Got;
use mozci_core::farm::{Build, Results};
use mozci_core::ids::BuildId;

use crate::backend::buildbot::farm::Farm;
use crate::backend::buildbot::rows::Rows;
use crate::ci::Ci;
use crate::error::Error;

/// Failed builds that are requested what they found: the newest ones.
const MOST_FAILED: usize = 400;

/// The failed builds that found no revision of a codebase of which a good build of the same builder found
/// one. Where no good build is there, or its steps tell no revision, nothing is known.
pub(crate) async fn without(ci: &Ci, farm: &Farm, rows: &Rows) -> Result<HashSet<BuildId>, Error> {
    let mut failed: Vec<&Build> = rows
        .builds
        .iter()
        .filter(|build| rows.push_of.contains_key(&build.request))
        .filter(|build| matches!(build.results, Some(Results::Failure | Results::Exception)))
        .collect();
    failed.sort_unstable_by_key(|build| std::cmp::Reverse(build.id));
    if failed.len() > MOST_FAILED {
        ci.note(format!(
            "{} builds failed; the newest {MOST_FAILED} are asked whether they had their revision",
            failed.len()
        ));
        failed.truncate(MOST_FAILED);
    }
    let builders: HashSet<u64> = failed.iter().map(|build| build.builder).collect();
    let mut good: HashMap<u64, BuildId> = HashMap::new();
    let is_good = |b: &&Build| matches!(b.results, Some(Results::Success | Results::Warnings));
    for build in rows.builds.iter().filter(is_good).filter(|b| builders.contains(&b.builder)) {
        let newest = good.entry(build.builder).or_insert(build.id);
        *newest = build.id.max(*newest);
    }
    failed.retain(|build| good.contains_key(&build.builder));
    if failed.is_empty() {
        return Ok(HashSet::new());
    }
    let mut ids: Vec<BuildId> = failed.iter().map(|build| build.id).collect();
    ids.extend(good.values());
    let what = "cannot read whether builds that failed had their revision";
    let got = farm.got(&ids).await.map_err(Error::service(what))?;
    let lacks = |build: &&Build| {
        let theirs = good.get(&build.builder).and_then(|good| got.get(good));
        lacks(theirs, got.get(&build.id))
    };
    Ok(failed.into_iter().filter(lacks).map(|build| build.id).collect())
}

/// Whether a failed build lacks what a good one of the same builder found.
fn lacks(good: Option<&Got>, failed: Option<&Got>) -> bool {
    let (Some(good), Some(failed)) = (good, failed) else { return false };
    good.keys().any(|codebase| !failed.contains_key(codebase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_what_a_good_one_found_never_had_its_revision() {
        let got = |codebases: &[&str]| -> Got {
            codebases.iter().map(|name| ((*name).to_owned(), "a".repeat(40))).collect()
        };
        let cases: [(Option<Got>, Option<Got>, bool); 7] = [
            (Some(got(&[""])), Some(got(&[])), true),
            (Some(got(&[""])), Some(got(&[""])), false),
            (Some(got(&["app", "lib"])), Some(got(&["app"])), true),
            (Some(got(&["app", "lib"])), Some(got(&["app", "lib"])), false),
            // Steps of their own that tell no revision.
            (Some(got(&[])), Some(got(&[])), false),
            (None, Some(got(&[])), false),
            // The master did not say.
            (Some(got(&[""])), None, false),
        ];
        for (good, failed, expected) in cases {
            assert_eq!(lacks(good.as_ref(), failed.as_ref()), expected, "{good:?} {failed:?}");
        }
    }
}
