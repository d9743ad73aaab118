//! Where a repository's pushes are read.

use std::sync::Arc;

use mozci_clients::hg::Pushlog;
use mozci_clients::treeherder::Treeherder;
use mozci_core::push::{Push, PushRef};
use mozci_core::range::RangeSpec;
use mozci_core::revision::RevisionSpec;
use mozci_evidence::About;

use super::git::GitPushes;
use super::{details, merges, range, resolve, summaries};
use crate::backend::buildapi::of_buildapi;
use crate::backend::buildbot::of_buildbot;
use crate::backend::{FoundRange, PushSource};
use crate::ci::Ci;
use crate::error::Error;
use crate::flow::{CulpritPush, Known, Merge};

/// Where a repository's pushes are read.
#[derive(Debug)]
pub enum Pushes {
    /// From its own pushlog.
    Hg(Pushlog),
    /// From Treeherder.
    Treeherder(Treeherder),
    /// From the Buildbot master's changes.
    Changes,
    /// From a Git repository.
    Git(GitPushes),
    /// From archived dumps of a BuildAPI's farm.
    Dumps,
    /// From a source of somebody's own.
    Own(Arc<dyn PushSource>),
}

impl Pushes {
    /// The push that is meant.
    pub(crate) async fn resolve(&self, ci: &Ci, spec: &RevisionSpec) -> Result<Push, Error> {
        match self {
            Self::Hg(pushlog) => resolve::in_pushlog(ci, pushlog, spec).await,
            Self::Treeherder(treeherder) => resolve::in_treeherder(ci, treeherder, spec).await,
            Self::Changes | Self::Git(_) => crate::backend::buildbot::resolve_named(ci, spec).await,
            Self::Dumps => crate::backend::buildapi::resolve(ci, of_buildapi(ci)?, spec).await,
            Self::Own(source) => source.resolve(ci, spec).await,
        }
    }

    /// The pushes of a range.
    pub(crate) async fn range(&self, ci: &Ci, spec: &RangeSpec) -> Result<FoundRange, Error> {
        match self {
            Self::Hg(pushlog) => range::in_pushlog(ci, pushlog, spec).await,
            Self::Treeherder(treeherder) => range::in_treeherder(ci, treeherder, spec).await,
            Self::Changes | Self::Git(_) => {
                crate::backend::buildbot::read_range(ci, of_buildbot(ci)?, spec).await
            }
            Self::Dumps => crate::backend::buildapi::read_range(ci, of_buildapi(ci)?, spec).await,
            Self::Own(source) => source.range(ci, spec).await,
        }
    }

    /// The commits of some pushes, as far as they are told.
    pub(crate) async fn commits(&self, ci: &Ci, pushes: Vec<Push>) -> Vec<CulpritPush> {
        match self {
            Self::Hg(pushlog) => details::culprit_pushes(ci, pushlog, pushes).await,
            Self::Own(source) => source.commits(ci, pushes).await,
            Self::Treeherder(_) | Self::Changes | Self::Git(_) | Self::Dumps => {
                pushes.into_iter().map(|push| CulpritPush { push, commits: Vec::new() }).collect()
            }
        }
    }

    /// The page that shows a push to people.
    pub(crate) fn page_of(&self, push: &PushRef) -> Option<String> {
        match self {
            Self::Hg(pushlog) => Some(pushlog.page_of(&push.revision)),
            Self::Treeherder(treeherder) => Some(treeherder.page_of(&push.revision)),
            Self::Changes | Self::Git(_) | Self::Dumps | Self::Own(_) => None,
        }
    }

    /// Fills in what the pushes' heads are about, where whoever told of the pushes did not tell that.
    pub(crate) async fn summarise(&self, ci: &Ci, pushes: &mut [Push]) {
        if let Self::Hg(pushlog) = self {
            summaries::from_pushlog(ci, pushlog, pushes).await;
        }
    }

    /// What is known of suspects beforehand, by their commits.
    pub(crate) async fn weigh(
        &self,
        ci: &Ci,
        suspects: &[Push],
        about: Option<&About>,
    ) -> Option<Known> {
        match self {
            Self::Hg(pushlog) => details::weigh(ci, pushlog, suspects, about).await,
            Self::Own(source) => source.weigh(ci, suspects, about).await,
            Self::Treeherder(_) | Self::Changes | Self::Git(_) | Self::Dumps => None,
        }
    }

    /// Which of some pushes are merges of another repository, and what they brought.
    pub(crate) async fn merges(&self, ci: &Ci, pushes: &[Push]) -> Result<Vec<Merge>, Error> {
        match self {
            Self::Hg(pushlog) => merges::merges(ci, pushlog, pushes).await,
            Self::Own(source) => source.merges(ci, pushes).await,
            Self::Treeherder(_) | Self::Changes | Self::Git(_) | Self::Dumps => {
                Err(Error::Usage(format!(
                    "merges can be followed where pushes are read from a Mercurial server (pushlog = \"hg\"), and those of {} are not",
                    ci.repo
                )))
            }
        }
    }
}
