//! The history of one job over many pushes, read by range.

use crate::backend::HistoryQuestion;
use crate::flow::JobHistory;
use crate::flow::history::ONE_BY_ONE;
use std::collections::{BTreeSet, HashMap};

use futures_util::future::try_join_all;
use mozci_clients::taskcluster::TaskDefinition;
use mozci_clients::treeherder::{JobFilter, JobRow, Rows};
use mozci_core::facts::{Build, PushFacts};
use mozci_core::ids::{JobName, TaskId, TreeherderPushId};
use mozci_core::push::Push;
use mozci_core::run::{Run, State};
use mozci_core::sighting::{Sightings, Source};

use crate::backend::taskcluster::builds::{build_of, builds_of, read_builds, unresolved_builds};
use crate::backend::taskcluster::decisions::decisions;
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::backend::taskcluster::requested;
use crate::backend::taskcluster::requested::{Requested, Shown};
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::build_of::BuildOf;
use crate::store::FactKind;

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
        match ci.fact::<u64>(FactKind::ResultsPush, push.revision.hash()) {
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
        ci.keep(FactKind::ResultsPush, kept);
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
    let of_groups = JobFilter::Platform(ci.tc()?.decision_platform.clone());
    ci.treeherder()?.jobs(&in_order(ids), &of_groups).await.map_err(reading_jobs)
}

/// What Treeherder has of some jobs on some pushes.
pub(crate) struct Read {
    /// Each job's rows.
    pub(crate) of_jobs: Vec<Rows>,
    /// Decision and action tasks.
    pub(crate) groups: Rows,
    /// Every other row, where they were read.
    pub(crate) others: Option<Rows>,
    /// Whether nothing of these pushes was read before.
    pub(crate) is_first: bool,
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
    let of_groups = |row: &JobRow| ci.backend().is_group_platform(row.platform.as_str());
    for row in all.rows {
        match places.get(&row.job) {
            Some(place) => read.of_jobs[*place].rows.push(row),
            None if of_groups(&row) => read.groups.rows.push(row),
            None => read.others.get_or_insert_default().rows.push(row),
        }
    }
    Ok(read)
}

/// Reads the histories, judged by how the runs ended. `read` is what was read of the jobs already.
pub(crate) async fn read_as_ended(
    ci: &Ci,
    question: HistoryQuestion<'_>,
    read: Option<Read>,
) -> Result<Vec<JobHistory>, Error> {
    let HistoryQuestion { ledger, pushes, jobs, builds, read_at } = question;
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
    let asked_side = requested::read(ci, ledger, pushes, &ids, &groups.rows, &shown, is_first);
    let ((decided, builds, build_rows), requested) = tokio::try_join!(build_side, asked_side)?;

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
    for ((job, rows), (build, requested)) in
        jobs.iter().zip(&of_jobs).zip(builds.into_iter().zip(requested))
    {
        let mut runs: Vec<Sightings> = vec![Sightings::default(); pushes.len()];
        put(&mut runs, &ids, &rows.rows, job);
        let Requested { runs: requested_runs, doubtful, sightings } = requested;
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
                requested: requested_runs.get(&i).copied().unwrap_or(0),
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
pub(crate) async fn settle_times(ci: &Ci, histories: &mut [JobHistory]) -> Result<(), Error> {
    let several = |facts: &&mut PushFacts| facts.runs.iter().filter(|r| r.counts()).count() > 1;
    let mut tasks: Vec<TaskId> = Vec::new();
    for facts in histories.iter_mut().flat_map(|history| &mut history.facts).filter(several) {
        tasks.extend(facts.runs.iter().filter_map(|run| run.key.task()));
    }
    tasks.sort_unstable();
    tasks.dedup();
    let found = requested::statuses(ci, &tasks).await?;
    for facts in histories.iter_mut().flat_map(|history| &mut history.facts).filter(several) {
        for run in &mut facts.runs {
            let known = run.key.task().and_then(|task| found.get(&task));
            let known = known.and_then(|status| status.runs.iter().find(|r| r.key == run.key));
            run.seen = known.and_then(|known| known.seen);
        }
    }
    Ok(())
}

/// A job's runs on pushes, as they ended: one question of Treeherder, whatever the number of pushes.
pub(crate) async fn runs(ci: &Ci, pushes: &[Push], job: &JobName) -> Result<Vec<Vec<Run>>, Error> {
    let ids = treeherder_ids(ci, pushes).await?;
    let rows = ci.treeherder()?.jobs(&in_order(&ids), &JobFilter::Job(job.clone())).await;
    let mut each: Vec<Vec<Run>> = vec![Vec::new(); pushes.len()];
    for row in rows.map_err(reading_jobs)?.rows {
        if let Some(place) = ids.get(&row.push).filter(|_| row.job == *job) {
            each[*place].push(row.run);
        }
    }
    Ok(each)
}

/// The same job on other platforms: labels that are alike but for the platform, as some pushes have them.
pub(crate) async fn siblings(
    ci: &Ci,
    pushes: &[Push],
    job: &JobName,
) -> Result<Vec<JobName>, Error> {
    let Some(ours) = configuration(job.as_str()) else { return Ok(Vec::new()) };
    let ids = treeherder_ids(ci, pushes).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = ci.treeherder()?.jobs(&in_order(&ids), &JobFilter::All).await;
    let is_sibling = |other: &JobName| {
        other != job
            && configuration(other.as_str()).is_some_and(|(kind, rest)| (kind, rest) == ours)
    };
    let rows = rows.map_err(reading_jobs)?.rows;
    let found: BTreeSet<JobName> = rows.into_iter().map(|row| row.job).filter(is_sibling).collect();
    Ok(found.into_iter().collect())
}

/// Kind, and build type with suite, of a label that has a platform between them:
/// `test-linux2404-64/opt-xpcshell-3`.
fn configuration(label: &str) -> Option<(&str, &str)> {
    let (front, rest) = label.split_once('/')?;
    let (kind, _) = front.split_once('-')?;
    Some((kind, rest))
}

/// Whether a run of Treeherder's should be looked at in Taskcluster, which is ahead of it.
pub(crate) fn is_unresolved(run: &Run) -> bool {
    !run.state.is_final() || matches!(run.state, State::Unknown(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_kind_platform_and_the_rest() {
        let of = configuration;
        assert_eq!(of("test-linux2404-64/opt-xpcshell-3"), Some(("test", "opt-xpcshell-3")));
        assert_eq!(
            of("test-windows11-64-24h2/opt-xpcshell-3"),
            of("test-linux2404-64/opt-xpcshell-3")
        );
        assert_ne!(
            of("test-linux2404-64/debug-xpcshell-3"),
            of("test-linux2404-64/opt-xpcshell-3")
        );
        assert_ne!(of("build-linux64/opt"), of("test-linux64/opt"));
        assert_eq!(of("lint"), None);
    }
}
