//! What is expected of a job on a push, and what is done where it does not come.

use crate::add_to_plan::{MissingRuns, add_to_plan};
use crate::facts::{Build, PushFacts};
use crate::ids::JobName;
use crate::plan::{PastRuns, Plan, Why, Wish, estimate};
use crate::run::{Run, State};
use crate::run_count::run_count;
use crate::time::At;

/// What is expected, and what may be requested where it does not come. Nothing, unless said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expectations {
    /// A job that fails is run so many times more.
    pub retry_failed: u32,
    /// A job that was coalesced, lost or never scheduled is requested.
    pub fill: bool,
    /// A job is run again and again, so many at once, until it fails.
    pub until_failure: Option<u32>,
    /// Runs that a job on a push may have in all.
    pub most: u32,
}

/// What comes next for a job on a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It is waited for.
    Wait,
    /// So many runs are wanted in all.
    Ask {
        /// Runs that it has then.
        want: u32,
        /// What for.
        why: Why,
    },
    /// Nothing more is to be expected.
    Ended,
}

/// What comes next. What was requested before is in the facts, so that asking again for the same
/// never follows; `requested` counts the runs that watching has requested here, of which the
/// infrastructure may have lost some. `settles` is whether somebody may still tell whether unconfirmed requests
/// arrived: only then are they waited for. They count as sent in any case.
pub fn next(facts: &PushFacts, expect: &Expectations, requested: u32, settles: bool) -> Next {
    let has = run_count(facts);
    let said = |what: fn(&Run) -> bool| facts.runs.iter().filter(|run| what(run)).count() as u32;
    let (good, bad) = (said(Run::is_good), said(Run::is_bad));
    let waits = facts.is_under_way() || (facts.doubtful > 0 && settles);
    if let Some(batch) = expect.until_failure {
        return match () {
            () if bad > 0 => Next::Ended,
            () if waits => Next::Wait,
            () if has >= expect.most || requested >= expect.most => Next::Ended,
            () => {
                let want = has.saturating_add(batch).min(expect.most);
                Next::Ask { want, why: Why::UntilFailure { passed: good } }
            }
        };
    }
    let want = expect.retry_failed.saturating_add(1).min(expect.most);
    // Each that the infrastructure loses is requested once more, and no oftener.
    let may_retry = requested < expect.retry_failed.saturating_mul(2);
    if expect.retry_failed > 0 && bad > 0 && has < want && may_retry {
        return Next::Ask { want, why: Why::Failed };
    }
    if waits {
        return Next::Wait;
    }
    match missing(facts) {
        Some(why) if expect.fill && requested < FILLS => Next::Ask { want: 1, why },
        _ => Next::Ended,
    }
}

/// How often what is missing is requested.
const FILLS: u32 = 2;

/// How long after the end of its build a job may take to be there, in seconds: a master triggers what
/// depends on a build only once that is done, and its schedulers take their time.
const FOLLOWS: i64 = 60;

/// For how many seconds more a job that was not run may still come by itself, its build having ended
/// only now; none where that was long ago.
pub fn still_comes(build_runs: &[Run], now: At) -> Option<u64> {
    let ended = build_runs.iter().filter(|run| run.is_good()).filter_map(|run| run.seen).max()?;
    let left = ended.plus(FOLLOWS).0 - now.0;
    u64::try_from(left.min(FOLLOWS)).ok().filter(|left| *left > 0)
}

/// Why a job that nothing is heard of any more is missing, where it was meant to run.
fn missing(facts: &PushFacts) -> Option<Why> {
    if run_count(facts) > 0 {
        return None;
    }
    match facts.runs.last().map(|run| &run.state) {
        Some(State::Coalesced) => Some(Why::Coalesced),
        Some(State::Expired) => Some(Why::Lost),
        // Somebody took it back, or it was decided not to run it.
        Some(State::Cancelled | State::Skipped) => None,
        Some(State::Exception) => Some(Why::Lost),
        Some(_) => None,
        None => matches!(facts.build, Build::Ready(_)).then_some(Why::NotRun),
    }
}

