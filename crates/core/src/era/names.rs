//! What a builder's name says.

/// What marks a test in a name, with what stands before the suite.
const TESTS: [&str; 2] = [" test ", " talos "];

/// Suffixes of platforms that say how they are built.
const TYPES: [&str; 4] = ["debug", "pgo", "asan", "tsan"];

/// Branches whose usual builds are optimised with profiles.
const RELEASES: [&str; 6] = [
    "mozilla-aurora",
    "mozilla-beta",
    "mozilla-release",
    "mozilla-esr",
    "mozilla-b2g",
    "comm-release",
];

/// Whether a builder tests what another one builds: `leak test build` builds.
pub fn is_test(name: &str) -> bool {
    !name.ends_with("build") && TESTS.iter().any(|mark| name.contains(mark))
}

/// The suite that a test runs, with its chunk: `mochitest-1`.
pub fn suite(name: &str) -> Option<&str> {
    if !is_test(name) {
        return None;
    }
    TESTS.iter().find_map(|mark| name.split_once(mark)).map(|(_, suite)| suite)
}

/// What stands behind the branch in a name: `opt test mochitest-1`, `leak test build`.
pub fn branch_rest<'a>(name: &'a str, branch: &str) -> Option<&'a str> {
    let (_, rest) = name.split_once(&format!(" {branch} "))?;
    Some(rest)
}

/// The platform of a build without what its suffix says of how it is built: `linux64` of
/// `linux64-debug`.
pub fn platform(told: &str) -> &str {
    let cut = told.rsplit_once('-').filter(|(_, suffix)| TYPES.contains(suffix));
    cut.map_or(told, |(platform, _)| platform)
}

/// How something is built: by the platform's suffix, then by the name; else, on a branch that
/// releases are made of, with profiles, unless the name says `opt`.
pub fn build_type(name: &str, told: Option<&str>, branch: &str) -> &'static str {
    let suffix = told.and_then(|told| told.rsplit_once('-')).map(|(_, suffix)| suffix);
    if let Some(known) = TYPES.into_iter().find(|known| suffix == Some(*known)) {
        return known;
    }
    let rest = branch_rest(name, branch).unwrap_or(name);
    let says = |word: &str| rest.split([' ', '-']).any(|part| part == word);
    match () {
        () if says("pgo") => "pgo",
        // `leak test build`, and an Android of 2.3 that has the word before the branch.
        () if says("debug") || says("leak") || name.contains(" Debug ") => "debug",
        () if says("asan") || name.contains(" ASAN ") => "asan",
        () if says("opt") => "opt",
        () if RELEASES.iter().any(|release| branch.starts_with(release)) => "pgo",
        () => "opt",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_built_and_what_is_tested() {
        let check = |name: &str, branch: &str, told, expected: (bool, Option<&str>, &str)| {
            let found = (is_test(name), suite(name), build_type(name, told, branch));
            assert_eq!(found, expected, "{name}");
        };
        check(
            "Linux x86-64 try leak test build",
            "try",
            Some("linux64-debug"),
            (false, None, "debug"),
        );
        check("WINNT 5.2 try pgo-build", "try", Some("win32"), (false, None, "pgo"));
        check("OS X 10.7 try build", "try", Some("macosx64"), (false, None, "opt"));
        check("Linux x86-64 try asan build", "try", None, (false, None, "asan"));
        check("Linux mozilla-beta build", "mozilla-beta", Some("linux"), (false, None, "pgo"));
        check(
            "Ubuntu VM 12.04 try opt test mochitest-e10s-1",
            "try",
            Some("ubuntu32_vm"),
            (true, Some("mochitest-e10s-1"), "opt"),
        );
        check(
            "Ubuntu HW 12.04 x64 mozilla-inbound pgo talos chromez",
            "mozilla-inbound",
            None,
            (true, Some("chromez"), "pgo"),
        );
        check("Android 2.3 Debug mozilla-beta build", "mozilla-beta", None, (false, None, "debug"));
        assert_eq!((platform("linux64-debug"), platform("linux64")), ("linux64", "linux64"));
        assert_eq!(platform("android-api-9"), "android-api-9");
    }
}
