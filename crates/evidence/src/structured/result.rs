//! A test's result, read by the one rule that holds for both of mozlog's formats.

use std::borrow::Cow;

use crate::failure::{Failure, Kind};
use crate::json::Text;
use crate::names::{group_of_id, is_no_test, test_of_id};

/// What a result says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// It ended as expected.
    Expected,
    /// It was not run.
    Skipped,
    /// It did not, but is known to end so from time to time.
    Tolerated,
    /// It did not.
    Unexpected,
}

/// Unexpected is what has an expectation that differs from its status, unless the status is among
/// the known ones. `expected` is left out where it equals the status, and of what was skipped, yet
/// is there for what is tolerated, and for passing tests of some tasks.
pub(crate) fn told<'a>(
    status: Option<&str>,
    expected: Option<&str>,
    mut known: impl Iterator<Item = Cow<'a, str>>,
) -> Told {
    let status = status.unwrap_or("");
    match expected {
        _ if status == "SKIP" => Told::Skipped,
        None => Told::Expected,
        Some(expected) if expected == status => Told::Expected,
        Some(_) if known.any(|known| known == status) => Told::Tolerated,
        Some(_) => Told::Unexpected,
    }
}

/// What sort of failure a status and its message make.
pub(crate) fn kind(status: &str, message: &str) -> Kind {
    match status {
        "CRASH" => Kind::Crash,
        "TIMEOUT" | "EXTERNAL-TIMEOUT" => Kind::Timeout,
        _ if crate::text::takes_too_long(message) => Kind::Timeout,
        _ if crate::text::leaks(message) => Kind::Leak,
        _ => Kind::Unexpected,
    }
}

/// Gives a failure its test and group.
pub(crate) fn name(failure: &mut Failure, test: &Text<'_>, group: &Text<'_>, longest: usize) {
    let short = |text: &str| text[..text.floor_char_boundary(longest)].to_owned();
    let id = test.get().filter(|id| !is_no_test(id));
    failure.test = id.map(|id| short(&test_of_id(id)));
    // "default" is where tests go that have no manifest.
    let group = group.get().filter(|group| *group != "default");
    failure.group = group.or_else(|| id.and_then(group_of_id)).map(short);
    if id.is_none() && failure.kind == Kind::Unexpected {
        failure.kind = Kind::Harness;
    }
}

/// As many lines of a stack as are wanted.
pub(crate) fn stack(stack: &Text<'_>, wanted: usize, longest: usize) -> Vec<String> {
    let lines = stack.get().unwrap_or("").lines().take(wanted);
    lines.map(|line| line[..line.floor_char_boundary(longest)].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_rule() {
        let check = |status, expected, known: &[&'static str], told: Told| {
            let known = known.iter().map(|word| Cow::Borrowed(*word));
            assert_eq!(super::told(Some(status), expected, known), told, "{status} {expected:?}");
        };
        check("PASS", None, &[], Told::Expected);
        check("FAIL", None, &[], Told::Expected);
        check("PASS", Some("PASS"), &[], Told::Expected);
        check("FAIL", Some("PASS"), &[], Told::Unexpected);
        check("PASS", Some("FAIL"), &[], Told::Unexpected);
        check("FAIL", Some("PASS"), &["FAIL"], Told::Tolerated);
        check("TIMEOUT", Some("PASS"), &["FAIL"], Told::Unexpected);
        check("SKIP", None, &[], Told::Skipped);
    }
}
