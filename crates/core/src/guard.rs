//! Guards: what keeps a plan from flooding a CI.

mod breaker;
mod refusal;

use std::collections::BTreeMap;

pub use breaker::{BreakerSettings, Circuit, circuit};
pub use refusal::Refusal;

use crate::plan::Plan;
use crate::run::Run;
use crate::time::At;

/// How much may be requested. Each limit can be raised in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budgets {
    /// Runs of one plan.
    pub plan: u32,
    /// Runs of one job on one push.
    pub push: u32,
    /// Runs requested by this ledger in the last 24 hours.
    pub day: u32,
    /// The same of pools of workers that are scarce.
    pub pools: BTreeMap<String, u32>,
    /// When a job is left alone.
    pub breaker: BreakerSettings,
}

impl Default for Budgets {
    fn default() -> Self {
        let breaker = BreakerSettings::default();
        Self { plan: 100, push: 20, day: 400, pools: BTreeMap::new(), breaker }
    }
}

/// Holds a plan against every guard that needs no more than facts; the first that refuses is the
/// answer.
///
/// `used_today` counts the runs requested in the last 24 hours; `newest` are the job's newest
/// runs, newest first.
///
/// # Errors
/// The [`Refusal`] of the first guard that says no. A plan that requests nothing passes.
pub fn check<'a>(
    plan: &Plan,
    budgets: &Budgets,
    used_today: u32,
    newest: impl IntoIterator<Item = &'a Run>,
    now: At,
) -> Result<(), Refusal> {
    // What waits for its build is requested without another question, so that it counts now.
    let waiting: u32 = plan.waits_for.iter().map(|waiting| waiting.times).sum();
    let runs = plan.runs().saturating_add(waiting);
    if runs == 0 {
        return Ok(());
    }
    let most = plan.most_on_a_push();
    if most > budgets.push {
        return Err(Refusal::PushBudget { runs: most, limit: budgets.push });
    }
    if runs > budgets.plan {
        return Err(Refusal::PlanBudget { runs, limit: budgets.plan });
    }
    if used_today.saturating_add(runs) > budgets.day {
        return Err(Refusal::DayBudget { used: used_today, runs, limit: budgets.day });
    }
    match circuit(newest, budgets.breaker, now) {
        Circuit::Closed => Ok(()),
        Circuit::HalfOpen { .. } if runs <= 1 => Ok(()),
        Circuit::HalfOpen { .. } => Err(Refusal::HalfOpen { runs }),
        Circuit::Open { exceptions, of, minutes } => {
            Err(Refusal::Infra { exceptions, of, minutes })
        }
    }
}

/// Holds what a plan adds in a pool of workers against the pool's budget.
///
/// # Errors
/// [`Refusal::PoolBudget`].
pub fn check_pool(budgets: &Budgets, pool: &str, used: u32, runs: u32) -> Result<(), Refusal> {
    match budgets.pools.get(pool) {
        Some(limit) if used.saturating_add(runs) > *limit => {
            Err(Refusal::PoolBudget { pool: pool.to_owned(), used, runs, limit: *limit })
        }
        _ => Ok(()),
    }
}

/// Whether most of a job's newest finished runs ended in infrastructure failures: how many did, of
/// how many. `newest` are the job's runs, newest first.
pub fn infra<'a>(newest: impl IntoIterator<Item = &'a Run>) -> Option<(u32, u32)> {
    match circuit(newest, BreakerSettings::default(), At(0)) {
        Circuit::Closed => None,
        Circuit::Open { exceptions, of, .. } | Circuit::HalfOpen { exceptions, of } => {
            Some((exceptions, of))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::{facts, runs};
    use crate::ids::JobName;
    use crate::plan::{PastRuns, Wish, have_n};
    use crate::run::State::*;

    #[test]
    fn each_guard_refuses_and_says_so() {
        let all: Vec<_> = (0..5).map(|i| facts(10 - i, &[])).collect();
        let plan = |times| {
            let wish = Wish::times(times);
            have_n(all.iter().map(|f| (f, true)), &JobName::new("t"), wish, &PastRuns::default())
        };
        let budgets = Budgets { plan: 10, push: 3, day: 12, ..Budgets::default() };
        let fine = runs(&[Passed, Exception, Failed]);
        assert_eq!(check(&plan(2), &budgets, 0, &fine, At(0)), Ok(()));
        assert_eq!(
            check(&plan(3), &budgets, 0, &fine, At(0)),
            Err(Refusal::PlanBudget { runs: 15, limit: 10 })
        );
        assert_eq!(
            check(&plan(4), &budgets, 0, &fine, At(0)),
            Err(Refusal::PushBudget { runs: 4, limit: 3 })
        );
        assert_eq!(
            check(&plan(1), &budgets, 8, &fine, At(0)),
            Err(Refusal::DayBudget { used: 8, runs: 5, limit: 12 })
        );
        let infra = runs(&[Exception, Exception, Passed, Exception, Failed]);
        assert_eq!(
            check(&plan(1), &budgets, 0, &infra, At(0)),
            Err(Refusal::Infra { exceptions: 3, of: 5, minutes: 30 })
        );
        assert_eq!(check(&plan(0), &budgets, 100, &infra, At(0)), Ok(()));
        // Pushes that wait for their builds count as what they will be requested.
        let mut waiting = facts(11, &[]);
        waiting.build = crate::facts::Build::UnderWay(JobName::new("build"));
        let later =
            have_n([(&waiting, true)], &JobName::new("t"), Wish::times(4), &PastRuns::default());
        assert_eq!(
            check(&later, &budgets, 0, &fine, At(0)),
            Err(Refusal::PushBudget { runs: 4, limit: 3 })
        );
    }

    #[test]
    fn a_breaker_that_is_half_open_lets_one_through() {
        let facts = facts(1, &[]);
        let plan = |times| {
            let past = PastRuns::default();
            have_n([(&facts, true)], &JobName::new("t"), Wish::times(times), &past)
        };
        let mut ailing = runs(&[Exception, Exception, Exception, Exception, Exception]);
        ailing.iter_mut().for_each(|run| run.seen = Some(At(0)));
        let check = |times, now| check(&plan(times), &Budgets::default(), 0, &ailing, At(now));
        assert!(matches!(check(1, 60), Err(Refusal::Infra { minutes: 29, .. })));
        assert_eq!(check(2, 1800), Err(Refusal::HalfOpen { runs: 2 }));
        assert_eq!(check(1, 1800), Ok(()));
    }

    #[test]
    fn a_scarce_pool_has_a_budget_of_its_own() {
        let pools = BTreeMap::from([("b-linux-kvm".to_owned(), 10)]);
        let budgets = Budgets { pools, ..Budgets::default() };
        assert_eq!(check_pool(&budgets, "b-linux-kvm", 8, 2), Ok(()));
        let refused = check_pool(&budgets, "b-linux-kvm", 8, 3).unwrap_err();
        assert!(refused.to_string().contains("[guards.pools]"), "{refused}");
        assert_eq!(check_pool(&budgets, "b-linux", 800, 3), Ok(()));
    }
}
