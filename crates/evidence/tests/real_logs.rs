//! The real logs of `../shared/data/logs`, which are read in place and never copied: every error
//! that Treeherder's own parser is known to find in them is found, at its line.

#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "tests say why they skip and fail")]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use mozci_evidence::{Evidence, Format, GroupStatus, Kind, Question, Seen, Subject, read};
use serde_json::Value;

/// The folder of the logs, or of others of their kind; none where it is absent, which is said.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("MOZCI_TEST_LOGS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/logs");
    let found = named.unwrap_or(beside);
    if !found.is_dir() {
        eprintln!("skipped: {} is not there", found.display());
        return None;
    }
    Some(found)
}

fn read_file(path: &Path, question: &Question) -> Evidence {
    read(File::open(path).unwrap(), question)
}

/// Logs whose expected lines are counted otherwise: the client that counted them took a `\r\n` that
/// falls between two of its buffers for two ends of lines, so that all lines after it are one off.
const ONE_OFF: &[&str] = &["wpt-multiple"];

#[test]
fn every_error_that_treeherder_finds_is_found_at_its_line() {
    let Some(folder) = folder() else { return };
    let mut logs = 0;
    for entry in std::fs::read_dir(&folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".logview.json") else { continue };
        let expected: Value = serde_json::from_reader(File::open(entry.path()).unwrap()).unwrap();
        let read = read_file(&folder.join(format!("{name}.log.gz")), &Question::default());
        assert_eq!((read.format, read.whole), (Format::Text, true), "{name}: {:?}", read.marks);
        let found: BTreeMap<u64, &mozci_evidence::Failure> =
            read.failures.iter().map(|failure| (failure.at.line, failure)).collect();
        let off = u64::from(ONE_OFF.contains(&name));
        let expected = expected["errors"].as_array().unwrap();
        for error in expected {
            // They are counted from 0.
            let line = error["linenumber"].as_u64().unwrap() + 1 - off;
            let text = error["line"].as_str().unwrap();
            let failure = found.get(&line).unwrap_or_else(|| panic!("{name}:{line}: {text}"));
            let said = [&failure.test, &failure.message, &failure.crash];
            let known = said.into_iter().flatten().all(|said| {
                let said = said.split_whitespace().last().unwrap_or("");
                text.replace('\\', "/").contains(&said.replace('\\', "/"))
            });
            assert!(known, "{name}:{line}: {text}\n{failure:?}");
        }
        // Its parser stops at 40, and takes an error for the one before it if that says the same,
        // however many lines lie between; nothing else must be found.
        let mut distinct = read.failures.clone();
        distinct.dedup_by(|one, other| one.signature == other.signature);
        let found = distinct.len()..=read.failures.len();
        assert!(expected.len() == 40 || found.contains(&expected.len()), "{name}: {found:?}");
        logs += 1;
    }
    assert!(logs >= 4, "{logs} logs");
}

#[test]
fn a_crash_names_test_group_and_signature() {
    let Some(folder) = folder() else { return };
    let path = folder.join("timeout-crash.log.gz");
    let read = read_file(&path, &Question { context: 2, ..Question::default() });
    let kinds: Vec<Kind> = read.failures.iter().map(|failure| failure.kind).collect();
    assert_eq!(kinds, [Kind::Timeout, Kind::Crash, Kind::Crash, Kind::Harness]);
    let crash = &read.failures[2];
    assert_eq!(crash.crash.as_deref(), Some("@ libsystem_kernel.dylib + 0x0000000000000ce8"));
    assert_eq!((crash.before.len(), crash.after.len()), (2, 2));
    assert!(crash.signature.text().ends_with("@ libsystem_kernel.dylib + 0x0000000000000ce8"));
}

#[test]
fn the_summary_tells_of_groups() {
    let Some(folder) = folder() else { return };
    let ask = |name: &str, subject: Option<Subject>| {
        read_file(&folder.join(name), &Question { subject, ..Question::default() })
    };
    let failed = ask("mochitest-browser-chrome_errorsummary.log", None);
    assert_eq!(failed.format, Format::Errorsummary);
    let bad: Vec<_> =
        failed.groups.iter().filter(|(_, status)| **status == GroupStatus::Failed).collect();
    assert!(!bad.is_empty() && bad.len() < failed.groups.len(), "{:?}", failed.groups);
    let green = ask("mochitest-browser-chrome_pass_errorsummary.log", None);
    assert!(green.groups.values().all(|status| *status != GroupStatus::Failed));
    // A job that was killed has a list of groups and not one result.
    let infra = ask("mochitest-browser-chrome_infra_errorsummary.log", None);
    assert!(infra.groups.values().all(|status| *status == GroupStatus::Unknown));
    assert_eq!(infra.failures[0].kind, Kind::Timeout);
    let group = infra.groups.keys().next().unwrap().clone();
    let asked = ask("mochitest-browser-chrome_infra_errorsummary.log", Some(Subject::Group(group)));
    assert_eq!(asked.seen, Some(Seen::Unfinished));
}

#[test]
fn the_structured_log_tells_what_ran() {
    let Some(folder) = folder() else { return };
    let ask = |test: &str| {
        let subject = Some(Subject::Test(test.to_owned()));
        read_file(
            &folder.join("plain-chunked_raw.log.gz"),
            &Question { subject, ..Question::default() },
        )
    };
    let read = ask("no/such_test.html");
    assert_eq!(
        (read.format, read.seen),
        (Format::Structured, Some(Seen::NotRun)),
        "{:?}",
        read.marks
    );
    assert!(read.whole && read.lines > 15_000);
    let failing = read.failures.iter().find_map(|failure| failure.test.clone()).unwrap();
    assert_eq!(ask(&failing).seen, Some(Seen::Failed));
}

/// All marks, failures and totals, but for what a bound or a place would make differ.
#[test]
fn pieces_of_any_size_give_the_same() {
    let Some(folder) = folder() else { return };
    let path = folder.join("mochitest-fail.log.gz");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::GzDecoder::new(File::open(path).unwrap()),
        &mut bytes,
    )
    .unwrap();
    let question = Question { context: 3, ..Question::default() };
    let whole = read(std::io::Cursor::new(bytes.clone()), &question);
    for step in [1, 7, 4096, 1 << 20] {
        let pieces = Pieces { bytes: bytes.clone(), at: 0, step };
        assert_eq!(read(pieces, &question), whole, "{step}");
    }
}

struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
}

impl std::io::Read for Pieces {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let count = self.step.min(to.len()).min(self.bytes.len() - self.at);
        to[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
