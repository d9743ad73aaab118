//! Chunks: which of a suite's jobs runs a test or a manifest on a push. Manifests are dealt to chunks
//! anew on every push, so that the same one may be in the third chunk here and in the fourth there:
//! a label alone says nothing of what ran.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::ids::JobName;

/// What is requested on a push so that a test or manifest runs there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Narrow {
    /// The manifests that are to run.
    pub manifests: Vec<String>,
    /// Whether the chunk that is requested is known to run them, on this push or on the nearest that
    /// tells; no task of the range does otherwise.
    pub dealt: bool,
    /// The symbol under which the runs are shown, where one is known.
    #[serde(skip)]
    pub symbol: Option<String>,
}

/// What one task of a chunk was given to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deal {
    /// The push, by its place in the range.
    pub push: usize,
    /// The chunk.
    pub job: JobName,
    /// Whether what is asked about is among it.
    pub has: bool,
}

/// A chunk's label without its number: `test-linux2404-64/opt-xpcshell` of `…-xpcshell-3`. None for
/// a job that is no chunk.
pub fn stem(job: &str) -> Option<&str> {
    let (stem, number) = job.rsplit_once('-')?;
    // A year or a version is no chunk.
    let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    (is_number && !stem.is_empty()).then_some(stem)
}

/// The manifests that may hold a test: of those in its folder or above it the nearest ones. A
/// manifest of web-platform-tests is a folder itself.
pub fn manifests_of<'a>(
    test: &str,
    manifests: impl IntoIterator<Item = &'a str>,
) -> BTreeSet<&'a str> {
    let mut nearest = (0, BTreeSet::new());
    for manifest in manifests {
        let folder = folder(manifest);
        let depth = (!folder.is_empty() && is_below(test, folder)).then_some(folder.len());
        match depth {
            Some(depth) if depth > nearest.0 => nearest = (depth, BTreeSet::from([manifest])),
            Some(depth) if depth == nearest.0 => {
                nearest.1.insert(manifest);
            }
            _ => {}
        }
    }
    nearest.1
}

/// The manifests that somebody means who names a test, a manifest or a folder: itself, else those that
/// may hold it, else those below it. A test of web-platform-tests may be named as it lies in the tree.
pub fn manifests_meant<'a>(
    path: &str,
    manifests: impl IntoIterator<Item = &'a str> + Clone,
) -> BTreeSet<&'a str> {
    const TREES: [(&str, &str); 2] = [
        ("testing/web-platform/tests/", "/"),
        ("testing/web-platform/mozilla/tests/", "/_mozilla/"),
    ];
    let in_tree = TREES
        .iter()
        .find_map(|(tree, root)| path.strip_prefix(tree).map(|rest| format!("{root}{rest}")));
    let path = in_tree.as_deref().unwrap_or(path).trim_end_matches('/');
    let itself: BTreeSet<&str> = manifests.clone().into_iter().filter(|m| *m == path).collect();
    if !itself.is_empty() {
        return itself;
    }
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    // A folder has what is in it; only where nothing is does what lies above run it.
    let inside: BTreeSet<&str> = match is_file {
        true => BTreeSet::new(),
        false => manifests.clone().into_iter().filter(|m| is_below(m, path)).collect(),
    };
    if inside.is_empty() { manifests_of(path, manifests) } else { inside }
}

