//! `mozci fill`

use clap_complete::engine::ArgValueCompleter;
use mozci_core::again::{Again, again};
use mozci_core::plan::Wish;
use mozci_core::revision_name::RevisionName;
use mozci_engine::drive::plan_all;
use mozci_engine::flow::{Chosen, JobHistory, chosen, read_jobs, resolve, spelled};

use crate::acting::{ActArgs, MultiJob, begin, open_ledger, send_for_jobs};
use crate::app::{Done, Interrupt};
use crate::args::{FilterArgs, SubjectArgs, expand, labels_of};
use crate::complete;
use crate::context::Context;
use crate::show::Out;
use crate::stats::Stats;

/// Arguments of `mozci fill`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only these jobs: their labels, or links to runs of them
    #[arg(value_name = "JOB", add = ArgValueCompleter::new(complete::jobs))]
    pub(crate) jobs: Vec<String>,
    /// The push: `tip`, a hash, a push id, a task id or a URL
    #[arg(long, value_name = "REV")]
    pub(crate) rev: RevisionName,
    #[command(flatten)]
    filter: FilterArgs,
    /// Leave out jobs whose build was never made, instead of having it made
    #[arg(long, help_heading = "Requesting jobs")]
    built: bool,
    #[command(flatten)]
    act: ActArgs,
    #[command(flatten)]
    subject: SubjectArgs,
}

/// Request every job of a push that is missing or only coalesced: of those that were chosen for the
/// push or, with a filter, of everything that can run there.
pub(crate) async fn run(
    mut args: Args,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    labels_of(context, &mut args.jobs, true).await?;
    expand(context, Some(&args.rev), &mut args.jobs).await?;
    begin(context, &args.act)?;
    let mut ledger = open_ledger(context, out, stats, interrupt).await?;
    args.subject.apply(context, out).await?;
    context.progress("reading the push and its task graph");
    let push = resolve(&context.ci, &spelled(&context.ci, &args.rev).await?).await?;
    let filter = args.filter.filter(&args.jobs);
    let Chosen { jobs, builds } = chosen(&context.ci, &push, &filter).await?;
    context.progress("reading the push's runs");
    let pushes = [push];
    let histories = read_jobs(&context.ci, Some(&ledger), &pushes, &jobs, Some(&builds)).await?;
    let wish = Wish { times: 1, only_built: args.built };
    let wanted = |history: &JobHistory| {
        again(&history.facts, &history.job, Again::Missing, wish, &history.past())
    };
    let plan = plan_all(&histories, 1, wanted);
    let (args, plan, histories, wanted) = (&args.act, &plan, &histories[..], &wanted);
    let many = MultiJob { command: "fill", args, plan, histories, wanted };
    send_for_jobs(&many, context, out, stats, interrupt, &mut ledger).await
}
