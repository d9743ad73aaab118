//! The decision tasks of many pushes.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use mozci_clients::side_by_side;
use mozci_clients::treeherder::JobRow;
use mozci_core::facts::Decision;
use mozci_core::ids::{TaskId, TreeherderPushId};
use mozci_core::push::Push;
use mozci_core::run::Run;
use mozci_core::time::At;

use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::FactKind;

/// The symbol of the group of action tasks.
pub(crate) const ACTION_GROUP: &str = "AC";

/// How long Treeherder may take until it shows a decision task. A push without one is looked up in
/// the index, unless it is so much older than Treeherder's newest word that none is to come.
const LATE_SECONDS: i64 = 30 * 60;

/// The decision task of each push.
pub(crate) async fn decisions(
    ci: &Ci,
    pushes: &[Push],
    ids: &HashMap<TreeherderPushId, usize>,
    rows: &[JobRow],
) -> Result<Vec<Decision>, Error> {
    let mut runs: Vec<Vec<&Run>> = vec![Vec::new(); pushes.len()];
    for row in rows {
        let is_decision = row.group.as_str() != ACTION_GROUP
            && (row.symbol.as_str() == "D" || row.job.as_str().ends_with("Decision Task"));
        if let Some(i) = ids.get(&row.push).filter(|_| is_decision) {
            runs[*i].push(&row.run);
        }
    }
    let newest_word = rows.iter().filter_map(|row| row.run.seen).max();
    let each = pushes.iter().zip(&runs).map(|(push, runs)| decision(ci, push, runs, newest_word));
    side_by_side(each, 8).try_collect().await
}

async fn decision(
    ci: &Ci,
    push: &Push,
    runs: &[&Run],
    newest_word: Option<At>,
) -> Result<Decision, Error> {
    let key = push.revision.hash();
    let known: Option<String> = ci.fact(FactKind::Decision, key);
    if let Some(task) = known.and_then(|text| text.parse::<TaskId>().ok()) {
        return Ok(Decision::Done(task));
    }
    let keep = |task: TaskId| {
        ci.keep(FactKind::Decision, [(key.to_owned(), task.to_string())]);
        Decision::Done(task)
    };
    let done = runs.iter().find(|run| run.state.is_good());
    if let Some(task) = done.and_then(|done| done.key.task()) {
        return Ok(keep(task));
    }
    let under_way = runs.iter().any(|run| !run.state.is_final());
    if !under_way && !runs.is_empty() {
        return Ok(Decision::Failed);
    }
    if !under_way && newest_word.is_some_and(|word| word.since(push.date) > LATE_SECONDS) {
        return Ok(Decision::Missing);
    }
    // Treeherder is behind; the index has the task as soon as it has ended well.
    let path = ci.decision_path(key)?;
    let what = format!("cannot look up the decision task of push {}", push.id);
    let found = ci.taskcluster()?.find_task(&path).await.map_err(Error::service(what))?;
    Ok(match found {
        Some(task) => keep(task),
        None if under_way => Decision::UnderWay,
        None => Decision::Missing,
    })
}
