//! From whatever a user has at hand to a push.

use futures_util::future::join_all;
use mozci_clients::hg::{HgError, Pushlog};
use mozci_clients::treeherder::Treeherder;
use mozci_core::ids::{Revision, Vcs};
use mozci_core::push::Push;
use mozci_core::revision::RevisionSpec;

use crate::ci::{Ci, Named};
use crate::error::Error;
use crate::flow::resolve::called;

/// Pushes that are looked through for a hash that the server does not know as such.
const SEARCHED: u64 = 1000;

/// The push that is meant, where pushes are read from a Mercurial server.
pub(crate) async fn in_pushlog(
    ci: &Ci,
    pushlog: &Pushlog,
    spec: &RevisionSpec,
) -> Result<Push, Error> {
    match spec {
        RevisionSpec::Id(id) => {
            let page = pushlog.between(id.saturating_sub(1), *id).await?;
            let newest = page.last_push_id;
            let push = page.pushes.into_iter().find(|push| push.id.number() == *id);
            let hint = format!(" (the newest is {newest})");
            let push = push.ok_or_else(|| no_push(ci, *id, &hint))?;
            ci.observe(&push, newest)?;
            Ok(push)
        }
        RevisionSpec::Tip => {
            let (page, push) = pushlog.push_of("tip").await?;
            ci.observe(&push, page.last_push_id)?;
            Ok(push)
        }
        other => by_hash(ci, pushlog, &hash_of(ci, other).await?).await,
    }
}

/// The push that is meant, where pushes are read from Treeherder.
pub(crate) async fn in_treeherder(
    ci: &Ci,
    treeherder: &Treeherder,
    spec: &RevisionSpec,
) -> Result<Push, Error> {
    match spec {
        RevisionSpec::Id(id) => {
            let newest = treeherder.newest_pushes(1000).await.map_err(reading)?;
            let found = newest.into_iter().find(|push| push.id.0 == *id);
            let hint = " among the newest 1000 that Treeherder has";
            found.map(|push| push.push).ok_or_else(|| no_push(ci, *id, hint))
        }
        RevisionSpec::Tip => {
            let newest = treeherder.newest_pushes(1).await.map_err(reading)?;
            let push = newest.into_iter().next().map(|push| push.push);
            push.ok_or_else(|| Error::NotFound(format!("{} has no pushes", ci.repo)))
        }
        other => {
            let hash = &*hash_of(ci, other).await?;
            let found = by_hash_in_treeherder(ci, treeherder, hash).await;
            let Err(Error::NotFound(_)) = &found else { return found };
            let Named::Here(named) = ci.named(hash).await? else { return found };
            let push = by_hash_in_treeherder(ci, treeherder, named.hash()).await;
            push.map_err(|error| called(hash, &named, error))
        }
    }
}

/// The hash that somebody means.
async fn hash_of(ci: &Ci, spec: &RevisionSpec) -> Result<String, Error> {
    match spec {
        RevisionSpec::Build { .. } => Err(Error::Usage(format!(
            "the link leads to a Buildbot's build, and {} is none: name the CI with --ci",
            ci.root_url
        ))),
        RevisionSpec::Task { task, .. } => ci.backend().revision_of(ci, *task).await,
        RevisionSpec::InRepo { repo, hash, .. } => {
            if *repo != ci.project && *repo != ci.repo.as_str() {
                return Err(Error::Usage(format!(
                    "the link leads to {repo}, and the command is for {}: give `--repo {repo}`",
                    ci.repo
                )));
            }
            Ok(hash.clone())
        }
        RevisionSpec::Hash(hash) => Ok(hash.clone()),
        RevisionSpec::Tip => Ok("tip".to_owned()),
        RevisionSpec::Id(id) => Ok(id.to_string()),
    }
}

fn no_push(ci: &Ci, id: u64, hint: &str) -> Error {
    Error::NotFound(format!(
        "{} has no push {id}{hint}; a hash of digits alone needs 12 of them, or `rev:{id}`",
        ci.repo
    ))
}

