//! `mozci cancel`

use clap_complete::engine::ArgValueCompleter;
use mozci_core::range::Reach;
use mozci_engine::flow::{Cancellable, TriggerResult, cancellable, read_range, send_requests};
use mozci_engine::{Error, Kind};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

use crate::acting::{ConfirmArgs, check, confirmed, ended_with, open_ledger, say_unsent};
use crate::app::{Done, Interrupt};
use crate::args::{FilterArgs, RangeArgs};
use crate::complete;
use crate::context::Context;
use crate::failure;
use crate::show::{Out, plural, show_left_out, show_result, top};
use crate::stats::Stats;

/// Arguments of `mozci cancel`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The jobs: their labels, or links to runs of them
    #[arg(value_name = "JOB", add = ArgValueCompleter::new(complete::jobs))]
    pub(crate) jobs: Vec<String>,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Every job
    #[arg(long, conflicts_with = "jobs")]
    all: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

/// Cancel waiting and running jobs on each push of a range. Without a range on the one push.
pub(crate) async fn run(
    mut args: Args,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    args.range.follow_links(context, &mut args.jobs).await?;
    let filter = args.filter.filter(&args.jobs);
    if !filter.is_given() && !args.all {
        return Err(Error::Usage(
            "name the jobs, give a filter (--include, --platform, …), or --all".into(),
        ));
    }
    check(context, &args.confirm)?;
    let mut ledger = open_ledger(context, out, stats, interrupt).await?;
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &args.range.spec(context, Reach::Single).await?).await?;
    let pushes: Vec<_> = range.thinned().cloned().collect();
    context.progress(&format!("reading the runs of {}", plural(pushes.len(), "push")));
    let read_at = ledger.cursor(&context.ci.root_url).await?;
    let found = cancellable(&context.ci, &ledger, &pushes, &filter).await?;
    if let Some(note) = &found.note {
        context.talk(&format!("note: {note}"));
    }
    if found.fits_nothing {
        context.talk(
            "note: no job that ran there matches these filters (a glob must match the whole name)",
        );
    }
    let (taken, pending) = (&found.runs, &found.actions);
    for Cancellable { push, job, run } in taken {
        out.line(&format!(
            "{:>13}  {}  {job}  {}  → cancel {}",
            push.id,
            push.revision.short(),
            run.state.word(),
            run.key.request
        ));
    }
    if !pending.is_empty() {
        context.talk(&format!(
            "note: {} on these pushes {} still at work and may create more runs: run this again when they have ended ({})",
            plural(pending.len(), "action task"),
            if pending.len() == 1 { "is" } else { "are" },
            pending.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ));
    }
    out.line(&match taken.len() {
        0 if !pending.is_empty() => "nothing to cancel yet".to_owned(),
        0 => "nothing to cancel".to_owned(),
        count => {
            let one = context.ci.backend().capabilities().request_noun;
            format!("{} of {}", plural(count, one), plural(pushes.len(), "push"))
        }
    });
    let mut results: Vec<TriggerResult> = Vec::new();
    let mut left_out = Vec::new();
    let acts = !taken.is_empty() && !args.confirm.dry_run;
    if acts && (args.confirm.yes || confirmed(out, "Cancel them?", &[]).await?) {
        interrupt.acting.store(true, Ordering::Relaxed);
        let prepared = found.requests(&context.ci);
        let mut on_result = |result: &TriggerResult| show_result(out, result, true);
        let (stop, ci) = (&interrupt.stop, &context.ci);
        (results, left_out) =
            send_requests(ci, &mut ledger, prepared, read_at, stop, &mut on_result).await?;
        interrupt.acting.store(false, Ordering::Relaxed);
        show_left_out(out, &left_out);
        say_unsent(&results);
    } else if !taken.is_empty() {
        out.line(if args.confirm.dry_run {
            "dry run: nothing was sent"
        } else {
            "nothing was sent"
        });
    }
    if out.json {
        let mut object = top("cancel", context);
        let requests: Vec<Value> = taken
            .iter()
            .map(|t| {
                let mut entry = json!(t.run.key.request);
                entry["push"] = json!(t.push);
                entry["job"] = json!(t.job);
                entry["state"] = json!(t.run.state);
                entry
            })
            .collect();
        object.insert("plan".into(), json!({"requests": requests, "left_out": left_out}));
        object.insert("pending_actions".into(), json!(pending));
        object.insert("results".into(), json!(results));
        if let Some(costs) = stats.json(context)? {
            object.insert("stats".into(), costs);
        }
        out.object(&Value::Object(object))?;
    }
    match ended_with(&results, interrupt) {
        // What is to come could not be cancelled: trying again may help.
        0 if !pending.is_empty() => Ok(failure::exit_status(Kind::Service)),
        status => Ok(status),
    }
}
