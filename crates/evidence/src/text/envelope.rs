//! What a CI or a runner of runners puts before a line: stamps, levels, names of workers.
//!
//! It is taken off in one place, so that every rule sees the line as its tool wrote it. Stamps are no
//! part of a line and go at once. A prefix may be part of it (`error: x`), so that rules are tried
//! with it first, and without it afterwards.

/// A line without its stamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bare<'a> {
    /// The line.
    pub(super) text: &'a [u8],
    /// Whether the CI itself marks it as an error (`##[error]`, `::error::`).
    pub(super) is_marked: bool,
}

/// Takes stamps and the CI's own marks off a line, and white space from its end.
pub(super) fn bare(line: &[u8]) -> Bare<'_> {
    let mut text = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    text = &text[tabbed(text)..];
    for _ in 0..4 {
        let length = stamp(text);
        if length == 0 {
            break;
        }
        text = &text[length..];
    }
    let (text, is_marked) = mark(text);
    Bare { text: text.trim_ascii_end(), is_marked }
}

/// The text behind a prefix of a runner of runners, where the line begins with one.
pub(super) fn without_prefix(text: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = text.strip_prefix(b"::error") {
        let text = &rest[memchr::memmem::find(rest, b"::")? + 2..];
        // A line's end within is escaped.
        let end = memchr::memmem::find(text, b"%0A").unwrap_or(text.len());
        return Some(&text[..end]);
    }
    let length = prefix(text);
    (length > 0).then(|| &text[length..])
}

/// `gh run view --log` puts job and step before the stamp, with tabs between.
fn tabbed(text: &[u8]) -> usize {
    let head = &text[..text.len().min(300)];
    let Some(first) = memchr::memchr(b'\t', head) else { return 0 };
    let Some(second) = memchr::memchr(b'\t', &head[first + 1..]) else { return 0 };
    let begin = first + second + 2;
    let rest = text[begin..].strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text[begin..]);
    if date_and_time(rest) > 0 { text.len() - rest.len() } else { 0 }
}

/// `##[error]text`, `::error file=a,line=3::text`.
fn mark(text: &[u8]) -> (&[u8], bool) {
    if let Some(rest) = text.strip_prefix(b"##[error]") {
        return (rest, true);
    }
    (text, text.starts_with(b"::error"))
}

/// How many bytes a stamp at the beginning takes, the one space behind it included.
fn stamp(text: &[u8]) -> usize {
    let length = match text.first() {
        Some(b'[') => bracketed(text),
        Some(b'0'..=b'9') => match date_and_time(text) {
            0 => clock(text),
            length => length + stream(&text[length..]),
        },
        // Buildkite's, where the escape before it was lost.
        Some(b'_') if text.starts_with(b"_bk;t=") => {
            memchr::memchr(0x07, &text[..text.len().min(40)]).map_or(0, |at| at + 1)
        }
        _ => 0,
    };
    match length {
        0 => 0,
        _ if text.get(length) == Some(&b' ') => length + 1,
        _ if length == text.len() || text[0] == b'[' || text[0] == b'_' => length,
        _ if text[length] == b'\t' => length + 1,
        _ if text[length - 1] == b'+' => length,
        _ => 0,
    }
}

/// `[task 2025-01-01T00:00:00Z]`, `[2025-01-01T00:00:00.000Z]`, `[12:00:00]`, `[   12.345678]`.
fn bracketed(text: &[u8]) -> usize {
    let Some(end) = memchr::memchr(b']', &text[..text.len().min(60)]) else { return 0 };
    let inner = &text[1..end];
    let word = inner.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
    let time = if word > 0 && inner.get(word) == Some(&b' ') { &inner[word + 1..] } else { inner };
    let whole = |length: usize| length > 0 && length == time.len();
    if whole(date_and_time(time)) || (word == 0 && (whole(time_of_day(time)) || seconds(time))) {
        end + 1
    } else {
        0
    }
}

