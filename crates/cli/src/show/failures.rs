//! Failures, run by run or put together. What stands in logs is untrusted: nothing of it gets to
//! the terminal that the terminal would obey.

use std::collections::BTreeMap;

use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::run::Classification;
use mozci_engine::flow::{AskedRun, EvidenceWish, Looked};
use mozci_evidence::{Evidence, Failure, Kind, Match, Seen, harmless_line, together};

use super::out::Out;
use super::words::plural;

/// A run that is shown, and where it is.
pub(crate) struct ShownRun {
    pub(crate) asked: AskedRun,
    pub(crate) push: Option<Push>,
    pub(crate) platform: JobName,
}

/// How often the runs of a failure were classified, and as what.
pub(crate) fn classified(places: &[&ShownRun]) -> BTreeMap<Classification, usize> {
    let mut said = BTreeMap::new();
    for one in places.iter().filter_map(|run| run.asked.run.classification()) {
        *said.entry(one).or_default() += 1;
    }
    said
}

/// Whether a failure is known to come and go: by its logs, or by what people say of its runs.
pub(crate) fn is_known(by_log: bool, places: &[&ShownRun]) -> bool {
    by_log || classified(places).keys().any(|said| said.is_intermittent())
}

/// Failures of one run that are shown at the most.
const OF_ONE: usize = 20;

/// Characters of one line of a log.
const WIDEST: usize = 400;

fn line_of(text: &str) -> String {
    let line: String = harmless_line(text).chars().take(WIDEST).collect();
    if line.len() < text.len() && text.chars().count() > WIDEST {
        format!("{line}…")
    } else {
        line
    }
}

/// Shows each run with its failures.
pub(crate) fn show_failures(
    out: &mut Out,
    runs: &[ShownRun],
    looked: &[Looked],
    wish: &EvidenceWish,
) {
    if runs.is_empty() {
        out.line("there is no failed run");
    }
    for (run, looked) in runs.iter().zip(looked) {
        head(out, run, looked, wish);
        let evidence = &looked.evidence;
        for reading in &evidence.readings {
            let marks: Vec<String> =
                reading.evidence.marks.iter().map(|mark| format!("; {}", mark.words())).collect();
            out.line(&format!(
                "  read {} ({}){}",
                line_of(&reading.source),
                reading.evidence.format.name(),
                line_of(&marks.concat())
            ));
        }
        for passed in &evidence.passed_over {
            out.line(&format!("  not read: {}: {}", line_of(&passed.source), line_of(&passed.why)));
        }
        if let Some(why) = &evidence.failed {
            out.line(&format!("  nothing is known: {}", line_of(why)));
        }
        let matches = evidence.readings.iter().flat_map(|reading| &reading.evidence.matches);
        show_matches(out, matches.collect());
        let failures: Vec<&Failure> = evidence.failures().collect();
        list(out, &failures, evidence.total());
        if let Some(mark) = evidence.unclear() {
            out.line(&format!("  {}", line_of(&mark.words())));
        }
        tolerated(out, evidence.tolerated().count());
    }
}

fn head(out: &mut Out, run: &ShownRun, looked: &Looked, wish: &EvidenceWish) {
    let key = run.asked.run.key;
    let push = match (&run.push, &run.asked.revision) {
        (Some(push), _) => format!("push {} {}", push.id, push.revision.short()),
        (None, Some(revision)) => revision.chars().take(12).collect(),
        (None, None) => String::new(),
    };
    let seen = match &wish.subject {
        Some(subject) => {
            format!(" · {} {}", line_of(subject.name()), looked.evidence.seen().words())
        }
        None => String::new(),
    };
    let said = run.asked.run.classification();
    let said = said.map_or(String::new(), |said| format!(" · classified as {}", said.words()));
    out.line(&format!(
        "{} {}  {push}  {} run {}{seen}{said}",
        run.asked.run.state.mark(),
        run.asked.job,
        key.request,
        key.run,
    ));
}

