//! Which source is believed, and how two sightings of one run become one.
//!
//! Treeherder is fed by the queue's messages and lags behind it; the queue knows no result finer
//! than failed. So, for the same run key:
//!
//! | one source says | the other says | believed |
//! |---|---|---|
//! | unscheduled, pending, running | a later one of these | the later |
//! | any of these | an ending | the ending |
//! | queue: failed | Treeherder: failed or busted | Treeherder's finer word |
//! | queue: exception | Treeherder: retried, cancelled, coalesced, expired | the finer word |
//! | queue: any other ending | Treeherder: another ending | the queue's |
//! | a word nobody knows | anything known | the known one |

use crate::run::{Run, State};

/// Who saw a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Treeherder: late, but with the finer results.
    Treeherder,
    /// Taskcluster's queue: the truth about where a run stands.
    Queue,
}

/// Merges what `source` says into what was known of the same run.
///
/// The result never goes back in a run's life, whatever the order of the sightings.
pub fn merge(known: &State, known_by: Source, seen: &State, source: Source) -> State {
    let (treeherder, queue) = match (known_by, source) {
        (Source::Treeherder, Source::Queue) => (known, seen),
        (Source::Queue, Source::Treeherder) => (seen, known),
        _ => return later(known, seen).clone(),
    };
    if !queue.is_final() || !treeherder.is_final() {
        return later(treeherder, queue).clone();
    }
    match (queue, treeherder) {
        (State::Failed, State::Failed | State::Busted) => treeherder.clone(),
        (
            State::Exception,
            State::Retried | State::Cancelled | State::Coalesced | State::Expired,
        ) => treeherder.clone(),
        _ => queue.clone(),
    }
}

/// The one of two states that stands later in a run's life; the second where they are level.
fn later<'a>(first: &'a State, second: &'a State) -> &'a State {
    if rank(first) > rank(second) { first } else { second }
}

/// How far in its life a state stands.
pub(crate) fn rank(state: &State) -> u8 {
    match state {
        State::Unknown(_) => 0,
        State::Unscheduled => 1,
        State::Pending => 2,
        State::Running => 3,
        _ => 4,
    }
}

/// The runs of one job on one push, put together from several sources.
#[derive(Debug, Clone, Default)]
pub struct Sightings {
    /// In the order of their keys; few enough that a list is smaller than a map.
    runs: Vec<(Run, Source)>,
}

impl Sightings {
    /// Adds what a source saw. A run seen before is refined, never turned into another.
    pub fn add(&mut self, source: Source, run: Run) {
        match self.runs.binary_search_by_key(&run.key, |(known, _)| known.key) {
            Err(place) => self.runs.insert(place, (run, source)),
            Ok(place) => {
                let (known, by) = &mut self.runs[place];
                known.state = merge(&known.state, *by, &run.state, source);
                known.duration = run.duration.or(known.duration);
                known.seen = known.seen.max(run.seen);
                if let Some(said) = run.classification() {
                    known.more.get_or_insert_default().classification = Some(said);
                }
                if source == Source::Queue {
                    *by = Source::Queue;
                }
            }
        }
    }

    /// Every run, in the order of their keys. A run that the infrastructure ended and that has a
    /// successor within the same request was retried, whichever word its source had for it.
    pub fn into_runs(self) -> Vec<Run> {
        let mut runs: Vec<Run> = self.runs.into_iter().map(|(run, _)| run).collect();
        for i in 1..runs.len() {
            let (before, after) = runs.split_at_mut(i);
            let (run, next) = (&mut before[i - 1], &after[0]);
            if run.key.request == next.key.request && run.state == State::Exception {
                run.state = State::Retried;
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TaskId;
    use crate::run::RunKey;
    use proptest::prelude::*;

    fn run(number: u32, state: State) -> Run {
        let task = TaskId::from_bytes([7; 16]);
        Run::new(RunKey { request: task.into(), run: number }, state)
    }

    #[test]
    fn the_table_of_who_is_believed() {
        use Source::{Queue, Treeherder};
        use State::*;
        let cases = [
            (Treeherder, Running, Queue, Passed, Passed),
            (Treeherder, Passed, Queue, Running, Passed),
            (Treeherder, Pending, Queue, Running, Running),
            (Treeherder, Busted, Queue, Failed, Busted),
            (Queue, Failed, Treeherder, Failed, Failed),
            (Treeherder, Cancelled, Queue, Exception, Cancelled),
            (Treeherder, Failed, Queue, Passed, Passed),
            (Queue, Passed, Treeherder, Failed, Passed),
            (Treeherder, Unknown("odd".into()), Queue, Pending, Pending),
            (Treeherder, Running, Treeherder, Failed, Failed),
        ];
        for (by, known, source, seen, expected) in cases {
            assert_eq!(merge(&known, by, &seen, source), expected, "{known:?} then {seen:?}");
        }
    }

    #[test]
    fn an_exception_with_a_successor_was_retried() {
        let mut sightings = Sightings::default();
        sightings.add(Source::Queue, run(0, State::Exception));
        sightings.add(Source::Queue, run(1, State::Passed));
        let states: Vec<State> = sightings.into_runs().into_iter().map(|r| r.state).collect();
        assert_eq!(states, [State::Retried, State::Passed]);
    }

    fn any_state() -> impl Strategy<Value = State> {
        use State::*;
        prop::sample::select(vec![
            Unscheduled,
            Pending,
            Running,
            Passed,
            Failed,
            Busted,
            Exception,
            Retried,
            Cancelled,
            Coalesced,
            Expired,
            Unknown("new".into()),
        ])
    }

    fn any_source() -> impl Strategy<Value = Source> {
        prop::sample::select(vec![Source::Treeherder, Source::Queue])
    }

    proptest! {
        #[test]
        fn a_sighting_never_adds_loses_or_reopens_another_run(
            seen in prop::collection::vec((0u32..3, any_source(), any_state()), 1..12)
        ) {
            let mut sightings = Sightings::default();
            let mut ended = std::collections::HashSet::new();
            let mut keys = std::collections::BTreeSet::new();
            for (number, source, state) in seen {
                if state.is_final() { ended.insert(number); }
                keys.insert(number);
                sightings.add(source, run(number, state));
            }
            let runs = sightings.into_runs();
            prop_assert_eq!(runs.iter().map(|r| r.key.run).collect::<Vec<_>>(), keys.into_iter().collect::<Vec<_>>());
            for run in runs {
                prop_assert_eq!(run.state.is_final(), ended.contains(&run.key.run));
            }
        }
    }
}
