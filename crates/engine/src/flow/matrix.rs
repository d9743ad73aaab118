//! Every job of every push of a range.

use mozci_core::filter::{Facets, JobFilter};
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::run::Run;

use crate::ci::Ci;
use crate::error::Error;
use crate::flow::evidence::classify;
use crate::flow::job_names::keep_seen;

/// Pushes by jobs.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// The jobs that have a run on any of the pushes, each with its platform, in the order of
    /// their names.
    pub jobs: Vec<(JobName, JobName)>,
    /// For each push its runs: the job's place, and the run.
    pub rows: Vec<Vec<(u32, Run)>>,
    /// How many seconds ago the newest result was shown, where the results tell.
    pub behind: Option<i64>,
    /// The places of pushes whose decision task failed, so that nothing can run there, as far as that was seen.
    pub undecided: Vec<usize>,
    /// What could not be read, in words: the rest is shown all the same.
    pub incomplete: Option<String>,
}

impl Matrix {
    /// The matrix, for whoever acts on it.
    ///
    /// # Errors
    /// [`Error::Odd`] where something could not be read.
    pub fn whole(self) -> Result<Self, Error> {
        match self.incomplete {
            Some(why) => Err(Error::Odd(format!("{why}; nothing was sent"))),
            None => Ok(self),
        }
    }

    /// The same with only the jobs of which that holds, by their places.
    pub fn keep_jobs(&mut self, keeps: impl Fn(&Self, u32) -> bool) {
        let mut place = 0;
        let moved: Vec<Option<u32>> = (0..self.jobs.len() as u32)
            .map(|job| {
                let kept = keeps(self, job).then_some(place);
                place += u32::from(kept.is_some());
                kept
            })
            .collect();
        let kept = |job: usize| moved.get(job).copied().flatten();
        let jobs = std::mem::take(&mut self.jobs).into_iter().enumerate();
        self.jobs = jobs.filter_map(|(job, name)| kept(job).map(|_| name)).collect();
        for row in &mut self.rows {
            let runs = std::mem::take(row).into_iter();
            *row = runs.filter_map(|(job, run)| Some((kept(job as usize)?, run))).collect();
        }
    }

    /// What is known of a job by its place, besides its tier: that was looked at when the rows were
    /// read.
    pub fn facets(&self, job: usize) -> Facets<'_> {
        let (name, platform) = &self.jobs[job];
        facets_of(name, platform)
    }

    /// The runs of a job on a push, by their places.
    pub fn cell(&self, push: usize, job: u32) -> &[(u32, Run)] {
        let row = &self.rows[push];
        let from = row.partition_point(|(place, _)| *place < job);
        let until = row.partition_point(|(place, _)| *place <= job);
        &row[from..until]
    }
}

pub(crate) fn facets_of<'a>(job: &'a JobName, platform: &'a JobName) -> Facets<'a> {
    let told = platform.as_str();
    Facets { platform: (!told.is_empty()).then_some(told), ..Facets::of(job.as_str()) }
}

/// Reads the runs of the pushes.
///
/// # Errors
/// [`Error::NotFound`] for a job by name that has no run there.
pub async fn read_matrix(ci: &Ci, pushes: &[Push], filter: &JobFilter) -> Result<Matrix, Error> {
    let mut matrix = ci.backend().matrix(ci, pushes, filter).await?;
    let Matrix { jobs, rows, .. } = &mut matrix;
    let runs = rows.iter_mut().flatten().map(|(job, run)| (&jobs[*job as usize].0, run));
    classify(ci, runs.collect()).await;
    keep_seen(ci, &matrix);
    Ok(matrix)
}
