//! What was read of a repository at one time.

use std::collections::HashMap;
use std::sync::Arc;

use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::run::{Run, RunKey};
use mozci_core::time::At;
use mozci_engine::flow::{Matrix, RunEvidence};

use super::groups::Group;

/// What was read of a repository at one time.
pub(crate) struct Snapshot {
    /// When.
    pub(crate) at: At,
    /// The pushes, newest first.
    pub(crate) pushes: Arc<Vec<Push>>,
    /// Their runs.
    pub(crate) matrix: Arc<Matrix>,
    /// What failed runs left behind, as far as it was read.
    pub(crate) evidence: HashMap<RunKey, Arc<RunEvidence>>,
    /// The failures, the most pressing first.
    pub(crate) groups: Vec<Group>,
    /// Failed runs that were not read yet.
    pub(crate) unread: usize,
    /// Red runs of which it is not known why, those among them.
    pub(crate) unclear: usize,
}

impl Snapshot {
    /// Whether somebody who looks would see no difference, but for the time.
    pub(crate) fn shows_the_same(&self, other: &Self) -> bool {
        let pushes = |of: &Self| of.pushes.iter().map(|push| push.id).collect::<Vec<_>>();
        let groups = |of: &Self| {
            let each = of.groups.iter();
            each.map(|group| (group.id.clone(), group.standing.clone(), group.runs.len()))
                .collect::<Vec<_>>()
        };
        self.unread == other.unread
            && pushes(self) == pushes(other)
            && self.matrix.jobs == other.matrix.jobs
            && self.matrix.rows == other.matrix.rows
            && groups(self) == groups(other)
    }

    /// A push's place by its number.
    pub(crate) fn place(&self, id: u64) -> Option<usize> {
        self.pushes.iter().position(|push| push.id.number() == id)
    }

    /// A job's place by its name.
    pub(crate) fn job(&self, name: &str) -> Option<u32> {
        let place = self.matrix.jobs.iter().position(|(job, _)| job.as_str() == name)?;
        u32::try_from(place).ok()
    }

    /// The runs of a job on a push.
    pub(crate) fn runs(&self, push: usize, job: u32) -> impl Iterator<Item = &Run> {
        self.matrix.cell(push, job).iter().map(|(_, run)| run)
    }

    /// The name and platform of a job.
    pub(crate) fn name(&self, job: u32) -> &(JobName, JobName) {
        &self.matrix.jobs[job as usize]
    }

    /// Whether a job failed where it last said anything.
    pub(crate) fn is_bad(&self, job: u32) -> bool {
        let told = (0..self.pushes.len()).find_map(|push| {
            let bad = self.runs(push, job).any(Run::is_bad);
            let good = self.runs(push, job).any(Run::is_good);
            (bad || good).then_some(bad)
        });
        told.unwrap_or(false)
    }
}
