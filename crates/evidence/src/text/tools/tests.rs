//! Every rule's examples, read with all rules.

use super::rule::Expected;
use super::set::Rules;
use crate::read::{Question, read};

fn told(failure: &crate::failure::Failure, like: &Expected) -> Expected {
    Expected {
        test: failure.test.clone(),
        group: like.group.is_some().then(|| failure.group.clone()).flatten(),
        kind: like.kind.map(|_| failure.kind),
        message: like.message.is_some().then(|| failure.message.clone()).flatten(),
    }
}

#[test]
fn the_rules_are_sound() {
    assert_eq!(Rules::known().faults(), Vec::<String>::new());
}

#[test]
fn every_example_is_read_as_it_says() {
    let rules = Rules::known();
    let mut wrong = Vec::new();
    for ready in &rules.all {
        for example in &ready.rule.example {
            let mut log = example.log.trim_start_matches('\n').to_owned();
            // A hint counts only in a log that is red.
            if ready.tier == super::rule::Tier::Hint {
                log.push_str("\nDone. Your build exited with 1.\n");
            }
            let read = read(std::io::Cursor::new(log.into_bytes()), &Question::default());
            let nothing = Expected { test: None, group: None, kind: None, message: None };
            let found: Vec<Expected> = read
                .failures
                .iter()
                .enumerate()
                .map(|(at, failure)| told(failure, example.failed.get(at).unwrap_or(&nothing)))
                .collect();
            if found != example.failed {
                let full: Vec<_> =
                    read.failures.iter().map(|f| (&f.test, &f.message, f.kind, &f.rule)).collect();
                wrong.push(format!(
                    "{}\n  expected {:?}\n  found {full:?}",
                    ready.name(),
                    example.failed
                ));
            }
            let flaky: Vec<String> = read.tolerated.iter().filter_map(|f| f.test.clone()).collect();
            if flaky != example.flaky {
                wrong.push(format!("{}: flaky {flaky:?}", ready.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_line_that_a_rule_takes_has_a_needle_of_it() {
    for ready in &Rules::known().all {
        let Some(line) = ready.line() else { continue };
        for text in ready.rule.example.iter().flat_map(|example| example.log.lines()) {
            let text = crate::text::envelope::bare(text.as_bytes()).text;
            let has = ready
                .rule
                .needles
                .iter()
                .any(|n| memchr::memmem::find(text, n.as_bytes()).is_some());
            assert!(
                !line.is_match(text) || has || ready.rule.needles.iter().any(|n| n == "##[error]"),
                "{}: {:?}",
                ready.name(),
                String::from_utf8_lossy(text)
            );
        }
    }
}
