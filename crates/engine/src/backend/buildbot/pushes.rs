//! Pushes on a Buildbot farm: the master's changes, or a branch's commits.

use std::collections::{BTreeSet, HashSet};

use mozci_clients::buildbot::{Change, Got, Set};
use mozci_core::farm::Build;
use mozci_core::ids::{ChangeId, PushId, Revision, Vcs};
use mozci_core::push::{Changeset, Push};
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;

use crate::backend::FoundRange;
use crate::backend::buildbot::farm::Farm;
use crate::backend::buildbot::on_branch::keep_ancestors;
use crate::backend::pushes::Pushes;
use crate::backend::pushes::git::GitPushes;
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::range::{MOST, empty, reversed, too_long};

/// Changes that are looked through for the reach of a range, a page of them.
const PAGE: usize = 500;

/// Changes of one range at the most.
const MOST_CHANGES: usize = 4 * MOST;

/// Finds the push that is meant.
pub(crate) async fn resolve(ci: &Ci, farm: &Farm, spec: &RevisionSpec) -> Result<Push, Error> {
    let reading = || Error::service("cannot read the master's changes");
    if let RevisionSpec::Build { .. } = spec {
        let (revision, build) = push_of_build(ci, farm, spec).await?;
        let what = format!("build {} is of the revision {revision}, which", build.id);
        let found = by_hash(ci, farm, &revision).await;
        return found.map_err(|error| match error {
            Error::NotFound(text) => Error::NotFound(format!("{what} is not known: {text}")),
            other => other,
        });
    }
    if let RevisionSpec::Hash(hash) | RevisionSpec::InRepo { hash, .. } = spec {
        return by_hash(ci, farm, hash).await;
    }
    if let Pushes::Git(source) = &ci.pushes {
        let git = source.git().await?;
        let newest = git.back_from(None, 1).await?.into_iter().next();
        let newest = newest.ok_or_else(|| Error::NotFound(format!("{} is empty", ci.repo)))?;
        return match spec {
            RevisionSpec::Id(id) => {
                let back = newest.id.number().checked_sub(*id);
                let back = back.and_then(|back| usize::try_from(back).ok());
                let found = match back {
                    Some(back) => git.back_from(None, back + 1).await?.pop(),
                    None => None,
                };
                let found = found.filter(|push| push.id.number() == *id);
                found.ok_or_else(|| no_push(ci, *id, newest.id.number()))
            }
            _ => Ok(newest),
        };
    }
    let master = farm.master().await?;
    match spec {
        RevisionSpec::Id(id) => {
            let near = master.newest_changes(&farm.branch, Some(id.saturating_add(1)), 1).await;
            let near = near.map_err(reading())?.into_iter().next();
            match near.filter(|change| change.id == *id) {
                // Another change may have told of the same revision before.
                Some(change) => by_hash(ci, farm, &change.stamp.revision).await,
                None => {
                    let newest = master.newest_changes(&farm.branch, None, 1).await;
                    let newest = newest.map_err(reading())?.first().map_or(0, |change| change.id);
                    Err(no_push(ci, *id, newest))
                }
            }
        }
        RevisionSpec::Task { .. } => Err(Error::Usage(format!(
            "{} is a Buildbot master, which has no tasks: give a revision, or a build's URL",
            ci.root_url
        ))),
        _ => newest(ci, farm).await?.ok_or_else(|| without_changes(ci, farm)),
    }
}

/// The newest push of the branch, where it has any.
pub(crate) async fn newest(ci: &Ci, farm: &Farm) -> Result<Option<Push>, Error> {
    match &ci.pushes {
        Pushes::Git(source) => Ok(source.git().await?.back_from(None, 1).await?.into_iter().next()),
        _ => Ok(back(ci, farm, None, 1).await?.0.into_iter().next()),
    }
}

fn no_push(ci: &Ci, id: u64, newest: u64) -> Error {
    Error::NotFound(format!(
        "{} has no push {id} (the newest is {newest}); a hash of digits alone needs 12 of them, or `rev:{id}`",
        ci.repo
    ))
}

fn without_changes(ci: &Ci, farm: &Farm) -> Error {
    Error::NotFound(format!(
        "the master at {} knows no change of the branch {:?}: name another with `branch` in the config, or, where it has no change source, give the repository pushlog = \"git\" with `url`",
        ci.root_url, farm.branch
    ))
}