fn reading(source: mozci_clients::http::HttpError) -> Error {
    Error::service("cannot read Treeherder's pushes")(source)
}

async fn by_hash(ci: &Ci, pushlog: &Pushlog, hash: &str) -> Result<Push, Error> {
    match pushlog.push_of(hash).await {
        Ok((page, push)) => {
            ci.observe(&push, page.last_push_id)?;
            means_one(ci, pushlog, hash, &push, page.last_push_id).await?;
            Ok(push)
        }
        Err(HgError::UnknownRevision { .. }) => {
            let push = match ci.named(hash).await? {
                Named::Here(named) => by_name(ci, pushlog, hash, &named).await?,
                // What a clone expanded is meant as a whole.
                Named::Elsewhere(whole) => search(ci, pushlog, whole.hash()).await?,
                Named::Nowhere => search(ci, pushlog, hash).await?,
            };
            if hash.len() < TELLING {
                no_other(ci, pushlog, hash, &push).await?;
            }
            Ok(push)
        }
        Err(error) => Err(error.into()),
    }
}

/// The push of a commit by the name that it has in Mercurial.
async fn by_name(ci: &Ci, pushlog: &Pushlog, hash: &str, named: &Revision) -> Result<Push, Error> {
    match pushlog.push_of(named.hash()).await {
        Ok((page, push)) => {
            ci.observe(&push, page.last_push_id)?;
            Ok(push)
        }
        Err(HgError::UnknownRevision { .. }) => {
            let found = search(ci, pushlog, named.hash()).await;
            found.map_err(|error| called(hash, named, error))
        }
        Err(error) => Err(error.into()),
    }
}

/// Digits from which on a hash means one commit, whatever the system: of a million commits two hardly
/// begin with as many that are the same.
const TELLING: usize = 10;

/// Checks that no other push has a commit that begins so, of those that are looked through: a server
/// takes a short hash that several begin with for one that it does not know.
async fn no_other(ci: &Ci, pushlog: &Pushlog, hash: &str, push: &Push) -> Result<(), Error> {
    let (page, _) = pushlog.push_of("tip").await?;
    let newest = page.last_push_id;
    let known = ci.pushes_by_id(pushlog, newest.saturating_sub(SEARCHED), newest).await?;
    if let Some(other) = known.iter().find(|other| other.id != push.id && begins(other, hash)) {
        return Err(Error::NotFound(format!(
            "{hash} means two things: commits of push {} and of push {} of {} begin so; give more digits",
            push.id, other.id, ci.repo
        )));
    }
    ci.note(format!(
        "no commit of Mercurial's alone begins with {hash}: it was looked for among the newest {SEARCHED} pushes, and older ones may have another; {TELLING} digits are sure"
    ));
    Ok(())
}

/// Whether a commit of a push is called so, in either system.
fn begins(push: &Push, hash: &str) -> bool {
    push.revision.hash().starts_with(hash)
        || push.changesets.iter().any(|c| {
            c.revision.hash().starts_with(hash)
                || c.git.as_ref().is_some_and(|git| git.hash().starts_with(hash))
        })
}

/// Checks that a short hash of Mercurial's is not also the beginning of a commit of Git's on another
/// push: by the local clone, and by the names that the newest pushes have there.
async fn means_one(
    ci: &Ci,
    pushlog: &Pushlog,
    hash: &str,
    push: &Push,
    newest: u64,
) -> Result<(), Error> {
    if hash.len() >= TELLING || hash == "tip" {
        return Ok(());
    }
    let ambiguous = |git: &str, other: String| {
        Error::NotFound(format!(
            "{hash} means two things: {} of Mercurial's, which is push {} of {}, and {git} of Git's, which is {other}; give more digits",
            push.changesets
                .iter()
                .find(|c| c.revision.hash().starts_with(hash))
                .map_or(push.revision.short(), |c| c.revision.short()),
            push.id,
            ci.repo
        ))
    };
    let is_ours = |git: &str| {
        push.changesets.iter().any(|c| c.git.as_ref().is_some_and(|name| name.hash() == git))
    };
    let known = ci.pushes_by_id(pushlog, newest.saturating_sub(SEARCHED), newest).await?;
    for other in &known {
        let names = other.changesets.iter().filter_map(|c| c.git.as_ref());
        if let Some(git) = names.map(Revision::hash).find(|git| git.starts_with(hash))
            && other.id != push.id
        {
            return Err(ambiguous(&git[..12], format!("push {}", other.id)));
        }
    }
    let cloned = ci.expanded(hash).await?.filter(|found| found.vcs() == Vcs::Git);
    let Some(git) = cloned.filter(|git| !is_ours(git.hash())) else { return Ok(()) };
    let here = ci.translated(&git).await;
    match here {
        Some(here) if push.changesets.iter().any(|c| c.revision == here) => Ok(()),
        Some(here) => Err(ambiguous(git.short(), format!("{} in Mercurial", here.short()))),
        None => Err(ambiguous(git.short(), "known to the clone only".to_owned())),
    }
}

