//! What a watch reports, on the terminal and as JSON.

use std::io::Write;

use mozci_engine::Error;
use mozci_engine::drive::watch::WatchProgress;
use serde_json::{Value, json};

use super::live::Live;
use crate::acting::Terminal;
use crate::commands::bisect::summary;
use crate::failure;
use crate::show::{VERSION, json_text, plural, show_outcome, show_plan_summary};
use crate::status;

/// What is kept of a watch until it has ended.
#[derive(Debug, Default)]
pub(crate) struct WatchView(Option<Live>);

impl Terminal<'_> {
    /// Renders what happened in a watch.
    pub(crate) fn on_watch(&mut self, progress: WatchProgress<'_>) {
        let rendered = self.render_watch(progress);
        self.keep(rendered);
    }

    fn render_watch(&mut self, progress: WatchProgress<'_>) -> Result<(), Error> {
        let (context, out, live) = (self.context, &mut *self.out, &mut self.watch.0);
        match progress {
            WatchProgress::Begun { id } => context.talk(&format!(
                "investigation {id}: `mozci investigations resume {id}` goes on with it"
            )),
            WatchProgress::Opened { jobs, pushes, watching } => {
                *live = Some(Live::new(out, context, pushes, jobs));
                let told = watching.origin().map_or_else(
                    || format!("polled every {} s", context.ci.poll.as_secs_f32()),
                    |by| format!("notified by {}", by.words()),
                );
                context.talk(&format!(
                    "watching {} on {}, {told}; Ctrl-C ends it",
                    plural(jobs.len(), "job"),
                    plural(pushes.len(), "push")
                ));
            }
            WatchProgress::ManyOpened { watches, pushes, places } => context.talk(&format!(
                "{} on {}, {} in all; Ctrl-C leaves them for later",
                plural(watches, "watch"),
                plural(pushes, "push"),
                plural(places, "job")
            )),
            WatchProgress::Changed { watching, places } => {
                if let Some(live) = live {
                    live.show(watching, places, out)?;
                }
            }
            WatchProgress::Requested { plan, results } => {
                if let Some(live) = live {
                    live.requested(plan, results, out)?;
                }
            }
            WatchProgress::Planned { plan, used } => {
                show_plan_summary(out, plan, (used, context.ci.budgets.day));
            }
            WatchProgress::Refused(refusal) => {
                failure::report(&Error::Guard(refusal.clone()), context.sent());
                if let Some(live) = live {
                    live.note(&format!("refused: {refusal}"))?;
                }
            }
            WatchProgress::Retrying { error, seconds } => {
                context.talk(&format!("note: {error}; trying again in {seconds} s"));
            }
            WatchProgress::Failed(error) => {
                failure::report(error, context.sent());
            }
            WatchProgress::Ended { watching, interrupted, summary } => {
                out.keep_gist(summary);
                let costs = self.stats.json(context)?;
                if let Some(live) = live {
                    live.end(watching, (interrupted, summary), out, costs)?;
                }
            }
            WatchProgress::MemberEnded { id, question, summary } => match out.json {
                true => {
                    json_line(json!({"event": "ended", "investigation": id, "summary": summary}))?;
                }
                false => out.line(&format!("{id}  {}  {summary}", question.subject())),
            },
            WatchProgress::Stands(outcome) => match out.json {
                true => json_line(json!({"event": "state", "outcome": outcome}))?,
                false => show_outcome(out, outcome, true),
            },
            WatchProgress::Step { at, step } => match out.json {
                true => json_line(json!({"event": "step", "written": at, "step": step}))?,
                false => out.line(&summary(Some(step))),
            },
            WatchProgress::StepsEnded(state) => {
                if out.json {
                    json_line(json!({"event": "end", "state": state}))?;
                }
            }
        }
        Ok(())
    }
}

/// A JSON object on a line of its own, at once.
pub(crate) fn json_line(mut value: Value) -> Result<(), Error> {
    if let Value::Object(object) = &mut value {
        object.insert("version".into(), json!(VERSION));
        object.insert("at".into(), json!(chrono::Utc::now().timestamp()));
    }
    let line = json_text(&value).map_err(|error| Error::Odd(error.to_string()))?;
    let written = status::above(|| {
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{line}").and_then(|()| stdout.flush())
    });
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Err(Error::Interrupted),
        Err(error) => Err(Error::Odd(format!("the answer could not be written: {error}"))),
        Ok(()) => Ok(()),
    }
}
