//! Backfill: from a push back to the last good one, and the holes in between.

use std::num::NonZeroU32;

use serde::Serialize;

use crate::classify::PushClass;
use crate::facts::PushFacts;
use crate::ids::JobName;
use crate::plan::{PastRuns, Plan, Wish, have_n};
use crate::push::PushRef;
use crate::range::keeps;

/// How many pushes before the given one are looked at unless told otherwise.
pub const MAX_REVISIONS: u32 = 40;

/// What is asked of a backfill.
#[derive(Debug, Clone)]
pub struct Question {
    /// The job that is chased.
    pub job: JobName,
    /// How many runs each push is to have, and of which pushes.
    pub wish: Wish,
    /// Only every so many pushes, counted from the first; both ends are kept.
    pub every: NonZeroU32,
    /// Whether to fill the holes even where no good push was found.
    pub anyway: bool,
}

/// Where the walk back ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "end")]
pub enum WalkEnd {
    /// The job passed on the very push that was given: nothing is broken there.
    GoodAtStart,
    /// At a push on which the job passed and never failed.
    LastGood {
        /// That push.
        push: PushRef,
    },
    /// The job failed in the range and never only passed: bad for longer than the range.
    BadForLonger,
    /// There is no run of the job in the whole range.
    NeverRan,
    /// There are runs, but none of them says good or bad.
    NoEvidence,
}

/// How one push of the walk was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The push.
    pub push: PushRef,
    /// By its runs.
    #[serde(flatten)]
    pub push_class: PushClass,
    /// Runs that count and are there.
    pub have: u32,
    /// Why a run that ended says nothing of the test that is asked about, where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Box<str>>,
    /// The chunk that ran, where it is another one than the job that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk: Option<JobName>,
    /// Of these, the ones that have not ended.
    pub waiting: u32,
    /// Runs that were requested and that no source shows yet.
    #[serde(rename = "asked")]
    pub requested: u32,
    /// Of these, the ones of which nobody can tell whether they were sent.
    pub doubtful: u32,
}

impl From<&PushFacts> for Step {
    fn from(facts: &PushFacts) -> Self {
        Self {
            push: PushRef::from(&facts.push),
            push_class: facts.push_class(),
            have: crate::run_count::run_count(facts) - facts.requested,
            unknown: match facts.push_class() {
                PushClass::NoEvidence | PushClass::Waiting => {
                    facts.runs.iter().find_map(|run| run.proof()).map(|proof| proof.why.clone())
                }
                _ => None,
            },
            chunk: facts.runs.iter().find_map(|run| run.more.as_ref()?.chunk.clone()),
            waiting: facts.runs.iter().filter(|run| run.state.is_waiting()).count() as u32,
            requested: facts.requested,
            doubtful: facts.doubtful,
        }
    }
}

/// A backfill's answer.
#[derive(Debug, Clone, Serialize)]
pub struct Backfill {
    /// Where the walk ended.
    #[serde(flatten)]
    pub end: WalkEnd,
    /// Every push that was walked over, newest first, the last good one included.
    pub steps: Vec<Step>,
    /// What would be requested.
    #[serde(skip)]
    pub plan: Plan,
}

/// Walks back from the first of `facts` (newest first) and plans to fill the holes.
pub fn backfill(facts: &[PushFacts], question: &Question, past: &PastRuns<'_>) -> Backfill {
    let good = facts.iter().position(|f| matches!(f.push_class(), PushClass::Good { .. }));
    let walked = &facts[..good.map_or(facts.len(), |i| i + 1)];
    let end = match good {
        Some(0) => WalkEnd::GoodAtStart,
        Some(i) => WalkEnd::LastGood { push: PushRef::from(&facts[i].push) },
        None => without_good(facts),
    };
    let fills = match end {
        WalkEnd::GoodAtStart => false,
        WalkEnd::LastGood { .. } => true,
        _ => question.anyway,
    };
    let holes = &walked[..if good.is_some() { walked.len() - 1 } else { walked.len() }];
    let asked_about = holes.iter().enumerate().filter(|_| fills);
    let kept = asked_about.map(|(i, f)| (f, keeps(question.every, walked.len(), 0, i)));
    let plan = have_n(kept, &question.job, question.wish, past);
    let steps = walked.iter().map(Step::from).collect();
    Backfill { end, steps, plan }
}