/// The plan of what is wanted on one push.
pub fn plan(
    facts: &PushFacts,
    job: &JobName,
    (want, why): (u32, Why),
    past: &PastRuns<'_>,
) -> Plan {
    let mut plan = Plan { jobs: vec![job.clone()], ..Plan::empty(want) };
    let times = want.saturating_sub(run_count(facts));
    if times > 0 {
        let requested = MissingRuns { times, why, keeps: true, wish: Wish::times(want) };
        add_to_plan(&mut plan, facts, job, requested);
    }
    plan.estimate = estimate(&plan, past);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::facts;
    use State::*;

    const ONLY_LOOK: Expectations =
        Expectations { retry_failed: 0, fill: false, until_failure: None, most: 20 };

    fn ask(want: u32, why: Why) -> Next {
        Next::Ask { want, why }
    }

    #[test]
    fn who_only_looks_asks_for_nothing() {
        for states in [&[][..], &[Failed], &[Coalesced], &[Expired], &[Passed]] {
            assert_eq!(next(&facts(1, states), &ONLY_LOOK, 0, true), Next::Ended, "{states:?}");
        }
        assert_eq!(next(&facts(1, &[Failed, Running]), &ONLY_LOOK, 0, true), Next::Wait);
    }

    #[test]
    fn what_failed_is_run_again_as_often_as_was_said() {
        let expect = Expectations { retry_failed: 3, ..ONLY_LOOK };
        let next =
            |states: &[State], requested| super::next(&facts(1, states), &expect, requested, true);
        assert_eq!(next(&[Passed], 0), Next::Ended);
        assert_eq!(next(&[Running], 0), Next::Wait);
        assert_eq!(next(&[Failed], 0), ask(4, Why::Failed));
        assert_eq!(next(&[Failed, Running], 0), ask(4, Why::Failed));
        assert_eq!(next(&[Failed, Pending, Pending, Pending], 3), Next::Wait);
        assert_eq!(next(&[Failed, Passed, Passed, Failed], 3), Next::Ended);
        // What the infrastructure lost is requested again, but not for ever.
        assert_eq!(next(&[Failed, Passed, Passed, Exception], 3), ask(4, Why::Failed));
        assert_eq!(next(&[Failed, Exception, Exception, Exception], 6), Next::Ended);
        let mut requested_for = facts(1, &[Failed]);
        requested_for.requested = 3;
        assert_eq!(super::next(&requested_for, &expect, 3, true), Next::Wait);
        // In doubt, and nobody can tell any more: they count, and are not waited for.
        requested_for.doubtful = 3;
        assert_eq!(super::next(&requested_for, &expect, 3, true), Next::Wait);
        assert_eq!(super::next(&requested_for, &expect, 3, false), Next::Ended);
    }

    #[test]
    fn what_is_missing_is_asked_for_where_it_was_no_decision() {
        let expect = Expectations { fill: true, ..ONLY_LOOK };
        let next =
            |states: &[State], requested| super::next(&facts(1, states), &expect, requested, true);
        assert_eq!(next(&[Coalesced], 0), ask(1, Why::Coalesced));
        assert_eq!(next(&[Expired], 0), ask(1, Why::Lost));
        assert_eq!(next(&[Coalesced, Exception], 1), ask(1, Why::Lost));
        assert_eq!(next(&[Coalesced, Exception, Exception], 2), Next::Ended);
        assert_eq!(next(&[Cancelled], 0), Next::Ended);
        assert_eq!(next(&[Coalesced, Pending], 1), Next::Wait);
        assert_eq!(next(&[Coalesced, Passed], 1), Next::Ended);
        let mut built = facts(1, &[]);
        built.build = Build::NotNeeded;
        assert_eq!(super::next(&built, &expect, 0, true), Next::Ended);
        built.build = Build::Ready(JobName::new("build"));
        assert_eq!(super::next(&built, &expect, 0, true), ask(1, Why::NotRun));
    }

    #[test]
    fn what_a_build_triggers_gets_a_moment_to_come() {
        let built = |ended: Option<i64>, state| {
            let mut run = facts(1, &[state]).runs.remove(0);
            run.seen = ended.map(At);
            [run]
        };
        let left = |now| still_comes(&built(Some(1_000), Passed), At(now));
        assert_eq!((left(1_000), left(1_045), left(1_060)), (Some(60), Some(15), None));
        // A clock that is behind makes it no longer.
        assert_eq!(left(500), Some(60));
        assert_eq!(still_comes(&built(Some(1_000), Failed), At(1_000)), None);
        assert_eq!(still_comes(&built(None, Passed), At(1_000)), None);
    }

    #[test]
    fn it_is_run_until_it_fails_and_no_longer() {
        let expect = Expectations { until_failure: Some(5), most: 12, ..ONLY_LOOK };
        let next =
            |states: &[State], requested| super::next(&facts(1, states), &expect, requested, true);
        let until = |passed| Why::UntilFailure { passed };
        assert_eq!(next(&[], 0), ask(5, until(0)));
        assert_eq!(next(&vec![Passed; 5], 5), ask(10, until(5)));
        assert_eq!(next(&[Passed, Running], 5), Next::Wait);
        assert_eq!(next(&[Passed, Failed, Running], 5), Next::Ended);
        assert_eq!(next(&vec![Passed; 10], 10), ask(12, until(10)));
        assert_eq!(next(&vec![Passed; 12], 12), Next::Ended);
        assert_eq!(next(&vec![Exception; 12], 12), Next::Ended);
    }

    #[test]
    fn a_plan_asks_for_what_lacks() {
        let mut facts = facts(1, &[Failed]);
        facts.requested = 1;
        let job = JobName::new("t");
        let plan = plan(&facts, &job, (4, Why::Failed), &PastRuns::default());
        assert_eq!((plan.runs(), plan.requests[0].times), (2, 2));
        assert_eq!(plan.requests[0].why, Why::Failed);
    }
}
