//! The history of one job over many pushes, read by range.

use std::collections::HashMap;

use futures_util::future::try_join_all;
use mozci_clients::taskcluster::TaskDefinition;
use mozci_clients::treeherder::{JobFilter, JobRow, Rows};
use mozci_core::facts::{Build, PushFacts};
use mozci_core::ids::{JobName, TaskId, TreeherderPushId};
use mozci_core::plan::PastRuns;
use mozci_core::push::Push;
use mozci_core::run::{Run, State};
use mozci_core::sighting::{Sightings, Source};

use super::asked::{self, Asked, Shown};
use super::builds::{BuildOf, build_of, builds_of, read_builds, unresolved_builds};
use super::chunks;
use super::decisions::decisions;
use super::evidence::judge;
use crate::ci::Ci;
use crate::error::Error;
use crate::store::{FactKind, Ledger, Mark};

/// A job on many pushes.
#[derive(Debug, Clone)]
pub struct JobHistory {
    /// The job.
    pub job: JobName,
    /// The build that it hangs on, as far as that could be found out.
    pub build: BuildOf,
    /// Whether that was inferred from history, and not told.
    pub inferred: bool,
    /// What is known of each push, in the order of the pushes that were asked about.
    pub facts: Vec<PushFacts>,
    /// The build's runs on each of them.
    pub build_runs: Vec<Vec<Run>>,
    /// Where the ledger ended when reading began: what was asked for later is not in here.
    pub read_at: Mark,
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
            .treeherder()?
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

pub(crate) fn reading_jobs(source: mozci_clients::http::HttpError) -> Error {
    Error::service(
        "cannot read Treeherder's jobs, and what cannot be seen is not taken for missing",
    )(source)
}

/// Treeherder's numbers in their order, as questions name them.
pub(crate) fn in_order(ids: &HashMap<TreeherderPushId, usize>) -> Vec<TreeherderPushId> {
    let mut list: Vec<TreeherderPushId> = ids.keys().copied().collect();
    list.sort_unstable();
    list
}

/// The decision and action tasks of pushes.
pub(crate) async fn group_rows(
    ci: &Ci,
    ids: &HashMap<TreeherderPushId, usize>,
) -> Result<Rows, Error> {
    let of_groups = JobFilter::Platform(ci.decision_platform.clone());
    ci.treeherder()?.jobs(&in_order(ids), &of_groups).await.map_err(reading_jobs)
}

/// Up to so many jobs are read one by one; of more every run of the pushes is read.
const ONE_BY_ONE: usize = 4;

/// What Treeherder has of some jobs on some pushes.
pub(super) struct Read {
    /// Each job's rows.
    pub(super) of_jobs: Vec<Rows>,
    /// Decision and action tasks.
    pub(super) groups: Rows,
    /// Every other row, where they were read.
    pub(super) others: Option<Rows>,
    /// Whether nothing of these pushes was read before.
    pub(super) is_first: bool,
}

/// Reads the rows of some jobs, and of decision and action tasks.
async fn read_rows(
    ci: &Ci,
    ids: &HashMap<TreeherderPushId, usize>,
    jobs: &[JobName],
) -> Result<Read, Error> {
    let list = &in_order(ids);
    if jobs.len() <= ONE_BY_ONE {
        let each = jobs.iter().map(|job| async {
            let filter = JobFilter::Job(job.clone());
            ci.treeherder()?.jobs(list, &filter).await.map_err(reading_jobs)
        });
        let (of_jobs, groups) = tokio::try_join!(try_join_all(each), group_rows(ci, ids))?;
        return Ok(Read { of_jobs, groups, others: None, is_first: true });
    }
    let all = ci.treeherder()?.jobs(list, &JobFilter::All).await.map_err(reading_jobs)?;
    let places: HashMap<&JobName, usize> = jobs.iter().enumerate().map(|(i, j)| (j, i)).collect();
    let empty = || Rows { revisions: all.revisions.clone(), ..Rows::default() };
    let mut read = Read {
        of_jobs: jobs.iter().map(|_| Rows::default()).collect(),
        groups: Rows { without_task: all.without_task, ..empty() },
        others: Some(empty()),
        is_first: true,
    };
    let of_groups = |row: &JobRow| ci.is_group_platform(row.platform.as_str());
    for row in all.rows {
        match places.get(&row.job) {
            Some(place) => read.of_jobs[*place].rows.push(row),
            None if of_groups(&row) => read.groups.rows.push(row),
            None => read.others.get_or_insert_default().rows.push(row),
        }
    }
    Ok(read)
}

/// Reads a job's history over pushes.
///
/// # Errors
/// [`Error::NotFound`] with the nearest names for a job that no push has.
pub async fn read_job(
    ci: &Ci,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    job: &JobName,
) -> Result<JobHistory, Error> {
    let jobs = std::slice::from_ref(job);
    let mut all = read_jobs(ci, ledger, pushes, jobs, None).await?;
    all.pop().ok_or_else(|| Error::Odd("no history came of a job".into()))
}

/// Reads the histories of some jobs over pushes, in the jobs' order. `builds` is what an earlier
/// reading found out of the builds.
///
/// # Errors
/// [`Error::NotFound`] with the nearest names for a job that no push has.
pub async fn read_jobs(
    ci: &Ci,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    jobs: &[JobName],
    builds: Option<&[BuildOf]>,
) -> Result<Vec<JobHistory>, Error> {
    let about = ci.about();
    let of_test = about.as_ref().filter(|about| about.subject.is_some());
    // Of many jobs every one stands for itself, and only task graphs deal tests to chunks.
    let has_chunks = ci.has_graphs() && jobs.len() <= ONE_BY_ONE;
    if let Some(about) = of_test.filter(|_| has_chunks) {
        let mut histories = Vec::with_capacity(jobs.len());
        for (place, job) in jobs.iter().enumerate() {
            let build = builds.and_then(|builds| builds.get(place));
            histories.push(chunks::read_job(ci, ledger, pushes, job, build, about).await?);
        }
        return Ok(histories);
    }
    let mut histories = read_as_ended(ci, ledger, pushes, jobs, builds, None).await?;
    let each = histories.iter_mut().flat_map(|history| {
        let runs = history.facts.iter_mut().flat_map(|facts| &mut facts.runs);
        runs.map(|run| (&history.job, run))
    });
    judge(ci, each.collect()).await;
    Ok(histories)
}

/// Reads the histories, judged by how the runs ended. `read` is what was read of the jobs already.
pub(super) async fn read_as_ended(
    ci: &Ci,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    jobs: &[JobName],
    builds: Option<&[BuildOf]>,
    read: Option<Read>,
) -> Result<Vec<JobHistory>, Error> {
    // What is asked for from here on, this reading may not have seen.
    let read_at = match ledger {
        Some(ledger) => ledger.mark_now()?,
        None => Mark::default(),
    };
    if let Some(farm) = ci.farm() {
        return super::buildbot::read_jobs(ci, farm, ledger, pushes, jobs, read_at).await;
    }
    if let Some(api) = ci.buildapi() {
        return super::buildapi::read_jobs(ci, api, ledger, pushes, jobs, read_at).await;
    }
    if let Some(plain) = &ci.plain {
        return super::plain::read_jobs(ci, plain, ledger, pushes, jobs, read_at).await;
    }
    let ids = treeherder_ids(ci, pushes).await?;
    let Read { of_jobs, groups, others, is_first } = match read {
        Some(read) => read,
        None => Read { is_first: builds.is_none(), ..read_rows(ci, &ids, jobs).await? },
    };
    for rows in of_jobs.iter().chain([&groups]) {
        check_revisions(ci, pushes, &ids, rows)?;
    }

    let decision_side = decisions(ci, pushes, &ids, &groups.rows);
    let build_side = async {
        let (decided, builds) = match builds {
            Some(builds) => (decision_side.await?, builds.to_vec()),
            None if jobs.len() <= ONE_BY_ONE && of_jobs.iter().all(|r| !r.rows.is_empty()) => {
                let builds = try_join_all(of_jobs.iter().map(|rows| build_of(ci, &rows.rows)));
                tokio::try_join!(decision_side, builds)?
            }
            None => {
                let decided = decision_side.await?;
                let builds = builds_of(ci, jobs, &of_jobs, pushes, &decided).await?;
                (decided, builds)
            }
        };
        let build_rows =
            read_builds(ci, &in_order(&ids), jobs, &builds, &of_jobs, others.as_ref()).await?;
        Ok::<_, Error>((decided, builds, build_rows))
    };
    let shown: Vec<Shown<'_>> =
        jobs.iter().zip(&of_jobs).map(|(job, rows)| Shown::new(job, &rows.rows, &ids)).collect();
    let asked_side = asked::read(ci, ledger, pushes, &ids, &groups.rows, &shown, is_first);
    let ((decided, builds, build_rows), asked) = tokio::try_join!(build_side, asked_side)?;

    let mut built: HashMap<&JobName, Vec<Sightings>> = HashMap::new();
    for (name, rows) in &build_rows {
        let mut cells = vec![Sightings::default(); pushes.len()];
        put(&mut cells, &ids, rows, name);
        built.insert(name, cells);
    }
    let rows = build_rows.values().flatten();
    for (push, name, run) in unresolved_builds(ci, &ids, rows).await? {
        if let Some(cells) = built.get_mut(&name) {
            cells[push].add(Source::Queue, run);
        }
    }
    let built: HashMap<&JobName, Vec<Vec<Run>>> = built
        .into_iter()
        .map(|(name, cells)| (name, cells.into_iter().map(Sightings::into_runs).collect()))
        .collect();
    let mut histories = Vec::with_capacity(jobs.len());
    for ((job, rows), (build, asked)) in
        jobs.iter().zip(&of_jobs).zip(builds.into_iter().zip(asked))
    {
        let mut runs: Vec<Sightings> = vec![Sightings::default(); pushes.len()];
        put(&mut runs, &ids, &rows.rows, job);
        let Asked { runs: asked_runs, doubtful, sightings } = asked;
        for (push, run) in sightings {
            runs[push].add(Source::Queue, run);
        }
        let build_runs = build.names().first().and_then(|name| built.get(name).cloned());
        let build_runs = build_runs.unwrap_or_else(|| vec![Vec::new(); pushes.len()]);
        let facts = pushes
            .iter()
            .zip(runs)
            .zip(&build_runs)
            .zip(&decided)
            .enumerate()
            .map(|(i, (((push, runs), built), decision))| PushFacts {
                push: push.clone(),
                runs: runs.into_runs(),
                asked: asked_runs.get(&i).copied().unwrap_or(0),
                doubtful: doubtful.get(&i).copied().unwrap_or(0),
                build: match (build.names().first(), &build) {
                    (Some(name), _) => Build::from_runs(name, built),
                    (None, BuildOf::Unknown) => Build::NotKnown,
                    (None, _) => Build::NotNeeded,
                },
                decision: decision.clone(),
                chunk: None,
            })
            .collect();
        histories.push(JobHistory {
            job: job.clone(),
            build,
            inferred: false,
            facts,
            build_runs,
            read_at,
        });
    }
    Ok(histories)
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
        .taskcluster()?
        .task(task)
        .await
        .map_err(Error::service(format!("cannot read the task {task}")))?;
    // What was cut short on its way must not stay so for ever.
    if definition.is_whole() {
        ci.keep(FactKind::Task, [(task.to_string(), definition.clone())]);
    }
    Ok(definition)
}

/// Puts the queue's times to the runs of jobs that ran several times: Treeherder's last word on a
/// run also changes when somebody classifies it.
///
/// # Errors
/// [`Error::Service`].
pub async fn settle_times(ci: &Ci, histories: &mut [JobHistory]) -> Result<(), Error> {
    if ci.farm().is_some() || ci.buildapi().is_some() {
        // A master's own times are the only ones there are.
        return Ok(());
    }
    let several = |facts: &&mut PushFacts| facts.runs.iter().filter(|r| r.counts()).count() > 1;
    let mut tasks: Vec<TaskId> = Vec::new();
    for facts in histories.iter_mut().flat_map(|history| &mut history.facts).filter(several) {
        tasks.extend(facts.runs.iter().filter_map(|run| run.key.task()));
    }
    tasks.sort_unstable();
    tasks.dedup();
    let found = asked::statuses(ci, &tasks).await?;
    for facts in histories.iter_mut().flat_map(|history| &mut history.facts).filter(several) {
        for run in &mut facts.runs {
            let known = run.key.task().and_then(|task| found.get(&task));
            let known = known.and_then(|status| status.runs.iter().find(|r| r.key == run.key));
            run.seen = known.and_then(|known| known.seen);
        }
    }
    Ok(())
}

/// Whether a run of Treeherder's should be looked at in Taskcluster, which is ahead of it.
pub(crate) fn is_unresolved(run: &Run) -> bool {
    !run.state.is_final() || matches!(run.state, State::Unknown(_))
}
