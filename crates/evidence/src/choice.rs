//! Which source of a run is read for which question, best first (`wire/failures.md`).

use crate::evidence::{Evidence, Format, GroupStatus};
use crate::subject::{Seen, Subject};

/// What is wanted of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Which tests failed, and how.
    Failures,
    /// What became of one test or group.
    Subject,
    /// Lines of the log: around failures, or that fit a pattern.
    Lines,
}

impl Wanted {
    /// The formats that can answer for a run, best first. A summary of errors cannot say that a test ran: of a red
    /// run it comes first all the same, since it is small and says at once what failed. Of a green one it comes last.
    pub fn formats(self, subject: Option<&Subject>, run_failed: bool) -> &'static [Format] {
        use Format::{Errorsummary, Junit, Structured, TestResults, Text};
        let is_of_test = matches!(subject, Some(Subject::Test(_)));
        match self {
            Self::Subject if is_of_test && !run_failed => {
                &[TestResults, Junit, Structured, Errorsummary, Text]
            }
            Self::Failures => &[Errorsummary, TestResults, Junit, Structured, Text],
            Self::Subject => &[Errorsummary, TestResults, Junit, Structured, Text],
            Self::Lines => &[Text],
        }
    }
}

/// What an artifact is written in, by its name.
fn format_of(name: &str) -> Option<Format> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let stem = file.trim_end_matches(".gz").trim_end_matches(".zst");
    if stem.ends_with("errorsummary.log") {
        Some(Format::Errorsummary)
    } else if name == "public/logs/live_backing.log" {
        Some(Format::Text)
    } else if stem.ends_with("_raw.log") {
        Some(Format::Structured)
    } else if stem.ends_with(".xml") && (stem.contains("junit") || stem.contains("test")) {
        Some(Format::Junit)
    } else {
        None
    }
}

/// Of a run's artifacts those of some formats, in their order; those of one format belong together, as of several
/// suites of one run.
pub fn artifacts_in_order<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
    formats: &[Format],
) -> Vec<(Format, Vec<&'a str>)> {
    let of = |format: &Format| {
        let mut fitting: Vec<&str> =
            names.clone().filter(|name| format_of(name) == Some(*format)).collect();
        fitting.sort_unstable();
        (*format, fitting)
    };
    formats.iter().map(of).filter(|(_, names)| !names.is_empty()).collect()
}

/// Whether what was read of one format settles the question, so that the next need not be read.
pub fn is_settled(
    wanted: Wanted,
    subject: Option<&Subject>,
    read: &[&Evidence],
    run_failed: bool,
) -> bool {
    let usable = read.iter().any(|evidence| !evidence.is_void());
    match wanted {
        Wanted::Lines => usable,
        // A red run of which nothing is told failed outside its tests: the log says where.
        Wanted::Failures => usable && (!run_failed || read.iter().any(|e| e.total > 0)),
        Wanted::Subject => {
            let seen = read.iter().filter_map(|evidence| evidence.seen).max();
            match (seen, subject) {
                (None | Some(Seen::NotTold), _) => false,
                (Some(Seen::Failed | Seen::Tolerated | Seen::Passed), _) => true,
                (Some(Seen::Unfinished), Some(Subject::Group(group))) => {
                    // Groups of a killed job: the log may tell more of what began.
                    let told = |e: &&&Evidence| e.groups.get(group) != Some(&GroupStatus::Unknown);
                    read.iter().filter(|e| e.groups.contains_key(group)).all(|e| told(&e))
                }
                (Some(Seen::Unfinished | Seen::Skipped | Seen::NotRun), _) => {
                    read.iter().all(|evidence| evidence.whole)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_source_comes_first() {
        let names = [
            "public/logs/live.log",
            "public/logs/live_backing.log",
            "public/test_info/mochitest-plain_raw.log",
            "public/test_info/b_errorsummary.log",
            "public/test_info/a_errorsummary.log",
            "public/build/target.tests.json",
            "public/junit-report.xml",
        ];
        let order =
            |wanted: Wanted| artifacts_in_order(names.iter().copied(), wanted.formats(None, true));
        let failures = order(Wanted::Failures);
        assert_eq!(failures[0].0, Format::Errorsummary);
        assert_eq!(
            failures[0].1,
            ["public/test_info/a_errorsummary.log", "public/test_info/b_errorsummary.log"]
        );
        let formats: Vec<Format> = failures.iter().map(|(format, _)| *format).collect();
        use Format::{Errorsummary, Junit, Structured, Text};
        assert_eq!(formats, [Errorsummary, Junit, Structured, Text]);
        assert_eq!(order(Wanted::Lines), [(Text, vec!["public/logs/live_backing.log"])]);
        // That a test passed, only what knows of passing tests can tell.
        let test = Subject::Test("a".into());
        let first = |run_failed| Wanted::Subject.formats(Some(&test), run_failed)[0];
        assert_eq!((first(true), first(false)), (Errorsummary, Format::TestResults));
        let green = Wanted::Subject.formats(Some(&test), false);
        let order = artifacts_in_order(names.iter().copied(), green);
        let formats: Vec<Format> = order.iter().map(|(format, _)| *format).collect();
        assert_eq!(formats, [Junit, Structured, Errorsummary, Text]);
    }

    #[test]
    fn a_question_is_settled_by_what_can_settle_it() {
        let summary = |total, seen| Evidence { total, seen, ..Evidence::new(Format::Errorsummary) };
        let empty = summary(0, None);
        assert!(is_settled(Wanted::Failures, None, &[&empty], false));
        assert!(!is_settled(Wanted::Failures, None, &[&empty], true));
        assert!(is_settled(Wanted::Failures, None, &[&summary(1, None)], true));
        let subject = |seen| {
            let test = Subject::Test("a".into());
            is_settled(Wanted::Subject, Some(&test), &[&summary(0, Some(seen))], true)
        };
        assert!(!subject(Seen::NotTold));
        assert!(subject(Seen::Failed) && subject(Seen::Passed) && subject(Seen::NotRun));
    }
}
