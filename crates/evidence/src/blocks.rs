//! A stream, cut into blocks of whole lines, with a little of what came before each.

use std::io::{ErrorKind, Read};

/// How much is asked of the source at once.
const CHUNK: usize = 256 << 10;

/// How much of what came before a block is kept for looking back.
pub(crate) const BEHIND: usize = 32 << 10;

/// Some whole lines; the last of a stream may lack its end.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// What came before, as far as it is kept, and the lines.
    pub(crate) all: &'a [u8],
    /// Where the lines begin in `all`.
    pub(crate) from: usize,
    /// How many bytes of the stream came before the lines.
    pub(crate) byte: u64,
}

impl<'a> Block<'a> {
    /// The lines themselves.
    pub(crate) fn lines(&self) -> &'a [u8] {
        &self.all[self.from..]
    }
}

/// What to take for the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// `\n`, `\r\n` and a `\r` alone.
    Any,
    /// `\n` alone.
    Newline,
}

/// Cuts a stream into blocks.
pub(crate) struct Blocks<R> {
    source: R,
    buffer: Vec<u8>,
    /// Where the next block begins in the buffer.
    from: usize,
    /// How far it is filled.
    filled: usize,
    byte: u64,
    ends: Ends,
    longest: usize,
    ended: bool,
    /// Lines that were cut since they are too long.
    pub(crate) cut: u64,
    /// Why the stream ended before its time.
    pub(crate) broke: Option<std::io::Error>,
}

impl<R: Read> Blocks<R> {
    /// Lines longer than `longest` are cut there.
    pub(crate) fn new(source: R, ends: Ends, longest: usize) -> Self {
        Self {
            source,
            buffer: vec![0; BEHIND + CHUNK],
            from: 0,
            filled: 0,
            byte: 0,
            ends,
            longest,
            ended: false,
            cut: 0,
            broke: None,
        }
    }

    /// The next block; none at the end.
    pub(crate) fn next(&mut self) -> Option<Block<'_>> {
        // What was given last time is behind us now.
        let behind = self.from.min(BEHIND);
        self.buffer.copy_within(self.from - behind..self.filled, 0);
        self.filled -= self.from - behind;
        self.from = behind;
        let mut searched = self.from;
        let end = loop {
            if let Some(end) = self.last_end(searched) {
                break end;
            }
            if self.ended {
                break self.filled;
            }
            // A `\r` at the very end may be half of an end.
            searched = self.filled.saturating_sub(1).max(self.from);
            if self.filled - self.from >= self.longest {
                self.cut += 1;
                break self.filled;
            }
            self.fill();
        };
        if end == self.from {
            return None;
        }
        let (from, byte) = (self.from, self.byte);
        self.byte += (end - from) as u64;
        self.from = end;
        Some(Block { all: &self.buffer[..end], from, byte })
    }

    /// The end of the last whole line after a place, if there is one.
    fn last_end(&self, searched: usize) -> Option<usize> {
        let new = &self.buffer[searched..self.filled];
        let found = match self.ends {
            Ends::Newline => memchr::memrchr(b'\n', new),
            Ends::Any => match (memchr::memrchr2(b'\n', b'\r', new), self.ended) {
                // It may be half of an end.
                (Some(at), false) if at + 1 == new.len() && new[at] == b'\r' => {
                    memchr::memrchr2(b'\n', b'\r', &new[..at])
                }
                (found, _) => found,
            },
        };
        found.map(|at| searched + at + 1)
    }

    fn fill(&mut self) {
        if self.buffer.len() < self.filled + CHUNK / 2 {
            self.buffer.resize(self.filled + CHUNK, 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.broke = Some(error);
                    self.ended = true;
                }
            }
            return;
        }
    }
}

/// How many lines end in some bytes of whole lines.
pub(crate) fn ends_in(bytes: &[u8], ends: Ends) -> u64 {
    let newlines = memchr::memchr_iter(b'\n', bytes).count();
    let alone = match ends {
        Ends::Newline => 0,
        Ends::Any if memchr::memchr(b'\r', bytes).is_none() => 0,
        Ends::Any => {
            let next = bytes.iter().skip(1).chain([&b' ']);
            bytes.iter().zip(next).filter(|(one, next)| **one == b'\r' && **next != b'\n').count()
        }
    };
    (newlines + alone) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that gives little at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(to.len());
            to[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn blocks_are_whole_lines_and_nothing_is_lost() {
        let text = b"one\r\ntwo\rthree\n\nfour\r\r\nlast";
        for step in 1..text.len() {
            let mut blocks = Blocks::new(Slow(text, step), Ends::Any, 1 << 20);
            let (mut all, mut count) = (Vec::new(), 0);
            while let Some(block) = blocks.next() {
                assert_eq!(block.byte as usize, all.len());
                count += ends_in(block.lines(), Ends::Any);
                all.extend_from_slice(block.lines());
            }
            assert_eq!((all.as_slice(), count), (&text[..], 6), "{step}");
        }
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let text = vec![b'x'; 3 << 20];
        let mut blocks = Blocks::new(text.as_slice(), Ends::Newline, 1 << 20);
        let mut length = 0;
        while let Some(block) = blocks.next() {
            length += block.lines().len();
            assert!(block.all.len() < 2 << 20);
        }
        assert_eq!(length, text.len());
        assert!(blocks.cut > 0);
    }
}
