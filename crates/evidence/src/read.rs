//! The way in.

use std::io::Read;

use regex::bytes::Regex;

use crate::evidence::{Evidence, Format, Mark};
use crate::limits::Limits;
use crate::subject::Subject;
use crate::{errorsummary, input, reports, results, sniff, structured, text};

/// What is wanted of a source.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// What it is written in, where that is known; else it is told by how it begins.
    pub format: Option<Format>,
    /// The test or group that is requested besides.
    pub subject: Option<Subject>,
    /// What every line of a text log is searched for besides.
    pub pattern: Option<Regex>,
    /// Lines before and after each failure; of a structured source as many of the stack.
    pub context: usize,
    /// The rules of text logs, where they are not those that come with the program alone.
    pub rules: Option<std::sync::Arc<crate::text::tools::Rules>>,
    /// Whether to say of each line of a text log why it was taken.
    pub explain: bool,
    /// Bounds.
    pub limits: Limits,
}

/// Reads a source, once and to its end, in memory that does not grow with it. Whatever is wrong
/// with it is said by marks; failures that were found until then count.
pub fn read<R: Read + 'static>(source: R, question: &Question) -> Evidence {
    let opened = input::open(source, &question.limits);
    let unknown = sniff::is_document(&opened.head);
    let mut evidence = match sniff::not_a_log(&opened.head) {
        Some(mark) => {
            let mut evidence = Evidence::new(question.format.unwrap_or(Format::Text));
            // What could not be unpacked at all is damaged, not empty.
            if opened.marks.is_empty() || mark != Mark::Empty {
                evidence.mark(mark);
            }
            evidence
        }
        None => {
            let head = opened.head;
            let source = opened.source;
            let sniffed = sniff::format_of(&head);
            let format = match question.format {
                // A report may be of another shape than its name lets expect.
                Some(Format::Junit) if sniffed.is_report() => sniffed,
                Some(format) => format,
                None => sniffed,
            };
            match format {
                Format::Text => text::read(source, &head, question),
                Format::Errorsummary => errorsummary::read(source, question),
                Format::Structured => structured::read(source, question),
                Format::TestResults => results::read(source, question),
                Format::GoJson => reports::read_go(source, question),
                Format::Subunit => reports::read_subunit(source, question),
                Format::JsonLines => reports::read_lines(source, question),
                Format::Mocha
                | Format::Jest
                | Format::Rspec
                | Format::Playwright
                | Format::PytestJson
                | Format::GoogletestJson
                | Format::Luci => reports::read_json(source, format, question),
                _ => reports::read_xml(source, format, question),
            }
        }
    };
    // XML or JSON of an unknown format says nothing here, whatever words are in it.
    let is_unknown = unknown && evidence.format == Format::Text && evidence.total == 0;
    if is_unknown {
        evidence.mark(Mark::NothingRecognised);
    }
    for mark in opened.marks {
        evidence.mark(mark);
    }
    input::say_bounds(&mut evidence, &opened.met, &question.limits);
    evidence.bytes = opened.met.bytes.get();
    evidence
}
