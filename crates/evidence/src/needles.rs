//! A search for many short texts at once over everything that is read.

use aho_corasick::{AhoCorasick, packed};

/// Finds the places of which every line that matters has one.
#[derive(Debug)]
pub(crate) enum Needles {
    /// Vector instructions look for all of them at once.
    Packed(packed::Searcher),
    /// Where the machine has none, or they are too many, an automaton does. It takes a millisecond
    /// to build, as long as it takes to read a short log.
    Automaton(AhoCorasick),
}

impl Needles {
    /// For these; empty ones are passed over.
    pub(crate) fn new<'a>(all: impl Iterator<Item = &'a str> + Clone) -> Self {
        let all = all.filter(|needle| !needle.is_empty());
        match packed::Searcher::new(all.clone()) {
            Some(packed) => Self::Packed(packed),
            #[allow(clippy::expect_used, reason = "fails only past billions of states")]
            None => Self::Automaton(AhoCorasick::new(all).expect("some dozens of short needles")),
        }
    }

    /// The next place from `from` on.
    pub(crate) fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let within = &bytes[from..];
        let found = match self {
            Self::Packed(packed) => packed.find(within).map(|found| found.start()),
            Self::Automaton(automaton) => automaton.find(within).map(|found| found.start()),
        };
        found.map(|at| at + from)
    }
}