fn without_good(facts: &[PushFacts]) -> WalkEnd {
    let judgements = || facts.iter().map(PushFacts::push_class);
    if judgements().any(|j| matches!(j, PushClass::Bad { .. } | PushClass::Mixed { .. })) {
        WalkEnd::BadForLonger
    } else if judgements().all(|j| j == PushClass::NotRun) {
        WalkEnd::NeverRan
    } else {
        WalkEnd::NoEvidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::facts;
    use crate::run::State::{self, *};
    use proptest::prelude::*;

    fn question(every: u32, anyway: bool) -> Question {
        Question {
            job: JobName::new("test"),
            wish: Wish::times(1),
            every: NonZeroU32::new(every).unwrap(),
            anyway,
        }
    }

    fn walk(states: &[&[State]], question: &Question) -> (WalkEnd, Vec<u64>) {
        let facts: Vec<_> =
            states.iter().enumerate().map(|(i, s)| facts(100 - i as u64, s)).collect();
        let answer = backfill(&facts, question, &PastRuns::default());
        let requested = answer.plan.requests.iter().map(|r| r.push.id.number()).collect();
        (answer.end, requested)
    }

    fn good(id: u64) -> WalkEnd {
        WalkEnd::LastGood { push: PushRef::from(&facts(id, &[]).push) }
    }

    #[test]
    fn holes_between_bad_and_last_good() {
        let all: &[&[State]] =
            &[&[Failed], &[], &[Failed, Passed], &[Running], &[Coalesced], &[Passed], &[]];
        assert_eq!(walk(all, &question(1, false)), (good(95), vec![99, 96]));
        assert_eq!(walk(all, &question(4, false)), (good(95), vec![96]));
    }

    #[test]
    fn the_ends_of_a_walk() {
        let q = question(1, false);
        assert_eq!(walk(&[&[Passed], &[]], &q), (WalkEnd::GoodAtStart, vec![]));
        assert_eq!(walk(&[&[Failed], &[], &[]], &q), (WalkEnd::BadForLonger, vec![]));
        assert_eq!(walk(&[&[], &[]], &q), (WalkEnd::NeverRan, vec![]));
        assert_eq!(walk(&[&[Exception], &[]], &q), (WalkEnd::NoEvidence, vec![]));
        assert_eq!(
            walk(&[&[Failed], &[], &[]], &question(1, true)),
            (WalkEnd::BadForLonger, vec![99, 98])
        );
        assert_eq!(walk(&[&[], &[Passed]], &q), (good(99), vec![100]));
    }

    proptest! {
        #[test]
        fn the_plan_is_the_set_of_holes_and_nothing_else(
            states in prop::collection::vec(
                prop::collection::vec(prop::sample::select(vec![
                    Passed, Failed, Running, Coalesced, Exception, Cancelled,
                ]), 0..4), 1..30)
        ) {
            let borrowed: Vec<&[State]> = states.iter().map(Vec::as_slice).collect();
            let (end, requested) = walk(&borrowed, &question(1, false));
            let is_good = |s: &Vec<State>| s.contains(&Passed) && !s.contains(&Failed);
            let first_good = states.iter().position(is_good);
            let expected: Vec<u64> = match first_good {
                None | Some(0) => vec![],
                Some(good) => (0..good)
                    .filter(|i| !states[*i].iter().any(State::counts))
                    .map(|i| 100 - i as u64)
                    .collect(),
            };
            prop_assert_eq!(requested, expected);
            prop_assert_eq!(matches!(end, WalkEnd::LastGood { .. }), first_good.is_some_and(|g| g > 0));
        }
    }
}
