//! A guard's no, and what would pass it.

use std::fmt;

use serde::Serialize;

/// A guard's no, and what would pass it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "guard")]
pub enum Refusal {
    /// One plan requests too much.
    PlanBudget {
        /// Runs that it requests.
        runs: u32,
        /// Runs that it may request.
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
        /// Runs requested in the last 24 hours.
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
        /// How many minutes it takes until one run may be tried.
        minutes: u32,
    },
    /// The job's runs mostly ended so a while ago: one run may be tried, and more only if it says
    /// something.
    HalfOpen {
        /// Runs that the plan requests.
        runs: u32,
    },
    /// Too many runs in one pool of workers within a day.
    PoolBudget {
        /// The pool.
        pool: String,
        /// Runs requested there in the last 24 hours.
        used: u32,
        /// Runs that the plan adds there.
        runs: u32,
        /// Runs that a day may see there.
        limit: u32,
    },
    /// All runs that say that a push is bad were made by a backfill, which must not beget another one.
    FromBackfill {
        /// Such runs.
        runs: u32,
    },
    /// The tree is closed.
    TreeClosed {
        /// The tree.
        tree: String,
        /// Whoever closed it says why.
        reason: String,
    },
    /// The CI has failed to take what it was requested, again and again.
    Service {
        /// What it said last.
        why: String,
        /// How many minutes it takes until one trigger request may be tried.
        minutes: u32,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlanBudget { runs, limit } => write!(
                f,
                "the plan requests {runs} runs, and one plan may request {limit}; narrow the range, use --every, or raise `runs_per_plan` under [guards] in the config"
            ),
            Self::PushBudget { runs, limit } => write!(
                f,
                "a push would have {runs} runs of one job, and may have {limit}; lower --times, or raise `runs_per_push` under [guards] in the config"
            ),
            Self::DayBudget { used, runs, limit } => write!(
                f,
                "{used} runs were requested in the last 24 hours and the plan adds {runs}, where {limit} are allowed; wait, narrow the range, or raise `runs_per_day` under [guards] in the config"
            ),
            Self::Infra { exceptions, of, minutes } => write!(
                f,
                "{exceptions} of the job's last {of} finished runs ended in infrastructure failures: more runs would say nothing of the pushes; try again when the machines are well, or one run in {minutes} min"
            ),
            Self::HalfOpen { runs } => write!(
                f,
                "the job's last runs mostly ended in infrastructure failures, so that one run may be tried first, and the plan requests {runs}; request one"
            ),
            Self::PoolBudget { pool, used, runs, limit } => write!(
                f,
                "{used} runs were requested in the pool {pool} in the last 24 hours and the plan adds {runs}, where {limit} are allowed; wait, narrow the range, or raise it under [guards.pools] in the config"
            ),
            Self::FromBackfill { runs } => write!(
                f,
                "the push's only runs of the job ({runs}) were made by a backfill, and none is begun from those: backfill from the push that failed first of itself, or give --anyway"
            ),
            Self::TreeClosed { tree, reason } => write!(
                f,
                "the tree {tree} is closed ({reason}); wait until it is open, or set `closed_tree` under [guards] in the config to \"wait\" or \"ignore\""
            ),
            Self::Service { why, minutes } => write!(
                f,
                "the CI did not take the last requests ({why}); one request may be tried in {minutes} min, and more once it gets through"
            ),
        }
    }
}
