//! Everything that a master has of the pushes of a range: a handful of lists, joined here.

use std::collections::{HashMap, HashSet};

use mozci_clients::buildbot::{Builder, BuildsOf, Set, Stamp};
use mozci_core::farm::{self, Build, Request, absorbers, runs_of};
use mozci_core::ids::{BuildId, BuildRequestId, JobName, Vcs};
use mozci_core::push::Push;
use mozci_core::run::Run;
use mozci_core::time::At;

use crate::backend::buildbot::farm::Farm;
use crate::backend::buildbot::pushes::{found_by, newest, stamp_of};
use crate::backend::pushes::Pushes;
use crate::ci::Ci;
use crate::error::Error;

/// The fewest digits by which a shortened revision is taken for a push's.
const DIGITS: usize = 7;

/// Builds without a revision that are requested the one they found.
const MOST_WITHOUT: usize = 400;

/// How long before the first push was seen requests for it are looked for: somebody may force a
/// revision before its change is told of.
const BEFORE: i64 = 600;

/// The lists of a range.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) builders: Vec<Builder>,
    pub(crate) sets: Vec<Set>,
    pub(crate) requests: Vec<Request>,
    pub(crate) builds: Vec<Build>,
    /// The place of the push that a request is of.
    pub(crate) push_of: HashMap<BuildRequestId, usize>,
    /// What was run in a coalesced request's place.
    pub(crate) into: HashMap<BuildRequestId, BuildRequestId>,
    builds_of: HashMap<BuildRequestId, Vec<usize>>,
    /// Builds that failed before they had their revision.
    no_source: HashSet<BuildId>,
}

/// Reads what a master has of some pushes, of all builders or of some.
pub(crate) async fn read_rows(
    ci: &Ci,
    farm: &Farm,
    pushes: &[Push],
    of: BuildsOf<'_>,
) -> Result<Rows, Error> {
    let master = farm.master().await?;
    let since = since(ci, pushes).await?.plus(-BEFORE);
    let unseen = "and what cannot be seen is not taken for missing";
    let what = |what: &str| Error::service(format!("cannot read the master's {what}, {unseen}"));
    let (builders, sets, requests) =
        tokio::join!(farm.builders(), master.sets_since(since), master.requests_since(since, of));
    let (sets, requests) =
        (sets.map_err(what("buildsets"))?, requests.map_err(what("build requests"))?);
    // Read after the requests: the build of one that has ended is sure to be there.
    let builds = master.builds_since(since, of).await.map_err(what("builds"))?;
    if sets.ignored || requests.ignored || builds.ignored {
        ci.note("the master ignores filters by time and sends extra rows, which are dropped here");
    }
    let mut rows = Rows {
        builders: builders?.to_vec(),
        sets: sets.rows,
        requests: requests.rows,
        builds: builds.rows,
        push_of: HashMap::new(),
        into: HashMap::new(),
        builds_of: HashMap::new(),
        no_source: HashSet::new(),
    };
    for (place, build) in rows.builds.iter().enumerate() {
        rows.builds_of.entry(build.request).or_default().push(place);
    }
    let built: HashSet<BuildRequestId> = rows.builds_of.keys().copied().collect();
    rows.into = absorbers(&rows.requests, &built);
    rows.place(ci, farm, pushes).await?;
    rows.no_source = crate::backend::buildbot::sources::without(ci, farm, &rows).await?;
    Ok(rows)
}

/// Commits before a range whose dates are looked at, too.
const ANCESTORS: usize = 20;

/// Since when a master may have been requested something of the pushes. A commit's date is its author's
/// clock's and may lie after its own builds; that of some commit before it is earlier.
async fn since(ci: &Ci, pushes: &[Push]) -> Result<At, Error> {
    let mut dates: Vec<At> = pushes.iter().map(|push| push.date).collect();
    let oldest = pushes.iter().min_by_key(|push| push.id);
    if let (Pushes::Git(source), Some(oldest)) = (&ci.pushes, oldest) {
        let before = source.git().await?.back_from(Some(oldest.revision.hash()), ANCESTORS).await?;
        dates.extend(before.iter().map(|push| push.date));
    }
    Ok(dates.into_iter().min().unwrap_or(At(0)))
}

