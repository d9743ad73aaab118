//! XML reports: elements that are cases, within elements that are suites.
//!
//! What differs between formats is in `shapes.rs`: which element is a case, and how one is read. Of a
//! case its attributes and the beginning of each text within are kept, and nothing else.

use std::io::{BufReader, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::cases::Cases;
use super::shapes::{Shape, shape_of};
use super::thin::Thin;
use crate::evidence::{Evidence, Format, Mark};
use crate::read::Question;

/// How deep elements may be nested.
const DEPTH: usize = 200;

/// How much of one text is kept, and how many texts and attributes of a case.
const TEXT: usize = 8 << 10;
const PARTS: usize = 60;

/// An element with its attributes.
#[derive(Debug, Clone, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
}

impl Element {
    fn new(element: &BytesStart<'_>, longest: usize) -> Self {
        let name = element.local_name().as_ref().to_owned();
        let mut attributes = Vec::new();
        for attribute in element.attributes().flatten().take(PARTS) {
            let key = attribute.key.local_name().as_ref().to_owned();
            let value = attribute.value.into_owned();
            let value = quick_xml::escape::unescape(&value)
                .map(|value| value.into_owned())
                .unwrap_or(value);
            attributes.push((key, value[..value.floor_char_boundary(longest)].to_owned()));
        }
        Self { name, attributes }
    }

    /// An attribute that is not empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }
}

/// Something within a case.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) element: Element,
    pub(super) text: String,
    /// How deep it lies in the case: 1 for its children.
    pub(super) depth: usize,
}

/// A case as it stands in the report.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) element: Element,
    /// Its own text.
    pub(super) own: String,
    pub(super) parts: Vec<Part>,
    /// The elements around it, the outermost first.
    pub(super) around: Vec<Element>,
    pub(super) byte: u64,
}

impl Raw {
    /// The first part of a name, whatever lies in it.
    pub(super) fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.element.name == name)
    }

    /// The first text of a part of a name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let named = self.parts.iter().filter(|part| part.element.name == name);
        named.map(|part| part.text.trim()).find(|text| !text.is_empty())
    }
}

/// Reads a report.
pub(crate) fn read(source: impl Read, format: Format, question: &Question) -> Evidence {
    let mut cases = Cases::new(format, question);
    let shape = shape_of(format);
    // Output of a test, which may be as long as a log, is thinned out before it is parsed.
    let mut reader = Reader::from_reader(BufReader::new(Thin::new(source)));
    let mut buffer = Vec::new();
    let mut walk = Walk { shape, around: Vec::new(), case: None, longest: TEXT };
    let mut marks = Vec::new();
    loop {
        buffer.clear();
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(error) => {
                let byte = reader.error_position();
                marks.push(Mark::CutOff(format!("it is XML up to byte {byte} only: {error}")));
                break;
            }
        };
        let byte = reader.buffer_position();
        match event {
            Event::Eof => break,
            Event::Start(element) => {
                if walk.around.len() > DEPTH {
                    marks.push(Mark::Bound(format!("nested deeper than {DEPTH} elements")));
                    break;
                }
                walk.start(Element::new(&element, TEXT), byte);
            }
            Event::Empty(element) => {
                walk.start(Element::new(&element, TEXT), byte);
                walk.end(&mut cases);
            }
            Event::Text(text) => walk.text(&text),
            Event::CData(text) => walk.text(&text),
            Event::GeneralRef(name) => walk.reference(&name),
            Event::End(_) => walk.end(&mut cases),
            _ => {}
        }
    }
    if !walk.around.is_empty() && marks.is_empty() {
        marks.push(Mark::CutOff("its last elements are not closed".into()));
    }
    // What a case said before the report broke off counts.
    while !walk.around.is_empty() {
        walk.end(&mut cases);
    }
    cases.finish(marks)
}

struct Walk {
    shape: Shape,
    around: Vec<Element>,
    /// The case at work, and how deep it lies.
    case: Option<(Raw, usize)>,
    longest: usize,
}

impl Walk {
    fn start(&mut self, element: Element, byte: u64) {
        let depth = self.around.len();
        match &mut self.case {
            None if (self.shape.is_case)(&element, &self.around) => {
                let around = self.around.clone();
                let (own, parts) = (String::new(), Vec::new());
                let raw = Raw { element: element.clone(), own, parts, around, byte };
                self.case = Some((raw, depth));
            }
            Some((raw, at)) if raw.parts.len() < PARTS => {
                let part =
                    Part { element: element.clone(), text: String::new(), depth: depth - *at };
                raw.parts.push(part);
            }
            _ => {}
        }
        self.around.push(element);
    }

    fn text(&mut self, text: &str) {
        let depth = self.around.len();
        let Some((raw, at)) = &mut self.case else { return };
        if *at + 1 == depth {
            let room = self.longest.saturating_sub(raw.own.len());
            raw.own.push_str(&text[..text.floor_char_boundary(room)]);
            return;
        }
        let name = self.around.last().map_or("", |element| element.name.as_str());
        let open = raw
            .parts
            .iter_mut()
            .rev()
            .find(|part| part.element.name == name && part.depth + *at + 1 == depth);
        if let Some(part) = open {
            let room = self.longest.saturating_sub(part.text.len());
            part.text.push_str(&text[..text.floor_char_boundary(room)]);
        }
    }

    /// `&lt;` and the like come as events of their own.
    fn reference(&mut self, name: &str) {
        let escaped = format!("&{name};");
        if let Ok(text) = quick_xml::escape::unescape(&escaped) {
            self.text(&text);
        }
    }

    fn end(&mut self, cases: &mut Cases) {
        let Some(element) = self.around.pop() else { return };
        if self.case.as_ref().is_some_and(|(_, depth)| *depth == self.around.len()) {
            if let Some((raw, _)) = self.case.take()
                && let Some(case) = (self.shape.read)(&raw)
            {
                cases.add(case);
            }
        } else if self.case.is_none() {
            cases.counted += (self.shape.counts)(&element, &self.around);
        }
    }
}
