//! The histories of builders over pushes.

use std::collections::HashMap;

use mozci_clients::buildbot::BuildsOf;
use mozci_core::facts::{Build, Decision, Forced, Forcing, PushFacts};
use mozci_core::farm::{Request, is_build_absent};
use mozci_core::ids::{BuildId, JobName};
use mozci_core::plan::LeftOutReason;
use mozci_core::push::Push;
use mozci_core::run::Run;

use crate::backend::buildbot::farm::Farm;
use crate::backend::buildbot::rows::{Rows, read_rows};
use crate::backend::buildbot::ties::{Tie, ids_of, tie_of};
use crate::backend::buildbot::ways::Ways;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::build_of::BuildOf;
use crate::flow::history::JobHistory;
use crate::store::{Ledger, LedgerCursor, TriggerState};

/// Reads the histories of some builders over pushes, in the builders' order.
pub(crate) async fn read_jobs(
    ci: &Ci,
    farm: &Farm,
    ledger: Option<&Ledger>,
    pushes: &[Push],
    jobs: &[JobName],
    read_at: LedgerCursor,
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
    let ways = Ways::new(ci, farm, schedulers);
    let requested = Unseen::of(ci, ledger, pushes).await?;
    let mut histories = Vec::with_capacity(jobs.len());
    for job in jobs {
        let id = rows.builder(job.as_str()).map_or(0, |builder| builder.id);
        if let Some(repository) = rows.foreign(farm, id) {
            return Err(Error::Usage(format!(
                "{job} builds {repository}, and the pushes of {} are of another repository: `repository` in the config says of which",
                ci.repo
            )));
        }
        let tie = tie_of(farm, &rows, job);
        if let (Tie::OneOf(first, second), 1) = (&tie, jobs.len()) {
            let why = LeftOutReason::BuildAmbiguous(first.clone(), second.clone());
            return Err(Error::Usage(format!(
                "{job} {why}, as build_of = {{ {:?} = \"…\" }}",
                job.as_str()
            )));
        }
        let link = match &tie {
            Tie::Said(link) | Tie::Inferred(link) => Some(link),
            Tie::OneOf(..) | Tie::None | Tie::Unknown => None,
        };
        let own = by_push(rows.requests_of(id), pushes.len());
        let builds: Vec<(JobName, Vec<Vec<&Request>>)> = link
            .map_or(&[][..], |link| &link.builds)
            .iter()
            .map(|build| (rows.name(*build), by_push(rows.requests_of(*build), pushes.len())))
            .collect();
        let mut facts = Vec::with_capacity(pushes.len());
        let mut build_runs = vec![Vec::new(); pushes.len()];
        for (place, push) in pushes.iter().enumerate() {
            let mut runs = Vec::new();
            for request in &own[place] {
                let mut of_request = rows.runs_of(request);
                for (name, of_build) in &builds {
                    mark_absent(&rows, request, &mut of_request, &of_build[place], name);
                }
                runs.extend(of_request);
            }
            // A build that waits for what it triggers fails where that fails: that it was triggered
            // shows that the build got so far.
            let got_so_far = own[place].iter().any(|request| request.waited_for);
            let mut stand: Vec<(Build, Vec<Run>)> = builds
                .iter()
                .map(|(name, of_build)| {
                    let runs: Vec<Run> =
                        of_build[place].iter().flat_map(|r| rows.runs_of(r)).collect();
                    match got_so_far {
                        true => (Build::Ready(name.clone()), runs),
                        false => (Build::from_runs(name, &runs), runs),
                    }
                })
                .collect();
            let deciding = Build::deciding(stand.iter().map(|(build, _)| build.clone()).collect());
            let (build, name) = match (deciding, &tie) {
                (Some((which, build)), _) => {
                    build_runs[place] = std::mem::take(&mut stand[which].1);
                    (build, Some(&builds[which].0))
                }
                (None, Tie::OneOf(first, second)) => {
                    (Build::OneOf(first.clone(), second.clone()), None)
                }
                (None, Tie::Unknown) => (Build::NotKnown, None),
                (None, _) => (Build::NotNeeded, None),
            };
            let forced = Forced {
                job: ways.of(job.as_str(), push, newest_build(&runs)),
                build: match name {
                    Some(name) => ways.of(name.as_str(), push, None),
                    None => Forcing::Repeats { own: None },
                },
                starts: link.is_some_and(|link| link.starts),
            };
            let (unseen, doubtful) = requested.on(place, job);
            facts.push(PushFacts {
                push: push.clone(),
                runs,
                requested: unseen,
                doubtful,
                build,
                decision: Decision::Forced(forced),
                chunk: None,
            });
        }
        let mut names: Vec<JobName> = builds.into_iter().map(|(name, _)| name).collect();
        let build = match (names.len(), &tie) {
            (0, Tie::Unknown | Tie::OneOf(..)) => BuildOf::Unknown,
            (0, _) => BuildOf::Nothing,
            (1, _) => BuildOf::Job(names.remove(0)),
            _ => BuildOf::All(names),
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

/// Requests by the places of their pushes.
pub(crate) fn by_push<'a>(
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
pub(crate) fn mark_absent(
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

/// What the ledger has of trigger requests that no list shows: written down and not answered yet.
struct Unseen(HashMap<(usize, JobName), (u32, u32)>);

impl Unseen {
    async fn of(ci: &Ci, ledger: Option<&Ledger>, pushes: &[Push]) -> Result<Self, Error> {
        let mut unseen = Self(HashMap::new());
        let Some(ledger) = ledger else { return Ok(unseen) };
        for trigger in ledger.open_requests(&ci.root_url).await? {
            let open =
                matches!(trigger.state, TriggerState::Planned | TriggerState::Uncertain { .. });
            let place = pushes.iter().position(|push| push.revision == trigger.revision);
            let (Some(place), true) = (place, open) else { continue };
            for requested in &trigger.jobs {
                let entry = unseen.0.entry((place, requested.job.clone())).or_default();
                entry.0 += requested.times;
                if !trigger.is_in_hand() {
                    entry.1 += requested.times;
                }
            }
        }
        Ok(unseen)
    }

    fn on(&self, place: usize, job: &JobName) -> (u32, u32) {
        self.0.get(&(place, job.clone())).copied().unwrap_or_default()
    }
}