impl Rows {
    /// Finds the push of each request.
    async fn place(&mut self, ci: &Ci, farm: &Farm, pushes: &[Push]) -> Result<(), Error> {
        let whole: HashMap<&str, usize> =
            pushes.iter().enumerate().map(|(i, push)| (push.revision.hash(), i)).collect();
        let by_revision = |revision: &str| match whole.get(revision) {
            Some(place) => Some(*place),
            None if farm.vcs != Vcs::Svn && (DIGITS..40).contains(&revision.len()) => {
                let fits = |push: &&Push| push.revision.hash().starts_with(revision);
                let mut fitting = pushes.iter().filter(fits);
                match (fitting.next(), fitting.next()) {
                    (Some(push), None) => whole.get(push.revision.hash()).copied(),
                    _ => None,
                }
            }
            None => None,
        };
        let mut of_set: HashMap<u64, usize> = HashMap::new();
        let mut without: HashSet<u64> = HashSet::new();
        for set in &self.sets {
            // Of several codebases, where nobody said which is ours, it is the one that is of a push.
            let of_a_push = || {
                let several = set.stamps.len() > 1 && farm.codebase().is_none();
                let mut stamps = set.stamps.iter().filter(|_| several);
                stamps.find(|stamp| is_ours(farm, stamp) && by_revision(&stamp.revision).is_some())
            };
            let stamp = of_a_push().or_else(|| stamp_of(farm, set));
            let Some(stamp) = stamp.filter(|stamp| is_ours(farm, stamp)) else { continue };
            if stamp.revision.is_empty() {
                without.insert(set.id);
            } else if let Some(place) = by_revision(&stamp.revision) {
                of_set.insert(set.id, place);
            }
        }
        // What was started on whatever was newest: only its builds tell what that was, and before there is
        // one that has its sources it is whatever is newest now.
        let mut requested: Vec<(BuildId, BuildRequestId)> = Vec::new();
        let mut waiting: Vec<BuildRequestId> = Vec::new();
        let at_work = self.builds.iter().filter(|build| build.complete.is_none());
        let open: HashSet<BuildId> = at_work.map(|build| build.id).collect();
        for request in &self.requests {
            match of_set.get(&request.set) {
                Some(place) => {
                    self.push_of.insert(request.id, *place);
                }
                None if without.contains(&request.set) => {
                    let last = self.builds_of.get(&request.id).and_then(|list| list.last());
                    match last.map(|place| &self.builds[*place]) {
                        Some(build) => requested.push((build.id, request.id)),
                        None if request.complete.is_none() => waiting.push(request.id),
                        None => {}
                    }
                }
                None => {}
            }
        }
        if requested.len() > MOST_WITHOUT {
            ci.note(format!(
                "{} builds were started without a revision; the revisions of the newest {MOST_WITHOUT} are read, the others are left out",
                requested.len()
            ));
            requested.sort_unstable_by_key(|(build, _)| std::cmp::Reverse(*build));
            requested.truncate(MOST_WITHOUT);
        }
        if !requested.is_empty() {
            let ids: Vec<BuildId> = requested.iter().map(|(build, _)| *build).collect();
            let what = "cannot read the revisions of builds that were started without one";
            let got = farm.master().await?.got_revisions(&ids).await;
            let got = got.map_err(Error::service(what))?;
            for (build, request) in requested {
                let revision = got.get(&build).and_then(|got| found_by(farm, got));
                match revision {
                    Some(revision) => {
                        self.push_of.extend(by_revision(&revision).map(|place| (request, place)));
                    }
                    None if open.contains(&build) => waiting.push(request),
                    None => {}
                }
            }
        }
        if !waiting.is_empty() {
            let newest = newest(ci, farm).await?;
            let place = newest.and_then(|push| whole.get(push.revision.hash()).copied());
            let each = waiting.into_iter().filter_map(|request| Some((request, place?)));
            self.push_of.extend(each);
        }
        Ok(())
    }