/// The kernel's seconds since it began.
fn seconds(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let whole = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let part = text.get(whole + 1..).unwrap_or_default();
    whole > 0
        && text.get(whole) == Some(&b'.')
        && part.len() >= 3
        && part.iter().all(u8::is_ascii_digit)
}

fn digits(text: &[u8], at: usize, count: usize) -> bool {
    text.len() >= at + count && text[at..at + count].iter().all(u8::is_ascii_digit)
}

/// `2025-01-01T00:00:00.123Z`, with a blank for the `T`, with or without fraction and zone.
fn date_and_time(text: &[u8]) -> usize {
    let is_date = digits(text, 0, 4)
        && text.get(4) == Some(&b'-')
        && digits(text, 5, 2)
        && text.get(7) == Some(&b'-')
        && digits(text, 8, 2)
        && matches!(text.get(10), Some(b'T' | b' '));
    if !is_date {
        return 0;
    }
    match time_of_day(&text[11..]) {
        0 => 0,
        length => 11 + length + zone(&text[11 + length..]),
    }
}

fn zone(text: &[u8]) -> usize {
    match text {
        [b'Z', ..] => 1,
        [b'+' | b'-', ..] if digits(text, 1, 4) => 5,
        [b'+' | b'-', ..] if digits(text, 1, 2) && text.get(3) == Some(&b':') => 6,
        _ => 0,
    }
}

/// `00:00:00`, with or without a fraction.
fn time_of_day(text: &[u8]) -> usize {
    let is_time = digits(text, 0, 2)
        && text.get(2) == Some(&b':')
        && digits(text, 3, 2)
        && text.get(5) == Some(&b':')
        && digits(text, 6, 2);
    if !is_time {
        return 0;
    }
    match text.get(8) {
        Some(b'.' | b',') if digits(text, 9, 1) => {
            9 + text[9..].iter().take_while(|byte| byte.is_ascii_digit()).count()
        }
        _ => 8,
    }
}

/// A time of day before a line, with what mozharness and Jenkins put behind it.
fn clock(text: &[u8]) -> usize {
    let length = time_of_day(text);
    let rest = &text[length..];
    if length == 0 || !rest.starts_with(b" ") {
        return 0;
    }
    // `     INFO - text`
    let blank = rest.iter().take_while(|byte| **byte == b' ').count();
    let word = rest[blank..].iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let behind = &rest[blank + word..];
    if word >= 4 && behind.starts_with(b" -") {
        return length + blank + word + 2;
    }
    // Jenkins puts two blanks.
    if blank == 2 { length + 1 } else { length }
}

/// GitLab tells the stream: ` 00O`, ` 01E+`.
fn stream(text: &[u8]) -> usize {
    match text {
        [b' ', rest @ ..] if digits(rest, 0, 2) && matches!(rest.get(2), Some(b'O' | b'E')) => {
            4 + usize::from(rest.get(3) == Some(&b'+'))
        }
        _ => 0,
    }
}

