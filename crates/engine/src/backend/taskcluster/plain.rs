//! Runs on a Taskcluster without task graphs: each push has a task group, found by the index, and
//! a run is repeated by cloning a task of the push's own.

use crate::backend::HistoryQuestion;
use std::collections::{BTreeMap, HashMap};

use futures_util::TryStreamExt;
use mozci_clients::side_by_side;
use mozci_clients::taskcluster::{GroupTask, TaskStatus};
use mozci_core::facts::{Build, Decision, PushFacts};
use mozci_core::filter::{Facets, JobFilter};
use mozci_core::ids::{JobName, TaskId};
use mozci_core::nearest::nearest;
use mozci_core::push::Push;
use mozci_core::run::{Run, State};
use mozci_core::sighting::{Sightings, Source};

use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::backend::taskcluster::requested;
use crate::backend::taskcluster::requested::{Requested, Shown};
use crate::ci::Ci;
use crate::config::GroupRule;
use crate::error::Error;
use crate::flow::build_of::BuildOf;
use crate::flow::history::JobHistory;
use crate::flow::matrix::Matrix;

/// Where the tasks of a push are, on a Taskcluster without task graphs.
#[derive(Debug, Clone)]
pub(crate) struct Plain {
    /// The index path of one of them, with `{revision}` or `{push}` in it.
    pub(crate) index: String,
    /// How the group follows from that task.
    pub(crate) group: GroupRule,
    /// The path of the text that tasks are called by.
    pub(crate) label: String,
}

impl Plain {
    /// The index path of a task of a push.
    pub(crate) fn path(&self, push: &Push) -> String {
        let path = self.index.replace("{revision}", push.revision.hash());
        path.replace("{push}", &push.id.to_string())
    }
}

/// The tasks of each push; none where the index knows none.
async fn groups(ci: &Ci, plain: &Plain, pushes: &[Push]) -> Result<Vec<Vec<GroupTask>>, Error> {
    let paths: Vec<String> = pushes.iter().map(|push| plain.path(push)).collect();
    let what = "cannot look up the pushes' tasks in the index";
    let indexed = ci.taskcluster()?.find_tasks(&paths).await.map_err(Error::service(what))?;
    let group_of: HashMap<TaskId, TaskId> = match plain.group {
        GroupRule::Task => indexed.values().map(|task| (*task, *task)).collect(),
        GroupRule::Group => {
            let mut tasks: Vec<TaskId> = indexed.values().copied().collect();
            tasks.sort_unstable();
            let what = "cannot read the pushes' indexed tasks";
            let found = ci.taskcluster()?.tasks(&tasks).await.map_err(Error::service(what))?;
            let group = |group: &Option<String>| group.as_ref()?.parse().ok();
            found.iter().filter_map(|(task, d)| Some((*task, group(&d.group)?))).collect()
        }
    };
    let unknown = paths.iter().filter(|path| !indexed.contains_key(*path)).count();
    if unknown > 0 {
        ci.note(format!("the index has no task of {unknown} of the pushes (it knows only tasks that have ended well)"));
    }
    let each = pushes.iter().zip(&paths)
        .map(|(push, path)| {
            let group = indexed.get(path).and_then(|task| group_of.get(task)).copied();
            async move {
                let Some(group) = group else { return Ok(Vec::new()) };
                let what = format!("cannot read the tasks of push {}, and what cannot be seen is not taken for missing", push.id);
                ci.taskcluster()?.group(group, &plain.label).await.map_err(Error::service(what))
            }
        });
    side_by_side(each, 4).try_collect().await
}

/// Reads the histories of some jobs over pushes.
pub(crate) async fn read_jobs(
    ci: &Ci,
    plain: &Plain,
    question: HistoryQuestion<'_>,
) -> Result<Vec<JobHistory>, Error> {
    let HistoryQuestion { ledger, pushes, jobs, read_at, .. } = question;
    let groups = groups(ci, plain, pushes).await?;
    for job in jobs {
        check_known(ci, &groups, job)?;
    }
    let (none, ids) = (Vec::new(), HashMap::new());
    let shown: Vec<Shown<'_>> = jobs.iter().map(|job| Shown::new(job, &none, &ids)).collect();
    let requested = requested::read(ci, ledger, pushes, &ids, &none, &shown, false).await?;
    let histories = jobs.iter().zip(requested).map(|(job, requested)| {
        let Requested { runs: requested_runs, doubtful, sightings } = requested;
        let mut runs: Vec<Sightings> = vec![Sightings::default(); pushes.len()];
        for (push, group) in groups.iter().enumerate() {
            for task in group.iter().filter(|task| is_of(task, job)) {
                for run in &task.status.runs {
                    runs[push].add(Source::Queue, run.clone());
                }
            }
        }
        for (push, run) in sightings {
            runs[push].add(Source::Queue, run);
        }
        let facts = pushes.iter().zip(runs).zip(&groups).enumerate();
        let facts = facts.map(|(i, ((push, runs), group))| {
            let own = newest(group, job);
            PushFacts {
                push: push.clone(),
                runs: runs.into_runs(),
                requested: requested_runs.get(&i).copied().unwrap_or(0),
                doubtful: doubtful.get(&i).copied().unwrap_or(0),
                build: own.map_or(Build::NotKnown, |own| needs(own, group)),
                decision: Decision::NoGraph { own: own.map(|own| own.status.task) },
                chunk: None,
            }
        });
        JobHistory {
            job: job.clone(),
            build: BuildOf::Unknown,
            inferred: false,
            facts: facts.collect(),
            build_runs: vec![Vec::new(); pushes.len()],
            read_at,
        }
    });
    Ok(histories.collect())
}