    /// Whether somebody requested a request by hand, us included.
    pub(crate) fn is_forced(&self, request: &Request) -> bool {
        self.sets.iter().find(|set| set.id == request.set).is_some_and(is_forced)
    }

    /// A request's builds.
    pub(crate) fn builds_of(&self, request: BuildRequestId) -> Vec<&Build> {
        let places = self.builds_of.get(&request).map_or(&[][..], Vec::as_slice);
        places.iter().map(|place| &self.builds[*place]).collect()
    }

    /// A request's runs.
    pub(crate) fn runs_of(&self, request: &Request) -> Vec<Run> {
        let into = self.into.get(&request.id).copied();
        let mut runs = runs_of(request, &self.builds_of(request.id), into);
        for more in runs.iter_mut().filter_map(|run| run.more.as_mut()) {
            more.no_source = more.build.is_some_and(|build| self.no_source.contains(&build));
        }
        runs
    }

    /// The requests of a builder that are of the pushes, each with its push's place.
    pub(crate) fn requests_of(&self, builder: u64) -> impl Iterator<Item = (usize, &Request)> {
        let own = self.requests.iter().filter(move |request| request.builder == builder);
        own.filter_map(|request| Some((*self.push_of.get(&request.id)?, request)))
    }

    /// The repository of the requests for a builder, where all of them are of another than the branch's.
    pub(crate) fn foreign(&self, farm: &Farm, builder: u64) -> Option<&str> {
        let sets: HashSet<u64> =
            self.requests.iter().filter(|r| r.builder == builder).map(|r| r.set).collect();
        let theirs = self.sets.iter().filter(|set| sets.contains(&set.id));
        let stamps: Vec<&Stamp> = theirs.flat_map(|set| &set.stamps).collect();
        let all = stamps.iter().all(|stamp| farm.lineage.is_foreign(stamp));
        stamps.first().filter(|_| all).map(|stamp| stamp.repository.as_str())
    }

    /// A builder by its name.
    pub(crate) fn builder(&self, name: &str) -> Option<&Builder> {
        self.builders.iter().find(|builder| builder.name == name)
    }

    /// A builder's name.
    pub(crate) fn name(&self, builder: u64) -> JobName {
        let found = self.builders.iter().find(|known| known.id == builder);
        found.map_or_else(|| JobName::new(format!("builder {builder}")), |b| JobName::new(&b.name))
    }

    /// The sets, as far as they tell what depends on what.
    pub(crate) fn ties(&self, farm: &Farm) -> Vec<farm::Set> {
        use farm::Results::{Success, Warnings};
        let tie = |set: &Set| {
            Some(farm::Set {
                id: set.id,
                stamp: stamp_of(farm, set)?.id,
                submitted: set.submitted,
                complete: set.complete,
                good: matches!(set.results, Some(Success | Warnings)),
                parent: set.parent,
                forced: is_forced(set),
            })
        };
        self.sets.iter().filter_map(tie).collect()
    }
}

/// Whether somebody started a set by hand: by Buildbot's own texts, and by what it repeats.
fn is_forced(set: &Set) -> bool {
    set.rebuilt.is_some() || set.reason.starts_with("A build was forced by ")
}

/// Whether a stamp is of the branch's own commits: not of one with a patch, and not of another
/// branch. Forced ones may leave the branch out.
fn is_ours(farm: &Farm, stamp: &Stamp) -> bool {
    let branch = stamp.branch.as_deref().unwrap_or("");
    !stamp.patched && (branch.is_empty() || branch == farm.branch)
}
