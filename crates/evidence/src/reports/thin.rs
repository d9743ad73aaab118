//! Thins XML out: of a text or CDATA section only the beginning goes on to the parser, which takes
//! every one of them whole into memory.

use std::io::{self, Read};

/// How much of one text, section or tag goes on.
const KEPT: usize = 64 << 10;

/// How long a tag may be; past this the source is given up.
const TAG: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum In {
    Text,
    Tag,
    Section,
}

/// A source without the bulk of its texts.
pub(super) struct Thin<R> {
    source: R,
    at: In,
    /// Bytes of the present text, tag or section.
    length: usize,
    /// The last bytes, newest last: what a section begins and ends with.
    last: [u8; 9],
    taken: Vec<u8>,
    ready: Vec<u8>,
    given: usize,
}

impl<R: Read> Thin<R> {
    pub(super) fn new(source: R) -> Self {
        let taken = vec![0; 64 << 10];
        Self { source, at: In::Text, length: 0, last: [0; 9], taken, ready: Vec::new(), given: 0 }
    }

    /// Whether a byte goes on.
    fn takes(&mut self, byte: u8) -> bool {
        self.last.rotate_left(1);
        self.last[8] = byte;
        self.length += 1;
        match (self.at, byte) {
            (In::Text, b'<') => self.go(In::Tag),
            (In::Text, _) => self.length <= KEPT,
            (In::Tag, b'[') if self.last == *b"<![CDATA[" => self.go(In::Section),
            (In::Tag, b'>') => self.go(In::Text),
            (In::Tag, _) => true,
            (In::Section, b'>') if self.last.ends_with(b"]]>") => {
                if self.length > KEPT {
                    // Its end goes on whole, though what is before it did not.
                    self.ready.extend_from_slice(b"]]");
                }
                self.go(In::Text)
            }
            (In::Section, _) => self.length <= KEPT,
        }
    }

    fn go(&mut self, to: In) -> bool {
        self.at = to;
        self.length = 0;
        true
    }
}

impl<R: Read> Read for Thin<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.given == self.ready.len() {
            (self.given, self.ready) = (0, Vec::with_capacity(self.taken.len()));
            let mut taken = std::mem::take(&mut self.taken);
            let read = self.source.read(&mut taken);
            let bytes = &taken[..*read.as_ref().unwrap_or(&0)];
            for byte in bytes {
                if self.takes(*byte) {
                    self.ready.push(*byte);
                }
            }
            self.taken = taken;
            if self.at == In::Tag && self.length > TAG {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a tag of more than 1 MiB"));
            }
            if read? == 0 {
                return Ok(0);
            }
        }
        let count = to.len().min(self.ready.len() - self.given);
        to[..count].copy_from_slice(&self.ready[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bulk_is_left_out_and_the_shape_stays() {
        let bulk = "x".repeat(3 * KEPT);
        let text = format!("<a><![CDATA[{bulk}]]]></a><b>{bulk}</b><c d='e>'/>");
        let mut thin = String::new();
        Thin::new(text.as_bytes()).read_to_string(&mut thin).unwrap();
        assert!(thin.len() < 2 * KEPT + 100);
        assert!(thin.starts_with("<a><![CDATA[x") && thin.contains("]]></a><b>x"));
        assert!(thin.ends_with("x</b><c d='e>'/>"));
    }
}
