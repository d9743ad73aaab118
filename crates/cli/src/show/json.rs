//! JSON out: one documented, versioned object.

use std::io::{self, Write};

use mozci_core::harmless::is_obeyed;
use mozci_engine::ci::Ci;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};
use serde_json::{Map, Value, json};

use crate::context::Context;

/// The version of the object's shape. It goes up when a key changes its meaning or goes away.
pub(crate) const VERSION: u32 = 2;

/// The top of every object.
pub(crate) fn top(command: &str, context: &Context) -> Map<String, Value> {
    top_of(command, context, &context.ci)
}

/// The top of an object about another repository of the same CI.
pub(crate) fn top_of(command: &str, context: &Context, ci: &Ci) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("version".into(), json!(VERSION));
    object.insert("command".into(), json!(command));
    object.insert("ci".into(), json!(context.ci_name));
    object.insert("repo".into(), json!(ci.repo));
    if let Some(about) = ci.about() {
        object.insert("judged_by".into(), json!(about));
    }
    object
}

/// Writes a value as JSON on several lines. Text stands there as it came: whatever a terminal would
/// obey is written as an escape, which JSON's own rules request below U+0020 alone.
pub(crate) fn write_json(
    writer: &mut impl std::io::Write,
    value: &impl Serialize,
) -> serde_json::Result<()> {
    let mut pretty = Serializer::with_formatter(writer, Escaping(PrettyFormatter::new()));
    value.serialize(&mut pretty)
}

/// A value as JSON on one line, escaped as [`write_json`] does.
pub(crate) fn json_text(value: &impl Serialize) -> serde_json::Result<String> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, Escaping(CompactFormatter)))?;
    String::from_utf8(text).map_err(serde::ser::Error::custom)
}

/// Writes as another formatter does, but for characters that a terminal obeys.
struct Escaping<F>(F);

impl<F: Formatter> Formatter for Escaping<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_obeyed) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let mut chars = rest[at..].chars();
            if let Some(obeyed) = chars.next() {
                let mut units = [0; 2];
                for unit in obeyed.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(w, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(w, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_text_as_it_came_and_shows_a_terminal_nothing_to_obey() {
        let value =
            json!({"a\u{9b}": ["\u{1b}]0;x\u{7}", "\u{202e}\u{7f}\u{e0041}\"\\☃"], "b": {}});
        let mut pretty = Vec::new();
        write_json(&mut pretty, &value).unwrap();
        let pretty = String::from_utf8(pretty).unwrap();
        for text in [json_text(&value).unwrap(), pretty.clone()] {
            assert!(!text.replace('\n', "").contains(is_obeyed), "{text:?}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
        let plain = json!({"a": [1, "b"], "c": []});
        let mut pretty = Vec::new();
        write_json(&mut pretty, &plain).unwrap();
        assert_eq!(String::from_utf8(pretty).unwrap(), format!("{plain:#}"));
    }
}