async fn by_hash(ci: &Ci, farm: &Farm, hash: &str) -> Result<Push, Error> {
    if let Pushes::Git(source) = &ci.pushes {
        let git = source.git().await?;
        let found = git.resolve(hash).await?;
        let found = git.back_from(Some(&found), 1).await?.into_iter().next();
        return found.ok_or_else(|| Error::NotFound(format!("{} has no {hash}", ci.repo)));
    }
    let found = farm.master().await?.changes_of(&farm.branch, hash).await;
    let mut found = found.map_err(Error::service("cannot read the master's changes"))?;
    let numbers = farm.vcs == Vcs::Svn;
    let fits = |revision: &str| if numbers { revision == hash } else { revision.starts_with(hash) };
    found.retain(|change| fits(&change.stamp.revision));
    let mut pushes = pushes_of(ci, farm, &found).await?;
    match pushes.len() {
        1 => Ok(pushes.remove(0)),
        0 => Err(Error::NotFound(format!(
            "the master at {} never saw a change of the revision {hash} on the branch {:?}; check the hash and `--repo`",
            ci.root_url, farm.branch
        ))),
        many => {
            let list: Vec<String> = pushes
                .iter()
                .take(10)
                .map(|push| format!("  push {}  {}", push.id, push.revision.short()))
                .collect();
            let repo = &ci.repo;
            let text = format!("{hash} fits {many} pushes of {repo}; give more digits:");
            Err(Error::NotFound(format!("{text}\n{}", list.join("\n"))))
        }
    }
}

/// The revision that a build was of, by its URL.
async fn push_of_build(
    ci: &Ci,
    farm: &Farm,
    spec: &RevisionSpec,
) -> Result<(String, Build), Error> {
    let RevisionSpec::Build { which, .. } = spec else {
        return Err(Error::Usage(format!("{spec} is not a build")));
    };
    let master = farm.master().await?;
    let reading = || Error::service(format!("cannot read {spec}"));
    let (build, _) = master.build(which).await.map_err(reading())?;
    let requests = master.requests(&[build.request]).await.map_err(reading())?;
    let set = match requests.first() {
        Some(request) => master.set(request.set).await.map_err(reading())?,
        None => return Err(Error::NotFound(format!("{spec} has no build request any more"))),
    };
    let revision = stamp_of(farm, &set).map(|stamp| stamp.revision.clone());
    let revision = match revision.filter(|revision| !revision.is_empty()) {
        Some(revision) => revision,
        // It was forced on whatever was newest.
        None => {
            let mut got = master.got_revisions(&[build.id]).await.map_err(reading())?;
            let got = got.remove(&build.id).and_then(|got| found_by(farm, &got));
            got.ok_or_else(|| {
                Error::NotFound(format!(
                    "{spec} does not say of which revision it is; name the push by its revision (at {})",
                    ci.root_url
                ))
            })?
        }
    };
    Ok((revision, build))
}

/// The whole revision that a build found of our codebase.
pub(crate) fn found_by(farm: &Farm, got: &Got) -> Option<String> {
    let own = match (farm.codebase(), got.len()) {
        // Without codebases there is one revision, under no name.
        (Some(codebase), _) => got.get(&codebase).or_else(|| got.get("")),
        (None, 1) => got.values().next(),
        // Of several nobody can tell which is ours.
        (None, _) => None,
    };
    own.filter(|revision| Revision::new(farm.vcs, revision).is_ok()).cloned()
}

/// The stamp of a set that is of our codebase.
pub(crate) fn stamp_of<'a>(
    farm: &Farm,
    set: &'a Set,
) -> Option<&'a mozci_clients::buildbot::Stamp> {
    match (farm.codebase(), set.stamps.as_slice()) {
        (Some(codebase), stamps) => stamps.iter().find(|stamp| stamp.codebase == codebase),
        (None, [one]) => Some(one),
        // Of several the one whose branch is ours.
        (None, stamps) => stamps.iter().find(|s| s.branch.as_deref() == Some(farm.branch.as_str())),
    }
}

