//! The lines around what was found, as many as were requested.

use super::rules::lossy;
use super::tools::Drafts;
use crate::blocks::Block;
use crate::evidence::Collector;

/// Something that is kept, by its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kept {
    /// A failure, among the drafts.
    Failure(usize),
    /// A line that fits the pattern.
    Match(usize),
}

/// Takes lines around failures and matches.
#[derive(Debug)]
pub(super) struct Surround {
    wanted: usize,
    longest: usize,
    /// What wants more of the lines after it, and how many.
    wanting: Vec<(Kept, usize)>,
}

impl Surround {
    pub(super) fn new(wanted: usize, longest: usize) -> Self {
        Self { wanted, longest, wanting: Vec::new() }
    }

    /// Gives the lines of a new block to those that lacked them.
    pub(super) fn want(&mut self, bytes: &[u8], drafts: &mut Drafts, matches: &mut Collector) {
        for (kept, wanted) in std::mem::take(&mut self.wanting) {
            self.after(kept, wanted, bytes, drafts, matches);
        }
    }

    /// Takes the lines around something, as far as they are here.
    pub(super) fn around(
        &mut self,
        kept: Kept,
        block: &Block<'_>,
        start: usize,
        end: usize,
        drafts: &mut Drafts,
        matches: &mut Collector,
    ) {
        if self.wanted == 0 {
            return;
        }
        let mut lines: Vec<String> = lines_of(&block.all[..block.from + start])
            .rev()
            .take(self.wanted)
            .map(|line| short(line, self.longest))
            .collect();
        lines.reverse();
        lines.retain(|line| match kept {
            Kept::Failure(_) => drafts.room_for(line),
            Kept::Match(_) => matches.room_for(line),
        });
        match kept {
            Kept::Failure(place) => drafts.all[place].failure.before = lines,
            Kept::Match(place) => matches.evidence.matches[place].before = lines,
        }
        let next = match block.lines()[end..] {
            [b'\r', b'\n', ..] => end + 2,
            [] => end,
            _ => end + 1,
        };
        self.after(kept, self.wanted, &block.lines()[next..], drafts, matches);
    }

    /// Takes lines after something, and remembers how many are still to come.
    fn after(
        &mut self,
        kept: Kept,
        wanted: usize,
        bytes: &[u8],
        drafts: &mut Drafts,
        matches: &mut Collector,
    ) {
        let mut missing = wanted;
        for line in lines_of(bytes).take(wanted) {
            missing -= 1;
            let line = short(line, self.longest);
            match kept {
                Kept::Failure(place) if drafts.room_for(&line) => {
                    drafts.all[place].failure.after.push(line);
                }
                Kept::Match(place) if matches.room_for(&line) => {
                    matches.evidence.matches[place].after.push(line);
                }
                _ => {}
            }
        }
        if missing > 0 {
            self.wanting.push((kept, missing));
        }
    }
}

fn short(line: &[u8], longest: usize) -> String {
    lossy(&line[..line.len().min(longest)]).trim_end().to_owned()
}

/// The lines of some bytes, from either side.
fn lines_of(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let any = !bytes.is_empty();
    bytes.split(|byte| *byte == b'\n').filter(move |_| any)
}
