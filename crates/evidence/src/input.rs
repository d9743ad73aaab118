//! A source as it comes: packed or not, in whatever encoding, of whatever size.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use crate::evidence::{Evidence, Mark};
use crate::limits::Limits;

/// Bytes after which the ratio of unpacking is looked at.
const RATIO_FROM: u64 = 64 << 20;

/// How much has come, before and after unpacking, and what was met on the way.
#[derive(Debug, Default)]
pub(crate) struct Met {
    packed: Cell<u64>,
    pub(crate) bytes: Cell<u64>,
    bound: Cell<Option<&'static str>>,
}

/// Counts what is read of the packed source.
struct Packed<R>(R, Rc<Met>);

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(to)?;
        self.1.packed.set(self.1.packed.get() + read as u64);
        Ok(read)
    }
}

/// Fills what it is given to the last byte, as long as there is any. How much a decoder gets out of
/// damaged data depends on how it is fed, and must not depend on how the bytes come.
struct Steady<R> {
    source: R,
    /// What is to be told the next time, after what came before it.
    broke: Option<io::Error>,
}

impl<R> Steady<R> {
    fn new(source: R) -> Self {
        Self { source, broke: None }
    }
}

impl<R: Read> Read for Steady<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.broke.take() {
            return Err(error);
        }
        let mut filled = 0;
        while filled < to.len() {
            match self.source.read(&mut to[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if filled > 0 => {
                    self.broke = Some(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// Ends where a bound is met.
struct Bounded<R> {
    source: R,
    met: Rc<Met>,
    bytes: u64,
    ratio: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let so_far = self.met.bytes.get();
        if so_far >= self.bytes {
            // Only what goes on after the bound has met it.
            if self.source.read(&mut [0])? > 0 {
                self.met.bound.set(Some("bytes"));
            }
            return Ok(0);
        }
        if so_far > RATIO_FROM && so_far / self.ratio > self.met.packed.get().max(1) {
            self.met.bound.set(Some("ratio"));
            return Ok(0);
        }
        let room = usize::try_from(self.bytes - so_far).unwrap_or(usize::MAX).min(to.len());
        let read = self.source.read(&mut to[..room])?;
        self.met.bytes.set(so_far + read as u64);
        Ok(read)
    }
}

/// What a source begins with, and the source itself.
pub(crate) struct Opened {
    pub(crate) head: Vec<u8>,
    pub(crate) source: Box<dyn Read>,
    pub(crate) met: Rc<Met>,
    pub(crate) marks: Vec<Mark>,
}

/// How much is looked at to tell what a source is.
const HEAD: usize = 16 << 10;

/// Opens a source: unpacks gzip and zstd, turns UTF-16 into UTF-8, and bounds it.
pub(crate) fn open<R: Read + 'static>(source: R, limits: &Limits) -> Opened {
    let met = Rc::new(Met::default());
    let mut marks = Vec::new();
    let (magic, packed) = peek(Packed(source, Rc::clone(&met)), 4, &mut marks);
    let plain: Box<dyn Read> = match magic.as_slice() {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(Steady::new(packed))),
        [0x28, 0xb5, 0x2f, 0xfd] => {
            Box::new(Zstd { packed: Some(Box::new(Steady::new(packed))), frame: None })
        }
        _ => Box::new(packed),
    };
    let bounded = Bounded {
        source: plain,
        met: Rc::clone(&met),
        bytes: limits.bytes,
        ratio: limits.ratio.max(1),
    };
    let (head, source) = peek(bounded, HEAD, &mut marks);
    let (head, source): (_, Box<dyn Read>) = match head.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            marks.push(Mark::Encoding("written in UTF-16, read as that".into()));
            let (head, source) =
                peek(encoding_rs_io::DecodeReaderBytes::new(source), HEAD, &mut marks);
            (head, Box::new(source))
        }
        _ => (head, Box::new(source)),
    };
    Opened { head, source, met, marks }
}

type Peeked<R> = io::Chain<io::Cursor<Vec<u8>>, R>;

/// Looks at the beginning of a source, which is read again.
fn peek<R: Read>(mut source: R, count: usize, marks: &mut Vec<Mark>) -> (Vec<u8>, Peeked<R>) {
    let mut head = Vec::new();
    if let Err(error) = source.by_ref().take(count as u64).read_to_end(&mut head) {
        marks.push(broken(&error));
    }
    (head.clone(), io::Cursor::new(head).chain(source))
}

/// zstd, of one frame or several.
struct Zstd {
    packed: Option<Box<dyn Read>>,
    frame: Option<
        Box<ruzstd::decoding::StreamingDecoder<Box<dyn Read>, ruzstd::decoding::FrameDecoder>>,
    >,
}

impl Read for Zstd {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(to)?;
                if read > 0 || to.is_empty() {
                    return Ok(read);
                }
                self.packed = self.frame.take().map(|frame| frame.into_inner());
            }
            let Some(packed) = self.packed.take() else { return Ok(0) };
            // The end, or another frame.
            let (head, packed) = peek(packed, 4, &mut Vec::new());
            if head.is_empty() {
                return Ok(0);
            }
            let frame = ruzstd::decoding::StreamingDecoder::new(Box::new(packed) as Box<dyn Read>)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?;
            self.frame = Some(Box::new(frame));
        }
    }
}

/// What a source that cannot be read on is to be marked with.
fn broken(error: &io::Error) -> Mark {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Mark::CutOff("the packed data ends in the middle".into()),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Mark::Damaged(error.to_string())
        }
        _ => Mark::CutOff(format!("it could not be read on: {error}")),
    }
}

/// Says why a source ended before its time.
pub(crate) fn say_broken(evidence: &mut Evidence, error: Option<io::Error>) {
    if let Some(error) = error {
        evidence.mark(broken(&error));
    }
}

/// Says which bound was met.
pub(crate) fn say_bounds(evidence: &mut Evidence, met: &Met, limits: &Limits) {
    let text = match met.bound.get() {
        None => return,
        Some("ratio") => {
            format!("it unpacks to more than {} times its size: read no further", limits.ratio)
        }
        Some(_) => format!("read up to {} bytes", limits.bytes),
    };
    evidence.mark(Mark::Bound(text));
    evidence.whole = false;
}