/// Reads the pushes of a range, newest first, with the place of its origin and whether the branch
/// begins there.
pub(crate) async fn read_range(
    ci: &Ci,
    farm: &Farm,
    spec: &RangeSpec,
) -> Result<FoundRange, Error> {
    if let Pushes::Git(source) = &ci.pushes {
        return in_git(ci, farm, source, spec).await;
    }
    // The newest pushes in one question.
    if let (RevisionSpec::Tip, Reach::Back(count)) = (&spec.rev, &spec.reach) {
        let (pushes, at_start) = back(ci, farm, None, *count as usize + 1).await?;
        if pushes.is_empty() {
            return Err(without_changes(ci, farm));
        }
        return Ok((pushes, 0, at_start));
    }
    let rev = resolve(ci, farm, &spec.rev).await?;
    let below = Some(rev.id.number() + 1);
    match &spec.reach {
        Reach::Single => Ok((vec![rev], 0, false)),
        Reach::Back(count) => {
            let (pushes, at_start) = back(ci, farm, below, *count as usize + 1).await?;
            Ok((pushes, 0, at_start))
        }
        Reach::Delta(count) => {
            let (older, at_start) = back(ci, farm, below, *count as usize + 1).await?;
            // Changes have no question for what comes next: all that is newer is read.
            let newer = back_to(ci, farm, None, |change| change.id > rev.id.number()).await?;
            let newer: Vec<Push> = newer.into_iter().filter(|push| push.id > rev.id).collect();
            let skip = newer.len().saturating_sub(*count as usize);
            let mut pushes: Vec<Push> = newer.into_iter().skip(skip).collect();
            let origin = pushes.len();
            pushes.extend(older);
            Ok((pushes, origin, at_start))
        }
        Reach::From(from) => {
            let from = resolve(ci, farm, from).await?;
            if from.id > rev.id {
                return Err(reversed(&from, &rev));
            }
            let first = from.id.number();
            let pushes = back_to(ci, farm, below, |change| change.id >= first).await?;
            Ok((pushes, 0, false))
        }
        Reach::Since(since) => {
            // What landed since then was seen by the master since then.
            let seen = |change: &Change| change.stamp.created.unwrap_or(change.when) >= *since;
            let pushes = back_to(ci, farm, below, seen).await?;
            if pushes.is_empty() {
                return Err(empty(ci, &rev));
            }
            Ok((pushes, 0, false))
        }
    }
}

async fn in_git(
    ci: &Ci,
    farm: &Farm,
    source: &GitPushes,
    spec: &RangeSpec,
) -> Result<FoundRange, Error> {
    let git = source.git().await?;
    let rev = resolve(ci, farm, &spec.rev).await?;
    let from_rev = Some(rev.revision.hash());
    let (pushes, origin) = match &spec.reach {
        Reach::Single => (vec![rev], 0),
        Reach::Back(count) => {
            check_length(*count as usize)?;
            (git.back_from(from_rev, *count as usize + 1).await?, 0)
        }
        Reach::Delta(count) => {
            check_length(2 * *count as usize)?;
            let newer = git.after(rev.revision.hash()).await?;
            let skip = newer.len().saturating_sub(*count as usize);
            let mut pushes: Vec<Push> = newer.into_iter().skip(skip).collect();
            let origin = pushes.len();
            pushes.extend(git.back_from(from_rev, *count as usize + 1).await?);
            (pushes, origin)
        }
        Reach::From(from) => {
            let from = resolve(ci, farm, from).await?;
            let Some(back) = rev.id.number().checked_sub(from.id.number()) else {
                return Err(reversed(&from, &rev));
            };
            let back = usize::try_from(back).unwrap_or(usize::MAX);
            check_length(back)?;
            (git.back_from(from_rev, back + 1).await?, 0)
        }
        Reach::Since(since) => {
            let all = git.back_from(from_rev, MOST).await?;
            let pushes: Vec<Push> = all.into_iter().take_while(|p| p.date >= *since).collect();
            if pushes.is_empty() {
                return Err(empty(ci, &rev));
            }
            (pushes, 0)
        }
    };
    let at_start = pushes.last().is_some_and(|push| push.id.number() == 1);
    Ok((pushes, origin, at_start))
}

fn check_length(pushes: usize) -> Result<(), Error> {
    if pushes >= MOST { Err(too_long(pushes)) } else { Ok(()) }
}

