//! Logs that real tools wrote (`runners/README.md`), and the same tools run here where they are.

#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "tests say why they skip and fail")]

use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use mozci_evidence::{Evidence, Failure, Kind, Mark, Question, read};
use serde_json::Value;

fn folder(name: &str) -> Vec<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runners").join(name);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| !path.to_string_lossy().ends_with(".expected.json"));
    files.sort();
    files
}

fn look(path: &Path) -> Evidence {
    read(File::open(path).unwrap(), &Question::default())
}

/// A name without what separates its parts, which differs between a tool's outputs.
fn plain(name: &str) -> String {
    let parts = name.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(".").to_lowercase()
}

fn same(one: &str, other: &str) -> bool {
    let (one, other) = (plain(one), plain(other));
    let ends = |long: &str, short: &str| short.len() > 3 && long.ends_with(&format!(".{short}"));
    one == other || ends(&one, &other) || ends(&other, &one)
}

/// What is wrong with what was read of a log.
fn faults(evidence: &Evidence, expected: &Value) -> Vec<String> {
    let list = |key: &str| expected[key].as_array().cloned().unwrap_or_default();
    let fine = list("also_fine");
    let names = |failure: &Failure, wanted: &Value| match (&failure.test, wanted.as_str()) {
        (Some(test), Some(wanted)) => same(test, wanted),
        (None, wanted) => wanted.is_none() || fine.iter().any(|fine| fine == "null"),
        (Some(test), None) => fine.iter().filter_map(Value::as_str).any(|fine| same(test, fine)),
    };
    let mut left: Vec<&Failure> =
        evidence.failures.iter().filter(|failure| failure.kind != Kind::Guess).collect();
    let mut faults = Vec::new();
    for wanted in list("failed") {
        let said = wanted["message_has"].as_str().unwrap_or("");
        let fits = |failure: &&Failure| {
            let message = failure.message.as_deref().unwrap_or("");
            let any_fine = fine.iter().filter_map(Value::as_str);
            let mut other =
                any_fine.filter(|fine| failure.test.as_deref().is_some_and(|t| same(t, fine)));
            (names(failure, &wanted["test"]) || other.next().is_some()) && message.contains(said)
        };
        match left.iter().position(fits) {
            Some(place) => {
                let failure = left.remove(place);
                let kinds = [&wanted["kind"], &wanted["kind_also"]];
                let kind = failure.kind.word();
                let fits = |wanted: &&Value| {
                    wanted.as_str() == Some(kind)
                        || wanted.as_array().is_some_and(|all| all.iter().any(|one| one == kind))
                };
                if !kinds.iter().any(fits) {
                    faults.push(format!("{wanted} is told as {kind}"));
                }
            }
            None => faults.push(format!("{wanted} is missing")),
        }
    }
    // What is named besides failed nowhere.
    let known: Vec<String> = [list("failed"), list("tolerated")]
        .concat()
        .iter()
        .filter_map(|one| one["test"].as_str().map(str::to_owned))
        .chain(fine.iter().filter_map(|fine| fine.as_str().map(str::to_owned)))
        .collect();
    for failure in left {
        let Some(test) = &failure.test else { continue };
        if !known.iter().any(|known| same(known, test)) {
            faults.push(format!("{test} did not fail ({:?})", failure.rule));
        }
    }
    faults
}

