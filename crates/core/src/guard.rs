//! Guards: what keeps a plan from flooding a CI.

use std::fmt;

use serde::Serialize;

use crate::plan::Plan;
use crate::run::{Run, State};

/// How much may be asked for. Each limit can be raised in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budgets {
    /// Runs of one plan.
    pub plan: u32,
    /// Runs of one job on one push.
    pub push: u32,
    /// Runs asked for by this ledger in the last 24 hours.
    pub day: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self { plan: 100, push: 20, day: 400 }
    }
}

/// A guard's no, and what would pass it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "guard")]
pub enum Refusal {
    /// One plan asks for too much.
    PlanBudget {
        /// Runs that it asks for.
        runs: u32,
        /// Runs that it may ask for.
        limit: u32,
    },
    /// Too many runs of one job on one push.
    PushBudget {
        /// Runs that a push would have.
        runs: u32,
        /// Runs that one push may get.
        limit: u32,
    },
    /// Too much within a day.
    DayBudget {
        /// Runs asked for in the last 24 hours.
        used: u32,
        /// Runs that the plan adds.
        runs: u32,
        /// Runs that a day may see.
        limit: u32,
    },
    /// The job's runs mostly end in infrastructure failures: more of them would say nothing.
    Infra {
        /// Of its newest finished runs.
        exceptions: u32,
        /// How many were looked at.
        of: u32,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlanBudget { runs, limit } => write!(
                f,
                "the plan asks for {runs} runs, and one plan may ask for {limit}; narrow the range, use --every, or raise `runs_per_plan` under [guards] in the config"
            ),
            Self::PushBudget { runs, limit } => write!(
                f,
                "a push would have {runs} runs of one job, and may have {limit}; lower --times, or raise `runs_per_push` under [guards] in the config"
            ),
            Self::DayBudget { used, runs, limit } => write!(
                f,
                "{used} runs were asked for in the last 24 hours and the plan adds {runs}, where {limit} are allowed; wait, narrow the range, or raise `runs_per_day` under [guards] in the config"
            ),
            Self::Infra { exceptions, of } => write!(
                f,
                "{exceptions} of the job's last {of} finished runs ended in infrastructure failures: more runs would say nothing of the pushes; try again when the machines are well"
            ),
        }
    }
}

/// Holds a plan against every guard; the first that refuses is the answer.
///
/// `used_today` counts the runs asked for in the last 24 hours; `newest` are the job's newest
/// runs, newest first.
///
/// # Errors
/// The [`Refusal`] of the first guard that says no. A plan that asks for nothing passes.
pub fn check<'a>(
    plan: &Plan,
    budgets: &Budgets,
    used_today: u32,
    newest: impl IntoIterator<Item = &'a Run>,
) -> Result<(), Refusal> {
    // What waits for its build is asked for without another question, so that it counts now.
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
    match infra(newest) {
        Some((exceptions, of)) => Err(Refusal::Infra { exceptions, of }),
        None => Ok(()),
    }
}

/// Whether most of a job's newest finished runs ended in infrastructure failures: how many did, of
/// how many. `newest` are the job's runs, newest first.
pub fn infra<'a>(newest: impl IntoIterator<Item = &'a Run>) -> Option<(u32, u32)> {
    let finished: Vec<&Run> = newest
        .into_iter()
        .filter(|run| run.state.is_good() || run.state.is_bad() || run.state == State::Exception)
        .take(10)
        .collect();
    let exceptions = finished.iter().filter(|run| run.state == State::Exception).count() as u32;
    let of = finished.len() as u32;
    // Six of the last ten; with fewer runs the same share, and never on less than five.
    (of >= 5 && exceptions * 10 >= of * 6).then_some((exceptions, of))
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
        let budgets = Budgets { plan: 10, push: 3, day: 12 };
        let fine = runs(&[Passed, Exception, Failed]);
        assert_eq!(check(&plan(2), &budgets, 0, &fine), Ok(()));
        assert_eq!(
            check(&plan(3), &budgets, 0, &fine),
            Err(Refusal::PlanBudget { runs: 15, limit: 10 })
        );
        assert_eq!(
            check(&plan(4), &budgets, 0, &fine),
            Err(Refusal::PushBudget { runs: 4, limit: 3 })
        );
        assert_eq!(
            check(&plan(1), &budgets, 8, &fine),
            Err(Refusal::DayBudget { used: 8, runs: 5, limit: 12 })
        );
        let infra = runs(&[Exception, Exception, Passed, Exception, Failed]);
        assert_eq!(
            check(&plan(1), &budgets, 0, &infra),
            Err(Refusal::Infra { exceptions: 3, of: 5 })
        );
        assert_eq!(check(&plan(0), &budgets, 100, &infra), Ok(()));
        // Pushes that wait for their builds count as what they will be asked for.
        let mut waiting = facts(11, &[]);
        waiting.build = crate::facts::Build::UnderWay(JobName::new("build"));
        let later =
            have_n([(&waiting, true)], &JobName::new("t"), Wish::times(4), &PastRuns::default());
        assert_eq!(
            check(&later, &budgets, 0, &fine),
            Err(Refusal::PushBudget { runs: 4, limit: 3 })
        );
    }
}
