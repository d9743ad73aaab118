//! How much machine time a plan costs, from what such runs took before.

use serde::Serialize;

use crate::run::Run;
use crate::time::Minutes;

/// The median duration of the runs that ended by themselves, and how many there were.
pub fn median<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Option<(Minutes, usize)> {
    let mut minutes: Vec<Minutes> = runs
        .into_iter()
        .filter(|run| run.state.is_good() || run.state.is_bad())
        .filter_map(|run| run.duration)
        .collect();
    minutes.sort_unstable();
    let middle = minutes.len().checked_sub(1)? / 2;
    Some((minutes[middle], minutes.len()))
}

/// The machine time that a plan would take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Runs of the job that are requested.
    pub runs: u32,
    /// Builds that have to be made for them.
    pub builds: u32,
    /// Minutes of machine time for all of these; `None` where nothing of the kind ever ended.
    pub machine_minutes: Option<u64>,
    /// How many past runs the job's median is taken from.
    pub samples: usize,
}

impl Estimate {
    /// Adds up `runs` runs of the job and `builds` builds by their medians.
    ///
    /// Without a past run of a kind that is needed there is not a number rather than a wrong one.
    pub fn new(
        runs: u32,
        builds: u32,
        job: Option<(Minutes, usize)>,
        build: Option<(Minutes, usize)>,
    ) -> Self {
        let cost = |count: u32, median: Option<(Minutes, usize)>| match (count, median) {
            (0, _) => Some(0),
            (count, Some((minutes, _))) => Some(u64::from(count) * u64::from(minutes.0)),
            (_, None) => None,
        };
        Self {
            runs,
            builds,
            machine_minutes: cost(runs, job).zip(cost(builds, build)).map(|(a, b)| a + b),
            samples: job.map_or(0, |(_, samples)| samples),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::test_support::runs;
    use crate::run::State::*;

    #[test]
    fn medians_leave_out_what_did_not_end_by_itself() {
        let mut all = runs(&[Passed, Failed, Passed, Exception, Running]);
        all[0].duration = Some(Minutes(10));
        all[1].duration = Some(Minutes(30));
        all[2].duration = Some(Minutes(50));
        all[3].duration = Some(Minutes(1));
        assert_eq!(median(&all), Some((Minutes(30), 3)));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_missing_median_gives_no_number() {
        let job = Some((Minutes(20), 3));
        assert_eq!(Estimate::new(2, 1, job, Some((Minutes(40), 1))).machine_minutes, Some(80));
        assert_eq!(Estimate::new(2, 1, job, None).machine_minutes, None);
        assert_eq!(Estimate::new(2, 0, job, None).machine_minutes, Some(40));
    }
}
