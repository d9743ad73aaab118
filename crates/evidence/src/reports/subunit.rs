//! Subunit, version 2: a stream of binary packets, an event of a test each.
//!
//! The format is that of python-subunit's README: `0xb3`, flags, length, then what the flags say is there, and a CRC-32
//! of all before it. Numbers take one to four bytes, of which the first two bits say how many more follow.

use std::collections::HashMap;
use std::io::{BufReader, Read};

use super::cases::{Case, Cases, Ended};
use super::said::told;
use crate::evidence::{Evidence, Format, Mark};
use crate::read::Question;

/// What each packet begins with.
pub(crate) const SIGNATURE: u8 = 0xb3;

/// The longest packet that the format allows, in bytes.
const LONGEST: usize = (4 << 20) - 1;

/// Bytes that are kept of what a test attached, and tests of which some is kept.
const ATTACHED: usize = 16 << 10;
const HOLDING: usize = 1000;

/// Tests that are known to have begun, and the longest name of one, in bytes.
const OPEN: usize = 20_000;
const NAME: usize = 4 << 10;

/// Reads the packets.
pub(crate) fn read(source: impl Read, question: &Question) -> Evidence {
    let mut source = Source { bytes: BufReader::new(source).bytes(), at: 0 };
    let mut run = Run {
        cases: Cases::new(Format::Subunit, question),
        attached: HashMap::new(),
        open: HashMap::new(),
    };
    let (mut between, mut broken, mut cut) = (0u64, 0u64, false);
    loop {
        let begun = source.at;
        match source.next() {
            None => break,
            Some(SIGNATURE) => match source.packet() {
                Some(Ok(packet)) => run.packet(&packet, begun),
                Some(Err(())) => broken += 1,
                None => {
                    cut = true;
                    break;
                }
            },
            // What a program printed itself may stand between packets.
            Some(_) => between += 1,
        }
    }
    let mut marks = Vec::new();
    if broken > 0 {
        marks.push(Mark::Unreadable(format!("{broken} packets are damaged: passed over")));
    }
    if between > 0 {
        marks.push(Mark::Unreadable(format!("{between} bytes between packets are passed over")));
    }
    let open = run.open.len();
    if cut || open > 0 {
        let what = if cut { "a packet is cut off; " } else { "" };
        marks.push(Mark::CutOff(format!("{what}{open} tests began and did not end")));
    }
    // Text between packets is no reason to doubt what was told of tests.
    run.cases.finish(marks)
}

struct Source<I> {
    bytes: I,
    at: u64,
}

impl<I: Iterator<Item = std::io::Result<u8>>> Source<I> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.next()?.ok()?;
        self.at += 1;
        Some(byte)
    }

    /// The rest of a packet without its CRC; an error for a damaged one, none where the stream ends within it.
    fn packet(&mut self) -> Option<Result<Vec<u8>, ()>> {
        let mut whole = vec![SIGNATURE];
        for _ in 0..3 {
            whole.push(self.next()?);
        }
        if whole[1] >> 4 != 2 {
            return Some(Err(()));
        }
        for _ in 0..usize::from(whole[3] >> 6) {
            whole.push(self.next()?);
        }
        let mut length = &whole[3..];
        let length = number(&mut length).unwrap_or(0) as usize;
        if !(whole.len() + 4..=LONGEST).contains(&length) {
            return Some(Err(()));
        }
        while whole.len() < length {
            whole.push(self.next()?);
        }
        let (body, check) = whole.split_at(length - 4);
        let sound = crc32fast::hash(body).to_be_bytes() == *check;
        Some(if sound { Ok(body[1..].to_vec()) } else { Err(()) })
    }
}

/// Takes a number.
fn number(from: &mut &[u8]) -> Option<u32> {
    let (first, rest) = from.split_first()?;
    let more = usize::from(first >> 6);
    let (bytes, rest) = rest.split_at_checked(more)?;
    *from = rest;
    Some(bytes.iter().fold(u32::from(first & 0x3f), |sum, byte| sum << 8 | u32::from(*byte)))
}

