//! Jobs that are given as links.

use mozci_core::revision::RevisionSpec;
use mozci_core::run_spec::RunSpec;
use mozci_engine::Error;
use mozci_engine::flow::find_run;
use url::Url;

use super::RangeArgs;
use crate::context::Context;

/// Puts labels in the place of jobs that are given as a link to one of their runs, or as a task's id. Gives the push of
/// the first of them.
///
/// # Errors
/// [`Error::Usage`] for a link that names no run, and those of finding it.
pub(crate) async fn labels_of(
    context: &Context,
    jobs: &mut [String],
) -> Result<Option<RevisionSpec>, Error> {
    let mut first = None;
    for job in jobs {
        let run: RunSpec = match job.parse() {
            Ok(run) => run,
            Err(_) if job.contains("://") => {
                return Err(Error::Usage(format!(
                    "{job} names no job: select a job in Treeherder before you copy the link, or take the link of its task or build"
                )));
            }
            Err(_) => continue,
        };
        let label = find_run(&context.ci, &run).await?.job.to_string();
        let push = match (job.parse(), run) {
            (Ok(push), _) => push,
            (Err(_), RunSpec::Task { task, host, .. }) => RevisionSpec::Task { task, host },
            (Err(error), RunSpec::Build { .. }) => return Err(Error::Usage(error.to_string())),
        };
        context.talk(&format!("note: that link is to a run of {label}"));
        first.get_or_insert(push);
        *job = label;
    }
    Ok(first)
}

/// The repository that the first link among some jobs names.
pub(crate) fn repo_in_links<'a>(jobs: impl IntoIterator<Item = &'a String>) -> Option<String> {
    jobs.into_iter().filter_map(|job| Url::parse(job).ok()).find_map(|url| {
        // Older links carry everything after `#/`.
        let url = match url.fragment().filter(|fragment| fragment.starts_with('/')) {
            Some(fragment) => url.join(fragment).ok()?,
            None => url,
        };
        url.query_pairs().find(|(name, _)| name == "repo").map(|(_, repo)| repo.into_owned())
    })
}

impl RangeArgs {
    /// Puts labels in the place of links. Where no REV is given, the push of the first link is asked about.
    ///
    /// # Errors
    /// Those of [`labels_of`].
    pub(crate) async fn follow_links(
        &mut self,
        context: &Context,
        jobs: &mut [String],
    ) -> Result<(), Error> {
        let push = labels_of(context, jobs).await?;
        self.rev = self.rev.take().or(push);
        Ok(())
    }
}
