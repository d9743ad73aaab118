//! Takes terminal escapes out of a stream: colours, titles, links, cursor movements.
//!
//! A rule then sees what a person sees. Places in the log stay those of the file: [`Taken`] knows how
//! many bytes went before each place.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;

/// How long a sequence may be that ends with a bell or a string terminator (a title, a link).
const LONGEST: usize = 4096;

/// How much was taken out before which place of the plain stream.
#[derive(Debug, Default)]
pub(super) struct Taken {
    places: VecDeque<(u64, u64)>,
    before: u64,
}

impl Taken {
    /// The place in the file of a place in the plain stream.
    pub(super) fn place(&self, plain: u64) -> u64 {
        let after = self.places.partition_point(|(at, _)| *at <= plain);
        let taken = after.checked_sub(1).and_then(|last| self.places.get(last));
        plain + taken.map_or(self.before, |(_, taken)| *taken)
    }

    /// Forgets what lies before a place of the plain stream.
    pub(super) fn forget(&mut self, plain: u64) {
        while let Some((_, taken)) = self.places.front().filter(|(at, _)| *at < plain) {
            self.before = *taken;
            self.places.pop_front();
        }
    }
}

/// Where in a sequence the stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    Text,
    /// After the escape.
    Escape,
    /// `ESC [ …` up to a letter.
    Control,
    /// `ESC ] …`, `ESC _ …` and the like, up to a bell or `ESC \`; with the bytes so far.
    Command(usize),
    /// `ESC (`, of which one byte is to come.
    Charset,
}

/// A stream without escapes.
pub(super) struct Plain<R> {
    source: R,
    at: In,
    moved: bool,
    marks_moves: bool,
    buffer: Vec<u8>,
    given: u64,
    gone: u64,
    taken: Rc<RefCell<Taken>>,
}

impl<R: Read> Plain<R> {
    /// Wraps a source; the second is what tells places of the file. `marks_moves` puts a `\r` where the
    /// cursor goes to the line's beginning.
    pub(super) fn new(source: R, marks_moves: bool) -> (Self, Rc<RefCell<Taken>>) {
        let taken = Rc::<RefCell<Taken>>::default();
        let shared = Rc::clone(&taken);
        let buffer = Vec::new();
        (
            Self {
                source,
                at: In::Text,
                moved: false,
                marks_moves,
                buffer,
                given: 0,
                gone: 0,
                taken,
            },
            shared,
        )
    }

    /// Whether a byte stays; moves on within the sequence.
    fn keeps(&mut self, byte: u8) -> bool {
        let (next, keeps) = match (self.at, byte) {
            (In::Text, ESCAPE) => (In::Escape, false),
            (In::Text, _) => (In::Text, true),
            // The end of a line ends whatever was not ended.
            (_, b'\n' | b'\r') => (In::Text, true),
            (In::Escape, b'[') => (In::Control, false),
            (In::Escape, b']' | b'_' | b'P' | b'^' | b'X') => (In::Command(0), false),
            (In::Escape, b'(' | b')') => (In::Charset, false),
            (In::Escape, ESCAPE) => (In::Escape, false),
            (In::Escape | In::Charset, _) => (In::Text, false),
            // Where the cursor goes to the line's beginning, what stands there is written over.
            (In::Control, b'G') => (In::Text, self.marks_moves),
            (In::Control, b'@'..=b'~') => (In::Text, false),
            (In::Control, _) => (In::Control, false),
            (In::Command(_), BELL) => (In::Text, false),
            (In::Command(_), ESCAPE) => (In::Escape, false),
            (In::Command(length), _) if length >= LONGEST => (In::Text, true),
            (In::Command(length), _) => (In::Command(length + 1), false),
        };
        self.moved = self.at == In::Control && byte == b'G';
        self.at = next;
        keeps
    }

    /// Whether a byte that stays is the end of a movement of the cursor.
    fn moves(&mut self, byte: u8) -> bool {
        std::mem::take(&mut self.moved) && byte == b'G'
    }

    /// Takes the escapes out of what was read, in place; tells how much stays.
    fn clean(&mut self, bytes: &mut [u8]) -> usize {
        let mut kept = 0;
        let mut read = 0;
        while read < bytes.len() {
            if self.at == In::Text {
                // What holds no escape moves as one piece.
                let end =
                    memchr::memchr(ESCAPE, &bytes[read..]).map_or(bytes.len(), |at| read + at);
                bytes.copy_within(read..end, kept);
                kept += end - read;
                read = end;
                if read == bytes.len() {
                    break;
                }
            }
            if self.keeps(bytes[read]) {
                let moved = self.moves(bytes[read]);
                bytes[kept] = if moved { b'\r' } else { bytes[read] };
                kept += 1;
            } else {
                self.gone += 1;
                let place = self.given + kept as u64;
                let mut taken = self.taken.borrow_mut();
                match taken.places.back_mut() {
                    Some((at, gone)) if *at == place => *gone = self.gone,
                    _ => taken.places.push_back((place, self.gone)),
                }
            }
            read += 1;
        }
        kept
    }
}

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.source.read(to)?;
            if read == 0 {
                return Ok(0);
            }
            if self.at == In::Text && memchr::memchr(ESCAPE, &to[..read]).is_none() {
                self.given += read as u64;
                return Ok(read);
            }
            let mut bytes = std::mem::take(&mut self.buffer);
            bytes.clear();
            bytes.extend_from_slice(&to[..read]);
            let kept = self.clean(&mut bytes);
            to[..kept].copy_from_slice(&bytes[..kept]);
            self.buffer = bytes;
            self.given += kept as u64;
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that gives little at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(to.len());
            to[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn escapes_go_and_places_stay() {
        let text = "\x1b[0;31mFAIL\x1b[m: a\n\x1b]8;;http://x\x07link\x1b]8;;\x1b\\ b\x1b(B c\n\x1b_bk;t=1\x07d";
        for step in 1..text.len() {
            let (mut plain, taken) = Plain::new(Slow(text.as_bytes(), step), true);
            let mut read = String::new();
            plain.read_to_string(&mut read).unwrap();
            assert_eq!(read, "FAIL: a\nlink b c\nd", "{step}");
            let taken = taken.borrow();
            for (word, whole) in [("FAIL", "FAIL"), ("link", "link"), ("d", "d")] {
                let at = read.rfind(word).unwrap() as u64;
                assert_eq!(taken.place(at) as usize, text.rfind(whole).unwrap(), "{word}");
            }
        }
    }

    #[test]
    fn what_is_never_ended_takes_no_text_with_it() {
        let (mut plain, _) = Plain::new(&b"\x1b]title without end\nFAIL: a\n\x1b[12\nb"[..], true);
        let mut read = String::new();
        plain.read_to_string(&mut read).unwrap();
        assert_eq!(read, "\nFAIL: a\n\nb");
    }
}
