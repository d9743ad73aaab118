//! Filling and retriggering: which jobs of a push are requested, and which are not.

use crate::add_to_plan::{MissingRuns, add_to_plan};
use crate::facts::PushFacts;
use crate::ids::JobName;
use crate::plan::{LeftOut, LeftOutReason, PastRuns, Plan, Why, Wish, estimate};
use crate::push::PushRef;
use crate::run::{Run, State};
use crate::run_count::run_count;

/// What of a push is run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Jobs whose last run failed: once for the failed run that no later or asked-for run follows.
    Failed,
    /// Jobs in whose place another request was run, and which have no run that counts.
    Coalesced,
    /// Jobs that were never run, and those that are only coalesced.
    Missing,
}

/// Plans one run more of a job on each of some pushes where there is reason to.
pub fn again<'a>(
    facts: impl IntoIterator<Item = &'a PushFacts>,
    job: &JobName,
    what: Again,
    wish: Wish,
    past: &PastRuns<'_>,
) -> Plan {
    let mut plan = Plan { jobs: vec![job.clone()], ..Plan::empty(1) };
    let times = wish.times;
    for facts in facts {
        match reason(facts, what) {
            Some(Ok(why)) => {
                add_to_plan(&mut plan, facts, job, MissingRuns { times, why, keeps: true, wish })
            }
            Some(Err(why)) => {
                let push = PushRef::from(&facts.push);
                plan.left_out.push(LeftOut { push, job: job.clone(), why });
            }
            None => {}
        }
    }
    plan.estimate = estimate(&plan, past);
    plan
}

/// Why the job is requested, or why not though it has no run that counts; nothing where all is
/// well.
fn reason(facts: &PushFacts, what: Again) -> Option<Result<Why, LeftOutReason>> {
    if what == Again::Failed {
        return is_failed_last(facts).then_some(Ok(Why::Failed));
    }
    if run_count(facts) > 0 {
        return None;
    }
    let last = last(facts);
    match (what, last.map(|run| &run.state)) {
        (_, Some(State::Coalesced)) => Some(Ok(Why::Coalesced)),
        (Again::Missing, _) if last.is_some_and(Run::lacks_build) => Some(Ok(Why::BuildAbsent)),
        (Again::Missing, None) => Some(Ok(Why::NotRun)),
        // Somebody took it back, or the infrastructure ended it: that was no oversight.
        (Again::Missing, Some(state)) => Some(Err(LeftOutReason::Ended(state.clone()))),
        _ => None,
    }
}

/// Whether the last that was heard of the job is a failure, and nothing is under way.
fn is_failed_last(facts: &PushFacts) -> bool {
    facts.requested == 0
        && !facts.runs.iter().any(|run| run.state.is_waiting())
        && last(facts).is_some_and(|run| run.state.is_bad())
}

/// The run that a source heard of last, among those that say something where there are any.
fn last(facts: &PushFacts) -> Option<&Run> {
    // One of which nobody knows when it was is taken for older, and of two that nobody can tell
    // apart the one that failed: then the other follows it.
    let by_time = |a: &&Run, b: &&Run| {
        let time = |run: &Run| run.seen.map_or(i64::MIN, |at| at.0);
        let followed = |run: &Run| !run.state.is_bad();
        time(a).cmp(&time(b)).then(followed(a).cmp(&followed(b)))
    };
    let counting = facts.runs.iter().filter(|run| run.counts()).max_by(by_time);
    counting.or_else(|| facts.runs.iter().max_by(by_time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::facts;
    use crate::run::State::*;
    use crate::time::At;
    use proptest::prelude::*;

    fn plan(states: &[State], requested: u32, what: Again) -> Plan {
        let mut facts = facts(9, states);
        facts.requested = requested;
        for (i, run) in facts.runs.iter_mut().enumerate() {
            run.seen = Some(At(100 + i as i64));
        }
        again([&facts], &JobName::new("t"), what, Wish::times(1), &PastRuns::default())
    }

    #[test]
    fn what_is_run_again() {
        use Again::{Failed as Fails, Missing};
        let requests = |states: &[State], what| plan(states, 0, what).requests.len();
        assert_eq!(requests(&[Failed], Fails), 1);
        assert_eq!(requests(&[Failed, Busted], Fails), 1);
        assert_eq!(requests(&[Failed, Passed], Fails), 0);
        assert_eq!(requests(&[Passed, Failed], Fails), 1);
        assert_eq!(requests(&[Failed, Pending], Fails), 0);
        assert_eq!(requests(&[Failed, Exception], Fails), 1);
        assert_eq!(plan(&[Failed], 1, Fails).requests.len(), 0);
        assert_eq!(requests(&[Coalesced], Again::Coalesced), 1);
        assert_eq!(requests(&[Coalesced, Passed], Again::Coalesced), 0);
        assert_eq!(requests(&[], Again::Coalesced), 0);
        assert_eq!(requests(&[], Missing), 1);
        assert_eq!(requests(&[Cancelled, Coalesced], Missing), 1);
        let cancelled = plan(&[Cancelled], 0, Missing);
        assert_eq!(cancelled.left_out[0].why, LeftOutReason::Ended(Cancelled));
    }

    #[test]
    fn what_ran_without_its_build_is_missing() {
        let mut facts = facts(9, &[Passed]);
        let build_absent = Some(JobName::new("build"));
        facts.runs[0].more =
            Some(Box::new(crate::run::More { build_absent, ..Default::default() }));
        let past = PastRuns::default();
        let plan = again([&facts], &JobName::new("t"), Again::Missing, Wish::times(1), &past);
        assert_eq!(plan.requests[0].why, Why::BuildAbsent);
        assert_eq!(facts.push_class(), crate::classify::PushClass::NoEvidence);
    }

    proptest! {
        #[test]
        fn a_second_time_asks_for_nothing(
            states in prop::collection::vec(prop::sample::select(vec![
                Passed, Failed, Busted, Running, Coalesced, Exception, Cancelled, Retried,
            ]), 0..6),
            what in prop::sample::select(vec![Again::Failed, Again::Coalesced, Again::Missing]),
        ) {
            let first = plan(&states, 0, what).runs();
            prop_assert!(first <= 1);
            prop_assert_eq!(plan(&states, first, what).runs(), if first == 0 { plan(&states, 0, what).runs() } else { 0 });
        }
    }
}
