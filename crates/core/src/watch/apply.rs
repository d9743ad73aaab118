//! What is told of a request, taken into what is known of its job on its push.

use crate::event::Standing;
use crate::facts::{Build, PushFacts};
use crate::ids::JobName;
use crate::run::{Run, State};
use crate::sighting::{Sightings, Source};

/// Takes in where a request of the job on this push stands, whatever the order in which it is told.
/// A request that nobody knew of is what a trigger request made that had shown nothing yet, as long as there
/// is one. Says whether anything is new.
pub fn apply(facts: &mut PushFacts, told: &Standing) -> bool {
    let is_new = !facts.runs.iter().any(|run| run.key.request == told.request);
    if is_new && facts.requested > 0 {
        facts.requested -= 1;
        facts.doubtful = facts.doubtful.min(facts.requested);
    }
    let runs = merged(&facts.runs, &told.runs);
    let changed = runs != facts.runs;
    facts.runs = runs;
    changed
}

/// Takes in where a request of the build stands that the job depends on. Says whether that changes what
/// is known of the build.
pub fn apply_to_build(
    facts: &mut PushFacts,
    build: &JobName,
    runs: &mut Vec<Run>,
    told: &Standing,
) -> bool {
    *runs = merged(runs, &told.runs);
    let now = Build::from_runs(build, runs);
    let changed = now != facts.build;
    facts.build = now;
    changed
}

/// The runs of both, each as far as it is known to have come.
fn merged(known: &[Run], told: &[Run]) -> Vec<Run> {
    let mut sightings = Sightings::default();
    known.iter().for_each(|run| sightings.add(Source::Queue, run.clone()));
    for run in told {
        let before = known.iter().find(|before| before.key == run.key);
        match before.filter(|before| before.state.is_final()) {
            // A source with finer words has seen its end already.
            Some(_) if run.state.is_final() => {}
            _ => sightings.add(Source::Queue, run.clone()),
        }
    }
    let mut runs = sightings.into_runs();
    // A request that waited for its first run was shown as a run of its own.
    runs.retain(|run| run.state != State::Unscheduled || run.key.run == 0);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::facts;
    use crate::ids::{RequestId, TaskId};
    use crate::run::RunKey;
    use State::*;

    fn told(task: u8, states: &[State]) -> Standing {
        let request: RequestId = TaskId::from_bytes([task; 16]).into();
        let run = |(i, state): (usize, &State)| {
            Run::new(RunKey { request, run: i as u32 }, state.clone())
        };
        let state = states.last().cloned().unwrap();
        let runs = states.iter().enumerate().map(run).collect();
        Standing { request, group: None, job: None, state, runs }
    }

    #[test]
    fn what_was_asked_for_is_what_shows_up() {
        let mut facts = facts(1, &[]);
        facts.requested = 2;
        assert!(apply(&mut facts, &told(1, &[Pending])));
        assert_eq!(facts.requested, 1);
        assert!(apply(&mut facts, &told(1, &[Running])));
        assert_eq!((facts.requested, facts.runs.len()), (1, 1));
        assert!(apply(&mut facts, &told(2, &[Pending])));
        assert!(apply(&mut facts, &told(1, &[Failed])));
        // Told late, and told again.
        assert!(!apply(&mut facts, &told(1, &[Running])));
        assert!(!apply(&mut facts, &told(1, &[Failed])));
        assert_eq!((facts.requested, facts.runs.len()), (0, 2));
        let states: Vec<_> = facts.runs.iter().map(|run| run.state.clone()).collect();
        assert_eq!(states, [Failed, Pending]);
        assert!(apply(&mut facts, &told(2, &[Retried, Passed])));
        assert_eq!(facts.runs.len(), 3);
    }

    #[test]
    fn a_finer_word_stays() {
        let mut facts = facts(1, &[]);
        apply(&mut facts, &told(1, &[Failed]));
        facts.runs[0].state = Busted;
        assert!(!apply(&mut facts, &told(1, &[Failed])));
        assert_eq!(facts.runs[0].state, Busted);
    }

    #[test]
    fn a_build_is_there_once_it_passed() {
        let (mut facts, build) = (facts(1, &[]), JobName::new("build"));
        let mut runs = Vec::new();
        assert!(apply_to_build(&mut facts, &build, &mut runs, &told(9, &[Running])));
        assert_eq!(facts.build, Build::UnderWay(build.clone()));
        assert!(apply_to_build(&mut facts, &build, &mut runs, &told(9, &[Passed])));
        assert_eq!(facts.build, Build::Ready(build.clone()));
        assert!(!apply_to_build(&mut facts, &build, &mut runs, &told(9, &[Running])));
    }
}
