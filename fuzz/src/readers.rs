//! What holds of a reader, whatever it is given.

use std::io::{Cursor, Read};

use mozci_evidence::{Evidence, Format, Kind, Limits, Question, Subject, read};

/// Gives a few bytes at a time, as many as the bytes themselves say.
struct Dripping(Cursor<Vec<u8>>);

impl Read for Dripping {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let at = usize::try_from(self.0.position()).unwrap_or(0);
        let said = self.0.get_ref().get(at).copied().unwrap_or(0);
        let step = (usize::from(said) % 61 + 1).min(to.len());
        self.0.read(&mut to[..step])
    }
}

/// Bounds that short inputs meet, too.
fn limits() -> Limits {
    Limits {
        bytes: 1 << 20,
        line: 2_000,
        record: 4_000,
        failures: 40,
        kept: 8 << 10,
        text: 120,
        ratio: 50,
    }
}

fn question(format: Option<Format>, limits: Limits, context: usize) -> Question {
    let subject = Some(Subject::Test("dom/a/test_b.html".into()));
    Question { format, subject, context, limits, ..Question::default() }
}

fn whole(bytes: &[u8], question: &Question) -> Evidence {
    read(Cursor::new(bytes.to_vec()), question)
}

/// Panics where a reader breaks its word: it reads anything to its end, keeps within its bounds,
/// finds the same however the bytes come, and what it found can be kept on disk and read back.
///
/// # Panics
/// Where something of that does not hold.
pub fn hold(format: Option<Format>, bytes: &[u8]) {
    for (limits, context) in [(limits(), 2), (Limits::default(), 0)] {
        let asked = question(format, limits, context);
        let found = whole(bytes, &asked);
        let certain = found.failures.iter().filter(|failure| failure.kind != Kind::Guess).count();
        assert!(certain as u64 <= found.total);
        assert!(found.failures.len() <= asked.limits.failures);
        assert!(found.tolerated.len() as u64 <= found.tolerated_total);
        let dripping = Dripping(Cursor::new(bytes.to_vec()));
        assert_eq!(read(dripping, &asked), found, "however the bytes come");
        let written = serde_json::to_string(&found).expect("what was found can be written");
        let back: Evidence = serde_json::from_str(&written).expect("and read back");
        assert_eq!(back, found);
    }
    // Logs of which one follows the other have the failures of both. A text log tells a test once.
    if matches!(format, Some(Format::Errorsummary)) && bytes.ends_with(b"\n") {
        let asked = question(format, Limits::default(), 0);
        let (one, both) = (whole(bytes, &asked), whole(&bytes.repeat(2), &asked));
        if !one.is_void() && !both.is_void() {
            assert_eq!(both.total, 2 * one.total, "the failures of both");
        }
    }
}

/// The formats of reports, in the order in which the first byte of an input names them.
const REPORTS: [Format; 20] = [
    Format::Nunit,
    Format::XunitNet,
    Format::Trx,
    Format::Ctest,
    Format::Robot,
    Format::Testng,
    Format::Boost,
    Format::Qtest,
    Format::Cppunit,
    Format::Catch2,
    Format::GoJson,
    Format::JsonLines,
    Format::Mocha,
    Format::Jest,
    Format::Rspec,
    Format::Playwright,
    Format::PytestJson,
    Format::GoogletestJson,
    Format::Luci,
    Format::Subunit,
];

/// The format of a report that an input names by its first byte, and the report.
pub fn report(bytes: &[u8]) -> Option<(Format, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    Some((REPORTS[usize::from(*first) % REPORTS.len()], rest))
}

/// [`hold`] for a report.
///
/// # Panics
/// Where the reader breaks its word.
pub fn hold_report(bytes: &[u8]) {
    if let Some((format, rest)) = report(bytes) {
        hold(Some(format), rest);
    }
}