fn list(out: &mut Out, failures: &[&Failure], total: u64) {
    let (guesses, failures): (Vec<&Failure>, Vec<&Failure>) =
        failures.iter().partition(|failure| failure.kind == Kind::Guess);
    for failure in failures.iter().take(OF_ONE) {
        show_failure(out, failure);
    }
    if !guesses.is_empty() {
        out.line("  the likeliest reasons, guessed:");
    }
    for guess in guesses {
        show_guess(out, guess);
    }
    let shown = failures.len().min(OF_ONE) as u64;
    if total > shown {
        out.line(&format!("  and {} more: --json has {}", total - shown, failures.len()));
    }
}

/// A guess with the lines that belong to it.
fn show_guess(out: &mut Out, guess: &Failure) {
    for line in &guess.before {
        out.line(&format!("    │ {}", line_of(line)));
    }
    let said = line_of(guess.message.as_deref().unwrap_or(""));
    out.line(&format!("  ? {said}"));
    out.line(&format!("      line {}", guess.at.line));
    for line in &guess.after {
        out.line(&format!("    │ {}", line_of(line)));
    }
}

/// Shows which rule took which line.
pub(crate) fn show_explained(out: &mut Out, evidence: &Evidence) {
    for one in &evidence.explained {
        let text = line_of(&one.text);
        out.line(&format!("  {:>7}  {} ({}): {text}", one.at.line, one.rule, one.what));
    }
    if evidence.explained.is_empty() {
        out.line("  no rule matched any line");
    }
}

/// Shows the same failures of several files together.
pub(crate) fn show_same_files(out: &mut Out, files: &[(&str, &Evidence)]) {
    let failures = files
        .iter()
        .enumerate()
        .flat_map(|(place, (_, evidence))| evidence.certain().map(move |failure| (place, failure)));
    let groups = together(failures);
    for same in groups.iter().take(2 * OF_ONE) {
        let known = if same.is_known { ", known to be intermittent" } else { "" };
        out.line(&format!("{} of {}{known}", same.places.len(), plural(files.len(), "file")));
        show_failure(out, &Failure { before: vec![], after: vec![], ..same.failure.clone() });
        let names: Vec<&str> = same.places.iter().take(5).map(|place| files[*place].0).collect();
        let more = same.places.len().saturating_sub(5);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        out.line(&format!("      in {}{more}", line_of(&names.join(", "))));
    }
    if groups.len() > 2 * OF_ONE {
        out.line(&format!("and {} more: --json has them all", groups.len() - 2 * OF_ONE));
    }
}

fn tolerated(out: &mut Out, count: usize) {
    if count > 0 {
        out.line(&format!(
            "  {} ignored: known to be intermittent",
            plural(count, "unexpected result")
        ));
    }
}

fn show_matches(out: &mut Out, matches: Vec<&Match>) {
    for found in matches.iter().take(OF_ONE) {
        for line in &found.before {
            out.line(&format!("    │ {}", line_of(line)));
        }
        out.line(&format!("  {:>7}: {}", found.at.line, line_of(&found.text)));
        for line in &found.after {
            out.line(&format!("    │ {}", line_of(line)));
        }
    }
    if matches.len() > OF_ONE {
        out.line(&format!("  and {} more lines match", matches.len() - OF_ONE));
    }
}

