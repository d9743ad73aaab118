//! How far along awaited runs are, told as they change.

use std::collections::HashMap;
use std::time::Instant;

use mozci_core::estimate::median;
use mozci_core::facts::PushFacts;
use mozci_core::ids::{JobName, RequestId};
use mozci_core::remaining::Remaining;
use mozci_core::run::{Run, RunKey, State};
use mozci_core::time::Minutes;

use crate::flow::{JobHistory, Outcome};

/// The runs that a driver awaits.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How long runs of a job take, by the median of those that ended.
    medians: HashMap<JobName, Minutes>,
    outcomes: HashMap<(RequestId, JobName), Outcome>,
    /// Since when each run has been seen at work.
    working: HashMap<RunKey, Instant>,
    told: Option<Remaining>,
}

impl Tally {
    /// With the durations of runs that ended before.
    pub(super) fn of(histories: &[JobHistory]) -> Self {
        let median_of = |history: &JobHistory| {
            let runs = history.facts.iter().flat_map(|facts| &facts.runs);
            Some((history.job.clone(), median(runs)?.0))
        };
        Self { medians: histories.iter().filter_map(median_of).collect(), ..Self::default() }
    }

    /// Notes where requests stand.
    pub(super) fn note<'a>(&mut self, outcomes: impl IntoIterator<Item = &'a Outcome>) {
        for outcome in outcomes {
            self.see(&outcome.runs);
            self.outcomes.insert((outcome.action, outcome.job.clone()), outcome.clone());
        }
    }

    /// How far along the requests are, where that changed since it was told.
    pub(super) fn of_requests(&mut self) -> Option<Remaining> {
        let mut remaining = Remaining::default();
        for ((_, job), outcome) in &self.outcomes {
            let median = self.medians.get(job).copied();
            remaining.add(
                &outcome.runs,
                outcome.times,
                outcome.done,
                |run| self.worked(run),
                median,
            );
        }
        self.changed(remaining)
    }

    /// How far along everything is that is under way on some pushes, where that changed since it was told.
    pub(super) fn of_pushes<'a>(
        &mut self,
        places: impl IntoIterator<Item = (&'a JobName, &'a PushFacts)>,
    ) -> Option<Remaining> {
        let mut remaining = Remaining::default();
        for (job, facts) in places {
            self.see(&facts.runs);
            let seen = facts.runs.iter().filter(|run| run.state != State::Retried).count();
            let times = u32::try_from(seen).unwrap_or(u32::MAX).saturating_add(facts.requested);
            let median = self.medians.get(job).copied();
            remaining.add(&facts.runs, times, false, |run| self.worked(run), median);
        }
        self.changed(remaining)
    }

    fn see(&mut self, runs: &[Run]) {
        for run in runs.iter().filter(|run| run.state == State::Running) {
            self.working.entry(run.key).or_insert_with(Instant::now);
        }
    }

    fn worked(&self, run: &Run) -> u32 {
        let minutes = |since: &Instant| u32::try_from(since.elapsed().as_secs() / 60).unwrap_or(0);
        self.working.get(&run.key).map_or(0, minutes)
    }

    fn changed(&mut self, remaining: Remaining) -> Option<Remaining> {
        let is_new = self.told != Some(remaining) && remaining.runs() > 0;
        is_new.then(|| *self.told.insert(remaining))
    }
}
