//! Small words.

use mozci_core::classify::PushClass;
use mozci_core::rate::{Rate, percent};
use mozci_core::run::{Run, Says, State};
use mozci_core::time::At;
use mozci_engine::flow::Health;
pub(crate) use mozci_pages::{age, plural};

/// How a check went, in the narrow column before it.
pub(crate) fn health_word(health: Health) -> &'static str {
    match health {
        Health::Ok => "ok",
        Health::Warn => "warn",
        Health::Fail => "FAIL",
        Health::Skipped => "–",
    }
}

/// An instant as spreadsheets read it, in UTC.
pub(crate) fn iso(at: At) -> String {
    let at = chrono::DateTime::from_timestamp(at.0, 0);
    at.map_or_else(String::new, |at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// A word of a command that is shown so as to be copied, as a shell takes it.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Minutes of machine time for people.
pub(crate) fn machine_time(minutes: u64) -> String {
    match minutes {
        0 => "under a minute".to_owned(),
        1..120 => format!("{minutes} min"),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

/// A rate with its interval.
pub(crate) fn rate_words(rate: &Rate) -> String {
    match rate.runs {
        0 => "no run has a result".to_owned(),
        runs => format!(
            "{} (95 %: {} to {})  {} of {}",
            percent(rate.rate),
            percent(rate.low),
            percent(rate.high),
            rate.failures,
            plural(runs as usize, "run")
        ),
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
pub(crate) fn push_class(push_class: PushClass) -> String {
    match push_class {
        PushClass::Good { passed } => format!("passed {passed} of {passed}"),
        PushClass::Bad { failed } => format!("failed {failed} of {failed}"),
        PushClass::Mixed { passed, failed } => {
            format!("mixed, failed {failed} of {}", passed + failed)
        }
        PushClass::Waiting => "waiting".to_owned(),
        PushClass::NoEvidence => "no evidence".to_owned(),
        PushClass::NotRun => "not run".to_owned(),
    }
}

/// What is shown of a run: where it stands, or what it says of the test that is asked about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Told {
    /// It is as it ended, or as the test did in it.
    State(State),
    /// The test did not run in it.
    Without,
    /// It says nothing of the test.
    Nothing,
    /// It ran on a build that was never made.
    Unfounded,
    /// It failed before it had the push's revision.
    NoSource,
}

impl Told {
    pub(crate) fn of(run: &Run) -> Self {
        match run.proof().map(|proof| proof.says) {
            _ if run.lacks_source() => Self::NoSource,
            _ if run.is_unfounded() => Self::Unfounded,
            Some(Says::Good) => Self::State(State::Passed),
            Some(Says::Bad) => Self::State(State::Failed),
            Some(Says::NotRun) => Self::Without,
            Some(Says::Unknown) => Self::Nothing,
            None => Self::State(run.state.clone()),
        }
    }

    pub(crate) fn mark(&self) -> &'static str {
        match self {
            Self::State(state) => state.mark(),
            Self::Without => "○",
            Self::Nothing => "≈",
            Self::Unfounded | Self::NoSource => "∅",
        }
    }

    pub(crate) fn words(&self) -> &str {
        match self {
            Self::State(state) => state.word(),
            Self::Without => "ran without it",
            Self::Nothing => "ran, no information on it",
            Self::Unfounded => "build missing, no evidence",
            Self::NoSource => "revision missing, no evidence",
        }
    }
}

/// The marks of runs, one each.
pub(crate) fn marks<'a>(runs: impl Iterator<Item = &'a Run>) -> String {
    let text: String = runs.map(|run| Told::of(run).mark()).collect();
    if text.is_empty() { "·".to_owned() } else { text }
}
