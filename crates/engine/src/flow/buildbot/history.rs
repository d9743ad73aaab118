//! The histories of builders over pushes.

use std::collections::HashMap;

use mozci_clients::buildbot::BuildsOf;
use mozci_core::facts::{Build, Decision, Forced, Forcing, PushFacts};
use mozci_core::farm::{Hangs, Link, Request, hangs_on, is_build_absent};
use mozci_core::ids::{BuildId, JobName};
use mozci_core::nearest::nearest;
use mozci_core::push::Push;
use mozci_core::run::Run;

use super::rows::{Rows, read_rows};
use crate::ci::Ci;
use crate::error::Error;
use crate::farm::Farm;
use crate::flow::builds::BuildOf;
use crate::flow::history::JobHistory;
use crate::store::{AskState, Ledger, Mark};

/// Reads the histories of some builders over pushes, in the builders' order.
pub(crate) async fn read_jobs(
    ci: &Ci,
    farm: &Farm,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    jobs: &[JobName],
    read_at: Mark,
) -> Result<Vec<JobHistory>, Error> {
    let ids = ids_of(ci, farm, jobs).await?;
    // Where all is said that would be inferred, the other builders need not be read.
    let of = match &ids {
        Some(ids) => BuildsOf::Builders(ids),
        None => BuildsOf::All,
    };
    let rows = read_rows(ci, farm, pushes, of);
    let (rows, schedulers) = tokio::join!(rows, farm.schedulers());
    let (rows, schedulers) = (rows?, schedulers?);
    let forcing = |builder: &str, own: Option<BuildId>| {
        let covers = schedulers.iter().find(|scheduler| scheduler.covers(builder));
        match covers {
            Some(scheduler) => Forcing::Scheduler(scheduler.name.clone()),
            None => Forcing::Repeats { own },
        }
    };
    let asked = Unseen::of(ci, ledger, pushes)?;
    let mut histories = Vec::with_capacity(jobs.len());
    for job in jobs {
        let id = rows.builder(job.as_str()).map_or(0, |builder| builder.id);
        if let Some(repository) = rows.foreign(farm, id) {
            return Err(Error::Usage(format!(
                "{job} builds {repository}, and the pushes of {} are of another repository: `repository` in the config says of which",
                ci.repo
            )));
        }
        let tie = tie_of(farm, &rows, job)?;
        let link = match tie {
            Tie::Said(link) | Tie::Inferred(link) => Some(link),
            Tie::None | Tie::Unknown => None,
        };
        let own = by_push(rows.requests_of(id), pushes.len());
        let builds = link.map(|link| by_push(rows.requests_of(link.build), pushes.len()));
        let build_name = link.map(|link| rows.name(link.build));
        let mut facts = Vec::with_capacity(pushes.len());
        let mut build_runs = vec![Vec::new(); pushes.len()];
        for (place, push) in pushes.iter().enumerate() {
            let of_build = builds.as_ref().map_or(&[][..], |builds| &builds[place]);
            let mut runs = Vec::new();
            for request in &own[place] {
                let mut of_request = rows.runs_of(request);
                if let Some(name) = &build_name {
                    mark_absent(&rows, request, &mut of_request, of_build, name);
                }
                runs.extend(of_request);
            }
            build_runs[place] = of_build.iter().flat_map(|r| rows.runs_of(r)).collect();
            let build = match (&build_name, tie) {
                (Some(name), _) => Build::from_runs(name, &build_runs[place]),
                (None, Tie::Unknown) => Build::NotKnown,
                (None, _) => Build::NotNeeded,
            };
            let forced = Forced {
                job: forcing(job.as_str(), newest_build(&runs)),
                build: match &build_name {
                    Some(name) => forcing(name.as_str(), None),
                    None => Forcing::Repeats { own: None },
                },
                starts: link.is_some_and(|link| link.starts),
            };
            let (unseen, doubtful) = asked.on(place, job);
            facts.push(PushFacts {
                push: push.clone(),
                runs,
                asked: unseen,
                doubtful,
                build,
                decision: Decision::Forced(forced),
                chunk: None,
            });
        }
        let build = match (build_name, tie) {
            (Some(name), _) => BuildOf::Job(name),
            (None, Tie::Unknown) => BuildOf::Unknown,
            (None, _) => BuildOf::Nothing,
        };
        let inferred = matches!(tie, Tie::Inferred(_));
        histories.push(JobHistory {
            job: job.clone(),
            build,
            inferred,
            facts,
            build_runs,
            read_at,
        });
    }
    Ok(histories)
}

