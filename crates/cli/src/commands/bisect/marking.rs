//! A mark in Treeherder on the culprit.

use mozci_engine::Error;
use mozci_engine::drive::search::Mark;
use mozci_engine::flow::can_mark;
use serde_json::{Value, json};

use crate::acting::say_unsent;
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

/// Says what became of a mark.
pub(super) fn show(out: &mut Out, mark: &Mark, context: &Context) {
    match mark {
        Mark::None => {}
        Mark::NotMade { why } => out.line(&format!("no mark was made: {why}")),
        Mark::Failed(error) => {
            failure::report(error, context.sent());
            out.line(&format!("no mark was made: {error}"));
        }
        Mark::There { push } => {
            out.line(&format!("push {push} has a mark for this job already"));
        }
        Mark::Requested(result) => {
            show_result(out, result, true);
            say_unsent(std::slice::from_ref(result));
        }
    }
}

/// What programs are told of a mark; none where there was nothing to mark.
pub(super) fn told(mark: &Mark) -> Option<Value> {
    match mark {
        Mark::None => None,
        Mark::NotMade { why } => Some(json!({"state": "not-made", "why": why})),
        Mark::Failed(error) => Some(json!({"state": "not-made", "why": error.to_string()})),
        Mark::There { .. } => Some(json!({"state": "there"})),
        Mark::Requested(result) => Some(json!(result)),
    }
}
