//! `mozci trigger`

use clap_complete::engine::ArgValueCompleter;
use std::collections::HashSet;
use std::io::BufRead;

use mozci_core::ids::JobName;
use mozci_core::plan::have_n;
use mozci_core::range::Reach;
use mozci_engine::Error;
use mozci_engine::drive::plan_all;
use mozci_engine::flow::{Chosen, JobHistory, choose, read_jobs, read_range};

use crate::acting::{ActArgs, MultiJob, WishArgs, begin, open_ledger, send_for_jobs};
use crate::app::{Done, Interrupt};
use crate::args::{FilterArgs, RangeArgs, SubjectArgs};
use crate::complete;
use crate::context::Context;
use crate::show::{Out, plural};
use crate::stats::Stats;

/// Arguments of `mozci trigger`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The jobs: their labels, or links to runs of them; `-` reads them from stdin, one a line
    #[arg(value_name = "JOB", add = ArgValueCompleter::new(complete::jobs))]
    pub(crate) jobs: Vec<String>,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    wish: WishArgs,
    #[command(flatten)]
    act: ActArgs,
    #[command(flatten)]
    subject: SubjectArgs,
}

/// Ensure that each job has N runs on each push of a range. Without a range on the one push.
pub(crate) async fn run(
    mut args: Args,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    args.jobs = named(&args.jobs)?;
    args.range.follow_links(context, &mut args.jobs).await?;
    let filter = args.filter.filter(&args.jobs);
    if !filter.is_given() {
        return Err(Error::Usage(
            "name the jobs, or give a filter (--include, --platform, --suite, …)".into(),
        ));
    }
    begin(context, &args.act)?;
    let mut ledger = open_ledger(context, out, stats, interrupt).await?;
    args.subject.apply(context, out).await?;
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &args.range.spec(context, Reach::Single).await?).await?;
    context.progress(&format!("reading the runs of {}", plural(range.pushes.len(), "push")));
    let only_named = args.filter.filter(&[]) == Default::default();
    let (jobs, builds) = match only_named {
        true => (unique(filter.jobs), None),
        false => {
            let Chosen { jobs, builds } = choose(&context.ci, &range.pushes, &filter).await?;
            (jobs, Some(builds))
        }
    };
    let histories =
        read_jobs(&context.ci, Some(&ledger), &range.pushes, &jobs, builds.as_deref()).await?;
    let wish = args.wish.wish();
    let wanted = |history: &JobHistory| {
        let kept = history.facts.iter().enumerate().map(|(i, facts)| (facts, range.keeps(i)));
        have_n(kept, &history.job, wish, &history.past())
    };
    let plan = plan_all(&histories, wish.times, wanted);
    let (args, plan, histories, wanted) = (&args.act, &plan, &histories[..], &wanted);
    let many = MultiJob { command: "trigger", args, plan, histories, wanted };
    send_for_jobs(&many, context, out, stats, interrupt, &mut ledger).await
}

/// The jobs that are named, those on stdin among them.
fn named(jobs: &[String]) -> Result<Vec<String>, Error> {
    let mut all = Vec::new();
    for job in jobs {
        if job != "-" {
            all.push(job.clone());
            continue;
        }
        let unreadable = |error| Error::Usage(format!("cannot read the jobs from stdin: {error}"));
        let lines = std::io::stdin().lock().lines().collect::<Result<Vec<_>, _>>();
        let lines = lines.map_err(unreadable)?;
        let before = all.len();
        let lines = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
        all.extend(lines.map(str::to_owned));
        // Nothing is not everything.
        if all.len() == before {
            return Err(Error::Usage("standard input named no job".into()));
        }
    }
    Ok(all)
}

/// Each job once, in the order in which they were named.
fn unique(mut jobs: Vec<JobName>) -> Vec<JobName> {
    let mut seen = HashSet::new();
    jobs.retain(|job| seen.insert(job.clone()));
    jobs
}
