//! A test or manifest over pushes, in whichever chunk ran it: on the same platform, build type and
//! variant, which a label has before its chunk's number.

use crate::backend::HistoryQuestion;
use std::collections::{BTreeSet, HashMap};

use mozci_clients::taskcluster::TaskDefinition;
use mozci_clients::treeherder::{JobFilter, Rows};
use mozci_core::chunks::{Deal, Narrow, chunk_for, stem};
use mozci_core::ids::{JobName, TaskId};
use mozci_core::run::{Run, Says};
use mozci_evidence::About;

use crate::backend::taskcluster::builds::build_of;
use crate::backend::taskcluster::history::{
    Read, group_rows, in_order, read_as_ended, reading_jobs, treeherder_ids,
};
use crate::backend::taskcluster::of_ci::OfTaskcluster;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::evidence::classify;
use crate::flow::evidence::given::{Given, manifests_for};
use crate::flow::history::JobHistory;
use crate::store::FactKind;

/// The definitions of tasks, as few requests as there are pages of those that are not known yet.
/// Tasks that the queue does not know any more are missing.
pub(crate) async fn definitions(
    ci: &Ci,
    tasks: impl IntoIterator<Item = TaskId>,
) -> Result<HashMap<TaskId, TaskDefinition>, Error> {
    let mut known = HashMap::new();
    let mut unknown = BTreeSet::new();
    for task in tasks {
        match ci.fact::<TaskDefinition>(FactKind::Task, &task.to_string()) {
            Some(definition) => {
                known.insert(task, definition);
            }
            None => {
                unknown.insert(task);
            }
        }
    }
    if !unknown.is_empty() {
        let unknown: Vec<TaskId> = unknown.into_iter().collect();
        let what = "cannot read what tasks were given to run";
        let found = ci.taskcluster()?.tasks(&unknown).await.map_err(Error::service(what))?;
        let whole = found.iter().filter(|(_, definition)| definition.is_whole());
        ci.keep(FactKind::Task, whole.map(|(task, d)| (task.to_string(), d.clone())));
        known.extend(found);
    }
    Ok(known)
}

/// What a task was given to run.
fn given(definition: &TaskDefinition) -> Given {
    Given { group: definition.group.clone(), manifests: definition.manifests.clone() }
}

/// What tasks were given to run, by task.
pub(crate) async fn given_to(ci: &Ci, tasks: Vec<TaskId>) -> Result<HashMap<TaskId, Given>, Error> {
    let definitions = definitions(ci, tasks).await?;
    Ok(definitions.iter().map(|(task, definition)| (*task, given(definition))).collect())
}

/// Reads a job's history for a test or manifest that may be in any of its suite's chunks. Judged by
/// it.
pub(crate) async fn read_job(
    ci: &Ci,
    question: HistoryQuestion<'_>,
    about: &About,
) -> Result<JobHistory, Error> {
    let HistoryQuestion { pushes, jobs, builds, .. } = question;
    let Some(job) = jobs.first() else {
        return Err(Error::Odd("a history was requested of no job".to_owned()));
    };
    let build = builds.and_then(|builds| builds.first());
    let alone = || async {
        let mut one = read_as_ended(ci, question, None).await?;
        let mut history =
            one.pop().ok_or_else(|| Error::Odd("no history came of a job".to_owned()))?;
        classify_history(ci, &mut history).await;
        Ok(history)
    };
    let Some(stem_of_job) = stem(job.as_str()) else { return alone().await };
    let ids = treeherder_ids(ci, pushes).await?;
    let list = in_order(&ids);
    let of_job = JobFilter::Job(job.clone());
    let own = ci.treeherder()?.jobs(&list, &of_job).await.map_err(reading_jobs)?;
    // One question for the platform's runs brings every chunk, those of backfills included, which
    // are shown under symbols of their own.
    let platform = own.rows.first().and_then(|row| row.platform.as_str().split('/').next());
    let filter = platform.map_or(JobFilter::All, |name| JobFilter::Platform(name.to_owned()));
    let (all, groups) = tokio::try_join!(
        async { ci.treeherder()?.jobs(&list, &filter).await.map_err(reading_jobs) },
        group_rows(ci, &ids),
    )?;
    let mut chunks: Vec<JobName> = vec![job.clone()];
    let mut of_chunks = vec![Rows { revisions: all.revisions, ..Rows::default() }];
    let rows = all.rows.into_iter();
    for row in rows.filter(|row| stem(row.job.as_str()) == Some(stem_of_job)) {
        let place = chunks.iter().position(|chunk| *chunk == row.job).unwrap_or_else(|| {
            chunks.push(row.job.clone());
            of_chunks.push(Rows::default());
            chunks.len() - 1
        });
        of_chunks[place].rows.push(row);
    }
    let Some(shown) = of_chunks.iter().find(|rows| !rows.rows.is_empty()) else {
        return alone().await;
    };
    let is_first = build.is_none();
    let build = match build {
        Some(build) => build.clone(),
        None => build_of(ci, &shown.rows).await?,
    };
    let builds = vec![build; chunks.len()];
    let read = Read { of_jobs: of_chunks, groups, others: None, is_first };
    let all = HistoryQuestion { jobs: &chunks, builds: Some(&builds), ..question };
    let histories = read_as_ended(ci, all, Some(read)).await?;
    join(ci, histories, about).await
}

