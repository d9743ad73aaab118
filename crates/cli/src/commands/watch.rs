//! `mozci watch`

mod ask;
mod drive;
mod many;
mod question;
mod request;
mod steps;
mod view;

use mozci_core::ids::JobName;
use mozci_core::range::Reach;
use mozci_core::watch::Expectations;
use mozci_engine::Error;
use mozci_engine::flow::{Chosen, choose, read_matrix, read_range};
use mozci_engine::store::{Investigations, Ledger};

pub(crate) use drive::{Desk, drive};
pub(crate) use many::drive_many;
pub(crate) use question::{Question, is_watch};
pub(crate) use view::json_line;

use crate::acting::telling;
use crate::acting::{ConfirmArgs, check, open_ledger};
use crate::app::{Done, Interrupt};
use crate::args::{FilterArgs, RangeArgs};
use crate::context::Context;
use crate::show::Out;
use crate::stats::Stats;

/// Arguments of `mozci watch`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Jobs to follow on the pushes of the range; or one thing: a task, a link to a task or a build,
    /// an asking of the ledger, an investigation
    #[arg(value_name = "JOB|REQUEST|INVESTIGATION")]
    what: Vec<String>,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    expect: ExpectArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
    /// Tell whoever the config names (its table `notify`) how it ends, or that it cannot go on
    #[arg(long)]
    tell: bool,
}

/// What is done where something does not come as expected.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Where it does not come as expected")]
struct ExpectArgs {
    /// Run a job that fails so many times more, and tell how often it passed
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=50))]
    retry_failed: u32,
    /// Ask for what was coalesced, lost, or never scheduled though its build is there
    #[arg(long)]
    fill: bool,
    /// Run it again and again until it fails
    #[arg(long, conflicts_with = "retry_failed")]
    until_failure: bool,
    /// Runs at once with --until-failure
    #[arg(long, value_name = "K", default_value_t = 5, requires = "until_failure", value_parser = clap::value_parser!(u32).range(1..=20))]
    batch: u32,
}

impl ExpectArgs {
    fn expectations(&self, context: &Context) -> Expectations {
        Expectations {
            retry_failed: self.retry_failed,
            fill: self.fill,
            until_failure: self.until_failure.then_some(self.batch),
            most: context.ci.budgets.push,
        }
    }

    fn asks(&self) -> bool {
        self.retry_failed > 0 || self.fill || self.until_failure
    }
}

/// Jobs that are followed on a range at the most.
const MOST: usize = 500;

/// Follows jobs, a request or an investigation to the end.
pub(crate) async fn run(
    args: Args,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    let store = Investigations::open(&context.ci.place.state)?;
    if let [one] = args.what.as_slice() {
        let mut found = if one.len() >= 4 { store.by_prefix(one)? } else { Vec::new() };
        if found.len() == 1 && !args.expect.asks() {
            return steps::follow(&store, &found.remove(0), context, out, interrupt).await;
        }
        if let Some(awaited) = request::find(context, one).await? {
            return request::follow(context, out, stats, interrupt, awaited).await;
        }
    }
    if args.expect.asks() {
        check(context, &args.confirm)?;
    }
    telling::check(context, args.tell)?;
    telling::deliver_due(context).await;
    let mut ledger = match args.expect.asks() {
        true => open_ledger(context).await?,
        false => Ledger::open(&context.ci.place.state)?,
    };
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &args.range.spec(Reach::Single)).await?;
    context.progress("reading the runs");
    let jobs = jobs(&args, context, &range.pushes).await?;
    let question = Question {
        jobs,
        pushes: range.pushes.iter().map(|push| push.revision.hash().to_owned()).collect(),
        expect: args.expect.expectations(context),
    };
    let mut desk = Desk {
        context,
        out,
        stats,
        interrupt,
        ledger: &mut ledger,
        store: &store,
        lease: None,
        tells: args.tell,
        left_out: Default::default(),
    };
    drive(&question, range.pushes, &args.confirm, &mut desk).await
}

/// The jobs that are followed: those named or meant, else all that run there.
async fn jobs(
    args: &Args,
    context: &Context,
    pushes: &[mozci_core::push::Push],
) -> Result<Vec<JobName>, Error> {
    let filter = args.filter.filter(&args.what);
    let only_named = args.filter.filter(&[]) == Default::default();
    let mut jobs = match (only_named, args.what.is_empty(), args.expect.fill) {
        (true, false, _) => filter.jobs,
        // What never ran is meant as well.
        (_, _, true) => {
            let Chosen { jobs, .. } = choose(&context.ci, pushes, &filter).await?;
            jobs
        }
        _ => {
            let matrix = read_matrix(&context.ci, pushes, &filter).await?.whole()?;
            matrix.jobs.into_iter().map(|(job, _)| job).collect()
        }
    };
    jobs.sort();
    jobs.dedup();
    if jobs.len() > MOST {
        return Err(Error::Usage(format!(
            "{} jobs are more than the {MOST} that are followed at once: name some, or give a filter",
            jobs.len()
        )));
    }
    if jobs.is_empty() {
        return Err(Error::NotFound(
            "nothing runs there that is meant: there is nothing to follow".into(),
        ));
    }
    Ok(jobs)
}
