//! How far along awaited runs are.

use std::fmt;

use crate::run::{Run, State};
use crate::time::Minutes;

/// Awaited runs by where they stand, and how long the rest may still take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remaining {
    /// Runs at work.
    pub running: u32,
    /// Runs that wait, or that nobody has created yet.
    pub pending: u32,
    /// Runs that have ended.
    pub done: u32,
    /// How long the rest may still take by the median of past runs, where there is one. Waiting for a machine or for a
    /// build is not in it.
    pub left: Option<Minutes>,
}

impl Remaining {
    /// Counts the runs of one request, of which `times` are expected. `worked` is how long a run has been seen at work,
    /// in minutes, and `median` how long such runs took.
    pub fn add<'a>(
        &mut self,
        runs: impl IntoIterator<Item = &'a Run>,
        times: u32,
        done: bool,
        worked: impl Fn(&Run) -> u32,
        median: Option<Minutes>,
    ) {
        let mut seen = 0u32;
        // What was retried has a successor, which counts for it.
        for run in runs.into_iter().filter(|run| run.state != State::Retried) {
            seen = seen.saturating_add(1);
            match &run.state {
                State::Running => {
                    self.running = self.running.saturating_add(1);
                    self.takes(median.map(|Minutes(all)| all.saturating_sub(worked(run))));
                }
                state if state.is_waiting() => {
                    self.pending = self.pending.saturating_add(1);
                    self.takes(median.map(|minutes| minutes.0));
                }
                _ => self.done = self.done.saturating_add(1),
            }
        }
        let missing = times.saturating_sub(seen);
        if missing > 0 && !done {
            self.pending = self.pending.saturating_add(missing);
            self.takes(median.map(|minutes| minutes.0));
        } else {
            self.done = self.done.saturating_add(missing);
        }
    }

    /// All of them.
    pub fn runs(&self) -> u32 {
        self.running.saturating_add(self.pending).saturating_add(self.done)
    }

    /// The rest takes as long as the run that takes longest: they run side by side.
    fn takes(&mut self, minutes: Option<u32>) {
        if let Some(minutes) = minutes {
            let longest = self.left.map_or(0, |left| left.0).max(minutes.max(1));
            self.left = Some(Minutes(longest));
        }
    }
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.runs();
        write!(f, "{runs} {}: ", if runs == 1 { "run" } else { "runs" })?;
        let counts = [(self.running, "running"), (self.pending, "pending"), (self.done, "done")];
        let words: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}"))
            .collect();
        f.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::runs;
    use crate::run::State::*;

    #[test]
    fn runs_are_counted_and_what_is_left_is_the_longest() {
        let mut all = Remaining::default();
        all.add(&runs(&[Running, Passed]), 3, false, |_| 12, Some(Minutes(20)));
        assert_eq!((all.running, all.pending, all.done), (1, 1, 1));
        assert_eq!(all.left, Some(Minutes(20)), "one of them has not begun");
        assert_eq!(all.to_string(), "3 runs: 1 running, 1 pending, 1 done");
        let mut one = Remaining::default();
        one.add(&runs(&[Retried, Running]), 1, false, |_| 12, Some(Minutes(20)));
        assert_eq!((one.left, one.to_string().as_str()), (Some(Minutes(8)), "1 run: 1 running"));
        let mut late = Remaining::default();
        late.add(&runs(&[Running]), 1, false, |_| 90, Some(Minutes(20)));
        assert_eq!(late.left, Some(Minutes(1)), "longer than usual: soon");
        let mut unknown = Remaining::default();
        unknown.add(&runs(&[Pending]), 1, false, |_| 0, None);
        assert_eq!(unknown.left, None);
    }

    #[test]
    fn what_came_to_nothing_is_done() {
        let mut all = Remaining::default();
        all.add(&[], 2, true, |_| 0, Some(Minutes(20)));
        assert_eq!((all.done, all.left), (2, None));
    }
}
