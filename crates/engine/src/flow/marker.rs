//! A mark in Treeherder on the push that a search found.

use mozci_clients::taskcluster::{Marker, marker};
use mozci_clients::treeherder::JobFilter as RowFilter;
use mozci_core::ids::{JobName, TaskId};
use mozci_core::push::{Push, PushRef};
use tokio_util::sync::CancellationToken;

use super::ask::{AskResult, ask};
use super::history::{in_order, treeherder_ids};
use super::prepare::{Prepared, ReadyAsk, Sends};
use crate::ci::Ci;
use crate::error::Error;
use crate::store::{AskedJob, Ledger};

/// The command by which marks stand in the ledger.
const MARK: &str = "mark";

/// What is to be marked.
#[derive(Debug, Clone, Copy)]
pub struct MarkOf<'a> {
    /// The push.
    pub push: &'a Push,
    /// The job that it broke.
    pub job: &'a JobName,
    /// What is said of it, in Markdown.
    pub text: &'a str,
    /// A task of the same project, whose way into Treeherder the mark takes.
    pub like: TaskId,
}

/// What became of a mark.
#[derive(Debug)]
pub enum Marked {
    /// It was asked for.
    Asked(Box<AskResult>),
    /// The push has one for this job.
    There,
}

/// Whether a CI can have marks: it is a Taskcluster with Treeherder.
pub fn can_mark(ci: &Ci) -> bool {
    ci.taskcluster().is_ok() && ci.treeherder().is_ok()
}

/// Puts a mark on a push, unless the push has one for the same job. It counts as one run of the day's budget.
///
/// # Errors
/// [`Error::Usage`] where Treeherder is not told of the project's tasks; [`Error::Guard`] where the day has seen
/// enough; [`Error::Service`]; nothing was sent then.
pub async fn mark(
    ci: &Ci,
    ledger: &mut Ledger,
    of: &MarkOf<'_>,
    stop: &CancellationToken,
) -> Result<Marked, Error> {
    let read_at = ledger.mark_now()?;
    let name = JobName::new(format!("mozci: this push broke {}", of.job));
    let (revision, task) = (of.push.revision.hash(), of.like);
    if ledger.made_by(MARK, &ci.root_url, revision, &name)? > 0 || is_shown(ci, of, &name).await? {
        return Ok(Marked::There);
    }
    let what = format!("cannot read the task {task}");
    let like = ci.taskcluster()?.raw_definition(task).await.map_err(Error::service(what))?;
    let now = chrono::DateTime::from_timestamp(ci.now().0, 0).unwrap_or_default();
    let said = Marker { name: name.as_str(), revision, text: of.text };
    let body = marker(&like, &said, now).ok_or_else(|| {
        Error::Usage(format!(
            "the push cannot be marked: the task {task} has no route to Treeherder to take as a pattern"
        ))
    })?;
    let asks = vec![ReadyAsk {
        push: PushRef::from(of.push),
        jobs: vec![AskedJob { job: name, times: 1, why: "a mark on the culprit".into() }],
        group: String::new(),
        sends: Sends::Create(body),
    }];
    let prepared = Prepared { asks, ..Prepared::default() };
    ledger.asks_for(MARK);
    let asked = ask(ci, ledger, prepared, read_at, stop, &mut |_| ()).await;
    ledger.asks_for("");
    let (results, _) = asked?;
    // One that another process asked for a moment ago is left out.
    Ok(results.into_iter().next().map_or(Marked::There, |result| Marked::Asked(Box::new(result))))
}

/// Whether Treeherder shows the mark, whoever made it.
async fn is_shown(ci: &Ci, of: &MarkOf<'_>, name: &JobName) -> Result<bool, Error> {
    let failed = Error::service("cannot read whether Treeherder shows a mark already");
    let ids = treeherder_ids(ci, std::slice::from_ref(of.push)).await?;
    let named = RowFilter::Job(name.clone());
    let rows = ci.treeherder()?.jobs(&in_order(&ids), &named).await.map_err(failed)?;
    Ok(!rows.rows.is_empty())
}
