//! The seeds of the fuzz targets, and what fuzzing has found: each holds for its reader.

#![allow(clippy::unwrap_used, reason = "tests say why they fail")]

use std::path::Path;

use mozci_evidence::Format;

#[allow(unreachable_pub, reason = "of another crate")]
#[path = "../../../fuzz/src/readers.rs"]
mod fuzz;

#[test]
fn every_seed_is_read_as_it_should_be() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let mut read = 0;
    for folder in std::fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        let format = match folder.file_name().unwrap().to_str().unwrap() {
            // Read by a test of the clients.
            "actions" => continue,
            "any" => None,
            "errorsummary" => Some(Format::Errorsummary),
            "reports" => {
                read += reports(&folder);
                continue;
            }
            "junit" => Some(Format::Junit),
            "structured" => Some(Format::Structured),
            "test_results" => Some(Format::TestResults),
            "text" => Some(Format::Text),
            other => panic!("no reader is called {other}"),
        };
        for seed in std::fs::read_dir(folder).unwrap() {
            let seed = seed.unwrap().path();
            let bytes = std::fs::read(&seed).unwrap();
            let held = std::panic::catch_unwind(|| fuzz::hold(format, &bytes));
            assert!(held.is_ok(), "{}", seed.display());
            read += 1;
        }
    }
    assert!(read > 20, "{read} seeds");
}

/// Holds the reports of each format, of which each tells of a failure and is what its name says.
fn reports(folder: &Path) -> u32 {
    let mut read = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let seed = seed.unwrap().path();
        let bytes = std::fs::read(&seed).unwrap();
        let held = std::panic::catch_unwind(|| fuzz::hold_report(&bytes));
        assert!(held.is_ok(), "{}", seed.display());
        read += 1;
        if seed.file_name().unwrap().to_str().unwrap().starts_with("found-") {
            continue;
        }
        let (format, report) = fuzz::report(&bytes).unwrap();
        let found = mozci_evidence::read(
            std::io::Cursor::new(report.to_vec()),
            &mozci_evidence::Question::default(),
        );
        assert_eq!(found.format, format, "{}: its format is told by its content", seed.display());
        assert!(!found.failures.is_empty(), "{}: {found:?}", seed.display());
    }
    read
}
