//! Which jobs and pushes a watch follows.

use std::num::NonZeroU32;

use mozci_core::filter::JobFilter;
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::{Chosen, choose, read_matrix, read_range};

/// Jobs that are followed at once at most.
const MOST: usize = 500;

/// Which of the jobs are followed.
#[derive(Debug, Clone)]
pub enum Follow {
    /// These, whether they run there or not.
    Named(Vec<JobName>),
    /// Those that run there.
    Running(JobFilter),
    /// Those that can run there, also where they never ran.
    Possible(JobFilter),
}

/// The names of the jobs that are followed on some pushes, sorted.
///
/// # Errors
/// [`Error::NotFound`] for none, [`Error::Usage`] for too many; those of reading runs.
pub async fn jobs_to_follow(
    ci: &Ci,
    pushes: &[Push],
    follow: Follow,
) -> Result<Vec<JobName>, Error> {
    let mut jobs = match follow {
        Follow::Named(jobs) => jobs,
        Follow::Possible(filter) => {
            let Chosen { jobs, .. } = choose(ci, pushes, &filter).await?;
            jobs
        }
        Follow::Running(filter) => {
            let matrix = read_matrix(ci, pushes, &filter).await?.whole()?;
            matrix.jobs.into_iter().map(|(job, _)| job).collect()
        }
    };
    jobs.sort();
    jobs.dedup();
    if jobs.len() > MOST {
        return Err(Error::Usage(format!(
            "{} jobs are more than the {MOST} that are followed at once: name some, or give a filter",
            jobs.len()
        )));
    }
    if jobs.is_empty() {
        return Err(Error::NotFound(
            "no job that you name runs on these pushes: there is nothing to follow".into(),
        ));
    }
    Ok(jobs)
}

/// Reads the pushes with these heads, which were a range: newest first.
///
/// # Errors
/// [`Error::Usage`] for no heads, or one that is no revision; those of reading a pushlog.
pub async fn read_pushes(ci: &Ci, heads: &[String]) -> Result<Vec<Push>, Error> {
    let parse = |head: &String| -> Result<RevisionSpec, Error> {
        head.parse().map_err(|error| Error::Usage(format!("{head}: {error}")))
    };
    let (Some(newest), Some(oldest)) = (heads.first(), heads.last()) else {
        return Err(Error::Usage("the investigation names no push".into()));
    };
    let reach = match heads.len() {
        1 => Reach::Single,
        _ => Reach::From(parse(oldest)?),
    };
    let spec = RangeSpec { rev: parse(newest)?, reach, every: NonZeroU32::MIN };
    let mut pushes = read_range(ci, &spec).await?.pushes;
    pushes.retain(|push| heads.iter().any(|head| head == push.revision.hash()));
    Ok(pushes)
}