async fn classify_history(ci: &Ci, history: &mut JobHistory) {
    let job = &history.job;
    let runs = history.facts.iter_mut().flat_map(|facts| &mut facts.runs);
    classify(ci, runs.map(|run| (job, run)).collect()).await;
}

/// Makes one history of the chunks', the first of which is the job that was named.
async fn join(ci: &Ci, histories: Vec<JobHistory>, about: &About) -> Result<JobHistory, Error> {
    let tasks = histories.iter().flat_map(|history| &history.facts).flat_map(|facts| &facts.runs);
    let tasks: BTreeSet<TaskId> = tasks.filter_map(|run| run.key.task()).collect();
    let definitions = definitions(ci, tasks).await?;
    let given: HashMap<TaskId, Given> =
        definitions.iter().map(|(task, definition)| (*task, given(definition))).collect();
    let manifests = manifests_for(about, given.values());
    let mut deals: Vec<Deal> = Vec::new();
    let mut symbols: HashMap<JobName, String> = HashMap::new();
    let Some(first) = histories.first() else {
        return Err(Error::Odd("no history came of a job's chunks".to_owned()));
    };
    let mut joined = first.clone();
    for facts in &mut joined.facts {
        facts.runs.clear();
    }
    for (number, history) in histories.iter().enumerate() {
        for (push, facts) in history.facts.iter().enumerate() {
            for run in &facts.runs {
                let definition = run.key.task().and_then(|task| definitions.get(&task));
                if let Some(symbol) = definition.and_then(|d| d.symbol.clone()) {
                    symbols.entry(history.job.clone()).or_insert(symbol);
                }
                let given = run.key.task().and_then(|task| given.get(&task));
                let has = given.and_then(|given| given.has(&manifests));
                if let Some(has) = has {
                    deals.push(Deal { push, job: history.job.clone(), has });
                }
                let ended = run.state.is_good() || run.state.is_bad();
                // Of one that does not tell, what it left tells.
                if has.unwrap_or(number == 0 || ended) {
                    joined.facts[push].runs.push(of_chunk(run, &history.job, number));
                }
            }
        }
    }
    classify_history(ci, &mut joined).await;
    by_what_ran(&mut joined, &mut deals);
    for (push, facts) in joined.facts.iter_mut().enumerate() {
        let chunk = chunk_for(push, &deals);
        let dealt = chunk.is_some();
        let chunk = chunk.unwrap_or(&joined.job).clone();
        if let Some(requested) = histories.iter().find(|history| history.job == chunk) {
            facts.requested = requested.facts[push].requested;
            facts.doubtful = requested.facts[push].doubtful;
        }
        let symbol = symbols.get(&chunk).cloned();
        let narrow = Narrow { manifests: manifests.iter().cloned().collect(), dealt, symbol };
        facts.chunk = (dealt || !narrow.manifests.is_empty()).then_some((chunk, narrow));
    }
    Ok(joined)
}

fn of_chunk(run: &Run, chunk: &JobName, number: usize) -> Run {
    let mut run = run.clone();
    if number > 0 {
        run.more.get_or_insert_default().chunk = Some(chunk.clone());
    }
    run
}

/// Of chunks that did not tell before what they would run, what they ran tells afterwards. The other
/// chunks' that ran something else are none of this history's.
fn by_what_ran(history: &mut JobHistory, deals: &mut Vec<Deal>) {
    for (push, facts) in history.facts.iter_mut().enumerate() {
        let chunk = |run: &Run| run.more.as_ref().and_then(|more| more.chunk.clone());
        for run in &facts.runs {
            let of = chunk(run).unwrap_or_else(|| history.job.clone());
            let known = deals.iter().any(|deal| deal.push == push && deal.job == of);
            if let (false, Some(proof)) = (known, run.proof()) {
                deals.push(Deal { push, job: of, has: proof.says != Says::NotRun });
            }
        }
        let elsewhere =
            |run: &Run| chunk(run).is_some() && run.proof().is_some_and(|p| p.says == Says::NotRun);
        facts.runs.retain(|run| !elsewhere(run));
        facts.runs.sort_unstable_by_key(|run| run.key);
    }
}
