//! `mozci failures --file` on files of every make, sound and not.

use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::world::{Said, Served};

const TEXT: &str = "[task 2026-01-01T00:00:00Z] 00:00:01     INFO - TEST-START | dom/a/test_b.html\n\
    [task 2026-01-01T00:00:01Z] 00:00:02     INFO - TEST-UNEXPECTED-FAIL | dom/a/test_b.html | got 1, expected 2\n";

fn file(served: &Served, name: &str, content: &[u8]) -> PathBuf {
    let path = served.config_path().with_file_name(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn ask(served: &Served, path: &Path) -> Said {
    served.run(&["failures", "--file", path.to_str().unwrap(), "--json"])
}

/// The tests that failed by a file.
fn tests(said: &Said) -> Vec<String> {
    let json = said.json();
    let failures = json["failures"].as_array();
    let failures = failures.unwrap_or_else(|| panic!("{json:#}"));
    failures.iter().map(|f| f["test"].as_str().unwrap_or("").to_owned()).collect()
}

#[test]
fn a_log_says_the_same_however_it_is_packed() {
    use std::io::Write;
    let served = Served::settled();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(TEXT.as_bytes()).unwrap();
    let wide: Vec<u8> =
        [0xfeff].into_iter().chain(TEXT.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let cases: [(&str, Vec<u8>); 6] = [
        ("plain.log", TEXT.into()),
        ("packed.log.gz", packed.finish().unwrap()),
        ("wide.log", wide),
        ("carriage.log", TEXT.replace('\n', "\r\n").into()),
        ("unended.log", TEXT.trim_end().into()),
        ("latin.log", [TEXT.as_bytes(), b"caf\xe9 \xff\n"].concat()),
    ];
    for (name, content) in cases {
        let said = ask(&served, &file(&served, name, &content));
        assert_eq!(said.status, 0, "{name}: {said:?}");
        assert_eq!(tests(&said), ["dom/a/test_b.html"], "{name}");
    }
}

#[test]
fn what_is_no_log_is_said_and_is_no_failure() {
    let served = Served::settled();
    let binary: Vec<u8> =
        (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let html = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>";
    for (name, content, word) in [
        ("empty.log", &b""[..], "empty"),
        ("binary.log", &binary, "binary"),
        ("page.log", html, "HTML"),
    ] {
        let path = file(&served, name, content);
        let said = served.run(&["failures", "--file", path.to_str().unwrap()]);
        let whole = said.whole();
        assert!(whole.to_lowercase().contains(&word.to_lowercase()), "{name}: {whole}");
        assert!(!whole.contains('✗'), "{name}: {whole}");
    }
    let said = served.run(&["failures", "--file", "/no/such/file.log"]);
    assert_eq!(said.status, 5, "{said:?}");
}

#[test]
fn a_log_cannot_steer_the_terminal() {
    let served = Served::settled();
    let log =
        "TEST-UNEXPECTED-FAIL | dom/\u{1b}[2J\u{1b}]0;owned\u{7}a.html | \u{202e}x\u{9b}31m\n";
    let path = file(&served, "steering.log", log.as_bytes());
    let said = served.run(&["failures", "--file", path.to_str().unwrap()]);
    let steers = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!said.stdout.contains(steers), "{:?}", said.stdout);
}
