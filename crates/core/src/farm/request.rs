//! Build requests and builds, and the runs that they are.

use crate::ids::{BuildId, BuildRequestId, RequestId};
use crate::run::{More, Run, RunKey, State};
use crate::time::{At, Minutes};

/// Buildbot's results: what `results` means where it is not null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Results {
    /// 0
    Success,
    /// 1
    Warnings,
    /// 2
    Failure,
    /// 3
    Skipped,
    /// 4
    Exception,
    /// 5
    Retry,
    /// 6
    Cancelled,
    /// A number that this version does not know.
    Other(i64),
}

impl Results {
    /// Reads a number; −1 and null are no results yet.
    pub fn new(number: Option<i64>) -> Option<Self> {
        Some(match number? {
            -1 => return None,
            0 => Self::Success,
            1 => Self::Warnings,
            2 => Self::Failure,
            3 => Self::Skipped,
            4 => Self::Exception,
            5 => Self::Retry,
            6 => Self::Cancelled,
            other => Self::Other(other),
        })
    }

    fn state(self) -> State {
        match self {
            Self::Success => State::Passed,
            Self::Warnings => State::Warnings,
            Self::Failure => State::Failed,
            Self::Skipped => State::Skipped,
            Self::Exception => State::Exception,
            Self::Retry => State::Retried,
            Self::Cancelled => State::Cancelled,
            Self::Other(number) => State::Unknown(format!("results {number}").into()),
        }
    }
}

/// A build request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its id.
    pub id: BuildRequestId,
    /// The id of its buildset.
    pub set: u64,
    /// The id of its builder.
    pub builder: u64,
    /// When it was submitted.
    pub submitted: At,
    /// When a master took it, be it to build or to coalesce it.
    pub claimed: Option<At>,
    /// When it ended, where it has.
    pub complete: Option<At>,
    /// How it ended.
    pub results: Option<Results>,
    /// Whether the build that triggered it waits for it, and fails where it does.
    pub waited_for: bool,
}

/// A build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Its id.
    pub id: BuildId,
    /// The request that it carries out.
    pub request: BuildRequestId,
    /// The id of its builder.
    pub builder: u64,
    /// When it began.
    pub started: At,
    /// When it ended, where it has.
    pub complete: Option<At>,
    /// How it ended.
    pub results: Option<Results>,
}

impl Build {
    fn state(&self) -> State {
        match (self.complete, self.results) {
            (None, _) => State::Running,
            (Some(_), Some(results)) => results.state(),
            (Some(_), None) => State::Unknown("complete without results".into()),
        }
    }

    /// How long it took, in whole minutes, where it has ended.
    fn duration(&self) -> Option<Minutes> {
        let seconds = self.complete?.since(self.started).max(0);
        u32::try_from((seconds + 30) / 60).ok().map(Minutes)
    }
}

/// The runs of a request: its builds in their order, or the request itself while there is none.
///
/// | results | builds | is |
/// |---|---|---|
/// | any | some | as the builds ended, each a run of its own |
/// | none yet | none | pending, claimed or not |
/// | skipped | none | coalesced |
/// | cancelled | none | cancelled |
/// | anything else | none | unknown: nothing was built, whatever the buildset says |
pub fn runs_of(request: &Request, builds: &[&Build], into: Option<BuildRequestId>) -> Vec<Run> {
    let key = |run: usize| RunKey {
        request: RequestId::BuildRequest(request.id),
        run: u32::try_from(run).unwrap_or(u32::MAX),
    };
    if builds.is_empty() {
        let state = match (request.complete, request.results) {
            (None, _) => State::Pending,
            (Some(_), Some(Results::Skipped)) => State::Coalesced,
            (Some(_), Some(Results::Cancelled)) => State::Cancelled,
            (Some(_), _) => State::Unknown("complete, and never built".into()),
        };
        let coalesced_into = into.filter(|_| state == State::Coalesced).map(Into::into);
        let more =
            coalesced_into.map(|into| More { coalesced_into: Some(into), ..More::default() });
        let seen = request.complete.or(Some(request.submitted));
        return vec![Run { seen, more: more.map(Box::new), ..Run::new(key(0), state) }];
    }
    let mut builds = builds.to_vec();
    builds.sort_unstable_by_key(|build| build.id);
    let runs = builds.iter().enumerate().map(|(i, build)| Run {
        duration: build.duration(),
        seen: build.complete.or(Some(build.started)),
        more: Some(Box::new(More { build: Some(build.id), ..More::default() })),
        ..Run::new(key(i), build.state())
    });
    let mut runs: Vec<Run> = runs.collect();
    // A build that the master lost with its worker, of a request that is still to be built.
    if request.complete.is_none() && runs.last().is_some_and(|run| run.state == State::Retried) {
        runs.push(Run {
            seen: Some(request.submitted),
            ..Run::new(key(runs.len()), State::Pending)
        });
    }
    runs
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn request(id: u64, builder: u64, submitted: i64) -> Request {
        Request {
            id: BuildRequestId(id),
            set: id + 1000,
            builder,
            submitted: At(submitted),
            claimed: None,
            complete: None,
            results: None,
            waited_for: false,
        }
    }

    pub(crate) fn ended(request: Request, at: i64, results: Results) -> Request {
        let at = Some(At(at));
        Request { claimed: at, complete: at, results: Some(results), ..request }
    }

    pub(crate) fn build(id: u64, request: &Request, results: Option<Results>) -> Build {
        Build {
            id: BuildId(id),
            request: request.id,
            builder: request.builder,
            started: request.submitted,
            complete: results.map(|_| request.submitted.plus(100)),
            results,
        }
    }

    #[test]
    fn what_is_missing_has_a_name_too() {
        use Results::*;
        let open = request(1, 7, 100);
        let states = |request: &Request, builds: &[Option<Results>]| -> Vec<State> {
            let builds: Vec<Build> = builds
                .iter()
                .enumerate()
                .map(|(i, results)| build(i as u64, request, *results))
                .collect();
            let runs = runs_of(request, &builds.iter().collect::<Vec<_>>(), None);
            runs.into_iter().map(|run| run.state).collect()
        };
        let done = |results| ended(open.clone(), 200, results);
        assert_eq!(states(&open, &[]), [State::Pending]);
        assert_eq!(states(&done(Skipped), &[]), [State::Coalesced]);
        assert_eq!(states(&done(Skipped), &[Some(Skipped)]), [State::Skipped]);
        assert_eq!(states(&done(Cancelled), &[]), [State::Cancelled]);
        let unbuilt = [State::Unknown("complete, and never built".into())];
        assert_eq!(states(&done(Success), &[]), unbuilt);
        assert_eq!(states(&open, &[None]), [State::Running]);
        assert_eq!(states(&done(Warnings), &[Some(Warnings)]), [State::Warnings]);
        let retried = [State::Retried, State::Failed];
        assert_eq!(states(&done(Failure), &[Some(Retry), Some(Failure)]), retried);
        assert_eq!(states(&open, &[Some(Retry)]), [State::Retried, State::Pending]);
        let odd = [State::Unknown("results 9".into())];
        assert_eq!(states(&done(Other(9)), &[Some(Other(9))]), odd);
    }
}
