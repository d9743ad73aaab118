//! Every job of every push of a range.

use crate::flow::Matrix;
use crate::flow::matrix::facets_of;
use std::collections::{BTreeMap, HashMap};

use mozci_clients::treeherder::{JobFilter as RowFilter, JobRow};
use mozci_core::filter::{Facets, JobFilter};
use mozci_core::ids::{JobName, TaskId, TreeherderPushId};
use mozci_core::push::Push;
use mozci_core::run::{Run, State};
use mozci_core::sighting::{Sightings, Source};

use crate::backend::taskcluster::builds::known_in_graph;
use crate::backend::taskcluster::decisions::decisions;
use crate::backend::taskcluster::history::{
    check_revisions, in_order, is_unresolved, treeherder_ids,
};
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::error::Error;

/// What a row tells of its job.
fn facets(row: &JobRow) -> Facets<'_> {
    Facets { tier: row.tier, ..facets_of(&row.job, &row.platform) }
}

/// Runs whose states are asked of Taskcluster at the most, a thousand a request.
const MOST_STATES: usize = 2000;

/// Reads the runs, judged by how they ended.
pub(crate) async fn read_matrix(
    ci: &Ci,
    pushes: &[Push],
    filter: &JobFilter,
) -> Result<Matrix, Error> {
    let failed = || Error::service("cannot read Treeherder's jobs");
    let ids = treeherder_ids(ci, pushes).await?;
    let list = in_order(&ids);
    let wanted = match filter.jobs.as_slice() {
        [job] => RowFilter::Job(job.clone()),
        _ => RowFilter::All,
    };
    let rows = ci.treeherder()?.jobs(&list, &wanted).await.map_err(failed())?;
    check_revisions(ci, pushes, &ids, &rows)?;

    let mut names: BTreeMap<JobName, JobName> = BTreeMap::new();
    let mut unresolved: HashMap<TaskId, usize> = HashMap::new();
    for row in rows.rows.iter().filter(|row| filter.keeps(&facets(row))) {
        if !names.contains_key(&row.job) {
            names.insert(row.job.clone(), row.platform.clone());
        }
        if is_unresolved(&row.run)
            && let (Some(push), Some(task)) = (ids.get(&row.push), row.run.key.task())
        {
            unresolved.insert(task, *push);
        }
    }
    let missing: Vec<&JobName> =
        filter.jobs.iter().filter(|job| !rows.rows.iter().any(|row| row.job == **job)).collect();
    if !missing.is_empty() {
        // Nothing of it ran here: the task graph tells whether there is such a job at all.
        let platform = RowFilter::Platform(ci.tc()?.decision_platform.clone());
        let groups = ci.treeherder()?.jobs(&list, &platform).await.map_err(failed())?;
        let decided = decisions(ci, pushes, &ids, &groups.rows).await?;
        for job in missing {
            known_in_graph(ci, job, pushes, &decided).await?;
            ci.note(format!("{job} has no run on any of these pushes"));
        }
    }
    let mut states = HashMap::new();
    let mut incomplete = match rows.rows.is_empty() && filter.jobs.is_empty() {
        true => all_hidden(ci, pushes).await?,
        false => None,
    };
    if unresolved.len() <= MOST_STATES {
        let mut tasks: Vec<TaskId> = unresolved.keys().copied().collect();
        tasks.sort_unstable();
        if !tasks.is_empty() {
            match ci.taskcluster()?.statuses(&tasks).await {
                Ok(found) => states = found,
                // What Treeherder shows is sound as far as it goes.
                Err(error) => {
                    incomplete.get_or_insert(format!(
                        "the states of {} unresolved tasks cannot be read and are Treeherder's, which is behind: {error}",
                        tasks.len()
                    ));
                }
            }
        }
    } else {
        ci.note(format!(
            "{} runs are unresolved: their states are Treeherder's, which is behind Taskcluster",
            unresolved.len()
        ));
    }

    let jobs: Vec<(JobName, JobName)> = names.into_iter().collect();
    let place: HashMap<&JobName, u32> =
        jobs.iter().enumerate().map(|(i, (job, _))| (job, i as u32)).collect();
    let now = ci.now();
    let newest = rows.rows.iter().filter_map(|row| row.run.seen).max();
    let undecided = undecided(&rows.rows, &ids);
    let mut cells: Vec<Vec<(u32, Run)>> = vec![Vec::new(); pushes.len()];
    for row in rows.rows {
        if let (Some(job), Some(push)) = (place.get(&row.job), ids.get(&row.push)) {
            cells[*push].push((*job, row.run));
        }
    }
    for cell in &mut cells {
        cell.sort_unstable_by_key(|(job, run)| (*job, run.key));
        refine(cell, &states);
    }
    let behind = newest.map(|seen| now.since(seen).max(0));
    Ok(Matrix { jobs, rows: cells, behind, undecided, incomplete })
}

/// The places of pushes whose decision task failed and did not succeed in another run.
fn undecided(rows: &[JobRow], ids: &HashMap<TreeherderPushId, usize>) -> Vec<usize> {
    let mut ended: BTreeMap<usize, bool> = BTreeMap::new();
    let decisions = rows.iter().filter(|row| row.job.as_str().ends_with("Decision Task"));
    for row in decisions {
        let failed = matches!(row.run.state, State::Failed | State::Busted | State::Exception);
        if let Some(push) = ids.get(&row.push) {
            ended.entry(*push).and_modify(|all| *all &= failed).or_insert(failed);
        }
    }
    ended.into_iter().filter_map(|(push, failed)| failed.then_some(push)).collect()
}

/// Where Treeherder shows nothing at all: what is there all the same, by the index. In words.
async fn all_hidden(ci: &Ci, pushes: &[Push]) -> Result<Option<String>, Error> {
    let paths: Vec<String> = pushes
        .iter()
        .map(|push| ci.decision_path(push.revision.hash()))
        .collect::<Result<_, _>>()?;
    let what = "cannot look up the pushes' decision tasks in the index";
    let found = ci.taskcluster()?.find_tasks(&paths).await.map_err(Error::service(what))?;
    Ok((!found.is_empty()).then(|| {
        format!(
            "Treeherder shows no run of these {} pushes, though {} of them have a decision task that ended well: what it does not show is not missing",
            pushes.len(),
            found.len()
        )
    }))
}

/// Brings a push's runs up to what the queue knows.
fn refine(
    cell: &mut Vec<(u32, Run)>,
    states: &HashMap<TaskId, mozci_clients::taskcluster::TaskStatus>,
) {
    let mut refined: Vec<(u32, Run)> = Vec::with_capacity(cell.len());
    let mut rest = std::mem::take(cell).into_iter().peekable();
    while let Some((job, first)) = rest.next() {
        let mut sightings = Sightings::default();
        if let Some(status) = first.key.task().and_then(|task| states.get(&task)) {
            for run in &status.runs {
                sightings.add(Source::Queue, run.clone());
            }
        }
        let request = first.key.request;
        sightings.add(Source::Treeherder, first);
        while let Some((_, run)) = rest.next_if(|(j, run)| *j == job && run.key.request == request)
        {
            sightings.add(Source::Treeherder, run);
        }
        refined.extend(sightings.into_runs().into_iter().map(|run| (job, run)));
    }
    *cell = refined;
}
