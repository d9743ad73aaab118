//! A mark in Treeherder on the culprit.

use mozci_core::bisect::Verdict;
use mozci_core::ids::JobName;
use mozci_engine::Error;
use mozci_engine::flow::{MarkOf, Marked, can_mark, mark};
use mozci_engine::store::Ledger;
use serde_json::{Value, json};

use super::assumed::assumed;
use super::drive::{Ended, Finished};
use super::shown::{names, verdict_line};
use crate::acting::{ConfirmArgs, confirmed, ended_with, say_unsent};
use crate::app::Interrupt;
use crate::context::Context;
use crate::failure;
use crate::show::{Out, show_result};

/// Refuses `--mark` where there can be no mark, before anything is read.
pub(crate) fn check(context: &Context, wanted: bool) -> Result<(), Error> {
    if !wanted || can_mark(&context.ci) {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "--mark puts a task into Treeherder, and the CI at {} has none: leave --mark out",
        context.ci.root_url
    )))
}

/// What became of a mark.
#[derive(Debug, Default)]
pub(super) struct Mark {
    /// What programs are told of it; null where there was nothing to mark.
    pub(super) told: Value,
    pub(super) status: u8,
}

impl Mark {
    pub(super) fn not_made(out: &mut Out, why: &str) -> Self {
        out.line(&format!("no mark was made: {why}"));
        Self { told: json!({"state": "not-made", "why": why}), status: 0 }
    }
}

/// Marks the culprit in Treeherder, where a search found one push. What goes wrong with the mark takes nothing from the
/// verdict.
pub(super) async fn mark_culprit(
    finished: &Finished<'_>,
    args: &ConfirmArgs,
    consented: bool,
    context: &Context,
    out: &mut Out,
    with: (&mut Ledger, &Interrupt),
) -> Mark {
    match try_to(finished, args, consented, context, out, with).await {
        Ok(mark) => mark,
        Err(error) => {
            let status = failure::report(&error, context.sent());
            Mark { status, ..Mark::not_made(out, &error.to_string()) }
        }
    }
}

async fn try_to(
    finished: &Finished<'_>,
    args: &ConfirmArgs,
    consented: bool,
    context: &Context,
    out: &mut Out,
    (ledger, interrupt): (&mut Ledger, &Interrupt),
) -> Result<Mark, Error> {
    let Ended::Verdict(Verdict::Culprit { first, .. }) = finished.ended else {
        return Ok(Mark::default());
    };
    let [culprit] = finished.culprits else {
        return Ok(Mark::not_made(out, "which one of several pushes broke it is not known"));
    };
    // A task of the culprit's own, else of the bad push, which has one in any case.
    let hunt = finished.case.hunt();
    let runs = [*first, hunt.suspects()].into_iter().filter_map(|number| hunt.push(number));
    let mut tasks = runs.flat_map(|facts| facts.runs.iter().filter_map(|run| run.key.task()));
    let Some(like) = tasks.next() else {
        return Ok(Mark::not_made(out, "no task is known that it could take as a pattern"));
    };
    if args.dry_run {
        return Ok(Mark::not_made(out, "a dry run"));
    }
    if !consented && !confirmed(out, "Mark that push in Treeherder?", &[]).await? {
        return Ok(Mark::not_made(out, "it was declined"));
    }
    let text = text(finished, context);
    let job = JobName::new(&finished.question.job);
    let of = MarkOf { push: &culprit.push, job: &job, text: &text, like };
    match mark(&context.ci, ledger, &of, &interrupt.stop).await? {
        Marked::There => {
            out.line(&format!("push {} has a mark for this job already", culprit.push.id));
            Ok(Mark { told: json!({"state": "there"}), status: 0 })
        }
        Marked::Asked(result) => {
            show_result(out, &result, true);
            let results = [*result];
            say_unsent(&results);
            let status = ended_with(&results, interrupt);
            let [result] = results;
            Ok(Mark { told: json!(result), status })
        }
    }
}

/// What the mark says, in Markdown.
fn text(finished: &Finished<'_>, context: &Context) -> String {
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
    if let Some(link) = failed.and_then(|run| context.ci.link(run.key.request)) {
        lines.push(format!("One of these runs: {link}"));
    }
    let assumed = assumed(finished);
    lines.extend(assumed.iter().map(|one| format!("- {}: {}", one.mark(), one.words)));
    lines.push("Found by mozci. This task does nothing: it only marks the push.".to_owned());
    lines.join("\n\n")
}
