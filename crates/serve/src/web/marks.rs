//! Marks of the grid's cells.

use mozci_core::run::{Run, State};

/// The class, mark and word of a cell with these runs; none where nothing ran.
pub(super) fn cell<'a>(
    runs: impl Iterator<Item = &'a Run>,
) -> Option<(&'static str, String, String)> {
    let runs: Vec<&Run> = runs.collect();
    let failed = runs.iter().filter(|run| run.is_bad()).count();
    let passed = runs.iter().filter(|run| run.is_good()).count();
    let told = match (failed, passed) {
        (0, 0) => {
            let state = &runs.last()?.state;
            return Some((class(state), state.mark().to_owned(), state.word().to_owned()));
        }
        (failed, 0) => ("f", count("✗", failed), format!("failed {failed} of {failed}")),
        (0, passed) => ("p", count("✓", passed), format!("passed {passed} of {passed}")),
        (failed, passed) => {
            let all = failed + passed;
            ("v", format!("{failed}/{all}"), format!("failed {failed} of {all}"))
        }
    };
    Some(told)
}

fn count(mark: &str, count: usize) -> String {
    if count == 1 { mark.to_owned() } else { format!("{mark}{count}") }
}

/// The class of a state in the style sheet.
fn class(state: &State) -> &'static str {
    match state {
        State::Passed => "p",
        State::Failed => "f",
        State::Busted => "b",
        State::Warnings | State::Exception => "x",
        State::Running => "r",
        State::Pending => "q",
        State::Unscheduled
        | State::Coalesced
        | State::Cancelled
        | State::Retried
        | State::Skipped
        | State::Expired
        | State::Unknown(_) => "k",
    }
}
