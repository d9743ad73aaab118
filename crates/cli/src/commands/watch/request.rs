//! Following one request: a task, what an action makes, a build, or an asking of the ledger.

use std::sync::atomic::Ordering;

use mozci_core::ids::{JobName, RequestId};
use mozci_core::push::PushRef;
use mozci_core::revision::RevisionSpec;
use mozci_core::run_spec::RunSpec;
use mozci_engine::events::Ear;
use mozci_engine::flow::{Awaited, Outcome, find_run, resolve, wait};
use mozci_engine::store::{AskState, Ledger};
use mozci_engine::{Error, Kind};
use serde_json::json;

use super::view::json_line;
use crate::app::{Done, Interrupt};
use crate::context::Context;
use crate::failure;
use crate::show::{Out, show_outcome};
use crate::stats::Stats;

/// What a user typed, if it is a request: an asking of the ledger, else a run that there is.
pub(super) async fn find(context: &Context, text: &str) -> Result<Option<Vec<Awaited>>, Error> {
    let ci = &context.ci;
    let ledger = Ledger::open(&ci.place.state)?;
    if let Some(asking) = ledger.find(&ci.root_url, text)? {
        let AskState::Sent { request } = asking.state else {
            return Err(Error::NotFound(format!(
                "asking {text} was never sent, as far as anybody can tell: there is nothing to follow"
            )));
        };
        let revision: RevisionSpec = asking.revision.hash().parse().map_err(
            |error: mozci_core::revision::RevisionError| Error::Usage(error.to_string()),
        )?;
        let push = PushRef::from(&resolve(ci, &revision).await?);
        let by_action = !asking.hook.is_empty() && request.task().is_some();
        let awaited = asking.jobs.into_iter().map(|asked| Awaited {
            push: push.clone(),
            job: asked.job,
            times: asked.times,
            action: request,
            by_action,
        });
        return Ok(Some(awaited.collect()));
    }
    let Ok(spec) = text.parse::<RunSpec>() else { return Ok(None) };
    let found = find_run(ci, &spec).await?;
    let Some(revision) = &found.revision else {
        return Err(Error::NotFound(format!("on which push {text} ran is not known")));
    };
    let revision: RevisionSpec = revision
        .parse()
        .map_err(|error: mozci_core::revision::RevisionError| Error::Usage(error.to_string()))?;
    let push = PushRef::from(&resolve(ci, &revision).await?);
    let (job, action): (JobName, RequestId) = (found.job, found.run.key.request);
    Ok(Some(vec![Awaited { push, job, times: 1, action, by_action: false }]))
}

/// Follows a request to its end.
pub(super) async fn follow(
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
    awaited: Vec<Awaited>,
) -> Done {
    let ci = &context.ci;
    let mut ear = Ear::open(ci, &[]).await?;
    interrupt.acting.store(true, Ordering::Relaxed);
    let is_json = out.json;
    let mut failed = None;
    let mut on_change = |outcome: &Outcome| match is_json {
        true => failed = json_line(json!({"event": "state", "outcome": outcome})).err(),
        false => show_outcome(out, outcome, true),
    };
    let outcomes = wait(ci, &awaited, &mut ear, &interrupt.stop, &mut on_change).await?;
    interrupt.acting.store(false, Ordering::Relaxed);
    if let Some(error) = failed {
        return Err(error);
    }
    if is_json {
        let mut line = json!({"event": "end", "outcomes": outcomes});
        if let Some(costs) = stats.json(context)? {
            line["stats"] = costs;
        }
        json_line(line)?;
    }
    if interrupt.stop.load(Ordering::Relaxed) {
        return Ok(failure::status(Kind::Interrupted));
    }
    let is_bad = |outcome: &Outcome| outcome.runs.last().is_some_and(|run| run.is_bad());
    Ok(u8::from(context.global.exit_status && outcomes.iter().any(is_bad)))
}
