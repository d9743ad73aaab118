//! Jobs that are given as links.

use mozci_core::revision::{RevisionSpec, page_of};
use mozci_core::run_spec::RunSpec;
use mozci_engine::Error;
use mozci_engine::flow::find_run;
use url::Url;

use super::{RangeArgs, named_repo};
use crate::context::Context;

/// Puts labels in the place of jobs that are given as a link to one of their runs, or as a task's id. Gives their push,
/// which has to be one unless it `is_named` otherwise.
///
/// # Errors
/// [`Error::Usage`] for a link that names no run and for links to several pushes, and those of finding a run.
pub(crate) async fn labels_of(
    context: &Context,
    jobs: &mut [String],
    is_named: bool,
) -> Result<Option<RevisionSpec>, Error> {
    let mut first: Option<(RevisionSpec, Option<String>)> = None;
    let has_tasks = context.ci.farm().is_none() && context.ci.buildapi().is_none();
    for job in jobs {
        let is_link = job.contains("://");
        // A builder may be called as a task is.
        if !is_link && !has_tasks {
            continue;
        }
        let run: RunSpec = match job.parse() {
            Ok(run) => run,
            Err(_) if is_link => {
                return Err(Error::Usage(format!(
                    "{job} names no job: select a job in Treeherder before you copy the link, or take the link of its task or build"
                )));
            }
            Err(_) => continue,
        };
        let found = find_run(&context.ci, &run).await?;
        let label = found.job.to_string();
        let push = match (job.parse(), run) {
            (Ok(push), _) => push,
            (Err(_), RunSpec::Task { task, host, .. }) => RevisionSpec::Task { task, host },
            (Err(error), RunSpec::Build { .. }) => return Err(Error::Usage(error.to_string())),
        };
        context.talk(&format!("note: that link is to a run of {label}"));
        match &first {
            Some((_, Some(revision)))
                if found.revision.as_ref().is_some_and(|r| r != revision) && !is_named =>
            {
                return Err(Error::Usage(
                    "these links are to runs on different pushes: name the push that is meant with --rev".into(),
                ));
            }
            Some(_) => {}
            None => first = Some((push, found.revision)),
        }
        *job = label;
    }
    Ok(first.map(|(push, _)| push))
}

/// The repository that the first link among some jobs names.
fn repo_in_links<'a>(jobs: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let mut pages = jobs.into_iter().filter_map(|job| page_of(Url::parse(job).ok()?));
    pages.find_map(|url| {
        url.query_pairs().find(|(name, _)| name == "repo").map(|(_, repo)| repo.into_owned())
    })
}

/// The repository that a revision's link names, else one among some jobs.
pub(crate) fn repo_among<'a>(
    rev: Option<&RevisionSpec>,
    jobs: impl IntoIterator<Item = &'a String>,
) -> Option<String> {
    rev.and_then(named_repo).or_else(|| repo_in_links(jobs))
}

impl RangeArgs {
    /// Puts labels in the place of links. Where no REV is given, their push is asked about.
    ///
    /// # Errors
    /// Those of [`labels_of`].
    pub(crate) async fn follow_links(
        &mut self,
        context: &Context,
        jobs: &mut [String],
    ) -> Result<(), Error> {
        let push = labels_of(context, jobs, self.rev.is_some()).await?;
        self.rev = self.rev.take().or(push);
        Ok(())
    }
}