async fn by_hash_in_treeherder(
    ci: &Ci,
    treeherder: &Treeherder,
    hash: &str,
) -> Result<Push, Error> {
    // Treeherder compares whole hashes, or exactly the first twelve digits of a tip.
    if matches!(hash.len(), 12 | 40)
        && let Some(found) = treeherder.push_of(hash).await.map_err(reading)?
    {
        return Ok(found.push);
    }
    let newest = treeherder.newest_pushes(1000).await.map_err(reading)?;
    let known: Vec<Push> = newest.into_iter().map(|push| push.push).collect();
    pick(ci, hash, &known)?.cloned().ok_or_else(|| {
        Error::NotFound(format!(
            "{} has no revision {hash} among the newest {} pushes that Treeherder has",
            ci.repo,
            known.len()
        ))
    })
}

/// A hash that Mercurial does not know: one of Git's, or one too short to be told apart, or one of
/// another repository.
async fn search(ci: &Ci, pushlog: &Pushlog, hash: &str) -> Result<Push, Error> {
    let (page, tip) = pushlog.push_of("tip").await?;
    ci.observe(&tip, page.last_push_id)?;
    let newest = page.last_push_id;
    let oldest = newest.saturating_sub(SEARCHED);
    let mut known = ci.pushes_by_id(pushlog, oldest, newest).await?;
    if let Some(push) = pick(ci, hash, &known)? {
        return Ok(push.clone());
    }
    if known.iter().any(|push| push.changesets.iter().any(|c| c.git.is_none())) {
        known = ci.fresh_pushes(pushlog, oldest, newest).await?;
        if let Some(push) = pick(ci, hash, &known)? {
            return Ok(push.clone());
        }
    }
    let elsewhere = join_all(ci.others.iter().map(|(name, other)| async move {
        other.push_of(hash).await.ok().map(|(_, push)| format!("push {} of {name}", push.id))
    }));
    let found: Vec<String> = elsewhere.await.into_iter().flatten().collect();
    let text = format!("{} has no revision {hash}", ci.repo);
    Err(Error::NotFound(if found.is_empty() {
        format!(
            "{text}, neither Mercurial's nor, in its newest {} pushes, Git's; check the hash and `--repo`",
            known.len()
        )
    } else {
        format!("{text}; it is {}: give that `--repo`", found.join(" and "))
    }))
}

/// The one push with a changeset whose name in either system begins so.
fn pick<'a>(ci: &Ci, hash: &str, known: &'a [Push]) -> Result<Option<&'a Push>, Error> {
    let found: Vec<&Push> = known.iter().filter(|push| begins(push, hash)).collect();
    match found.as_slice() {
        [] => Ok(None),
        [push] => Ok(Some(push)),
        many => {
            let list: Vec<String> = many
                .iter()
                .take(10)
                .map(|push| format!("  push {}  {}", push.id, push.revision.short()))
                .collect();
            Err(Error::NotFound(format!(
                "{hash} fits {} pushes of {}; give more digits:\n{}{}",
                many.len(),
                ci.repo,
                list.join("\n"),
                if many.len() > 10 { "\n  … and more" } else { "" }
            )))
        }
    }
}
