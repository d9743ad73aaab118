//! The one palette: which parts of a line stand out, and how. Lines are written plain, and painted last, so
//! that widths are counted without colours and text of servers cannot bring its own.

use std::collections::HashMap;

use anstyle::{AnsiColor, Style};

/// What a part of a line is, for the palette.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Good,
    Bad,
    Unsure,
    Active,
    Quiet,
    Strong,
}

impl Tone {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Good => colour(AnsiColor::Green),
            Self::Bad => colour(AnsiColor::Red),
            Self::Unsure => colour(AnsiColor::Yellow),
            Self::Active => colour(AnsiColor::Cyan),
            Self::Quiet => Style::new().dimmed(),
            Self::Strong => Style::new().bold(),
        }
    }

    /// Of a mark of a run.
    fn of_mark(mark: char) -> Option<Self> {
        match mark {
            '✓' => Some(Self::Good),
            '✗' => Some(Self::Bad),
            '▸' | '◌' | '█' => Some(Self::Active),
            '↻' | '⧖' | '!' => Some(Self::Unsure),
            _ => None,
        }
    }

    /// Of the word that a line begins with.
    fn of_first_word(word: &str) -> Option<Self> {
        match word {
            "good" | "ok" => Some(Self::Good),
            "bad" | "FAIL" | "error:" | "refused:" => Some(Self::Bad),
            "mixed" | "warn" | "warning:" | "undecided:" | "UNCERTAIN" => Some(Self::Unsure),
            "note:" => Some(Self::Active),
            "culprit" => Some(Self::Strong),
            _ => None,
        }
    }
}

/// How short names of commits are shown: so many hexadecimal digits.
const HASH: usize = 12;

/// Paints lines for a terminal.
#[derive(Debug, Default)]
pub(crate) struct Paint {
    /// Where the shown names lead: hashes of pushes and the like.
    links: HashMap<String, String>,
    /// Whether the terminal follows links within text (OSC 8).
    pub(crate) follows_links: bool,
    /// Whether the terminal shows ASCII alone.
    pub(crate) ascii: bool,
}

/// Links that are kept at the most.
const MOST_LINKS: usize = 5_000;

impl Paint {
    /// What fits the terminal: links where it follows them, marks of ASCII where it knows no others.
    pub(crate) fn of_terminal(is_terminal: bool) -> Self {
        let var = |name: &str| std::env::var(name).ok();
        Self {
            links: HashMap::new(),
            follows_links: is_terminal
                && supports_hyperlinks::on(supports_hyperlinks::Stream::Stdout),
            ascii: is_terminal && !cfg!(windows) && is_ascii(var),
        }
    }

    /// Takes note of where a name leads.
    pub(crate) fn link(&mut self, name: &str, url: String) {
        if self.links.len() < MOST_LINKS {
            self.links.insert(name.to_owned(), url);
        }
    }

    /// Where a name leads, if that is known.
    pub(crate) fn url(&self, name: &str) -> Option<&str> {
        self.links.get(name).map(String::as_str)
    }

    /// A line without colours of its parts.
    pub(crate) fn plain(&self, line: &str) -> String {
        if self.ascii { ascii(line) } else { line.to_owned() }
    }

    /// A line with colours.
    pub(crate) fn line(&self, line: &str) -> String {
        let mut painted = String::with_capacity(line.len() + 32);
        let mut rest = line;
        let mut first = true;
        while !rest.is_empty() {
            let end = rest.find(|c: char| !is_of_word(c)).unwrap_or(rest.len());
            if end > 0 {
                let (word, after) = rest.split_at(end);
                self.word(&mut painted, word, first);
                first = false;
                rest = after;
            } else if let Some(command) =
                rest.strip_prefix('`').and_then(|rest| rest.split_once('`'))
            {
                painted.push_str(&styled(Tone::Strong, &format!("`{}`", command.0)));
                (first, rest) = (false, command.1);
            } else {
                let length = rest.chars().next().map_or(1, char::len_utf8);
                let (mark, after) = rest.split_at(length);
                match mark.chars().next().and_then(Tone::of_mark) {
                    Some(tone) => painted.push_str(&styled(tone, mark)),
                    None => painted.push_str(mark),
                }
                first &= mark == " ";
                rest = after;
            }
        }
        if self.ascii { ascii(&painted) } else { painted }
    }

