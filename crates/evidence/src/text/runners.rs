//! Tests that failed in the words of test runners that everybody else uses.

/// A test and what was said of it: of unittest and automake (`FAIL: name (class)`), lit (`FAIL: suite
/// :: path (1 of 9)`), pytest (`FAILED path::name - why`), Go (`--- FAIL: name (0.1s)`), googletest
/// (`[  FAILED  ] name (3 ms)`) and TAP (`not ok 3 - name`).
pub(super) fn failed(line: &str) -> Option<(String, Option<String>)> {
    let named = |text: &str| {
        let (name, said) = match text.split_once(" - ") {
            Some((name, said)) => (name.trim(), Some(said.trim().to_owned())),
            None => (text.trim(), None),
        };
        let name = match name.strip_suffix(')').and_then(|name| name.rsplit_once(" (")) {
            // The class of a unittest has its test's name at the end, or lacks it.
            Some((test, class)) if is_path(class) && !test.contains(' ') => {
                match class.rsplit('.').next() == Some(test) {
                    true => class.to_owned(),
                    false => format!("{class}.{test}"),
                }
            }
            Some((test, _)) => test.to_owned(),
            None => name.to_owned(),
        };
        (!name.is_empty()).then_some((name, said))
    };
    if let Some(rest) = line.strip_prefix("not ok ") {
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let name = rest.trim_start_matches("- ").trim();
        return (!name.is_empty() && !name.contains("# TODO")).then(|| (name.to_owned(), None));
    }
    let starts = ["--- FAIL: ", "[  FAILED  ] ", "FAIL: ", "FAILED "];
    let rest = starts.iter().find_map(|start| line.strip_prefix(start))?;
    named(rest)
}

/// Whether it is names with dots between them, and at least one that is no number.
fn is_path(text: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    text.chars().all(is_word) && text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_by_their_runners_words() {
        let check = |line: &str, test: &str, said: Option<&str>| {
            let expected = Some((test.to_owned(), said.map(str::to_owned)));
            assert_eq!(failed(line), expected, "{line}");
        };
        check("FAIL: test_a (pkg.mod.Class)", "pkg.mod.Class.test_a", None);
        check("FAIL: test_a (pkg.mod.Class.test_a)", "pkg.mod.Class.test_a", None);
        check("FAIL: LLVM :: CodeGen/a.ll (12 of 900)", "LLVM :: CodeGen/a.ll", None);
        check(
            "FAIL: a.py::test_b - AssertionError: 3 != 4",
            "a.py::test_b",
            Some("AssertionError: 3 != 4"),
        );
        check("FAILED a/b.py::T::test_c[x]", "a/b.py::T::test_c[x]", None);
        check("--- FAIL: TestThing (0.02s)", "TestThing", None);
        check("[  FAILED  ] Suite.Test (3 ms)", "Suite.Test", None);
        check("not ok 3 - the third", "the third", None);
        for line in ["not ok 4 - later # TODO", "not ok 5", "FAIL: ", "FAILING a"] {
            assert_eq!(failed(line), None, "{line}");
        }
    }
}