/// The folder of a manifest's tests: its own, or itself where it is one.
fn folder(manifest: &str) -> &str {
    match manifest.rsplit_once('/') {
        Some((folder, file)) if file.contains('.') => folder,
        Some(_) => manifest,
        None => "",
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// The chunk to request on a push: its own that has what is asked about, else the one that has it
/// on the nearest push, unless that one is known not to have it here.
pub fn chunk_for(push: usize, deals: &[Deal]) -> Option<&JobName> {
    let own = |job: &JobName, has| {
        deals.iter().any(|deal| deal.push == push && deal.job == *job && deal.has == has)
    };
    let has = deals.iter().filter(|deal| deal.has);
    let fits = has.filter(|deal| own(&deal.job, true) || !own(&deal.job, false));
    fits.min_by_key(|deal| (deal.push.abs_diff(push), deal.push)).map(|deal| &deal.job)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chunk_is_a_number_at_the_end() {
        let check = |job: &str, expected: Option<&str>| assert_eq!(stem(job), expected, "{job}");
        check("test-linux2404-64/opt-xpcshell-3", Some("test-linux2404-64/opt-xpcshell"));
        check(
            "test-windows11-64-24h2/debug-web-platform-tests-12",
            Some("test-windows11-64-24h2/debug-web-platform-tests"),
        );
        check("build-linux64/opt", None);
        check("source-test-mozlint-eslint", None);
        check("release-2026", None);
        check("-3", None);
    }

    #[test]
    fn the_nearest_manifests_above_a_test() {
        let all = [
            "dom/base/test/mochitest.toml",
            "dom/base/test/browser.toml",
            "dom/mochitest.toml",
            "/css/css-grid",
            "/css/css-grid/alignment",
            "dom/base/tests/mochitest.toml",
        ];
        let check = |test: &str, expected: &[&str]| {
            let found: Vec<&str> = manifests_of(test, all).into_iter().collect();
            assert_eq!(found, expected, "{test}");
        };
        check(
            "dom/base/test/test_a.html",
            &["dom/base/test/browser.toml", "dom/base/test/mochitest.toml"],
        );
        check(
            "dom/base/test/deep/test_a.html",
            &["dom/base/test/browser.toml", "dom/base/test/mochitest.toml"],
        );
        check("dom/other/test_a.html", &["dom/mochitest.toml"]);
        check("/css/css-grid/alignment/a.html", &["/css/css-grid/alignment"]);
        check("/css/css-grid/a.html", &["/css/css-grid"]);
        check("layout/a.html", &[]);
        check("", &[]);
    }

    #[test]
    fn a_test_a_manifest_or_a_folder_names_manifests() {
        let all = ["dom/a/mochitest.toml", "dom/a/deep/xpcshell.toml", "/css/grid", "/_mozilla/x"];
        let check = |path: &str, expected: &[&str]| {
            let found: Vec<&str> = manifests_meant(path, all).into_iter().collect();
            assert_eq!(found, expected, "{path}");
        };
        check("dom/a/mochitest.toml", &["dom/a/mochitest.toml"]);
        check("dom/a/test_1.html", &["dom/a/mochitest.toml"]);
        check("dom/a/", &["dom/a/deep/xpcshell.toml", "dom/a/mochitest.toml"]);
        check("dom/a/other", &["dom/a/mochitest.toml"]);
        check("testing/web-platform/tests/css/grid/a.html", &["/css/grid"]);
        check("testing/web-platform/mozilla/tests/x", &["/_mozilla/x"]);
        check("/css", &["/css/grid"]);
        check("nowhere/a.js", &[]);
    }

    #[test]
    fn the_nearest_deal_is_asked_for_unless_it_is_known_not_to_hold() {
        let deal = |push, job: &str, has| Deal { push, job: JobName::new(job), has };
        let deals = [
            deal(0, "c-3", true),
            deal(0, "c-4", false),
            deal(6, "c-4", true),
            deal(5, "c-4", false),
        ];
        let check = |push, expected: Option<&str>| {
            assert_eq!(chunk_for(push, &deals).map(JobName::as_str), expected, "push {push}");
        };
        check(0, Some("c-3"));
        check(1, Some("c-3"));
        check(4, Some("c-4"));
        // Here the fourth chunk ran something else.
        check(5, Some("c-3"));
        check(9, Some("c-4"));
        assert_eq!(chunk_for(1, &deals[1..2]), None);
        assert_eq!(chunk_for(1, &[]), None);
    }

    proptest! {
        #[test]
        fn a_chunk_that_is_known_not_to_hold_is_never_asked_for(
            deals in prop::collection::vec((0usize..6, 0u8..4, any::<bool>()), 0..20),
            push in 0usize..6,
        ) {
            let deals: Vec<Deal> = deals
                .into_iter()
                .map(|(push, job, has)| Deal { push, job: JobName::new(format!("c-{job}")), has })
                .collect();
            let here = |job: &JobName, has| {
                deals.iter().any(|d| d.push == push && d.job == *job && d.has == has)
            };
            match chunk_for(push, &deals) {
                Some(job) => prop_assert!(here(job, true) || !here(job, false)),
                None => prop_assert!(
                    deals.iter().filter(|d| d.has).all(|d| here(&d.job, false) && !here(&d.job, true))
                ),
            }
        }
    }
}