/// The ids of builders and what they hang on, where the configuration says all of it; checks the
/// names.
async fn ids_of(ci: &Ci, farm: &Farm, jobs: &[JobName]) -> Result<Option<Vec<u64>>, Error> {
    let builders = farm.builders().await?;
    let mut ids = Vec::new();
    let mut all_said = true;
    for job in jobs {
        let found = builders.iter().find(|builder| builder.name == job.as_str());
        ids.push(found.ok_or_else(|| unknown_builder(ci, farm, builders, job.as_str()))?.id);
        match farm.build_of.get(job.as_str()) {
            None => all_said = false,
            Some(name) if name.is_empty() => {}
            Some(name) => {
                let found = builders.iter().find(|builder| builder.name == *name);
                ids.push(found.ok_or_else(|| unknown_builder(ci, farm, builders, name))?.id);
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(all_said.then_some(ids))
}

/// What to say of a builder that is not there.
pub(super) fn unknown_builder(
    ci: &Ci,
    farm: &Farm,
    builders: &[mozci_clients::buildbot::Builder],
    name: &str,
) -> Error {
    let active = builders.iter().filter(|builder| builder.active);
    let meant = nearest(name, active.map(|builder| builder.name.as_str()), 3);
    let hint = match meant.as_slice() {
        [] => String::new(),
        names => format!("\n  did you mean  {}", names.join("\n                ")),
    };
    Error::NotFound(format!(
        "no builder of the master at {} is called {name:?}{hint}\n  the command `jobs --rev tip --include TEXT` lists those that ran on the branch {:?}",
        ci.root_url, farm.branch
    ))
}

/// How a builder is tied to its build.
#[derive(Debug, Clone, Copy)]
enum Tie {
    Said(Link),
    Inferred(Link),
    None,
    Unknown,
}

fn tie_of(farm: &Farm, rows: &Rows, job: &JobName) -> Result<Tie, Error> {
    let started = farm.started.iter().any(|name| name == job.as_str());
    if let Some(name) = farm.build_of.get(job.as_str()) {
        return Ok(match rows.builder(name) {
            _ if name.is_empty() => Tie::None,
            Some(builder) => Tie::Said(Link { build: builder.id, starts: started }),
            None => Tie::Unknown,
        });
    }
    let Some(builder) = rows.builder(job.as_str()) else { return Ok(Tie::Unknown) };
    Ok(match hangs_on(builder.id, &rows.ties(farm), &rows.requests, &rows.builds) {
        Hangs::On(link) => Tie::Inferred(Link { starts: link.starts || started, ..link }),
        Hangs::Nothing => Tie::None,
        Hangs::Unknown => Tie::Unknown,
        Hangs::OneOf(first, second) => {
            return Err(Error::Usage(format!(
                "{job} hangs on {} or on {}: the history does not tell which; say it with `build_of = {{ {:?} = \"…\" }}` for the repository in the config",
                rows.name(first),
                rows.name(second),
                job.as_str()
            )));
        }
    })
}

/// Requests by the places of their pushes.
pub(super) fn by_push<'a>(
    requests: impl Iterator<Item = (usize, &'a Request)>,
    pushes: usize,
) -> Vec<Vec<&'a Request>> {
    let mut by_push: Vec<Vec<&Request>> = vec![Vec::new(); pushes];
    for (place, request) in requests {
        by_push[place].push(request);
    }
    for list in &mut by_push {
        list.sort_unstable_by_key(|request| request.id);
    }
    by_push
}

/// Marks the runs of a request that was made though its build was coalesced away.
pub(super) fn mark_absent(
    rows: &Rows,
    request: &Request,
    runs: &mut [Run],
    build: &[&Request],
    name: &JobName,
) {
    let with_builds: Vec<_> = build.iter().map(|r| (*r, rows.builds_of(r.id))).collect();
    if !is_build_absent(request.submitted, &with_builds) {
        return;
    }
    for run in runs.iter_mut().filter(|run| run.more.as_ref().is_some_and(|m| m.build.is_some())) {
        if let Some(more) = &mut run.more {
            more.build_absent = Some(name.clone());
        }
    }
}

fn newest_build(runs: &[Run]) -> Option<BuildId> {
    runs.iter().filter_map(|run| run.more.as_ref()?.build).max()
}

/// What the ledger has of askings that no list shows: written down and not answered yet.
struct Unseen(HashMap<(usize, JobName), (u32, u32)>);

impl Unseen {
    fn of(ci: &Ci, ledger: Option<&Ledger>, pushes: &[Push]) -> Result<Self, Error> {
        let mut unseen = Self(HashMap::new());
        let Some(ledger) = ledger else { return Ok(unseen) };
        for asking in ledger.open_askings(&ci.root_url)? {
            let open = matches!(asking.state, AskState::Recorded | AskState::Uncertain { .. });
            let place = pushes.iter().position(|push| push.revision == asking.revision);
            let (Some(place), true) = (place, open) else { continue };
            for asked in &asking.jobs {
                let entry = unseen.0.entry((place, asked.job.clone())).or_default();
                entry.0 += asked.times;
                if !asking.is_in_hand() {
                    entry.1 += asked.times;
                }
            }
        }
        Ok(unseen)
    }

    fn on(&self, place: usize, job: &JobName) -> (u32, u32) {
        self.0.get(&(place, job.clone())).copied().unwrap_or_default()
    }
}
