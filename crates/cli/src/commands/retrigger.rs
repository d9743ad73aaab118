//! `mozci retrigger`

use clap_complete::engine::ArgValueCompleter;
use mozci_core::again::{Again, again};
use mozci_core::filter::JobFilter;
use mozci_core::ids::JobName;
use mozci_core::plan::Wish;
use mozci_core::revision_name::RevisionName;
use mozci_core::run::{Run, State};
use mozci_engine::drive::plan_all;
use mozci_engine::flow::{JobHistory, read_jobs, read_matrix, resolve, settle_times, spelled};

use crate::acting::{ActArgs, MultiJob, begin, open_ledger, send_for_jobs};
use crate::app::{Done, Interrupt};
use crate::args::{FilterArgs, SubjectArgs, expand, labels_of};
use crate::complete;
use crate::context::Context;
use crate::show::{Out, plural};
use crate::stats::Stats;

/// Arguments of `mozci retrigger`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").args(["failed", "coalesced"]).required(true))]
pub(crate) struct Args {
    /// Only these jobs: their labels, or links to runs of them
    #[arg(value_name = "JOB", add = ArgValueCompleter::new(complete::jobs))]
    pub(crate) jobs: Vec<String>,
    /// The push: `tip`, a hash, a push id, a task id or a URL
    #[arg(long, value_name = "REV")]
    pub(crate) rev: RevisionName,
    /// Jobs whose last run failed, once each
    #[arg(long)]
    failed: bool,
    /// Jobs in whose place another request was run
    #[arg(long)]
    coalesced: bool,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    act: ActArgs,
    #[command(flatten)]
    subject: SubjectArgs,
}

/// Run failed or coalesced jobs of a push again: once for each failed run that no later one, and
/// none that was requested, follows.
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
    context.progress("reading the push");
    let pushes = [resolve(&context.ci, &spelled(&context.ci, &args.rev).await?).await?];
    let filter = args.filter.filter(&args.jobs);
    context.progress("reading the push's runs");
    let matrix = read_matrix(&context.ci, &pushes, &filter).await?.whole()?;
    if matrix.jobs.is_empty() && filter.is_given() {
        context.talk(
            "note: no job that ran there matches these filters (a glob must match the whole name)",
        );
    }
    let what = if args.failed { Again::Failed } else { Again::Coalesced };
    let of_interest = |run: &Run| match what {
        Again::Failed => run.is_bad(),
        _ => run.state == State::Coalesced,
    };
    let asks_for = JobFilter { any_kind: !context.ci.backend().capabilities().graphs, ..filter };
    let mut jobs: Vec<JobName> = Vec::new();
    let mut passed_over = 0;
    for (place, (job, _)) in matrix.jobs.iter().enumerate() {
        let mut runs = matrix.cell(0, place as u32).iter().map(|(_, run)| run);
        match runs.any(of_interest) {
            true if asks_for.asks_for(&matrix.facets(place)) => jobs.push(job.clone()),
            true => passed_over += 1,
            false => {}
        }
    }
    if passed_over > 0 {
        context.talk(&format!(
            "note: {} of other kinds than builds and tests are left out: name them, or give --kind",
            plural(passed_over, "job")
        ));
    }
    let histories = match jobs.is_empty() {
        true => Vec::new(),
        false => {
            let mut histories = read_jobs(&context.ci, Some(&ledger), &pushes, &jobs, None).await?;
            // Which run was the last one, only the queue tells.
            settle_times(&context.ci, &mut histories).await?;
            histories
        }
    };
    let wanted = |history: &JobHistory| {
        again(&history.facts, &history.job, what, Wish::times(1), &history.past())
    };
    let plan = plan_all(&histories, 1, wanted);
    let (args, plan, histories, wanted) = (&args.act, &plan, &histories[..], &wanted);
    let many = MultiJob { command: "retrigger", args, plan, histories, wanted };
    send_for_jobs(&many, context, out, stats, interrupt, &mut ledger).await
}
