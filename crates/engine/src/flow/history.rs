//! The history of one job over many pushes, read by range.

use std::collections::HashMap;

use futures_util::future::try_join_all;
use mozci_clients::taskcluster::TaskDefinition;
use mozci_clients::treeherder::{JobFilter, JobRow, Rows};
use mozci_core::facts::{Build, PushFacts};
use mozci_core::ids::{JobName, TaskId, TreeherderPushId};
use mozci_core::nearest::nearest;
use mozci_core::plan::PastRuns;
use mozci_core::push::Push;
use mozci_core::run::{Run, State};
use mozci_core::sighting::{Sightings, Source};
use mozci_core::time::At;

use super::asked::{self, Asked};
use super::decisions::decisions;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::{FactKind, Ledger};

/// A job on many pushes.
#[derive(Debug, Clone)]
pub struct JobHistory {
    /// The job.
    pub job: JobName,
    /// The build that it hangs on, as far as that could be found out.
    pub build: BuildOf,
    /// What is known of each push, in the order of the pushes that were asked about.
    pub facts: Vec<PushFacts>,
    /// The build's runs on each of them.
    pub build_runs: Vec<Vec<Run>>,
    /// When reading began: what was asked for later is not in here.
    pub read_at: At,
}

/// Which build a job hangs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildOf {
    /// This one.
    Job(JobName),
    /// None.
    Nothing,
    /// It could not be found out.
    Unknown,
}

impl JobHistory {
    /// The past runs from which durations are taken.
    pub fn past(&self) -> PastRuns<'_> {
        PastRuns {
            job: self.facts.iter().flat_map(|facts| &facts.runs).collect(),
            build: self.build_runs.iter().flatten().collect(),
        }
    }
}

/// Treeherder's numbers of pushes, by their place in the list; pushes that it does not know are
/// missing.
pub(crate) async fn treeherder_ids(
    ci: &Ci,
    pushes: &[Push],
) -> Result<HashMap<TreeherderPushId, usize>, Error> {
    let mut ids = HashMap::new();
    let mut unknown: Vec<usize> = Vec::new();
    for (i, push) in pushes.iter().enumerate() {
        if let mozci_core::ids::PushId::Treeherder(id) = push.id {
            ids.insert(id, i);
            continue;
        }
        match ci.fact::<u64>(FactKind::TreeherderPush, push.revision.hash()) {
            Some(id) => {
                ids.insert(TreeherderPushId(id), i);
            }
            None => unknown.push(i),
        }
    }
    let dates = || unknown.iter().map(|i| pushes[*i].date);
    if let (Some(from), Some(until)) = (dates().min(), dates().max()) {
        let found = ci
            .treeherder
            .pushes_between(from, until)
            .await
            .map_err(Error::service("cannot read Treeherder's pushes"))?;
        let by_revision: HashMap<&str, TreeherderPushId> =
            found.iter().map(|push| (push.push.revision.hash(), push.id)).collect();
        let mut missing = 0;
        for i in unknown {
            match by_revision.get(pushes[i].revision.hash()) {
                Some(id) => {
                    ids.insert(*id, i);
                }
                None => missing += 1,
            }
        }
        if missing > 0 {
            ci.note(format!("Treeherder does not know {missing} of the pushes (yet)"));
        }
        let kept = found.iter().map(|push| (push.push.revision.hash().to_owned(), push.id.0));
        ci.keep(FactKind::TreeherderPush, kept);
    }
    Ok(ids)
}

/// Holds the revisions that Treeherder's rows name against ours: a number that means another push
/// now means that Treeherder was reset.
pub(crate) fn check_revisions(
    ci: &Ci,
    pushes: &[Push],
    ids: &HashMap<TreeherderPushId, usize>,
    rows: &Rows,
) -> Result<(), Error> {
    for (id, revision) in &rows.revisions {
        let push = ids.get(id).map(|i| &pushes[*i]);
        if push.is_some_and(|push| push.revision.hash() != &**revision) {
            ci.forget("Treeherder was reset")?;
            let text = "Treeherder was reset since its answers were kept, and now they are forgotten: run the command again";
            return Err(Error::Odd(text.to_owned()));
        }
    }
    if rows.without_task > 0 {
        ci.note(format!("{} rows of Treeherder's without a task are left out", rows.without_task));
    }
    Ok(())
}

fn reading_jobs(source: mozci_clients::http::HttpError) -> Error {
    Error::service(
        "cannot read Treeherder's jobs, and what cannot be seen is not taken for missing",
    )(source)
}

