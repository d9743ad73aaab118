//! Lines of text as Markdown: what is indented becomes a list below what it is indented under.

use super::paint::Paint;
use super::table::escaped;

/// How far the lists are indented that are open.
#[derive(Debug, Default)]
pub(super) struct Nesting {
    indents: Vec<usize>,
    /// Whether something was written, so that the next paragraph needs an empty line before it.
    begun: bool,
}

impl Nesting {
    /// The lines of Markdown for a line of text.
    pub(super) fn line(&mut self, line: &str) -> Vec<String> {
        let text = line.trim_start();
        if text.is_empty() {
            return Vec::new();
        }
        let indent = line.chars().count() - text.chars().count();
        let mut lines = Vec::new();
        if indent == 0 {
            self.indents.clear();
            if self.begun {
                lines.push(String::new());
            }
            lines.push(escaped(text));
        } else {
            if self.indents.is_empty() && self.begun {
                lines.push(String::new());
            }
            while self.indents.last().is_some_and(|open| *open > indent) {
                self.indents.pop();
            }
            if self.indents.last() != Some(&indent) {
                self.indents.push(indent);
            }
            let depth = self.indents.len() - 1;
            lines.push(format!("{}- {}", "  ".repeat(depth), escaped(text)));
        }
        self.begun = true;
        lines
    }
}

/// A line with links on the names that lead somewhere.
pub(super) fn linked(line: &str, paint: &Paint) -> String {
    // A command stays as it is: whoever copies it could not run it with a link within.
    let mut text = String::with_capacity(line.len());
    for (place, part) in line.split('`').enumerate() {
        text.push_str(if place == 0 { "" } else { "`" });
        match place % 2 {
            0 => links(&mut text, part, paint),
            _ => text.push_str(part),
        }
    }
    text
}

fn links(text: &mut String, line: &str, paint: &Paint) {
    let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-';
    for part in line.split_inclusive(ends) {
        let word = part.trim_end_matches(ends);
        match paint.url(word) {
            Some(url) if !word.is_empty() => {
                text.push_str(&format!("[{word}]({url}){}", &part[word.len()..]));
            }
            _ => text.push_str(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_indented_becomes_a_list() {
        let mut nesting = Nesting::default();
        let text = ["one", "  a", "      deeper", "  b", "two", " c"];
        let lines: Vec<String> = text.iter().flat_map(|line| nesting.line(line)).collect();
        assert_eq!(lines, ["one", "", "- a", "  - deeper", "- b", "", "two", "", "- c"]);
    }

    #[test]
    fn what_markdown_takes_for_its_own_is_escaped() {
        let mut nesting = Nesting::default();
        assert_eq!(nesting.line("a <b> *c* `*d*` #1"), ["a &lt;b> \\*c\\* `*d*` \\#1"]);
    }

    #[test]
    fn names_that_lead_somewhere_are_links() {
        let mut paint = Paint::default();
        paint.link("abc", "https://ci.example/abc".into());
        assert_eq!(linked("| abc | abcd", &paint), "| [abc](https://ci.example/abc) | abcd");
        assert_eq!(linked("see `x abc`", &paint), "see `x abc`");
    }
}
