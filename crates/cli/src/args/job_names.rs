//! Jobs that are named by a part of their names, or by a glob.

use mozci_core::job_name::{Meant, is_glob, meant};
use mozci_core::revision::RevisionSpec;
use mozci_core::revision_name::RevisionName;
use mozci_engine::Error;
use mozci_engine::flow::{job_names, seen_names, spelled};

use crate::context::Context;
use crate::show::plural;

/// Names that are listed at the most where a text fits several.
const LISTED: usize = 8;

/// Puts whole names in the place of parts of names and of globs. A name that nothing fits stays, and whoever
/// looks for the job says that there is none.
///
/// # Errors
/// [`Error::Usage`] for a part of several names.
pub(crate) async fn expand(
    context: &Context,
    rev: Option<&RevisionName>,
    jobs: &mut Vec<String>,
) -> Result<(), Error> {
    let ci = &context.ci;
    let graphs = ci.backend().capabilities().graphs;
    let seen = seen_names(ci);
    // A whole label has a platform before a slash where there are task graphs.
    let is_whole = |job: &String| {
        job == "-" || seen.contains(job) || (graphs && job.contains('/') && !is_glob(job))
    };
    if jobs.iter().all(is_whole) {
        return Ok(());
    }
    let rev = match rev {
        Some(rev) => spelled(ci, rev).await?,
        None => RevisionSpec::Tip,
    };
    context.progress("reading which jobs there are");
    // Where nobody tells what can run, names are taken as they are.
    let Ok(names) = job_names(ci, rev).await else { return Ok(()) };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut all: Vec<String> = Vec::with_capacity(jobs.len());
    for job in jobs.drain(..) {
        match meant(&job, &names) {
            _ if is_whole(&job) => all.push(job),
            Meant::Exactly | Meant::Nothing => all.push(job),
            Meant::Names(found) => {
                if let [one] = found.as_slice() {
                    context.talk(&format!("note: {job} is {one}"));
                }
                all.extend(found.iter().map(ToString::to_string));
            }
            Meant::Several(found) => return Err(several(&job, &found)),
        }
    }
    all.dedup();
    *jobs = all;
    Ok(())
}

/// The same for a command that takes one job.
///
/// # Errors
/// [`Error::Usage`] for what fits several.
pub(crate) async fn expand_one(
    context: &Context,
    rev: Option<&RevisionName>,
    job: &mut String,
) -> Result<(), Error> {
    let mut jobs = vec![job.clone()];
    expand(context, rev, &mut jobs).await?;
    match jobs.as_slice() {
        [one] => *job = one.clone(),
        several_of => {
            let found: Vec<&str> = several_of.iter().map(String::as_str).collect();
            return Err(several(job, &found));
        }
    }
    Ok(())
}

fn several(job: &str, found: &[&str]) -> Error {
    let mut text = format!(
        "{job:?} fits {}: give more of the name, or take --include where the command has it",
        plural(found.len(), "job")
    );
    for name in found.iter().take(LISTED) {
        text.push_str(&format!("\n  {name}"));
    }
    if found.len() > LISTED {
        text.push_str(&format!("\n  and {} more", found.len() - LISTED));
    }
    Error::Usage(text)
}