/// Reads a job's history over pushes. `known_build` is what an earlier reading found out of the
/// build; finding it out again can cost a whole task graph.
///
/// # Errors
/// [`Error::NotFound`] with the nearest names for a job that no push has.
pub async fn read_job(
    ci: &Ci,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    job: &JobName,
    known_build: Option<&BuildOf>,
) -> Result<JobHistory, Error> {
    let read_at = ci.now();
    let ids = treeherder_ids(ci, pushes).await?;
    let mut list: Vec<TreeherderPushId> = ids.keys().copied().collect();
    list.sort_unstable();
    let of_job = JobFilter::Job(job.clone());
    let of_groups = JobFilter::Platform(ci.decision_platform.clone());
    let (rows, groups) =
        tokio::join!(ci.treeherder.jobs(&list, &of_job), ci.treeherder.jobs(&list, &of_groups));
    let (rows, groups) = (rows.map_err(reading_jobs)?, groups.map_err(reading_jobs)?);
    check_revisions(ci, pushes, &ids, &rows)?;
    check_revisions(ci, pushes, &ids, &groups)?;

    let decision_side = decisions(ci, pushes, &ids, &groups.rows);
    let build_side = async {
        let decided_and_build = if let Some(build) = known_build {
            (decision_side.await?, build.clone())
        } else if rows.rows.is_empty() {
            let decided = decision_side.await?;
            let build = known_in_graph(ci, job, pushes, &decided).await?;
            (decided, build)
        } else {
            tokio::try_join!(decision_side, build_of(ci, &rows.rows))?
        };
        let build_rows = match &decided_and_build.1 {
            BuildOf::Job(name) => {
                let filter = JobFilter::Job(name.clone());
                ci.treeherder.jobs(&list, &filter).await.map_err(reading_jobs)?
            }
            BuildOf::Nothing | BuildOf::Unknown => Rows::default(),
        };
        Ok::<_, Error>((decided_and_build, build_rows))
    };
    let asked_side = asked::read(ci, ledger, pushes, &ids, &groups.rows, &rows.rows, job);
    let (((decided, build), build_rows), asked) = tokio::try_join!(build_side, asked_side)?;

    let mut runs: Vec<Sightings> = vec![Sightings::default(); pushes.len()];
    let mut build_runs = runs.clone();
    put(&mut runs, &ids, &rows.rows, job);
    if let BuildOf::Job(name) = &build {
        put(&mut build_runs, &ids, &build_rows.rows, name);
    }
    let Asked { runs: asked_runs, doubtful, sightings } = asked;
    for (push, run) in sightings {
        runs[push].add(Source::Queue, run);
    }
    for (push, run) in unresolved_builds(ci, &ids, &build_rows.rows).await? {
        build_runs[push].add(Source::Queue, run);
    }
    let build_runs: Vec<Vec<Run>> = build_runs.into_iter().map(Sightings::into_runs).collect();
    let facts = pushes
        .iter()
        .zip(runs)
        .zip(&build_runs)
        .zip(decided)
        .enumerate()
        .map(|(i, (((push, runs), built), decision))| PushFacts {
            push: push.clone(),
            runs: runs.into_runs(),
            asked: asked_runs.get(&i).copied().unwrap_or(0),
            doubtful: doubtful.get(&i).copied().unwrap_or(0),
            build: match &build {
                BuildOf::Job(name) => Build::from_runs(name, built),
                BuildOf::Nothing => Build::NotNeeded,
                BuildOf::Unknown => Build::NotKnown,
            },
            decision,
        })
        .collect();
    Ok(JobHistory { job: job.clone(), build, facts, build_runs, read_at })
}

/// What the queue says of builds that Treeherder shows as unresolved.
async fn unresolved_builds(
    ci: &Ci,
    ids: &HashMap<TreeherderPushId, usize>,
    rows: &[JobRow],
) -> Result<Vec<(usize, Run)>, Error> {
    let unresolved = rows.iter().filter(|row| is_unresolved(&row.run));
    let place: HashMap<TaskId, usize> =
        unresolved.filter_map(|row| Some((row.run.key.task, *ids.get(&row.push)?))).collect();
    let mut tasks: Vec<TaskId> = place.keys().copied().collect();
    tasks.sort_unstable();
    let found = asked::statuses(ci, &tasks).await?;
    let runs = found.values().flat_map(|status| &status.runs);
    Ok(runs.filter_map(|run| Some((*place.get(&run.key.task)?, run.clone()))).collect())
}

