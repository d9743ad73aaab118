//! RANGE on a command line.

use std::num::NonZeroU32;

use clap::ArgGroup;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_core::revision_name::RevisionName;
use mozci_core::time::At;
use mozci_engine::Error;
use mozci_engine::flow::spelled;

use super::when::date;
use crate::context::Context;

/// Which pushes are asked about: a revision and how far around it.
#[derive(Debug, Clone, clap::Args)]
#[command(group = ArgGroup::new("reach").args(["from_rev", "back_revisions", "delta", "since"]))]
pub(crate) struct RangeArgs {
    /// A push: `tip`, `tip~3`, a hash of Mercurial's or Git's (short or full), a push id, a task id,
    /// `HEAD` or a branch of a local clone, or a URL of Treeherder, Taskcluster or a Buildbot build [default: tip; the push of a JOB that is given as a link]
    #[arg(long, value_name = "REV")]
    pub(crate) rev: Option<RevisionName>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
}

/// How far around the revision.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Range")]
pub(crate) struct ReachArgs {
    /// Back to this push, which is included
    #[arg(long, value_name = "REV")]
    from_rev: Option<RevisionName>,
    /// The push and the N before it
    #[arg(long, value_name = "N")]
    back_revisions: Option<u32>,
    /// The N pushes before it and the N after it
    #[arg(long, value_name = "N")]
    delta: Option<u32>,
    /// Every push since: `yesterday`, `2d`, `3 hours ago`, YYYY-MM-DD, or YYYY-MM-DDTHH:MM (UTC)
    #[arg(long, value_name = "DATE", value_parser = date)]
    since: Option<At>,
    /// Only every K-th push, counted from REV; both ends are kept
    #[arg(long, alias = "skips", value_name = "K", default_value = "1", value_parser = every)]
    pub(crate) every: NonZeroU32,
}

impl ReachArgs {
    /// What was requested; `otherwise` where nothing was.
    ///
    /// # Errors
    /// Those of looking up the push that the range goes back to.
    pub(crate) async fn reach(&self, context: &Context, otherwise: Reach) -> Result<Reach, Error> {
        Ok(match (&self.from_rev, self.back_revisions, self.delta, self.since) {
            (Some(from), ..) => Reach::From(spelled(&context.ci, from).await?),
            (_, Some(count), ..) => Reach::Back(count),
            (_, _, Some(count), _) => Reach::Delta(count),
            (.., Some(since)) => Reach::Since(since),
            _ => otherwise,
        })
    }

    /// Whether any of them was given.
    pub(crate) fn is_given(&self) -> bool {
        let counts = self.back_revisions.is_some() || self.delta.is_some();
        counts || self.from_rev.is_some() || self.since.is_some()
    }

    /// Whether pushes after the revision are asked about.
    pub(crate) fn looks_ahead(&self) -> bool {
        self.delta.is_some()
    }
}

impl RangeArgs {
    /// The range; `otherwise` is how far it goes where nothing is said.
    ///
    /// # Errors
    /// Those of looking up its pushes.
    pub(crate) async fn spec(
        &self,
        context: &Context,
        otherwise: Reach,
    ) -> Result<RangeSpec, Error> {
        let rev = match &self.rev {
            Some(rev) => spelled(&context.ci, rev).await?,
            None => RevisionSpec::Tip,
        };
        let reach = self.reach.reach(context, otherwise).await?;
        Ok(RangeSpec { rev, reach, every: self.reach.every })
    }

    /// The repository that the revision's link names.
    pub(crate) fn named_repo(&self) -> Option<String> {
        self.rev.as_ref().and_then(named_repo)
    }
}

/// The repository that a revision's link names.
pub(crate) fn named_repo(rev: &RevisionName) -> Option<String> {
    match rev {
        RevisionName::Spec(
            RevisionSpec::InRepo { repo, .. } | RevisionSpec::Task { repo: Some(repo), .. },
        ) => Some(repo.clone()),
        _ => None,
    }
}

fn every(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number of pushes: give 1 or more"))
}
