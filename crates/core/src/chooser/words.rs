//! Texts that occur again and again, each kept once.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// A text, by its place among the others.
pub(super) type Word = u32;

/// Texts in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Words {
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Words {
    /// A text; empty for one that is not there, which only a broken file requests.
    pub(super) fn get(&self, word: Word) -> &str {
        let place = word as usize;
        let start = place.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let range = start.zip(self.ends.get(place).copied());
        range.and_then(|(from, to)| self.text.get(from as usize..to as usize)).unwrap_or("")
    }

    fn push(&mut self, text: &str) -> Word {
        self.text.push_str(text);
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        (self.ends.len() - 1) as Word
    }
}

/// Takes texts in.
#[derive(Debug, Default)]
pub(super) struct Interner {
    words: Words,
    known: HashMap<Box<str>, Word>,
}

impl Interner {
    /// The place of a text, a new one if it was not there.
    pub(super) fn word(&mut self, text: &str) -> Word {
        if let Some(word) = self.known.get(text) {
            return *word;
        }
        let word = self.words.push(text);
        self.known.insert(text.into(), word);
        word
    }

    pub(super) fn into_words(self) -> Words {
        self.words
    }
}
