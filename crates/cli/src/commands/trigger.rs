//! `mozci trigger`

use mozci_core::backfill::Step;
use mozci_core::ids::JobName;
use mozci_core::plan::have_n;
use mozci_core::range::Reach;
use mozci_engine::flow::{JobHistory, read_job, read_range};
use serde_json::Value;

use crate::act::{Act, ActArgs, carry_out, check};
use crate::app::{Done, Interrupt};
use crate::context::Context;
use crate::doubts::open_ledger;
use crate::range_args::RangeArgs;
use crate::show::{Out, plural, show_steps, top};
use crate::stats::Stats;

/// Arguments of `mozci trigger`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The job: its label
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    #[command(flatten)]
    act: ActArgs,
}

/// Have N runs of a job on each push of a range. Without a range on the one push.
pub(crate) async fn run(
    args: Args,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    check(context, &args.act)?;
    let mut ledger = open_ledger(context).await?;
    let job = JobName::new(&args.job);
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &args.range.spec(Reach::Single)).await?;
    context.progress(&format!("reading the runs of {}", plural(range.pushes.len(), "push")));
    let history = read_job(&context.ci, Some(&ledger), &range.pushes, &job, None).await?;
    let kept = history.facts.iter().enumerate().map(|(i, facts)| (facts, range.keeps(i)));
    let plan = have_n(kept, &job, args.act.times, &history.past());
    let steps =
        |history: &JobHistory| -> Vec<Step> { history.facts.iter().map(Step::from).collect() };
    show_steps(out, &steps(&history), &plan);
    let act = Act { context, args: &args.act, plan: &plan, history: &history, interrupt };
    let acted = carry_out(&act, out, &mut ledger).await?;
    if let Some(after) = &acted.after {
        out.line("");
        let none = have_n([], &job, args.act.times, &after.past());
        show_steps(out, &steps(after), &none);
    }
    if out.json {
        let mut object = top("trigger", context);
        object.insert("job".into(), job.as_str().into());
        acted.json(&mut object, &plan);
        if let Some(costs) = stats.json(context)? {
            object.insert("stats".into(), costs);
        }
        out.object(&Value::Object(object))?;
    }
    Ok(acted.status)
}
