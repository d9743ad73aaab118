//! A mark on the culprit where results are shown.

use mozci_core::bisect::Verdict;
use mozci_core::ids::{JobName, TaskId};

use crate::ci::Ci;
use crate::drive::progress::{Permission, Question};
use crate::drive::search::assumed::assumed;
use crate::drive::search::outcome::{Ended, Finished, names, verdict_line};
use crate::drive::session::Session;
use crate::error::Error;
use crate::flow::{MarkOf, Marked, TriggerResult, mark};

/// What became of a mark.
#[derive(Debug, Default)]
pub enum Mark {
    /// There was nothing to mark, or nobody wanted a mark.
    #[default]
    None,
    /// No mark was made.
    NotMade {
        /// Why.
        why: String,
    },
    /// It could not be made.
    Failed(Error),
    /// The push has a mark for this job already.
    There {
        /// The push.
        push: u64,
    },
    /// It was requested, or was not.
    Requested(Box<TriggerResult>),
}

impl Mark {
    pub(super) fn not_made(why: &str) -> Self {
        Self::NotMade { why: why.to_owned() }
    }
}

/// Marks the culprit, where a search found one push. What goes wrong with the mark takes nothing from the verdict.
pub(super) async fn mark_culprit(
    finished: &Finished<'_>,
    permission: Permission,
    session: &mut Session<'_>,
) -> Mark {
    try_to(finished, permission, session).await.unwrap_or_else(Mark::Failed)
}

async fn try_to(
    finished: &Finished<'_>,
    permission: Permission,
    session: &mut Session<'_>,
) -> Result<Mark, Error> {
    let Ended::Verdict(Verdict::Culprit { first, .. }) = finished.ended else {
        return Ok(Mark::None);
    };
    let [culprit] = finished.culprits else {
        return Ok(Mark::not_made("which one of several pushes broke it is not known"));
    };
    let Some(like) = pattern(finished, *first) else {
        return Ok(Mark::not_made("no task is known that it could take as a pattern"));
    };
    if permission.is_dry_run() {
        return Ok(Mark::not_made("a dry run"));
    }
    if !permission.is_given() && !session.host.confirm(Question::Mark).await? {
        return Ok(Mark::not_made("it was declined"));
    }
    let text = text(finished, session.ci);
    let job = JobName::new(&finished.question.job);
    let of = MarkOf { push: &culprit.push, job: &job, text: &text, like };
    Ok(match mark(session.ci, session.ledger, &of, session.cancel).await? {
        Marked::There => Mark::There { push: culprit.push.id.number() },
        Marked::Requested(result) => Mark::Requested(result),
    })
}

/// A task that the mark can take as a pattern: one of the culprit's own, else of the bad push, which has one in any
/// case.
fn pattern(finished: &Finished<'_>, culprit: usize) -> Option<TaskId> {
    let hunt = finished.case.hunt();
    let pushes = [culprit, hunt.suspects()].into_iter().filter_map(|number| hunt.push(number));
    pushes.flat_map(|facts| &facts.runs).find_map(|run| run.key.task())
}

/// What the mark says, in Markdown.
fn text(finished: &Finished<'_>, ci: &Ci) -> String {
    let Finished { case, question, .. } = finished;
    let mut lines = Vec::new();
    if let Ended::Verdict(verdict) = finished.ended {
        lines.push(format!("**{}**", verdict_line(verdict, &names(case))));
    }
    let bad = case.bad();
    lines.push(format!("`{}` failed on push {} ({}).", question.job, bad.id, bad.revision.hash()));
    let hunt = case.hunt();
    let failed = hunt.push(hunt.suspects());
    let failed = failed.and_then(|facts| facts.runs.iter().find(|run| run.is_bad()));
    if let Some(link) = failed.and_then(|run| ci.link(run.key.request)) {
        lines.push(format!("One of these runs: {link}"));
    }
    let assumed = assumed(finished);
    lines.extend(assumed.iter().map(|one| format!("- {}: {}", one.mark(), one.words)));
    lines.push("Found by mozci. This task does nothing: it only marks the push.".to_owned());
    lines.join("\n\n")
}
