//! Which builds jobs depend on, and how these stand.

use crate::flow::BuildOf;
use std::collections::HashMap;

use futures_util::future::try_join_all;
use mozci_clients::taskcluster::TaskDefinition;
use mozci_clients::treeherder::{JobFilter, JobRow, Rows};
use mozci_core::chooser::{JobGraph, pick_build};
use mozci_core::facts::Decision;
use mozci_core::ids::{JobName, TaskId, TreeherderPushId};
use mozci_core::nearest::nearest;
use mozci_core::push::Push;
use mozci_core::run::Run;

use crate::backend::taskcluster::graphs::task_graph;
use crate::backend::taskcluster::history::{definition, is_unresolved, reading_jobs};
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::backend::taskcluster::requested;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::FactKind;

/// The rows of the builds that jobs depend on, from what was read already where it has them.
pub(crate) async fn read_builds(
    ci: &Ci,
    list: &[TreeherderPushId],
    jobs: &[JobName],
    builds: &[BuildOf],
    of_jobs: &[Rows],
    others: Option<&Rows>,
) -> Result<HashMap<JobName, Vec<JobRow>>, Error> {
    let mut names: Vec<&JobName> = builds.iter().flat_map(BuildOf::names).collect();
    names.sort_unstable();
    names.dedup();
    let each = names.into_iter().map(|name| async move {
        let rows = match (jobs.iter().position(|job| job == name), others) {
            (Some(place), _) => of_jobs[place].rows.clone(),
            (None, Some(others)) => {
                others.rows.iter().filter(|row| row.job == *name).cloned().collect()
            }
            (None, None) => {
                let filter = JobFilter::Job(name.clone());
                ci.treeherder()?.jobs(list, &filter).await.map_err(reading_jobs)?.rows
            }
        };
        Ok::<_, Error>((name.clone(), rows))
    });
    Ok(try_join_all(each).await?.into_iter().collect())
}

/// What the queue says of builds that Treeherder shows as unresolved.
pub(crate) async fn unresolved_builds(
    ci: &Ci,
    ids: &HashMap<TreeherderPushId, usize>,
    rows: impl Iterator<Item = &JobRow>,
) -> Result<Vec<(usize, JobName, Run)>, Error> {
    let unresolved = rows.filter(|row| is_unresolved(&row.run));
    let place: HashMap<TaskId, (usize, &JobName)> = unresolved
        .filter_map(|row| Some((row.run.key.task()?, (*ids.get(&row.push)?, &row.job))))
        .collect();
    let mut tasks: Vec<TaskId> = place.keys().copied().collect();
    tasks.sort_unstable();
    let found = requested::statuses(ci, &tasks).await?;
    let runs = found.values().flat_map(|status| &status.runs);
    let placed = runs.filter_map(|run| {
        let (push, job) = place.get(&run.key.task()?)?;
        Some((*push, (*job).clone(), run.clone()))
    });
    Ok(placed.collect())
}

/// Which build a job depends on, by what one of its tasks depends on.
pub(crate) async fn build_of(ci: &Ci, rows: &[JobRow]) -> Result<BuildOf, Error> {
    let is_known =
        |row: &&JobRow| ci.fact::<TaskDefinition>(FactKind::Task, &task_key(row)).is_some();
    let newest = || rows.iter().max_by_key(|row| row.push);
    // Any of the tasks tells; one whose definition is known already costs nothing.
    let Some(row) = rows.iter().find(is_known).or_else(newest) else {
        return Ok(BuildOf::Unknown);
    };
    let labels_known = is_known(&row);
    let neighbours = async {
        match labels_known {
            true => Ok(Rows::default()),
            // The task's push in one question: its rows lead from task ids to labels.
            false => {
                ci.treeherder()?.jobs(&[row.push], &JobFilter::All).await.map_err(reading_jobs)
            }
        }
    };
    let Some(task) = row.run.key.task() else { return Ok(BuildOf::Unknown) };
    let (definition, neighbours) = tokio::try_join!(definition(ci, task), neighbours)?;
    if definition.dependencies.is_empty() {
        return Ok(BuildOf::Nothing);
    }
    let by_id: HashMap<String, &JobName> =
        neighbours.rows.iter().map(|row| (row.run.key.request.to_string(), &row.job)).collect();
    // The build is of the task's own push as a rule; other dependencies, images and toolchains of
    // other pushes, are only looked at where it is not.
    let known = |id: &String| {
        let label = ci.fact::<String>(FactKind::Label, id);
        label.or_else(|| by_id.get(id).map(ToString::to_string))
    };
    let labels: Vec<(&String, String)> =
        definition.dependencies.iter().filter_map(|id| Some((id, known(id)?))).collect();
    ci.keep(FactKind::Label, labels.iter().map(|(id, label)| ((*id).clone(), label.clone())));
    let found = the_build(labels.iter().map(|(_, label)| label.as_str()));
    if found != BuildOf::Nothing {
        return Ok(found);
    }
    let others = definition.dependencies.iter().filter(|id| known(id).is_none());
    let labels = try_join_all(others.take(20).map(|id| label_of(ci, id))).await?;
    Ok(the_build(labels.iter().flatten().map(String::as_str)))
}