/// Takes so many bytes as the number before them says.
fn counted<'p>(from: &mut &'p [u8]) -> Option<&'p [u8]> {
    let length = number(from)? as usize;
    let (bytes, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(bytes)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

struct Run {
    cases: Cases,
    /// What tests attached until they ended.
    attached: HashMap<String, String>,
    /// Tests that began and did not end.
    open: HashMap<String, u64>,
}

impl Run {
    /// Takes a packet from its flags on. One that has less than its flags promise tells nothing.
    fn packet(&mut self, packet: &[u8], byte: u64) {
        let _ = self.event(packet, byte);
    }

    fn event(&mut self, packet: &[u8], byte: u64) -> Option<()> {
        let (flags, mut rest) = packet.split_at_checked(2)?;
        let flags = u16::from_be_bytes([flags[0], flags[1]]);
        let has = |flag: u16| flags & flag != 0;
        number(&mut rest)?;
        if has(0x0200) {
            rest = rest.get(4..)?;
            number(&mut rest)?;
        }
        let test = if has(0x0800) { Some(text(counted(&mut rest)?)) } else { None };
        // Where it ran is part of what a test is: one that passes elsewhere was not run again.
        let mut place: Vec<String> = Vec::new();
        if has(0x0080) {
            for _ in 0..number(&mut rest)? {
                place.push(text(counted(&mut rest)?));
            }
        }
        let mime = if has(0x0020) { text(counted(&mut rest)?) } else { String::new() };
        let file = match has(0x0040) {
            true => {
                counted(&mut rest)?;
                Some(counted(&mut rest)?)
            }
            false => None,
        };
        if has(0x0400) {
            place.insert(0, text(counted(&mut rest)?));
        }
        let test = test.filter(|test| test.len() <= NAME)?;
        if let Some(file) = file.filter(|_| mime.is_empty() || mime.starts_with("text/")) {
            let kept = self.attached.len() < HOLDING || self.attached.contains_key(&test);
            if kept {
                let attached = self.attached.entry(test.clone()).or_default();
                if attached.len() + file.len() < ATTACHED {
                    attached.push_str(&String::from_utf8_lossy(file));
                }
            }
        }
        let status = flags & 7;
        if status == 2 && self.open.len() < OPEN {
            self.open.insert(test.clone(), byte);
        }
        if status < 3 {
            return Some(());
        }
        self.open.remove(&test);
        let said = self.attached.remove(&test).unwrap_or_default();
        let failed = |status: &str, message| Ended::Failed { status: status.into(), message };
        let ended = match status {
            3 | 7 => Ended::Passed,
            5 => Ended::Skipped,
            4 => failed("UNEXPECTED SUCCESS", Some("it passed, and was expected to fail".into())),
            _ => failed("FAIL", told("", &said, "", &test)),
        };
        let group = Some(place.join(" ")).filter(|place| !place.is_empty());
        self.cases.add(Case { test, group, ended, hint: String::new(), byte });
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet: flags, and what they promise.
    fn packet(flags: u16, body: &[u8]) -> Vec<u8> {
        let mut whole = vec![SIGNATURE];
        whole.extend((0x2000 | flags).to_be_bytes());
        whole.push((4 + body.len() + 4) as u8);
        whole.extend(body);
        whole.extend(crc32fast::hash(&whole).to_be_bytes());
        whole
    }

    #[test]
    fn packets_tell_how_tests_ended() {
        let mut stream = packet(0x0802, b"\x03a.b");
        stream.extend(b"printed\n");
        stream.extend(packet(0x0806, b"\x03a.b"));
        stream.extend(packet(0x0803, b"\x03a.c"));
        stream.extend(packet(0x0804, b"\x03a.d"));
        let evidence = read(std::io::Cursor::new(stream), &Question::default());
        let named: Vec<_> = evidence.failures.iter().filter_map(|f| f.test.clone()).collect();
        assert_eq!(named, ["a.b", "a.d"]);
        assert!(evidence.marks.iter().any(|mark| mark.words().contains("8 bytes")), "{evidence:?}");
    }

    #[test]
    fn damage_is_said_and_stops_nothing() {
        let mut damaged = packet(0x0806, b"\x03a.b");
        *damaged.last_mut().unwrap() ^= 1;
        // A length that is more than the format allows, and one that is less than a packet has.
        damaged.extend([SIGNATURE, 0x28, 0x06, 0xff, 0xff, 0xff, 0xff]);
        damaged.extend([SIGNATURE, 0x28, 0x06, 0x01]);
        damaged.extend(packet(0x0806, b"\x03a.c"));
        damaged.extend(&packet(0x0806, b"\x03a.d")[..6]);
        let evidence = read(std::io::Cursor::new(damaged), &Question::default());
        let named: Vec<_> = evidence.failures.iter().filter_map(|f| f.test.clone()).collect();
        assert_eq!(named, ["a.c"]);
        let words: Vec<String> = evidence.marks.iter().map(|mark| mark.words()).collect();
        assert!(words.iter().any(|w| w.contains("3 packets are damaged")), "{words:?}");
        assert!(words.iter().any(|w| w.contains("cut off")), "{words:?}");
    }
}