/// What of a failure is said: the test and what became of it.
fn show_failure(out: &mut Out, failure: &Failure) {
    let name = failure.test.as_deref().unwrap_or(failure.kind.word());
    let said = match (&failure.subtest, &failure.message) {
        (Some(subtest), Some(message)) => format!("{subtest} - {message}"),
        (Some(one), None) | (None, Some(one)) => one.clone(),
        (None, None) => String::new(),
    };
    for line in &failure.before {
        out.line(&format!("    │ {}", line_of(line)));
    }
    out.line(&format!("  ✗ {}", line_of(name)));
    let crash = failure.crash.as_deref().map(|crash| format!("[{crash}] ")).unwrap_or_default();
    let said = line_of(&format!("{crash}{said}"));
    if !said.trim().is_empty() {
        out.line(&format!("      {said}"));
    }
    let expected = failure.expected.as_deref().map(|word| format!(", expected {word}"));
    let status = failure.status.as_deref().unwrap_or("");
    let parts = [
        format!("{} {status}{}", failure.kind.word(), expected.unwrap_or_default()),
        failure.group.clone().unwrap_or_default(),
        format!("line {}", failure.at.line),
        format!("signature {}", failure.signature.id()),
    ];
    let parts: Vec<String> =
        parts.iter().map(|part| line_of(part.trim())).filter(|part| !part.is_empty()).collect();
    out.line(&format!("      {}", parts.join(" · ")));
    for line in &failure.after {
        out.line(&format!("    │ {}", line_of(line)));
    }
}

/// Shows one log by itself.
pub(crate) fn show_evidence(out: &mut Out, name: &str, evidence: &Evidence, wish: &EvidenceWish) {
    out.line(&format!(
        "{} · {} · {} · {}",
        line_of(name),
        evidence.format.name(),
        plural(evidence.lines as usize, "line"),
        plural(evidence.total as usize, "failure")
    ));
    if let (Some(subject), Some(seen)) = (&wish.subject, evidence.seen) {
        out.line(&format!("  {} {}", line_of(subject.name()), words_alone(seen)));
    }
    for mark in &evidence.marks {
        out.line(&format!("  {}", line_of(&mark.words())));
    }
    show_matches(out, evidence.matches.iter().collect());
    let failures: Vec<&Failure> = evidence.failures.iter().collect();
    list(out, &failures, evidence.total);
    tolerated(out, evidence.tolerated_total as usize);
}

fn words_alone(seen: Seen) -> &'static str {
    match seen {
        Seen::NotTold => "did not run in it, so it has no information on it",
        seen => seen.words(),
    }
}

/// Shows the same failures together.
pub(crate) fn show_same(out: &mut Out, runs: &[ShownRun], looked: &[Looked]) {
    let failures = looked.iter().enumerate().flat_map(|(place, looked)| {
        let all = looked.evidence.certain().chain(looked.evidence.tolerated());
        all.map(move |failure| (place, failure))
    });
    let groups = together(failures);
    let read = looked.iter().filter(|looked| !looked.evidence.readings.is_empty()).count();
    out.line(&format!(
        "{} in {} of {} read",
        plural(groups.len(), "different failure"),
        plural(runs.len(), "run"),
        read
    ));
    for same in groups.iter().take(2 * OF_ONE) {
        let places: Vec<&ShownRun> = same.places.iter().map(|place| &runs[*place]).collect();
        let known =
            if is_known(same.is_known, &places) { ", known to be intermittent" } else { "" };
        out.line(&format!("{} of {}{known}", same.places.len(), plural(runs.len(), "run")));
        show_failure(out, &Failure { before: vec![], after: vec![], ..same.failure.clone() });
        for (said, count) in classified(&places) {
            let (words, runs) = (said.words(), plural(count, "run"));
            out.line(&format!("      classified as {words} in {runs}"));
        }
        let mut dated: Vec<&Push> = places.iter().filter_map(|run| run.push.as_ref()).collect();
        dated.sort_by_key(|push| push.date);
        if let (Some(first), Some(last)) = (dated.first(), dated.last()) {
            out.line(&format!(
                "      first seen {} {}, last seen {} {}",
                first.id,
                first.revision.short(),
                last.id,
                last.revision.short()
            ));
        }
        let mut platforms: Vec<&str> = places.iter().map(|run| run.platform.as_str()).collect();
        platforms.retain(|platform| !platform.is_empty());
        platforms.sort_unstable();
        platforms.dedup();
        if !platforms.is_empty() {
            out.line(&format!("      on {}", platforms.join(", ")));
        }
    }
    if groups.len() > 2 * OF_ONE {
        out.line(&format!("and {} more: --json has them all", groups.len() - 2 * OF_ONE));
    }
}
