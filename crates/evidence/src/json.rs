//! Lines of JSON: one record each, with whatever else got in between.

use std::borrow::Cow;
use std::io::Read;

use serde::{Deserialize, Deserializer};

use crate::blocks::{Block, Blocks};
use crate::evidence::{Evidence, Mark};
use crate::limits::Limits;

/// A text of a record. Harnesses write null where they have nothing, and now and then a number.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> serde::de::Visitor<'de> for Any {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(text.to_owned()))))
            }
            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text(None))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(number.to_string()))))
            }
            fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
                Ok(Text(Some(Cow::Owned(truth.to_string()))))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut of: A,
            ) -> Result<Self::Value, A::Error> {
                // reftest ids may be lists: `[url, "==", reference]`.
                let mut parts: Vec<String> = Vec::new();
                while let Some(part) = of.next_element::<Text<'de>>()? {
                    parts.extend(part.0.map(Cow::into_owned));
                }
                Ok(Text(Some(Cow::Owned(parts.join(" ")))))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut of: A,
            ) -> Result<Self::Value, A::Error> {
                while of.next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }
        from.deserialize_any(Any)
    }
}

impl Text<'_> {
    /// The text; none where it is missing, null or empty.
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }

    /// A copy of it that is no longer than that.
    pub(crate) fn short(&self, longest: usize) -> Option<String> {
        self.get().map(|text| text[..text.floor_char_boundary(longest)].to_owned())
    }
}

/// What was passed over in a source of records.
#[derive(Debug, Default)]
pub(crate) struct PassedOver {
    /// Lines that are no records at all.
    pub(crate) text: u64,
    /// Records that are not what they should be.
    pub(crate) records: u64,
    /// Whether the last line is the beginning of a record.
    pub(crate) half: bool,
}

/// How a source of records ended.
pub(crate) struct Ends {
    cut: u64,
    longest: usize,
    broke: Option<std::io::Error>,
}

impl Ends {
    pub(crate) fn of<R: Read>(blocks: &mut Blocks<R>, limits: &Limits) -> Self {
        Self { cut: blocks.cut, longest: limits.record, broke: blocks.broke.take() }
    }

    /// Says how it ended.
    pub(crate) fn say(self, evidence: &mut Evidence) {
        if self.cut > 0 {
            let longest = self.longest;
            evidence.mark(Mark::Bound(format!(
                "a record is longer than {longest} bytes and was passed over"
            )));
        }
        crate::input::say_broken(evidence, self.broke);
    }
}

/// Gives each line of a source, without its end and blanks before that, and where it begins.
pub(crate) fn each_line<R: Read>(
    source: R,
    limits: &Limits,
    mut take: impl FnMut(&[u8], u64),
) -> Ends {
    let mut blocks = Blocks::new(source, crate::blocks::Ends::Newline, limits.record);
    let mut byte = 0;
    while let Some(block) = blocks.next() {
        for line in block.lines().split_inclusive(|byte| *byte == b'\n') {
            take(line.trim_ascii_end(), byte);
            byte += line.len() as u64;
        }
    }
    Ends::of(&mut blocks, limits)
}

/// The lines of a block as text, where all of it is text: so it is looked through once and not
/// once a word.
pub(crate) fn text_of<'b>(block: &Block<'b>) -> Option<&'b str> {
    std::str::from_utf8(block.lines()).ok()
}

/// Reads a record. Depth is bounded by the parser itself, at 128.
pub(crate) fn record<'a, T: Deserialize<'a>>(line: &'a [u8], text: Option<&'a str>) -> Option<T> {
    match text {
        Some(text) => serde_json::from_str(text).ok(),
        None => serde_json::from_slice(line).ok(),
    }
}

impl PassedOver {
    /// Says what was passed over.
    pub(crate) fn say(&self, evidence: &mut Evidence) {
        if self.text > 0 {
            let lines = self.text;
            evidence.mark(Mark::Unreadable(format!(
                "{lines} lines are no records and were passed over"
            )));
        }
        if self.records > 0 {
            let records = self.records;
            evidence.mark(Mark::Unreadable(format!("{records} records could not be read")));
        }
        if self.half {
            evidence.mark(Mark::CutOff("its last record is only half there".into()));
        }
    }
}

/// Whether a line has the shape of a record; text may have got in between.
pub(crate) fn looks_like_a_record(line: &[u8]) -> bool {
    line.starts_with(b"{") && line.ends_with(b"}")
}

/// A line without its end and what is around it.
pub(crate) fn trimmed(line: &[u8]) -> &[u8] {
    line.trim_ascii()
}