fn is_of(task: &GroupTask, job: &JobName) -> bool {
    task.label.as_deref() == Some(job.as_str())
}

/// The newest task of a job, which is the one that is repeated.
fn newest<'a>(group: &'a [GroupTask], job: &JobName) -> Option<&'a GroupTask> {
    group.iter().filter(|task| is_of(task, job)).max_by_key(|task| (task.created, task.status.task))
}

/// How what a task waits for stands: a clone waits for the same.
fn needs(task: &GroupTask, group: &[GroupTask]) -> Build {
    let by_id: HashMap<TaskId, &GroupTask> = group.iter().map(|t| (t.status.task, t)).collect();
    let needed = task.dependencies.iter().filter_map(|id| by_id.get(id));
    let standing = |task: &&&GroupTask| -> Option<Build> {
        let TaskStatus { task: id, state, .. } = &task.status;
        let name = JobName::new(task.label.clone().unwrap_or_else(|| id.to_string()));
        match state {
            State::Failed | State::Busted => Some(Build::Failed(name)),
            state if state.is_good() => None,
            state if state.is_final() => Some(Build::Dead(name)),
            _ => Some(Build::UnderWay(name)),
        }
    };
    let mut all: Vec<Build> = needed.filter_map(|task| standing(&task)).collect();
    // What will never be there outweighs what is not there yet.
    all.sort_by_key(|build| matches!(build, Build::UnderWay(_)));
    all.into_iter().next().unwrap_or(Build::NotNeeded)
}

/// A job that no push of the range has may be a slip of the finger.
fn check_known(ci: &Ci, groups: &[Vec<GroupTask>], job: &JobName) -> Result<(), Error> {
    let labels = || groups.iter().flatten().filter_map(|task| task.label.as_deref());
    if labels().any(|label| label == job.as_str()) {
        return Ok(());
    }
    let meant = nearest(job.as_str(), labels(), 3);
    let hint = match meant.as_slice() {
        [] => String::new(),
        names => format!("\n  did you mean  {}", names.join("\n                ")),
    };
    Err(Error::NotFound(format!(
        "no task of these pushes of {} is called {:?}{hint}",
        ci.repo,
        job.as_str()
    )))
}

/// A job's runs on pushes, as they ended.
pub(crate) async fn runs(
    ci: &Ci,
    plain: &Plain,
    pushes: &[Push],
    job: &JobName,
) -> Result<Vec<Vec<Run>>, Error> {
    let groups = groups(ci, plain, pushes).await?;
    check_known(ci, &groups, job)?;
    let of_group = |group: &Vec<GroupTask>| {
        let tasks = group.iter().filter(|task| is_of(task, job));
        tasks.flat_map(|task| task.status.runs.clone()).collect()
    };
    Ok(groups.iter().map(of_group).collect())
}

/// Reads every run of the pushes that a filter means.
pub(crate) async fn read_matrix(
    ci: &Ci,
    plain: &Plain,
    pushes: &[Push],
    filter: &JobFilter,
) -> Result<Matrix, Error> {
    let groups = groups(ci, plain, pushes).await?;
    for job in &filter.jobs {
        check_known(ci, &groups, job)?;
    }
    let means = |task: &&GroupTask| {
        task.label.as_deref().is_some_and(|label| filter.keeps(&Facets::of(label)))
    };
    let names: BTreeMap<JobName, JobName> = groups
        .iter()
        .flatten()
        .filter(means)
        .filter_map(|task| Some((JobName::new(task.label.as_deref()?), JobName::new(""))))
        .collect();
    let jobs: Vec<(JobName, JobName)> = names.into_iter().collect();
    let place: HashMap<&str, u32> =
        jobs.iter().enumerate().map(|(i, (job, _))| (job.as_str(), i as u32)).collect();
    let rows = groups.iter().map(|group| {
        let runs = group.iter().filter_map(|task| {
            let place = *place.get(task.label.as_deref()?)?;
            Some(task.status.runs.iter().map(move |run| (place, run.clone())))
        });
        let mut row: Vec<(u32, Run)> = runs.flatten().collect();
        row.sort_unstable_by_key(|(job, run)| (*job, run.key));
        row
    });
    let rows = rows.collect();
    Ok(Matrix { jobs, rows, behind: None, undecided: vec![], incomplete: None })
}

/// The jobs that a filter means among those that ran on any of the pushes.
pub(crate) async fn choose(
    ci: &Ci,
    plain: &Plain,
    pushes: &[Push],
    filter: &JobFilter,
) -> Result<Vec<JobName>, Error> {
    let matrix = read_matrix(ci, plain, pushes, filter).await?;
    if matrix.jobs.is_empty() {
        return Err(Error::NotFound(format!(
            "no job that ran on these pushes of {} matches these filters (a glob must match the whole name)",
            ci.repo
        )));
    }
    Ok(matrix.jobs.into_iter().map(|(job, _)| job).collect())
}