/// How long the name of a worker, a service or a level at the beginning is, with what ends it.
fn prefix(text: &[u8]) -> usize {
    let blank = text.iter().take_while(|byte| **byte == b' ').count();
    let rest = &text[blank..];
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-@/:".contains(byte);
    if let Some(inner) = rest.strip_prefix(b"[") {
        // `[gw0] `, `[error] `, `[web] `, `   [junit] `
        let name = inner.iter().take(48).take_while(|byte| is_name(byte)).count();
        if name > 0 && inner[name..].starts_with(b"] ") {
            return blank + name + 3;
        }
        return 0;
    }
    if blank > 0 {
        return 0;
    }
    if let Some(step) = rest.strip_prefix(b"#") {
        // docker buildx: `#12 3.456 `
        let number = step.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let seconds = step.get(number + 1..).unwrap_or_default();
        let time = seconds.iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        let fits = number > 0 && step.get(number) == Some(&b' ') && time > 2;
        return if fits && seconds.get(time) == Some(&b' ') { number + time + 3 } else { 0 };
    }
    if rest.starts_with(b"| ") {
        return 2;
    }
    let name = rest.iter().take(64).take_while(|byte| is_name(byte)).count();
    if name == 0 {
        return 0;
    }
    let behind = &rest[name..];
    // docker compose: `web_1   | text`
    let gap = behind.iter().take(40).take_while(|byte| **byte == b' ').count();
    if behind[gap..].starts_with(b"| ") {
        return name + gap + 2;
    }
    // pnpm: `packages/a test: text`
    if rest[..name].contains(&b'/') && behind.starts_with(b" ") {
        let task =
            behind[1..].iter().take(30).take_while(|b| b.is_ascii_alphanumeric() || **b == b'-');
        let task = task.count();
        if task > 0 && behind[1 + task..].starts_with(b": ") && !rest[..name].contains(&b':') {
            return name + task + 3;
        }
    }
    // turborepo: `app:test: text`; numbered workers: `worker-1: text`; scoped packages: `@a/b: text`
    if rest[..name].ends_with(b":") && behind.starts_with(b" ") {
        let word = &rest[..name - 1];
        let tasks = word.iter().filter(|byte| **byte == b':').count();
        let is_word = word.iter().all(is_name) && !word.contains(&b'.');
        let is_worker = word.last().is_some_and(u8::is_ascii_digit) && word.contains(&b'-');
        if is_word && (tasks == 1 && !word.contains(&b'/') || is_worker || word.starts_with(b"@")) {
            return name + 1;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> &str {
        std::str::from_utf8(bare(line.as_bytes()).text).unwrap()
    }

    #[test]
    fn stamps_go_and_indents_stay() {
        for stamp in [
            "2031-03-04T05:06:07.1234567Z ",
            "2031-03-04 05:06:07,123 ",
            "2031-03-04T05:06:07+02:00 ",
            "2031-03-04T05:06:07.123456Z 00O ",
            "2031-03-04T05:06:07.123456Z 01E+",
            "[2031-03-04T05:06:07.123Z] ",
            "[task 2031-03-04T05:06:07.123Z] ",
            "[task 2031-03-04T05:06:07.123Z] 05:06:07     INFO - ",
            "[05:06:07] ",
            "[00:01:02]",
            "05:06:07 ",
            "05:06:07  ",
            "[   12.345678] ",
            "\u{feff}2031-03-04T05:06:07Z ",
            "2031-03-04T05:06:07.1234567Z ##[error]",
            "_bk;t=1700000000000\u{7}",
            "build\tRun tests\t2031-03-04T05:06:07.1234567Z ",
            "",
        ] {
            assert_eq!(told(&format!("{stamp}FAIL: a \r")), "FAIL: a", "{stamp:?}");
        }
        assert_eq!(told("2031-03-04T05:06:07.123Z     --- FAIL: a"), "    --- FAIL: a");
        assert!(bare(b"::error file=a.c,line=3::no rope").is_marked);
        let behind = without_prefix(b"::error file=a.c,line=3::no rope%0Aat all");
        assert_eq!(behind, Some(&b"no rope"[..]));
    }

    #[test]
    fn what_is_no_stamp_stays() {
        for line in [
            "[taskcluster:error] exit status 1",
            "[  FAILED  ] a.b",
            "2031-03-04 is a day",
            "12 of 14",
            "[31/40] gcc",
            "00:01 +0 -1: name [E]",
        ] {
            assert_eq!(told(line), line);
        }
    }

    #[test]
    fn prefixes_of_runners_go_after_that() {
        let check = |line: &str, rest: Option<&str>| {
            let found = without_prefix(line.as_bytes());
            assert_eq!(found, rest.map(str::as_bytes), "{line}");
        };
        check("web_1   | FAIL: a", Some("FAIL: a"));
        check("[gw0] FAILED a", Some("FAILED a"));
        check("[error] a", Some("a"));
        check("    [junit] a", Some("a"));
        check("app:test: a", Some("a"));
        check("worker-1: a", Some("a"));
        check("#12 3.456 a", Some("a"));
        check("| a", Some("a"));
        check("Error: a", None);
        check("src/a.c:3: error: b", None);
        check("a b | c", None);
    }
}
