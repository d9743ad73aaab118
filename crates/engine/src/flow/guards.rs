//! Guards that need more than facts: the tree's status, a CI that fails, budgets of pools.

use std::collections::BTreeMap;
use std::time::Duration;

use mozci_clients::treestatus::{TreeState, TreeStatus};
use mozci_core::guard::{self, Refusal};
use mozci_core::ids::JobName;
use mozci_core::plan::Plan;
use mozci_core::run::Run;
use tokio_util::sync::CancellationToken;

use crate::ci::Ci;
use crate::config::ClosedTree;
use crate::error::Error;
use crate::flow::history::JobHistory;
use crate::store::Ledger;

/// Holds a plan against every guard. A tree that is closed is waited for where the configuration says
/// so, until `waits` is cancelled; without it nobody waits, for there is something else to do meanwhile.
///
/// # Errors
/// [`Error::Guard`] where one says no; [`Error::Service`] where what it goes by cannot be read, since
/// that is not taken for a yes.
pub async fn guards(
    ci: &Ci,
    ledger: &Ledger,
    plan: &Plan,
    histories: &[JobHistory],
    waits: Option<&CancellationToken>,
) -> Result<(), Error> {
    if plan.requests.is_empty() && plan.waits_for.is_empty() {
        return Ok(());
    }
    budgets(ci, ledger, plan, histories).await?;
    tree(ci, waits).await
}

/// Every guard but the tree's.
async fn budgets(
    ci: &Ci,
    ledger: &Ledger,
    plan: &Plan,
    histories: &[JobHistory],
) -> Result<(), Error> {
    let used = ledger.runs_since(&ci.root_url, ci.day().since).await?;
    // Of several jobs one that ails is left out by itself, when the plan is made.
    let one = if histories.len() == 1 { histories } else { &[] };
    let newest = one.iter().flat_map(|history| &history.facts);
    let newest = newest.flat_map(|facts| facts.runs.iter().rev());
    guard::check(plan, &ci.budgets, used, newest, ci.now()).map_err(Error::Guard)?;
    service(ci, ledger, plan).await?;
    pools(ci, ledger, plan, histories).await
}

/// A CI that did not take the last trigger requests is left alone for a while, then tried with one.
async fn service(ci: &Ci, ledger: &Ledger, plan: &Plan) -> Result<(), Error> {
    let Some((opened, why)) = ledger.breaker(&ci.root_url).await? else { return Ok(()) };
    let rest = i64::from(ci.budgets.breaker.rest_minutes) * 60;
    let left = (rest - ci.now().since(opened)).max(0);
    let minutes = u32::try_from(left.unsigned_abs().div_ceil(60)).unwrap_or(u32::MAX);
    if minutes > 0 {
        return Err(Error::Guard(Refusal::Service { why, minutes }));
    }
    match plan.requests.len() {
        0 | 1 => Ok(()),
        more => {
            Err(Error::Guard(Refusal::HalfOpen { runs: u32::try_from(more).unwrap_or(u32::MAX) }))
        }
    }
}

/// The budgets of pools that the configuration calls scarce.
async fn pools(
    ci: &Ci,
    ledger: &Ledger,
    plan: &Plan,
    histories: &[JobHistory],
) -> Result<(), Error> {
    if ci.budgets.pools.is_empty() {
        return Ok(());
    }
    let mut adds: BTreeMap<String, u32> = BTreeMap::new();
    for request in &plan.requests {
        let runs = histories.iter().find(|history| history.job == request.job);
        let runs = runs.into_iter().flat_map(|history| &history.facts).flat_map(|f| &f.runs);
        match pool_of(ci, ledger, &request.job, runs).await? {
            Some(pool) => *adds.entry(pool).or_default() += request.times,
            None => ci.note(format!(
                "which pool {} runs in is not known, since it has not run there: no pool's budget is held against it",
                request.job
            )),
        }
    }
    for (pool, runs) in adds {
        let used = ledger.runs_in_pool(&ci.root_url, &pool, ci.day().since).await?;
        guard::check_pool(&ci.budgets, &pool, used, runs).map_err(Error::Guard)?;
    }
    Ok(())
}

/// The pool that a job runs in: as it is known already, else by a task of its own.
async fn pool_of(
    ci: &Ci,
    ledger: &Ledger,
    job: &JobName,
    runs: impl Iterator<Item = &Run>,
) -> Result<Option<String>, Error> {
    if let Some(known) = ledger.pool(&ci.root_url, job).await? {
        return Ok(Some(known));
    }
    let Some(task) = runs.filter_map(|run| run.key.task()).last() else { return Ok(None) };
    let pool = ci.backend().pool_of(ci, task).await?;
    if let Some(pool) = &pool {
        ledger.know_pool(&ci.root_url, job, pool).await?;
    }
    Ok(pool)
}

/// Why nothing is sent while the tree is closed; none where it is not.
async fn closed_tree(ci: &Ci) -> Result<Option<Refusal>, Error> {
    let Some(status) = tree_status(ci).await? else { return Ok(None) };
    if status.state != TreeState::Closed {
        return Ok(None);
    }
    let reason = if status.reason.is_empty() { "no reason is given".into() } else { status.reason };
    Ok(Some(Refusal::TreeClosed { tree: ci.tree().to_owned(), reason }))
}

/// How often a closed tree is looked at while it is waited for.
pub(crate) const LOOK: Duration = Duration::from_secs(60);

async fn tree(ci: &Ci, waits: Option<&CancellationToken>) -> Result<(), Error> {
    let mut told = false;
    loop {
        let Some(refusal) = closed_tree(ci).await? else { return Ok(()) };
        let stop =
            waits.filter(|stop| ci.closed_tree() == ClosedTree::Wait && !stop.is_cancelled());
        let Some(stop) = stop else { return Err(Error::Guard(refusal)) };
        if !std::mem::replace(&mut told, true) {
            tracing::warn!("{refusal}; waiting until it is open, Ctrl-C ends that");
        }
        crate::flow::pause(LOOK.min(ci.poll), stop).await;
    }
}

/// How the tree stands; none where the configuration names no Treestatus, or does not care, or where
/// Treestatus does not know the tree.
///
/// # Errors
/// [`Error::Service`].
pub async fn tree_status(ci: &Ci) -> Result<Option<TreeStatus>, Error> {
    let Some(treestatus) = ci.treestatus() else { return Ok(None) };
    if ci.closed_tree() == ClosedTree::Ignore {
        return Ok(None);
    }
    let what = format!(
        "cannot read whether the tree {} is open, and it is not taken for open (`closed_tree` = \"ignore\" under [guards] does)",
        ci.tree()
    );
    let status = treestatus.tree(ci.tree()).await.map_err(Error::service(what))?;
    if status.is_none() {
        // Most repositories are no tree that anybody closes.
        ci.note(format!(
            "Treestatus knows no tree {}: nobody can close it; `tree` in the config names another",
            ci.tree()
        ));
    }
    Ok(status)
}
