//! Small words.

use mozci_core::judge::Judgement;
use mozci_core::run::{Run, State};
use mozci_core::time::At;

/// How long ago something was, in one unit.
pub(crate) fn age(now: At, then: At) -> String {
    let seconds = now.since(then).max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A word of a command that is shown so as to be copied, as a shell takes it.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// `1 run`, `2 runs`.
pub(crate) fn plural(count: usize, one: &str) -> String {
    let (stem, ending) = match one.strip_suffix("push") {
        Some(_) => (one, "es"),
        None => (one, "s"),
    };
    if count == 1 { format!("1 {one}") } else { format!("{count} {stem}{ending}") }
}

/// Minutes of machine time for people.
pub(crate) fn machine_time(minutes: u64) -> String {
    match minutes {
        0 => "under a minute".to_owned(),
        1..120 => format!("{minutes} min"),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

/// A number of bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// What a judgement says, in words.
pub(crate) fn judgement(judgement: Judgement) -> String {
    match judgement {
        Judgement::Good { passed } => format!("passed {passed} of {passed}"),
        Judgement::Bad { failed } => format!("failed {failed} of {failed}"),
        Judgement::Mixed { passed, failed } => {
            format!("mixed, failed {failed} of {}", passed + failed)
        }
        Judgement::Waiting => "waiting".to_owned(),
        Judgement::NoEvidence => "no evidence".to_owned(),
        Judgement::NotRun => "not run".to_owned(),
    }
}

/// A state's mark; each differs from the others in shape, so that no colour is needed.
pub(crate) fn mark(state: &State) -> &'static str {
    match state {
        State::Passed => "✓",
        State::Warnings => "w",
        State::Failed => "✗",
        State::Busted => "b",
        State::Exception => "!",
        State::Running => "▸",
        State::Pending => "◌",
        State::Unscheduled => "⌫",
        State::Coalesced => "⇣",
        State::Cancelled => "⊘",
        State::Retried => "↻",
        State::Skipped => "–",
        State::Expired => "⧖",
        State::Unknown(_) => "?",
    }
}

/// The mark of a run on a build that was never made.
pub(crate) const UNFOUNDED: &str = "∅";

/// The marks of runs, one each.
pub(crate) fn marks<'a>(runs: impl Iterator<Item = &'a Run>) -> String {
    let mark = |run: &Run| if run.is_unfounded() { UNFOUNDED } else { mark(&run.state) };
    let text: String = runs.map(mark).collect();
    if text.is_empty() { "·".to_owned() } else { text }
}
