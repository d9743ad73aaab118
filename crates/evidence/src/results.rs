//! A Buildbot master's test results (`/test_result_sets/ID/results`), a page of them at a time.

use std::io::Read;

use serde::Deserialize;

use crate::evidence::{Collector, Evidence, Format, Mark};
use crate::failure::{Failure, Kind, Where};
use crate::json::Text;
use crate::names::test_of_id;
use crate::read::Question;
use crate::subject::{Seen, Tracker};

/// How many bytes a page may have: it is one document, and read as one.
const PAGE: u64 = 16 << 20;

#[derive(Debug, Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    test_results: Vec<Row<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Row<'a> {
    #[serde(borrow)]
    test_name: Text<'a>,
    #[serde(borrow)]
    test_code_path: Text<'a>,
    #[serde(borrow)]
    value: Text<'a>,
}

/// Reads a page. Of sets of the category `pass_fail` a value is a truth: `1` passed, `0` failed;
/// steps of one's own write words. A value that is neither says nothing.
pub(crate) fn read(source: impl Read, question: &Question) -> Evidence {
    let limits = &question.limits;
    let mut collector = Collector::new(Format::TestResults, limits);
    let mut tracker = Tracker::new(question.subject.as_ref());
    let mut bytes = Vec::new();
    let broke = source.take(PAGE).read_to_end(&mut bytes).err();
    let mut odd = 0u64;
    let page: Option<Page<'_>> = serde_json::from_slice(&bytes).ok();
    for (number, row) in page.iter().flat_map(|page| &page.test_results).enumerate() {
        let name = row.test_name.get().or(row.test_code_path.get());
        let test = name.map(test_of_id);
        let ours = tracker.is(test.as_deref(), None);
        let value = row.value.get().unwrap_or("");
        let seen = match value.to_ascii_lowercase().as_str() {
            "1" | "true" | "pass" | "passed" | "ok" | "success" | "xfail" => Seen::Passed,
            "skip" | "skipped" | "disabled" => Seen::Skipped,
            "0" | "false" | "fail" | "failed" | "failure" | "error" | "timeout" | "crash"
            | "xpass" => Seen::Failed,
            _ => {
                odd += 1;
                continue;
            }
        };
        if ours {
            tracker.see(seen);
        }
        if seen == Seen::Failed {
            let at = Where { line: number as u64 + 1, byte: 0 };
            let kind = if value.eq_ignore_ascii_case("timeout") {
                Kind::Timeout
            } else {
                Kind::Unexpected
            };
            let mut failure = Failure::new(kind, at);
            failure.test =
                test.map(|test| test[..test.floor_char_boundary(limits.text)].to_owned());
            failure.status = Some("FAIL".into());
            failure.group =
                row.test_code_path.short(limits.text).filter(|path| Some(path.as_str()) != name);
            collector.add(failure);
        }
    }
    let rows = page.as_ref().map_or(0, |page| page.test_results.len());
    let mut evidence = collector.finish();
    evidence.seen = tracker.finish(page.is_some());
    evidence.lines = rows as u64;
    if bytes.len() as u64 == PAGE {
        evidence.mark(Mark::Bound(format!("a page of more than {PAGE} bytes")));
    } else if page.is_none() {
        evidence.mark(Mark::CutOff("it is no whole JSON document".into()));
    }
    if odd > 0 {
        evidence
            .mark(Mark::Unreadable(format!("{odd} results have a value that says nothing here")));
    }
    crate::input::say_broken(&mut evidence, broke);
    evidence
}