/// A task's label; none of one that has expired or that is no task of this queue's.
async fn label_of(ci: &Ci, id: &str) -> Result<Option<String>, Error> {
    let Ok(task) = id.parse() else { return Ok(None) };
    match definition(ci, task).await {
        Ok(definition) => {
            ci.keep(FactKind::Label, [(id.to_owned(), definition.label.clone())]);
            Ok(Some(definition.label))
        }
        Err(error) if error.kind() == crate::error::Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn task_key(row: &JobRow) -> String {
    row.run.key.request.to_string()
}

/// Of several dependencies the build is the one that is called so.
fn the_build<'a>(labels: impl Iterator<Item = &'a str>) -> BuildOf {
    pick_build(labels).map_or(BuildOf::Nothing, |label| BuildOf::Job(JobName::new(label)))
}

/// The newest task graph of some pushes, with its push.
pub(crate) async fn newest_graph<'a>(
    ci: &Ci,
    pushes: &'a [Push],
    decisions: &[Decision],
) -> Result<Option<(&'a Push, JobGraph)>, Error> {
    let newest = pushes.iter().zip(decisions).find_map(|(push, decision)| match decision {
        Decision::Done(task) => Some((push, *task)),
        _ => None,
    });
    let Some((push, task)) = newest else { return Ok(None) };
    Ok(Some((push, task_graph(ci, push, task).await?)))
}

/// Which builds jobs depend on, by the newest task graph. It also tells whether there is such a job
/// at all, where it has no run on any of the pushes.
pub(crate) async fn builds_of(
    ci: &Ci,
    jobs: &[JobName],
    of_jobs: &[Rows],
    pushes: &[Push],
    decisions: &[Decision],
) -> Result<Vec<BuildOf>, Error> {
    let Some((push, graph)) = newest_graph(ci, pushes, decisions).await? else {
        ci.note("no push of the range has a task graph, so it is not known which jobs there are");
        return Ok(vec![BuildOf::Unknown; jobs.len()]);
    };
    let mut builds = Vec::with_capacity(jobs.len());
    for (job, rows) in jobs.iter().zip(of_jobs) {
        builds.push(match graph.get(job.as_str()) {
            Some(entry) => BuildOf::by_graph(&entry),
            None if rows.rows.is_empty() => {
                let labels = graph.labels();
                return Err(Error::NotFound(unknown_job(ci, job.as_str(), push, labels)));
            }
            // It ran on an older push and is gone since.
            None => build_of(ci, &rows.rows).await?,
        });
    }
    Ok(builds)
}

/// Whether there is a job that has no run on any of the pushes.
pub(crate) async fn known_in_graph(
    ci: &Ci,
    job: &JobName,
    pushes: &[Push],
    decisions: &[Decision],
) -> Result<(), Error> {
    builds_of(ci, std::slice::from_ref(job), &[Rows::default()], pushes, decisions).await.map(drop)
}

/// What to say of a job that is not there.
pub(crate) fn unknown_job<'a>(
    ci: &Ci,
    job: &str,
    push: &Push,
    labels: impl Iterator<Item = &'a str>,
) -> String {
    let meant = nearest(job, labels, 3);
    let hint = match meant.as_slice() {
        [] => String::new(),
        names => format!("\n  did you mean  {}", names.join("\n                ")),
    };
    format!(
        "no job is called {job:?} on {} at {}{hint}\n  the command `jobs --rev {} --include TEXT` lists them",
        ci.repo,
        push.revision.short(),
        push.revision.short()
    )
}
