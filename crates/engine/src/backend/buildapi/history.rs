//! The histories of builders over pushes.

use std::collections::BTreeSet;

use mozci_core::era::{Build as Above, EraFarm, is_test};
use mozci_core::facts::{Build, Decision, Forced, Forcing, PushFacts};
use mozci_core::ids::{BuildRequestId, JobName};
use mozci_core::nearest::nearest;
use mozci_core::push::Push;
use mozci_core::run::{Run, State};

use crate::backend::buildapi::api::BuildApi;
use crate::backend::buildapi::requested::matched;
use crate::backend::buildapi::rows::{Rows, read_rows};
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::build_of::BuildOf;
use crate::flow::history::JobHistory;
use crate::store::{Ledger, LedgerCursor, TriggerRequest, TriggerState};

/// How long a request that was taken on may take to be listed, in seconds.
const SHOWS: i64 = 24 * 3600;

/// Reads the histories of some builders over pushes, in the builders' order.
pub(crate) async fn read_jobs(
    ci: &Ci,
    api: &BuildApi,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    jobs: &[JobName],
    read_at: LedgerCursor,
) -> Result<Vec<JobHistory>, Error> {
    let farm = api.farm().await?;
    let builds: Vec<BuildOf> = jobs.iter().map(|job| build_of(ci, farm, job)).collect();
    let mut wanted: BTreeSet<JobName> = jobs.iter().cloned().collect();
    wanted.extend(builds.iter().filter_map(|build| match build {
        BuildOf::Job(name) => Some(name.clone()),
        _ => None,
    }));
    let wanted: Vec<JobName> = wanted.into_iter().collect();
    let rows = read_rows(ci, api, pushes, Some(&wanted)).await?;
    if let (Some(why), Some(_)) = (&rows.incomplete, ledger) {
        // What nobody knows is not requested again.
        ci.note(format!("{why}: runs whose state is unknown count"));
    }
    for job in jobs {
        check_named(ci, api, farm, job, &rows)?;
    }
    let open = match ledger {
        Some(ledger) => {
            let mut open = ledger.requests_since(&ci.root_url, ci.now().plus(-SHOWS)).await?;
            open.extend(ledger.open_requests(&ci.root_url).await?);
            open.sort_by(|a, b| (a.created, a.id.as_str()).cmp(&(b.created, b.id.as_str())));
            open.dedup_by(|a, b| a.id == b.id);
            open
        }
        None => Vec::new(),
    };
    let mut histories = Vec::with_capacity(jobs.len());
    for (job, build) in jobs.iter().zip(builds) {
        let mut facts = Vec::with_capacity(pushes.len());
        let mut build_runs = Vec::with_capacity(pushes.len());
        for (place, push) in pushes.iter().enumerate() {
            let of = |name: &JobName| rows.of_push[place].get(name).cloned().unwrap_or_default();
            let runs = of(job);
            let built = match &build {
                BuildOf::Job(name) => of(name),
                _ => Vec::new(),
            };
            let above = match (&build, ledger) {
                (BuildOf::Job(name), ledger) => {
                    let files = rows.files.get(&(place, name.clone()));
                    let above = built_for(api, name, &built, files, ledger.is_some()).await?;
                    match (unseen(&open, push, name, &built), above) {
                        // One that was requested is on its way, whether it is listed yet or not.
                        ((1.., _), Build::Missing(name) | Build::Dead(name)) => {
                            Build::UnderWay(name)
                        }
                        (_, above) => above,
                    }
                }
                (BuildOf::Nothing, _) => Build::NotNeeded,
                (BuildOf::Unknown | BuildOf::All(_), _) => Build::NotKnown,
            };
            let (requested, doubtful) = unseen(&open, push, job, &runs);
            let files = match &build {
                BuildOf::Job(name) => {
                    rows.files.get(&(place, name.clone())).cloned().unwrap_or_default()
                }
                _ => Vec::new(),
            };
            let forced = Forced {
                job: forcing(api, &runs, files),
                build: forcing(api, &built, Vec::new()),
                starts: true,
            };
            facts.push(PushFacts {
                push: push.clone(),
                runs,
                requested,
                doubtful,
                build: above,
                decision: Decision::Forced(forced),
                chunk: None,
            });
            build_runs.push(built);
        }
        let job = job.clone();
        histories.push(JobHistory { job, build, inferred: false, facts, build_runs, read_at });
    }
    Ok(histories)
}

/// How a builder is requested on a push: a request that was carried out there is requested again.
fn forcing(api: &BuildApi, runs: &[Run], files: Vec<String>) -> Forcing {
    if api.self_serve.is_none() {
        return Forcing::Repeats { own: None };
    }
    let ran = |run: &&Run| !matches!(run.state, State::Coalesced | State::Pending);
    let again = runs.iter().rev().find(ran).and_then(|run| run.key.request.build_request());
    Forcing::SelfServe { again, files }
}

