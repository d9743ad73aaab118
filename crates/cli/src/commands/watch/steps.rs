//! Following an investigation that another process drives: its steps as they are written down.

use std::sync::atomic::Ordering;
use std::time::Duration;

use mozci_core::time::At;
use mozci_engine::flow::pause;
use mozci_engine::store::{Investigation, InvestigationState, Investigations};
use mozci_engine::{Error, Kind};
use serde_json::json;

use super::view::json_line;
use crate::app::{Done, Interrupt};
use crate::commands::bisect::summary;
use crate::context::Context;
use crate::failure;
use crate::show::Out;

/// How often the log is looked at, which is a file of this machine's.
const LOOK: Duration = Duration::from_millis(300);

/// Shows each step of an investigation until it has come to its end, or nobody drives it.
pub(super) async fn follow(
    store: &Investigations,
    found: &Investigation,
    context: &Context,
    out: &mut Out,
    interrupt: &Interrupt,
) -> Done {
    interrupt.acting.store(true, Ordering::Relaxed);
    let mut shown = 0;
    loop {
        // Asked before the steps are read: what is written after that is read the next time.
        let state = store.by_prefix(&found.id)?.first().map_or(found.state, |found| found.state);
        let driven = store.held(&found.id, At(chrono::Utc::now().timestamp()))?;
        let steps = store.steps(&found.id)?;
        for (at, step) in &steps[shown.min(steps.len())..] {
            match out.json {
                true => json_line(json!({"event": "step", "written": at, "step": step}))?,
                false => out.line(&summary(Some(step))),
            }
        }
        shown = steps.len();
        if state != InvestigationState::Open {
            if out.json {
                json_line(json!({"event": "end", "state": state}))?;
            }
            return Ok(0);
        }
        if driven.is_none() {
            return Err(Error::Odd(format!(
                "investigation {} is open, and no process drives it: `{} investigations resume {}` goes on with it",
                found.id,
                context.program(),
                found.id
            )));
        }
        if interrupt.stop.load(Ordering::Relaxed) {
            return Ok(failure::status(Kind::Interrupted));
        }
        pause(LOOK, &interrupt.stop).await;
    }
}
