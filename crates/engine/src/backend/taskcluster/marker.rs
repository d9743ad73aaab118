//! A mark in Treeherder on the push that a search found.

use crate::backend::taskcluster::sends::TaskSends;
use crate::flow::MarkOf;
use crate::flow::Marked;
use mozci_clients::taskcluster::{Marker, marker};
use mozci_clients::treeherder::JobFilter as RowFilter;
use mozci_core::ids::JobName;
use mozci_core::push::PushRef;
use tokio_util::sync::CancellationToken;

use crate::backend::taskcluster::history::{in_order, treeherder_ids};
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::prepare::{Prepared, ReadyRequest, Sends};
use crate::flow::send::send_requests;
use crate::store::{Ledger, RequestedJob};

/// The command by which marks stand in the ledger.
const MARK: &str = "mark";

/// Puts a mark on a push, unless the push has one for the same job. It counts as one run of the day's budget.
///
/// # Errors
/// [`Error::Usage`] where Treeherder is not told of the project's tasks; [`Error::Guard`] where the day has seen
/// enough; [`Error::Service`]; nothing was sent then.
pub(crate) async fn mark(
    ci: &Ci,
    ledger: &mut Ledger,
    of: &MarkOf<'_>,
    stop: &CancellationToken,
) -> Result<Marked, Error> {
    let read_at = ledger.cursor(&ci.root_url).await?;
    let name = JobName::new(format!("mozci: this push broke {}", of.job));
    let (revision, task) = (of.push.revision.hash(), of.like);
    if ledger.made_by(MARK, &ci.root_url, revision, &name).await? > 0
        || is_shown(ci, of, &name).await?
    {
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
    let requests = vec![ReadyRequest {
        push: PushRef::from(of.push),
        jobs: vec![RequestedJob { job: name, times: 1, why: "a mark on the culprit".into() }],
        group: String::new(),
        sends: Sends::new(TaskSends::Create(body)),
    }];
    let prepared = Prepared { requests, ..Prepared::default() };
    ledger.asks_for(MARK);
    let requested = send_requests(ci, ledger, prepared, read_at, stop, &mut |_| ()).await;
    ledger.asks_for("");
    let (results, _) = requested?;
    // One that another process requested a moment ago is left out.
    Ok(results
        .into_iter()
        .next()
        .map_or(Marked::There, |result| Marked::Requested(Box::new(result))))
}

/// Whether Treeherder shows the mark, whoever made it.
async fn is_shown(ci: &Ci, of: &MarkOf<'_>, name: &JobName) -> Result<bool, Error> {
    let failed = Error::service("cannot read whether Treeherder shows a mark already");
    let ids = treeherder_ids(ci, std::slice::from_ref(of.push)).await?;
    let named = RowFilter::Job(name.clone());
    let rows = ci.treeherder()?.jobs(&in_order(&ids), &named).await.map_err(failed)?;
    Ok(!rows.rows.is_empty())
}
