//! Jobs that are given as links.

use mozci_core::revision::{RevisionSpec, page_of};
use mozci_core::revision_name::RevisionName;
use mozci_core::run_spec::RunSpec;
use mozci_engine::Error;
use mozci_engine::flow::{Linked, linked, resolve};
use url::Url;

use super::{RangeArgs, expand, named_repo};
use crate::context::Context;

/// Puts labels in the place of jobs that are given as a link to one of their runs, or as a task's id. Gives the push
/// that the runs were for; unless another one `is_named`, it has to be the same of all.
///
/// # Errors
/// [`Error::Usage`] for a link that names no run and for links to several pushes, and those of finding a run.
pub(crate) async fn labels_of(
    context: &Context,
    jobs: &mut [String],
    is_named: bool,
) -> Result<Option<RevisionSpec>, Error> {
    let mut first: Option<RevisionSpec> = None;
    let has_tasks = context.ci.backend().capabilities().tasks;
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
        let found = linked(&context.ci, &run).await?;
        context.talk(&format!("note: that link leads to a run of {}", found.job));
        say_where_it_differs(context, job, &found);
        match &first {
            Some(first) if !is_named => same_push(context, first, &found.push).await?,
            Some(_) => {}
            None => first = Some(found.push),
        }
        *job = found.job.to_string();
    }
    Ok(first)
}

/// Says where a link also names a push that the selected run was not for.
fn say_where_it_differs(context: &Context, link: &str, found: &Linked) {
    let Ok(RevisionSpec::InRepo { hash, .. }) = link.parse() else { return };
    let Some(revision) = &found.revision else { return };
    if !revision.starts_with(&hash) && !hash.starts_with(revision.as_str()) {
        context.talk(&format!(
            "note: the link also names {hash}; the selected run was for {revision}, which is used"
        ));
    }
}

/// Checks that two runs were for one push.
async fn same_push(context: &Context, one: &RevisionSpec, two: &RevisionSpec) -> Result<(), Error> {
    let ci = &context.ci;
    if resolve(ci, one).await?.id == resolve(ci, two).await?.id {
        return Ok(());
    }
    Err(Error::Usage(
        "these links lead to runs on different pushes: name the push with --rev".into(),
    ))
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
    rev: Option<&RevisionName>,
    jobs: impl IntoIterator<Item = &'a String>,
) -> Option<String> {
    rev.and_then(named_repo).or_else(|| repo_in_links(jobs))
}

impl RangeArgs {
    /// Puts labels in the place of links, globs and parts of names. Where no REV is given, their push is asked about.
    ///
    /// # Errors
    /// Those of [`labels_of`] and [`expand`].
    pub(crate) async fn follow_links(
        &mut self,
        context: &Context,
        jobs: &mut Vec<String>,
    ) -> Result<(), Error> {
        let push = labels_of(context, jobs, self.rev.is_some()).await?;
        self.rev = self.rev.take().or(push.map(RevisionName::Spec));
        expand(context, self.rev.as_ref(), jobs).await
    }
}