#[test]
fn red_logs_of_real_tools_are_read_as_they_were_planted() {
    let mut wrong = Vec::new();
    let files = folder("red");
    assert!(files.len() >= 130, "{} files", files.len());
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let stem = name.rsplit_once('.').unwrap().0;
        let beside = path.with_file_name(format!("{stem}.expected.json"));
        let expected: Value = serde_json::from_reader(File::open(beside).unwrap()).unwrap();
        let faults = faults(&look(&path), &expected);
        if !faults.is_empty() {
            wrong.push(format!("{name}: {}", faults.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn green_logs_of_real_tools_have_no_failure() {
    let files = folder("green");
    assert!(files.len() >= 130, "{} files", files.len());
    for path in files {
        let evidence = look(&path);
        assert!(evidence.failures.is_empty(), "{}: {:?}", path.display(), evidence.failures);
    }
}

/// Runs a tool that may not be here; none where it is not, which is said.
fn run(program: &str, arguments: &[&str], folder: &Path) -> Option<Vec<u8>> {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    match output {
        Ok(output) => Some([output.stdout, output.stderr].concat()),
        Err(error) => {
            eprintln!("skipped: {program}: {error}");
            None
        }
    }
}

/// A program, its arguments, and the tests that fail with what is said of them.
type Tool<'t> = (&'t str, &'t [&'t str], &'t [(&'t str, &'t str)]);

#[test]
fn tools_that_are_here_are_read_live() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "test_gate.py",
        "import unittest\nclass GateTest(unittest.TestCase):\n  def test_shuts(self):\n    \
         self.assertEqual(3, 4)\n  def test_opens(self): raise KeyError('rope')\n  def test_ok(self): pass\n",
    );
    write(
        "gate.test.mjs",
        "import test from 'node:test'; import assert from 'node:assert';\ntest('gate shuts', () => assert.equal(3, 4, 'depth is 3'));\ntest('gate opens', () => {});\n",
    );
    write("t/gate.t", "use Test::More tests => 2; ok(1, 'opens'); is(3, 4, 'shuts');\n");
    write(
        "Cargo.toml",
        "[package]\nname = \"gate\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n",
    );
    write(
        "src/lib.rs",
        "#[test] fn shuts() { assert_eq!(3, 4, \"depth\"); }\n#[test] fn opens() {}\n",
    );
    let tools: [Tool; 4] = [
        (
            "python3",
            &["-m", "unittest"],
            &[
                ("test_gate.GateTest.test_shuts", "3 != 4"),
                ("test_gate.GateTest.test_opens", "KeyError: 'rope'"),
            ],
        ),
        ("node", &["--test", "gate.test.mjs"], &[("gate shuts", "depth is 3")]),
        ("prove", &["t/gate.t"], &[("t/gate.t", "Failed test:  2")]),
        ("cargo", &["test", "--offline", "--lib"], &[("shuts", "depth")]),
    ];
    for (program, arguments, expected) in tools {
        let Some(log) = run(program, arguments, folder.path()) else { continue };
        let shown = String::from_utf8_lossy(&log).into_owned();
        let found = read(Cursor::new(log), &Question::default());
        for (test, said) in expected {
            let has = found.failures.iter().any(|failure| {
                failure.test.as_deref().is_some_and(|name| same(name, test))
                    && failure.message.as_deref().unwrap_or("").contains(said)
            });
            assert!(has, "{program}: {test}: {:#?}\n{shown}", found.failures);
        }
        let opens = found
            .failures
            .iter()
            .any(|f| f.test.as_deref().is_some_and(|t| t.ends_with("test_ok")));
        assert!(!opens, "{program}: {:#?}", found.failures);
    }
}

/// The folder of shared cases; none where it is absent, which is said.
fn cases() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/cases/evidence");
    if !path.is_dir() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn the_shared_cases_name_what_they_should() {
    let Some(folder) = cases() else { return };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = path.to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".expected.json") else { continue };
        let expected: Value = serde_json::from_reader(File::open(&path).unwrap()).unwrap();
        let source = ["log", "xml", "json"].iter().map(|end| format!("{stem}.{end}"));
        let Some(source) = source.map(PathBuf::from).find(|path| path.is_file()) else { continue };
        if expected.get("pairs").is_some() || expected.get("bisect").is_some() {
            continue;
        }
        count += 1;
        let evidence = look(&source);
        for wanted in expected["failed"].as_array().into_iter().flatten() {
            let has = evidence
                .failures
                .iter()
                .any(|failure| failure.test.as_deref() == wanted["test"].as_str());
            assert!(has, "{stem}: {wanted}: {:#?}", evidence.failures);
        }
        if expected.get("marks").is_some() {
            assert!(!evidence.marks.is_empty(), "{stem}");
        }
    }
    assert!(count >= 50, "{count} cases");
}

#[test]
fn a_log_in_which_nothing_is_known_is_not_shown_as_clean() {
    let check = |log: &str| read(Cursor::new(log.as_bytes().to_vec()), &Question::default());
    let red = check(
        "$ ./gates\ngate 2 ... BROKEN (expected 4)\nThe command \"./gates\" exited with 1.\n",
    );
    assert!(red.is_unclear() && red.marks.contains(&Mark::NothingRecognised), "{red:?}");
    let guesses: Vec<&str> = red.guesses().filter_map(|guess| guess.message.as_deref()).collect();
    assert_eq!(guesses.first(), Some(&"gate 2 ... BROKEN (expected 4)"));
    assert_eq!(red.total, 0, "a guess is no failure");
    let open = check("gates opened\nall quiet\n");
    assert!(open.is_unclear() && open.failures.is_empty(), "{open:?}");
    let green = check("gates opened\nJob succeeded\n");
    assert!(!green.is_unclear() && green.failures.is_empty(), "{green:?}");
}

#[test]
fn rules_of_ones_own_come_first_and_are_checked() {
    let rule = |text: &str| toml::from_str::<mozci_evidence::Rule>(text).unwrap();
    let own = rule(
        "name = \"gates\"\nneedles = [\"BROKEN\"]\nline = '^gate (?<test>\\d+) \\.\\.\\. BROKEN \\((?<message>.*)\\)$'",
    );
    let rules = mozci_evidence::Rules::with(&[own]).unwrap();
    let question = Question { rules: Some(rules), explain: true, ..Question::default() };
    let found = read(Cursor::new(b"gate 2 ... BROKEN (expected 4, got 3)\n".to_vec()), &question);
    assert_eq!(found.failures[0].test.as_deref(), Some("2"));
    assert_eq!(found.failures[0].message.as_deref(), Some("expected 4, got 3"));
    assert_eq!(found.explained[0].rule, "yours/gates");
    let check = |text: &str, why: &str| {
        let error = mozci_evidence::Rules::with(&[rule(text)]).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    };
    check("name = \"a\"\nneedles = []\nline = 'x'", "no needle");
    check("name = \"a\"\nneedles = [\"x\"]\nline = '('", "unclosed group");
    check("name = \"a\"\nneedles = [\"x\"]\nline = 'x'\nneeds = \"b\"", "no rule \"b\"");
}
