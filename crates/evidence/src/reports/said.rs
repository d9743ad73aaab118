//! What a report says went wrong: the one line that tells it, out of a message and a stack.

/// Lines taken of a message that goes on over several.
const LINES: usize = 3;

/// Whether a text says no more than that something failed.
fn is_empty_word(text: &str) -> bool {
    let word = text.trim().trim_end_matches(['.', ':', '!']).to_ascii_lowercase();
    matches!(
        word.as_str(),
        "" | "failed"
            | "failure"
            | "fail"
            | "error"
            | "errored"
            | "null"
            | "none"
            | "test failed"
            | "undefined"
            | "exception"
            | "assertion failed"
            | "traceback (most recent call last)"
            | "cause unknown"
            | "failures detected"
            | "stack_trace_error"
    )
}

/// Whether a line of a stack or of a runner says nothing by itself.
fn is_frame(line: &str) -> bool {
    let line = line.trim();
    let starts = [
        "at ",
        "File \"",
        "--- FAIL",
        "=== RUN",
        "=== CONT",
        "=== PAUSE",
        "=== NAME",
        "# ./",
        "Traceback",
        "Stack trace",
        "...",
        "❯ ",
        "> ",
        "| ",
        "[",
        "self = ",
        "def ",
        "____",
        "====",
    ];
    starts.iter().any(|start| line.starts_with(start))
        || line.chars().all(|c| "-=_*~. ".contains(c))
}

/// A place before what is said: `gate_test.go:12: `, `/src/gate.c(9): `.
fn without_place(line: &str) -> &str {
    let Some((place, said)) = line.split_once(": ") else { return line };
    let is_place = !place.contains(' ')
        && place.trim_end_matches(')').ends_with(|c: char| c.is_ascii_digit())
        && place.contains(['.', '('])
        && place.contains([':', '(']);
    if is_place && !said.trim().is_empty() { said } else { line }
}

/// Whether a line is the last of a traceback: `KeyError: 'x'`, `module.Error`.
fn is_exception(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or("");
    let last = name.rsplit('.').next().unwrap_or("");
    !line.starts_with(' ')
        && !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.')
        && last.starts_with(|c: char| c.is_ascii_uppercase())
}

/// The line that tells what went wrong; of an assertion with the two that belong to it.
fn line_of(text: &str, test: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    if lines.iter().any(|line| line.trim().starts_with("Traceback (most recent call last)")) {
        let last = lines.iter().rev().find(|line| is_exception(line));
        if let Some(last) = last {
            return Some(last.trim().to_owned());
        }
    }
    // pytest marks what it says.
    if let Some(marked) = lines.iter().find_map(|line| line.strip_prefix("E   ")) {
        return Some(marked.trim().to_owned());
    }
    let name = |line: &str| {
        let line = line.trim();
        let plain = |text: &str| text.replace("::", ".");
        !test.is_empty() && (plain(line) == plain(test) || plain(test).ends_with(&plain(line)))
    };
    let mut said = lines
        .iter()
        .filter(|line| !is_empty_word(line) && !is_frame(line) && !name(line))
        .map(|line| without_place(line.trim()).trim());
    let first = said.next()?.to_owned();
    let opens = ["Expected", "expected", "Assert", "expect(", "Value of"];
    if opens.iter().any(|start| first.starts_with(start)) {
        let more = said.take(LINES - 1).filter(|line| line.len() < 200);
        return Some(more.fold(first, |whole, line| format!("{whole} {line}")));
    }
    Some(first)
}

/// What a test's failure says, of its message, its text and its type: the first that says more than
/// that it failed.
pub(crate) fn told(message: &str, text: &str, kind: &str, test: &str) -> Option<String> {
    let of = |source: &str| line_of(source, test).filter(|line| !is_empty_word(line));
    let kind = Some(kind.trim().to_owned()).filter(|kind| !kind.is_empty());
    of(message).or_else(|| of(text)).or(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_tells_it_is_found() {
        let check = |message: &str, text: &str, kind: &str, said: &str| {
            assert_eq!(told(message, text, kind, "GateTest.testShuts").as_deref(), Some(said));
        };
        check(
            "Failed",
            "    gate_test.go:12: gate stuck\n--- FAIL: TestGate (0.02s)",
            "",
            "gate stuck",
        );
        check("\nExpected: is <4>\n     but: was <3>", "x", "", "Expected: is <4> but: was <3>");
        check(
            "Traceback (most recent call last):\n  File \"a\", line 1\nAssertionError: 3 != 4\n",
            "",
            "",
            "AssertionError: 3 != 4",
        );
        check(
            "",
            "GateTest::testShuts\nFailed asserting that 3 is 4.\n\n/a.php:12",
            "E",
            "Failed asserting that 3 is 4.",
        );
        check("", "", "java.lang.Error", "java.lang.Error");
        check("no water: at all", "", "", "no water: at all");
        assert_eq!(told("Failed", "", "", "t"), None);
    }
}
