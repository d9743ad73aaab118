//! Logs that the real mozlog writes (`write_mozlog.py`), of runs whose truth is known.

#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "tests say why they skip and fail")]

use std::fs::File;
use std::path::Path;
use std::process::Command;

use mozci_evidence::{Evidence, Kind, Question, Seen, Subject, read};

const GROUP: &str = "dom/a/mochitest.toml";

fn read_log(folder: &Path, name: &str, subject: Option<Subject>) -> Evidence {
    let question = Question { subject, ..Question::default() };
    read(File::open(folder.join(name)).unwrap(), &question)
}

/// What failed: kind, test, and what was said.
fn found(evidence: &Evidence) -> Vec<(Kind, String, String)> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let all = evidence.failures.iter();
    all.map(|f| (f.kind, text(&f.test), text(&f.crash) + &text(&f.message))).collect()
}

#[test]
fn what_mozlog_writes_is_read_for_what_it_means() {
    let Some(python) = std::env::var_os("MOZCI_TEST_PYTHON") else {
        eprintln!("skipped: MOZCI_TEST_PYTHON is not set (scripts/test sets it)");
        return;
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mozlog");
    std::fs::create_dir_all(&folder).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/write_mozlog.py");
    let done = Command::new(python).arg(script).arg(&folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));

    let (one, two) = ("dom/a/test_1.html", "dom/a/test_2.html");
    let crash = [(Kind::Crash, one, "@ mozilla::Thing::Do"), (Kind::Crash, one, "")];
    let fail = [(Kind::Unexpected, two, "got 1, expected 2")];
    let asserts = [(Kind::Unexpected, one, "3 assertions, expected 0 to 1")];
    let leak = [(Kind::Leak, "", "tab: 100 bytes leaked")];
    for (name, raw, summary, tolerated) in [
        ("passes", &[][..], &[][..], 0),
        ("fails", &fail, &fail, 0),
        ("is_known", &[], &[], 2),
        ("crashes", &crash, &crash, 0),
        ("leaks", &leak, &[], 0),
        ("asserts", &asserts, &[], 0),
        ("is_cut_off", &[], &[], 0),
    ] {
        for (kind, expected) in [("raw", raw), ("errorsummary", summary)] {
            let evidence = read_log(&folder, &format!("{name}_{kind}.log"), None);
            let expected: Vec<(Kind, String, String)> = expected
                .iter()
                .map(|(kind, test, said)| (*kind, (*test).into(), (*said).into()))
                .collect();
            assert_eq!(found(&evidence), expected, "{name} {kind}");
            assert_eq!(evidence.tolerated.len(), tolerated, "{name} {kind}");
            let cut = name == "is_cut_off" && kind == "raw";
            assert_eq!(evidence.whole, !cut, "{name} {kind}: {:?}", evidence.marks);
        }
    }

    let test = |name: &str| Some(Subject::Test(name.to_owned()));
    let group = || Some(Subject::Group(GROUP.to_owned()));
    for (name, subject, seen) in [
        ("passes_raw.log", test(two), Seen::Passed),
        ("passes_errorsummary.log", group(), Seen::Passed),
        ("fails_raw.log", test(two), Seen::Failed),
        // It passed in a run that is red.
        ("fails_raw.log", test(one), Seen::Passed),
        ("is_known_raw.log", test(two), Seen::Tolerated),
        ("passes_raw.log", test("dom/b/test_9.html"), Seen::NotRun),
        ("is_cut_off_raw.log", test(two), Seen::Unfinished),
    ] {
        let evidence = read_log(&folder, name, subject.clone());
        assert_eq!(evidence.seen, Some(seen), "{name} {subject:?}");
    }
    // A run that was killed says of no group that it passed, and of what was to come nothing.
    let killed = read_log(&folder, "is_cut_off_errorsummary.log", group());
    assert_ne!(killed.seen, Some(Seen::Passed), "{killed:?}");
}
