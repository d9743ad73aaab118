//! How a job on a push ended, in words that hide no retry.

use std::fmt;

use serde::Serialize;

use crate::facts::{Build, PushFacts};
use crate::run::{Run, State};

/// How a job on a push ended, or where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "ending")]
pub enum Ending {
    /// Every run that said something passed.
    Passed {
        /// Runs.
        runs: u32,
    },
    /// Every run that said something failed.
    Failed {
        /// Runs.
        runs: u32,
    },
    /// Some runs failed and some passed.
    Mixed {
        /// Whether the first that ended failed.
        failed_first: bool,
        /// Runs that passed.
        passed: u32,
        /// Runs that failed.
        failed: u32,
    },
    /// Nothing has said anything yet, and something may.
    UnderWay,
    /// It cannot run, since its build failed or is gone.
    Blocked {
        /// The build.
        build: String,
    },
    /// All that there is says nothing: the last state.
    Nothing {
        /// The last run's state; none where there is no run.
        last: Option<State>,
    },
}

impl Ending {
    /// Whether something failed.
    pub fn is_bad(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Mixed { .. })
    }
}

/// How a job on a push ended.
pub fn ending(facts: &PushFacts) -> Ending {
    let mut told: Vec<&Run> =
        facts.runs.iter().filter(|run| run.is_good() || run.is_bad()).collect();
    // Those of which nobody knows when they ended come in the order of their keys.
    told.sort_by_key(|run| run.seen.map_or(i64::MAX, |at| at.0));
    let failed = told.iter().filter(|run| run.is_bad()).count() as u32;
    let passed = told.len() as u32 - failed;
    match (passed, failed) {
        (0, 0) if facts.is_under_way() || facts.requested > 0 => Ending::UnderWay,
        (0, 0) => match &facts.build {
            Build::Failed(build) | Build::Dead(build) => {
                Ending::Blocked { build: build.to_string() }
            }
            _ => Ending::Nothing { last: facts.runs.last().map(|run| run.state.clone()) },
        },
        (runs, 0) => Ending::Passed { runs },
        (0, runs) => Ending::Failed { runs },
        (passed, failed) => {
            let failed_first = told.first().is_some_and(|run| run.is_bad());
            Ending::Mixed { failed_first, passed, failed }
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed { runs: 1 } => f.write_str("passed"),
            Self::Passed { runs } => write!(f, "passed {runs} of {runs}"),
            Self::Failed { runs: 1 } => f.write_str("failed"),
            Self::Failed { runs } => write!(f, "failed {runs} of {runs}"),
            Self::Mixed { failed_first: true, passed, failed } => {
                write!(f, "failed, then passed {passed} of {}", passed + failed - 1)
            }
            Self::Mixed { failed_first: false, passed, failed } => {
                write!(f, "failed {failed} of {}", passed + failed)
            }
            Self::UnderWay => f.write_str("under way"),
            Self::Blocked { build } => write!(f, "cannot run: {build} is not there"),
            Self::Nothing { last: None } => f.write_str("not run"),
            Self::Nothing { last: Some(state) } => f.write_str(state.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::facts;
    use crate::ids::JobName;
    use crate::time::At;
    use State::*;

    #[test]
    fn the_words() {
        let words = |states: &[State]| ending(&facts(1, states)).to_string();
        assert_eq!(words(&[Passed]), "passed");
        assert_eq!(words(&[Failed, Busted]), "failed 2 of 2");
        assert_eq!(words(&[Failed, Passed, Failed, Passed]), "failed, then passed 2 of 3");
        assert_eq!(words(&[Passed, Failed, Passed]), "failed 1 of 3");
        assert_eq!(words(&[Pending]), "under way");
        assert_eq!(words(&[Coalesced]), "coalesced");
        assert_eq!(words(&[]), "not run");
        let mut blocked = facts(1, &[Unscheduled]);
        blocked.build = Build::Failed(JobName::new("build"));
        assert_eq!(ending(&blocked).to_string(), "cannot run: build is not there");
        // What ended first counts as the first, whatever the keys.
        let mut late = facts(1, &[Passed, Failed]);
        late.runs[0].seen = Some(At(20));
        late.runs[1].seen = Some(At(10));
        assert_eq!(ending(&late).to_string(), "failed, then passed 1 of 1");
    }
}
