//! Telling what a source is by how it begins.

use crate::evidence::{Format, Mark};

/// What something is, where it is no log: an empty file, a page, an error, binary data.
pub(crate) fn not_a_log(head: &[u8]) -> Option<Mark> {
    if head.is_empty() {
        return Some(Mark::Empty);
    }
    let text = String::from_utf8_lossy(&head[..head.len().min(4096)]);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let lower: String = start.chars().take(200).collect::<String>().to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        let title = between(start, "<title>", "</title>").unwrap_or("no title");
        let title: String = title.trim().chars().take(80).collect();
        return Some(Mark::NotALog(format!("a page of HTML ({title})")));
    }
    if lower.starts_with("<?xml") && start.contains("<Error>") {
        let code = between(start, "<Code>", "</Code>").unwrap_or("no code");
        return Some(Mark::NotALog(format!("an error of the storage ({code})")));
    }
    if let Some(error) = error_answer(start) {
        return Some(Mark::NotALog(format!("an error ({error})")));
    }
    if is_subunit(head) {
        return None;
    }
    let nothing = head.iter().filter(|byte| **byte == 0).count();
    let odd = head.iter().filter(|byte| **byte < 9 || (14..27).contains(*byte)).count();
    if nothing * 50 > head.len() || odd * 5 > head.len() {
        return Some(Mark::NotALog("binary data".into()));
    }
    None
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(inner, _)| inner)
}

/// What an answer of an API says that stands where a log should be.
fn error_answer(text: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let object = value.as_object()?;
    if object.contains_key("action") {
        return None;
    }
    let says = |key: &str| object.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let text = says("code")
        .or_else(|| says("reason"))
        .or_else(|| says("error"))
        .or_else(|| says("detail"))?;
    Some(text.chars().take(80).collect())
}

/// Whether something is a document of XML or JSON, of whatever format.
pub(crate) fn is_document(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&head[..head.len().min(200)]);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    start.starts_with("<?xml") || start.starts_with("{\"") || start.starts_with("{\n")
}

/// Whether something begins with a packet of subunit: its sign, and the version.
fn is_subunit(head: &[u8]) -> bool {
    matches!(head, [crate::reports::SUBUNIT, flags, ..] if flags >> 4 == 2)
}

/// What a log is written in.
pub(crate) fn format_of(head: &[u8]) -> Format {
    if is_subunit(head) {
        return Format::Subunit;
    }
    let text = String::from_utf8_lossy(head);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('<')
        && let Some(format) = crate::reports::of_xml(start)
    {
        return format;
    }
    if start.starts_with(['{', '['])
        && let Some(format) = crate::reports::of_json(start)
    {
        return format;
    }
    if start.starts_with('{') && start.contains("\"test_results\"") && !start.contains("\"action\"")
    {
        return Format::TestResults;
    }
    // The first records decide; text may stand before them.
    for line in start.lines().take(50).filter(|line| line.starts_with('{')) {
        let has = |key: &str| line.contains(key);
        if !has("\"action\"") {
            continue;
        }
        let of_log = has("\"source\"") || has("\"thread\"") || has("\"time\"");
        return if of_log { Format::Structured } else { Format::Errorsummary };
    }
    Format::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_log_is_told() {
        let check = |head: &[u8], expected: &str| {
            let mark = not_a_log(head).map(|mark| mark.words());
            assert_eq!(mark.as_deref().unwrap_or("a log"), expected);
        };
        check(b"", "it is empty");
        check(
            b"<!DOCTYPE html><html><title> Sign in </title>",
            "not a log but a page of HTML (Sign in)",
        );
        check(
            b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>",
            "not a log but an error of the storage (NoSuchKey)",
        );
        check(
            br#"{"reason": "file-missing-on-worker", "message": "x"}"#,
            "not a log but an error (file-missing-on-worker)",
        );
        check(&[0u8; 100], "not a log but binary data");
        check(b"\x89PNG\x1a\0\0\0\x01\x02\x03", "not a log but binary data");
        check(b"plain", "a log");
        check(br#"{"action": "log", "reason": "x"}"#, "a log");
    }

    #[test]
    fn formats_are_told() {
        let check = |head: &str, format| assert_eq!(format_of(head.as_bytes()), format, "{head}");
        check("<?xml version='1.0'?>\n<testsuites>", Format::Junit);
        check(r#"{"meta": {}, "test_results": []}"#, Format::TestResults);
        check("{\"action\": \"test_groups\", \"line\": 1, \"groups\": []}", Format::Errorsummary);
        check("noise\n{\"action\": \"log\", \"time\": 1, \"source\": \"x\"}", Format::Structured);
        check("[taskcluster 2025-01-01] x", Format::Text);
    }
}