fn put(
    cells: &mut [Sightings],
    ids: &HashMap<TreeherderPushId, usize>,
    rows: &[JobRow],
    job: &JobName,
) {
    for row in rows.iter().filter(|row| row.job == *job) {
        if let Some(i) = ids.get(&row.push) {
            cells[*i].add(Source::Treeherder, row.run.clone());
        }
    }
}

/// A task's definition, which never changes.
pub(crate) async fn definition(ci: &Ci, task: TaskId) -> Result<TaskDefinition, Error> {
    if let Some(known) = ci.fact(FactKind::Task, &task.to_string()) {
        return Ok(known);
    }
    let definition = ci
        .taskcluster
        .task(task)
        .await
        .map_err(Error::service(format!("cannot read the task {task}")))?;
    ci.keep(FactKind::Task, [(task.to_string(), definition.clone())]);
    Ok(definition)
}

/// Which build a job hangs on, by what one of its tasks depends on.
async fn build_of(ci: &Ci, rows: &[JobRow]) -> Result<BuildOf, Error> {
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
            false => ci.treeherder.jobs(&[row.push], &JobFilter::All).await.map_err(reading_jobs),
        }
    };
    let (definition, neighbours) = tokio::try_join!(definition(ci, row.run.key.task), neighbours)?;
    if definition.dependencies.is_empty() {
        return Ok(BuildOf::Nothing);
    }
    let by_id: HashMap<String, &JobName> =
        neighbours.rows.iter().map(|row| (row.run.key.task.to_string(), &row.job)).collect();
    // The build is of the task's own push as a rule; other dependencies, images and toolchains of
    // other pushes, are only looked at where it is not.
    let known = |id: &String| {
        let label = ci.fact::<String>(FactKind::Label, id);
        label.or_else(|| by_id.get(id).map(ToString::to_string))
    };
    let labels: Vec<(&String, String)> =
        definition.dependencies.iter().filter_map(|id| Some((id, known(id)?))).collect();
    ci.keep(FactKind::Label, labels.iter().map(|(id, label)| ((*id).clone(), label.clone())));
    let found = pick_build(labels.iter().map(|(_, label)| label.as_str()));
    if found != BuildOf::Nothing {
        return Ok(found);
    }
    let others = definition.dependencies.iter().filter(|id| known(id).is_none());
    let labels = try_join_all(others.take(20).map(|id| label_of(ci, id))).await?;
    Ok(pick_build(labels.iter().flatten().map(String::as_str)))
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
    row.run.key.task.to_string()
}

/// Of several dependencies the build is the one that is called so. There may be others: images,
/// toolchains, the decision task, or the action that created a task.
fn pick_build<'a>(labels: impl Iterator<Item = &'a str>) -> BuildOf {
    let mut builds: Vec<&str> = labels.filter(|label| label.starts_with("build-")).collect();
    builds.sort_by_key(|label| (label.len(), *label));
    builds.first().map_or(BuildOf::Nothing, |label| BuildOf::Job(JobName::new(label)))
}

/// A job without a run on any of the pushes: the newest task graph tells whether there is such a
/// job, and what it hangs on.
pub(crate) async fn known_in_graph(
    ci: &Ci,
    job: &JobName,
    pushes: &[Push],
    decisions: &[mozci_core::facts::Decision],
) -> Result<BuildOf, Error> {
    let newest = pushes.iter().zip(decisions).find_map(|(push, decision)| match decision {
        mozci_core::facts::Decision::Done(task) => Some((push, *task)),
        _ => None,
    });
    let Some((push, task)) = newest else {
        ci.note("no push of the range has a task graph, so that nobody can tell whether there is such a job");
        return Ok(BuildOf::Unknown);
    };
    let what = format!("cannot read the task graph of push {}", push.id);
    let graph = ci.taskcluster.full_task_graph(task).await.map_err(Error::service(what))?;
    match graph.0.get(job.as_str()) {
        Some(entry) => match entry.dependencies.get("build") {
            Some(build) => Ok(BuildOf::Job(JobName::new(build))),
            None => Ok(pick_build(entry.dependencies.values().map(String::as_str))),
        },
        None => Err(Error::NotFound(unknown_job(
            ci,
            job.as_str(),
            push,
            graph.0.keys().map(String::as_str),
        ))),
    }
}

/// What to say of a job that is not there.
fn unknown_job<'a>(
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

/// Whether a run of Treeherder's should be looked at in Taskcluster, which is ahead of it.
pub(crate) fn is_unresolved(run: &Run) -> bool {
    !run.state.is_final() || matches!(run.state, State::Unknown(_))
}
