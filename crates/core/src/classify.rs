//! What the runs of a job on one push say of that push.

use serde::Serialize;

use crate::run::Run;

/// A push, judged by the runs of one job on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum PushClass {
    /// It passed there at least once and never failed.
    Good {
        /// Runs that passed.
        passed: u32,
    },
    /// It failed there and never passed.
    Bad {
        /// Runs that failed.
        failed: u32,
    },
    /// It did both: shown as such and walked past.
    Mixed {
        /// Runs that passed.
        passed: u32,
        /// Runs that failed.
        failed: u32,
    },
    /// Nothing said anything yet, but something is requested or at work.
    Waiting,
    /// Only infrastructure failures, cancelled, coalesced or expired runs: says nothing.
    NoEvidence,
    /// It was never requested there.
    NotRun,
}

impl PushClass {
    /// Judges by every run there is; nothing is folded into green.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Self {
        let (mut passed, mut failed, mut waiting, mut any) = (0, 0, false, false);
        for run in runs {
            any = true;
            passed += u32::from(run.is_good());
            failed += u32::from(run.is_bad());
            waiting |= !run.state.is_final();
        }
        match (passed, failed) {
            (0, 0) if !any => Self::NotRun,
            (0, 0) if waiting => Self::Waiting,
            (0, 0) => Self::NoEvidence,
            (passed, 0) => Self::Good { passed },
            (0, failed) => Self::Bad { failed },
            (passed, failed) => Self::Mixed { passed, failed },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::runs;
    use crate::run::State::*;

    #[test]
    fn pushes_are_judged_by_all_their_runs() {
        let check = |states: &[crate::run::State], expected: PushClass| {
            assert_eq!(PushClass::of(&runs(states)), expected, "{states:?}");
        };
        check(&[], PushClass::NotRun);
        check(&[Passed], PushClass::Good { passed: 1 });
        check(&[Failed, Busted], PushClass::Bad { failed: 2 });
        check(&[Failed, Passed], PushClass::Mixed { passed: 1, failed: 1 });
        check(&[Retried, Passed, Exception], PushClass::Good { passed: 1 });
        check(&[Exception, Cancelled, Coalesced], PushClass::NoEvidence);
        check(&[Exception, Running], PushClass::Waiting);
        check(&[Failed, Running], PushClass::Bad { failed: 1 });
        check(&[Unknown("odd".into())], PushClass::Waiting);
    }
}