/// How the build stands that a test depends on. With its files there it is there, however it ended; a
/// finished one whose files are gone has to be made again.
async fn built_for(
    api: &BuildApi,
    name: &JobName,
    runs: &[Run],
    files: Option<&Vec<String>>,
    acts: bool,
) -> Result<Build, Error> {
    let as_told = match runs.iter().all(|run| matches!(run.state, State::Unknown(_))) {
        // What nobody knows is not on its way.
        true if !runs.is_empty() => return Ok(Build::NotKnown),
        _ => Build::from_runs(name, runs),
    };
    let (Build::Ready(_) | Build::Failed(_), true) = (&as_told, acts) else { return Ok(as_told) };
    match files {
        Some(files) if api.are_there(files).await? => Ok(Build::Ready(name.clone())),
        _ if matches!(as_told, Build::Failed(_)) => Ok(as_told),
        // One that is being made again is on its way, and how the newest ended is what counts.
        _ if runs.iter().any(|run| run.state.is_waiting()) => Ok(Build::UnderWay(name.clone())),
        _ => Ok(match runs.last().map(|run| &run.state) {
            Some(State::Unknown(_)) => Build::NotKnown,
            Some(state) if state.is_bad() => Build::Failed(name.clone()),
            _ => Build::Missing(name.clone()),
        }),
    }
}

/// What the ledger has of trigger requests that no list shows yet, and how much of it is unconfirmed.
fn unseen(open: &[TriggerRequest], push: &Push, job: &JobName, runs: &[Run]) -> (u32, u32) {
    let listed: BTreeSet<BuildRequestId> =
        runs.iter().filter_map(|run| run.key.request.build_request()).collect();
    let (mut requested, mut doubtful) = (0, 0);
    for (trigger, request) in matched(open, &push.revision, job, &listed) {
        if request.is_none() {
            let times: u32 =
                trigger.jobs.iter().filter(|one| one.job == *job).map(|one| one.times).sum();
            let sure = matches!(trigger.state, TriggerState::Sent { .. }) || trigger.is_in_hand();
            requested += times;
            doubtful += if sure { 0 } else { times };
        }
    }
    (requested, doubtful)
}

/// The build that a builder depends on, as far as allthethings.json tells.
pub(crate) fn build_of(ci: &Ci, farm: Option<&EraFarm>, job: &JobName) -> BuildOf {
    let Some(farm) = farm else {
        if is_test(job.as_str()) {
            ci.note(
                "it is not known which build a test depends on: set `allthethings` in the config",
            );
            return BuildOf::Unknown;
        }
        return BuildOf::Nothing;
    };
    let unknown = |why: String| {
        ci.note(format!("{job}: {why}, so that its build is not known"));
        BuildOf::Unknown
    };
    match farm.build_of(job.as_str()) {
        Above::Itself => BuildOf::Nothing,
        Above::Builder(build) => BuildOf::Job(JobName::new(build)),
        Above::NoScheduler => unknown("no scheduler of allthethings.json starts it".into()),
        Above::NoBuilder(trigger) => {
            unknown(format!("its scheduler is triggered by {trigger:?}, which no build is called"))
        }
        Above::Several(builds) => {
            unknown(format!("several builds may trigger it ({})", builds.join(", ")))
        }
    }
}

/// Refuses a builder that is not there, or not of this repository.
pub(crate) fn check_named(
    ci: &Ci,
    api: &BuildApi,
    farm: Option<&EraFarm>,
    job: &JobName,
    rows: &Rows,
) -> Result<(), Error> {
    if rows.of_push.iter().any(|of_push| of_push.contains_key(job)) {
        return Ok(());
    }
    let name = job.as_str();
    let known = farm.and_then(|farm| farm.builders().get(name));
    if known.is_some_and(|known| known.branch == api.branch) {
        return Ok(());
    }
    let named: Vec<&str> = api
        .branches
        .iter()
        .filter(|(_, branch)| match known {
            Some(known) => known.branch == **branch,
            None => name.contains(&format!(" {branch} ")),
        })
        .map(|(repo, _)| repo.as_str())
        .collect();
    match (known, named.as_slice()) {
        (_, [repo]) if *repo != ci.repo.as_str() => Err(Error::Usage(format!(
            "{name:?} is a builder of {repo}, and {} was asked about: give `--repo {repo}`",
            ci.repo
        ))),
        (None, [_, _, ..]) => Err(Error::Usage(format!(
            "{name:?} may be of {}: its name has the branches of all of them; none of them has run it on these pushes",
            named.join(" or of ")
        ))),
        (Some(known), []) => Err(Error::Usage(format!(
            "{name:?} is a builder of {}, which no repository in the config is",
            known.branch
        ))),
        _ => Err(unknown_builder(ci, api, farm, name, rows)),
    }
}

pub(crate) fn unknown_builder(
    ci: &Ci,
    api: &BuildApi,
    farm: Option<&EraFarm>,
    name: &str,
    rows: &Rows,
) -> Error {
    let ran: BTreeSet<&str> =
        rows.of_push.iter().flat_map(|of_push| of_push.keys().map(JobName::as_str)).collect();
    let told: BTreeSet<&str> =
        farm.map(|farm| farm.of_branch(&api.branch).collect()).unwrap_or_default();
    let meant = nearest(name, ran.union(&told).copied(), 3);
    let hint = match meant.as_slice() {
        [] => String::new(),
        names => format!("\n  did you mean  {}", names.join("\n                ")),
    };
    Error::NotFound(format!(
        "no builder of {} is called {name:?}, and none of that name ran on these pushes{hint}",
        ci.repo
    ))
}
