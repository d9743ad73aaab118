//! What happens on a CI, in one closed list, whoever tells it: Pulse, a Buildbot master's WebSocket,
//! or somebody who looked.

use crate::ids::{JobName, RequestId, TaskId};
use crate::run::{Run, State};
use crate::sighting::{Sightings, Source, rank};

/// Where a request stood when something of it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The request.
    pub request: RequestId,
    /// The task group that it belongs to, where its CI has such.
    pub group: Option<TaskId>,
    /// Its job, where whoever told it says so.
    pub job: Option<JobName>,
    /// Where the request itself stands: an ended *run* is not an ended *request*.
    pub state: State,
    /// Every run that it had so far; one that waits where it had none.
    pub runs: Vec<Run>,
}

impl Standing {
    /// Takes in what was told, whatever the order and however often it comes: what is older than what
    /// is known changes nothing. Says whether anything is new.
    pub fn take(&mut self, told: &Self) -> bool {
        let mut sightings = Sightings::default();
        for run in self.runs.iter().chain(&told.runs) {
            sightings.add(Source::Queue, run.clone());
        }
        let state = match told.stage() > self.stage() {
            true => told.state.clone(),
            false => self.state.clone(),
        };
        let group = self.group.or(told.group);
        let job = self.job.clone().or_else(|| told.job.clone());
        let new = Self { request: self.request, group, job, state, runs: sightings.into_runs() };
        let changed = new != *self;
        *self = new;
        changed
    }

    /// How far a request has come, as a number that only grows: by its runs, then by where the last
    /// of them stands, then by itself.
    pub fn stage(&self) -> u32 {
        let last = self.runs.last().map_or(0, |run| rank(&run.state));
        let runs = u32::try_from(self.runs.len()).unwrap_or(u32::MAX / 64).min(u32::MAX / 64);
        runs * 64 + u32::from(last) * 8 + u32::from(rank(&self.state))
    }
}

/// Something that happened on a CI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A request stands somewhere; all that is to be known of it is in here.
    Stands(Standing),
    /// Something of a request changed; where it stands has to be read.
    Changed(RequestId),
    /// Nothing of a group is waiting or at work any more.
    GroupEnded(TaskId),
    /// What happened before this was perhaps not told: the state has to be read once.
    Gap(Gap),
    /// Nothing is told from here on, until the next [`Event::Gap`].
    Silence,
}

/// Why something may have been missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Gap {
    /// Listening has only begun.
    Begun,
    /// The connection was lost and is there again.
    Reconnected,
    /// More was told than could be kept.
    Overrun,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunKey;
    use proptest::prelude::*;

    fn standing(states: &[State]) -> Standing {
        let request: RequestId = TaskId::from_bytes([9; 16]).into();
        let run = |(i, state): (usize, &State)| {
            Run::new(RunKey { request, run: i as u32 }, state.clone())
        };
        Standing {
            request,
            group: None,
            job: Some(JobName::new("t")),
            state: states.last().cloned().unwrap_or(State::Unscheduled),
            runs: states.iter().enumerate().map(run).collect(),
        }
    }

    /// A life of a task: what the queue tells of it, in order.
    fn life() -> Vec<Standing> {
        use State::*;
        [
            &[Unscheduled][..],
            &[Pending],
            &[Running],
            &[Retried, Pending],
            &[Retried, Running],
            &[Retried, Failed],
            // Somebody reruns it.
            &[Retried, Failed, Pending],
            &[Retried, Failed, Running],
            &[Retried, Failed, Passed],
        ]
        .map(standing)
        .to_vec()
    }

    proptest! {
        #[test]
        fn shuffled_and_told_twice_it_ends_the_same(
            order in Just((0..9usize).chain(0..9).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let life = life();
            let mut known = life[order[0]].clone();
            for i in &order {
                known.take(&life[*i]);
            }
            prop_assert_eq!(&known, life.last().unwrap());
            // What comes once more is nothing new.
            for told in &life {
                prop_assert!(!known.take(told));
            }
        }
    }
}
