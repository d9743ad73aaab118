//! Text from outside, made fit for a terminal.

use std::borrow::Cow;

/// Replaces what a terminal would obey rather than show: control characters but for tabs and line
/// ends, and the marks that turn the direction of writing around. Each becomes `\u{fffd}`, but an
/// escape sequence of colours goes without a trace.
pub fn harmless(text: &str) -> Cow<'_, str> {
    clean(text, |c| c == '\n' || c == '\t')
}

/// As [`harmless`], for what must stay on its line: line ends and tabs become spaces.
pub fn harmless_line(text: &str) -> Cow<'_, str> {
    match clean(text, |c| c == '\n' || c == '\t') {
        text if text.contains(['\n', '\t']) => Cow::Owned(text.replace(['\n', '\t'], " ")),
        text => text,
    }
}

fn clean(text: &str, keeps: impl Fn(char) -> bool) -> Cow<'_, str> {
    let obeyed = |c: char| is_obeyed(c) && !keeps(c);
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(obeyed) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match colours(rest) {
            Some(length) => rest = &rest[length..],
            None => {
                out.push('\u{fffd}');
                let mut chars = rest.chars();
                chars.next();
                rest = chars.as_str();
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Whether a terminal or a text renderer obeys a character rather than show it: control characters
/// (C0, DEL, C1), the marks of direction (Unicode's Bidi_Control), line and paragraph separators,
/// interlinear annotations, and the invisible tags.
pub fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The length of a sequence that only sets colours (`ESC [ … m`).
fn colours(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("\u{1b}[")?;
    let length = rest.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
    rest[length..].starts_with('m').then_some(length + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_has_nothing_to_obey() {
        let check = |text: &str, expected: &str| assert_eq!(harmless_line(text), expected);
        check("plain ☃", "plain ☃");
        check("\u{1b}[31mred\u{1b}[0m", "red");
        check("\u{1b}]0;title\u{7}x", "\u{fffd}]0;title\u{fffd}x");
        check("\u{1b}[2Jx", "\u{fffd}[2Jx");
        check("\u{1b}[31", "\u{fffd}[31");
        check("a\rb\u{9b}31mc", "a\u{fffd}b\u{fffd}31mc");
        check("\u{202e}txt", "\u{fffd}txt");
        check("\u{61c}a\u{2028}b\u{e0041}", "\u{fffd}a\u{fffd}b\u{fffd}");
        check("a\tb\nc", "a b c");
    }
}