/// So many pushes below a change's number, newest first, and whether there are no more.
async fn back(
    ci: &Ci,
    farm: &Farm,
    mut below: Option<u64>,
    count: usize,
) -> Result<(Vec<Push>, bool), Error> {
    check_length(count)?;
    let mut changes: Vec<Change> = Vec::new();
    loop {
        // One revision may have come as several changes; one in ten is allowed for.
        let page = count + count / 10 + 1;
        let found = page_of(farm, below, page).await?;
        let ends = found.len() < page;
        below = found.last().map(|change| change.id);
        changes.extend(found);
        let mut pushes = pushes_of(ci, farm, &changes).await?;
        // The oldest one may go on in the next page under a smaller number.
        if ends || pushes.len() > count {
            let at_start = ends && pushes.len() <= count;
            pushes.truncate(count);
            return Ok((pushes, at_start));
        }
        if changes.len() > MOST_CHANGES {
            return Err(too_long(changes.len()));
        }
    }
}

/// The pushes below a change's number for as long as their changes are wanted, newest first.
async fn back_to(
    ci: &Ci,
    farm: &Farm,
    mut below: Option<u64>,
    wanted: impl Fn(&Change) -> bool,
) -> Result<Vec<Push>, Error> {
    let mut changes: Vec<Change> = Vec::new();
    loop {
        let found = page_of(farm, below, PAGE).await?;
        let ends = found.len() < PAGE || found.iter().any(|change| !wanted(change));
        below = found.last().map(|change| change.id);
        changes.extend(found.into_iter().filter(&wanted));
        if ends {
            return pushes_of(ci, farm, &changes).await;
        }
        if changes.len() > MOST_CHANGES {
            return Err(too_long(changes.len()));
        }
    }
}

async fn page_of(farm: &Farm, below: Option<u64>, count: usize) -> Result<Vec<Change>, Error> {
    let master = farm.master().await?;
    let found = master.newest_changes(&farm.branch, below, count).await;
    let found = found.map_err(Error::service("cannot read the master's changes"))?;
    let below = below.unwrap_or(u64::MAX);
    match found.iter().all(|change| change.id < below && change.stamp.branch.is_some()) {
        true => Ok(found),
        false => Err(Error::Odd(format!(
            "the master at {} returns other changes than requested: it ignores a filter",
            master.base()
        ))),
    }
}

/// Pushes from changes, newest first: several of one revision are one push, under the first one's
/// number.
async fn pushes_of(ci: &Ci, farm: &Farm, changes: &[Change]) -> Result<Vec<Push>, Error> {
    let mut changes = farm.lineage.allowed(changes);
    let codebases: BTreeSet<&str> =
        changes.iter().map(|change| change.stamp.codebase.as_str()).collect();
    farm.saw_codebases(&codebases)?;
    if let Some(several) = farm.lineage.narrow(&mut changes) {
        ci.note(format!(
            "the changes of the branch {:?} are of several sources: {several}; `project` or `repository` in the config says which",
            farm.branch
        ));
    }
    keep_ancestors(ci, farm, &mut changes).await;
    let mut seen: HashSet<&str> = HashSet::new();
    let mut unfit = 0;
    let mut pushes: Vec<Push> = Vec::new();
    changes.sort_unstable_by_key(|change| change.id);
    let numbered =
        changes.iter().all(|change| Revision::new(Vcs::Svn, &change.stamp.revision).is_ok());
    for change in changes {
        let Ok(revision) = Revision::new(farm.vcs, &change.stamp.revision) else {
            unfit += 1;
            continue;
        };
        if !seen.insert(&change.stamp.revision) {
            continue;
        }
        pushes.push(Push {
            id: PushId::Change(ChangeId(change.id)),
            changesets: vec![Changeset { revision: revision.clone(), git: None }],
            revision,
            git: None,
            author: author(&change.author),
            date: change.stamp.created.unwrap_or(change.when),
            summary: change.summary.clone(),
        });
    }
    if unfit > 0 && pushes.is_empty() && farm.vcs != Vcs::Svn && numbered {
        ci.note("the changes have numbers for revisions, as Subversion has them: `vcs = \"svn\"` for the repository in the config reads them");
    } else if unfit > 0 {
        ci.note(format!("{unfit} changes without a whole hash of 40 digits are left out"));
    }
    pushes.reverse();
    Ok(pushes)
}

/// Who is meant, by the address where there is one.
fn author(text: &str) -> String {
    let address = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    address.map_or(text, |(address, _)| address).to_owned()
}
