//! `mozci cancel`

use mozci_core::filter::JobFilter;
use mozci_core::ids::{JobName, RequestId, TaskId};
use mozci_core::push::{Push, PushRef};
use mozci_core::range::Reach;
use mozci_core::run::Run;
use mozci_engine::ci::Ci;
use mozci_engine::flow::{
    AtWork, MOST_GROUPS, Matrix, Prepared, ReadyAsk, TriggerResult, ask, at_work, read_matrix,
    read_range,
};
use mozci_engine::store::RequestedJob;
use mozci_engine::{Error, Kind};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::atomic::Ordering;

use crate::acting::{ConfirmArgs, check, confirmed, ended_with, open_ledger, say_unsent};
use crate::app::{Done, Interrupt};
use crate::args::{FilterArgs, RangeArgs};
use crate::context::Context;
use crate::failure;
use crate::show::{Out, plural, show_left_out, show_result, top};
use crate::stats::Stats;

/// Arguments of `mozci cancel`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The jobs: their labels, or links to runs of them
    #[arg(value_name = "JOB")]
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

/// What is taken back.
struct Taken {
    push: PushRef,
    job: JobName,
    run: Run,
}

/// Cancel what waits or runs of some jobs on each push of a range. Without a range on the one push.
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
            "nothing says which jobs: name them, give a filter (--include, --platform, …), or --all".into(),
        ));
    }
    check(context, &args.confirm)?;
    let mut ledger = open_ledger(context, out, stats, interrupt).await?;
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &args.range.spec(Reach::Single)).await?;
    let pushes: Vec<_> = range.thinned().cloned().collect();
    context.progress(&format!("reading the runs of {}", plural(pushes.len(), "push")));
    let read_at = ledger.cursor(&context.ci.root_url).await?;
    let matrix = shown(context, &pushes, &filter).await?;
    if matrix.jobs.is_empty() && filter.is_given() && filter.jobs.is_empty() {
        context.talk("note: no job that ran there is meant by these filters (a glob has to fit the whole name)");
    }
    let mut taken: Vec<Taken> = Vec::new();
    for (row, push) in matrix.rows.iter().zip(&pushes) {
        for (job, run) in row.iter().filter(|(_, run)| run.state.is_waiting()) {
            let (job, platform) = &matrix.jobs[*job as usize];
            // Without its decision task a push would have nothing at all.
            let is_group = context.ci.backend().is_group_platform(platform.as_str());
            if is_group && !filter.jobs.contains(job) {
                continue;
            }
            taken.push(Taken { push: PushRef::from(push), job: job.clone(), run: run.clone() });
        }
    }
    let known: HashSet<TaskId> =
        matrix.rows.iter().flatten().filter_map(|(_, run)| run.key.task()).collect();
    let AtWork { runs, actions: pending } =
        at_work(&context.ci, &ledger, &pushes, &filter, &known).await?;
    for (place, job, run) in runs {
        taken.push(Taken { push: PushRef::from(&pushes[place]), job, run });
    }
    taken.sort_by_key(|taken| std::cmp::Reverse(taken.push.id));
    for Taken { push, job, run } in &taken {
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
            "note: {} on these pushes {} still at work and may make more runs: run this again when they have ended ({})",
            plural(pending.len(), "action task"),
            if pending.len() == 1 { "is" } else { "are" },
            pending.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ));
    }
    out.line(&match taken.len() {
        0 if !pending.is_empty() => "nothing waits or runs yet".to_owned(),
        0 => "nothing waits or runs: nothing to cancel".to_owned(),
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
        let prepared = Prepared {
            asks: taken.iter().filter_map(|taken| ready(&context.ci, taken)).collect(),
            ..Prepared::default()
        };
        let mut on_result = |result: &TriggerResult| show_result(out, result, true);
        let (stop, ci) = (&interrupt.stop, &context.ci);
        (results, left_out) = ask(ci, &mut ledger, prepared, read_at, stop, &mut on_result).await?;
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
        0 if !pending.is_empty() => Ok(failure::status(Kind::Service)),
        status => Ok(status),
    }
}

/// What the CI shows of the pushes. Where Treeherder cannot be read the pushes' task groups, which are read
/// besides, have to do.
async fn shown(context: &Context, pushes: &[Push], filter: &JobFilter) -> Result<Matrix, Error> {
    match read_matrix(&context.ci, pushes, filter).await {
        // Nothing is shown at all: the groups know better.
        Ok(Matrix { incomplete: Some(why), jobs, rows, behind })
            if jobs.is_empty() && pushes.len() <= MOST_GROUPS =>
        {
            context.talk(&format!("note: {why}"));
            Ok(Matrix { jobs, rows, behind, incomplete: None })
        }
        Ok(matrix) => matrix.whole(),
        Err(error)
            if error.kind() == Kind::Service
                && context.ci.backend().capabilities().graphs
                && pushes.len() <= MOST_GROUPS =>
        {
            context.talk(&format!("note: {error}: the pushes' task groups alone are looked at"));
            Ok(Matrix { jobs: vec![], rows: vec![], behind: None, incomplete: None })
        }
        Err(error) => Err(error),
    }
}

/// What takes a run back, where something does.
fn ready(ci: &Ci, taken: &Taken) -> Option<ReadyAsk> {
    let Taken { push, job, run } = taken;
    let why = format!("it is {}", run.state.word());
    Some(ReadyAsk {
        push: push.clone(),
        jobs: vec![RequestedJob { job: job.clone(), times: 0, why }],
        group: match run.key.request {
            RequestId::Task(task) => task.to_string(),
            RequestId::BuildRequest(_) | RequestId::SelfServe(_) => job.to_string(),
        },
        sends: ci.backend().cancels(run)?,
    })
}