    fn word(&self, painted: &mut String, word: &str, is_first: bool) {
        let tone = match Tone::of_first_word(word) {
            Some(tone) if is_first => Some(tone),
            _ if is_hash(word) => Some(Tone::Quiet),
            _ => None,
        };
        let text = tone.map_or_else(|| word.to_owned(), |tone| styled(tone, word));
        match self.links.get(word) {
            Some(url) if self.follows_links => {
                painted.push_str(&format!("\u{1b}]8;;{url}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\"));
            }
            _ => painted.push_str(&text),
        }
    }
}

fn styled(tone: Tone, text: &str) -> String {
    let style = tone.style();
    format!("{style}{text}{style:#}")
}

/// What a line begins with in its colour, for lines that Markdown does not get.
pub(crate) fn strong(text: &str) -> String {
    styled(Tone::Strong, text)
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_:-".contains(c)
}

fn is_hash(word: &str) -> bool {
    word.len() == HASH
        && word.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
        && word.bytes().any(|c| c.is_ascii_digit())
}

/// Whether the terminal shows ASCII alone, by the environment: a dumb one, or a locale of another encoding.
fn is_ascii(var: impl Fn(&str) -> Option<String>) -> bool {
    if var("TERM").is_some_and(|term| term == "dumb") {
        return true;
    }
    let set = |name: &&str| var(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(set).unwrap_or_default();
    let locale = locale.to_ascii_lowercase();
    !locale.contains("utf-8") && !locale.contains("utf8")
}

/// The same line of ASCII: marks keep their widths, so that columns stay columns.
fn ascii(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    for c in line.chars() {
        text.push(match c {
            '✓' => '+',
            '✗' => 'x',
            '▸' | '→' => '>',
            '◌' => 'o',
            '·' => '.',
            '○' => '0',
            '≈' | '…' => '~',
            '∅' => '%',
            '⇣' => 'v',
            '⌫' => 'B',
            '↻' => 'R',
            '⧖' => 'T',
            '█' => '#',
            '│' => '|',
            '×' => '*',
            '–' => '-',
            c => c,
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_out_is_painted_and_nothing_else() {
        let paint = Paint::default();
        let red = |text: &str| styled(Tone::Bad, text);
        let dim = |text: &str| styled(Tone::Quiet, text);
        assert_eq!(paint.line("bad   1036"), format!("{}   1036", red("bad")));
        assert_eq!(paint.line("a bad day"), "a bad day");
        assert_eq!(paint.line(" 9f3ab20c71d4 x"), format!(" {} x", dim("9f3ab20c71d4")));
        assert_eq!(paint.line("deadbeefcafe"), "deadbeefcafe", "a word is no hash");
        assert_eq!(paint.line("✗✗ é"), format!("{0}{0} é", red("✗")));
        let bold = styled(Tone::Strong, "`mozci jobs`");
        assert_eq!(paint.line("see `mozci jobs`"), format!("see {bold}"));
        assert_eq!(paint.line("one ` alone"), "one ` alone");
    }

    #[test]
    fn links_are_written_where_they_are_followed() {
        let mut paint = Paint::default();
        paint.link("1036", "https://ci.example/1036".into());
        assert_eq!(paint.line("push 1036"), "push 1036");
        paint.follows_links = true;
        let link = "\u{1b}]8;;https://ci.example/1036\u{1b}\\1036\u{1b}]8;;\u{1b}\\";
        assert_eq!(paint.line("push 1036 10360"), format!("push {link} 10360"));
    }

    #[test]
    fn a_terminal_without_unicode_gets_ascii() {
        let of = |vars: &'static [(&str, &str)]| {
            is_ascii(move |name| {
                vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(of(&[("TERM", "dumb"), ("LANG", "C.UTF-8")]));
        assert!(of(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(!of(&[("LC_ALL", ""), ("LANG", "de_DE.utf8")]));
        assert!(of(&[]));
        let all = "✓✗▸◌·○≈∅⇣⌫↻⧖█│×–→…";
        assert_eq!(ascii(all).chars().count(), all.chars().count());
        assert!(ascii(all).is_ascii());
    }
}
