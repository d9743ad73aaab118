//! `mozci watch`

mod live;
mod view;

use mozci_core::push::Push;
use mozci_core::range::Reach;
use mozci_core::watch::Expectations;
use mozci_engine::drive::watch::{
    Follow, WatchContext, WatchQuestion, find_request, follow_request, follow_steps, jobs_to_follow,
};
use mozci_engine::flow::{Awaited, Outcome, read_range};
use mozci_engine::store::{Investigation, Lease, Ledger, Store};
use mozci_engine::{Error, Kind, drive};
use serde_json::json;

pub(crate) use view::{WatchView, json_line};

use crate::acting::notify;
use crate::acting::{ConfirmArgs, Terminal, check, open_ledger};
use crate::app::{Done, Interrupt};
use crate::args::{FilterArgs, RangeArgs, expand};
use crate::context::Context;
use crate::failure;
use crate::show::Out;
use crate::stats::Stats;

/// Arguments of `mozci watch`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Jobs to follow on the pushes of the range; or one thing: a task, a link to a task or a build,
    /// a request of the ledger, an investigation
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
    /// Notify those named under [notify] in the config when it ends or cannot go on
    #[arg(long)]
    tell: bool,
}

/// What is done where something does not come as expected.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "When runs fail or are missing")]
struct ExpectArgs {
    /// Run a job that fails so many times more, and tell how often it passed
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=50))]
    retry_failed: u32,
    /// Request what was coalesced, lost, or never scheduled though its build is there
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

/// Follows jobs, a request or an investigation to the end.
pub(crate) async fn run(
    mut args: Args,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    let store = context.ci.store().await?;
    if let [one] = args.what.as_slice() {
        let mut found = if one.len() >= 4 { store.by_prefix(one).await? } else { Vec::new() };
        if found.len() == 1 && !args.expect.asks() {
            let found = found.remove(0);
            return follow_investigation(&*store, &found, context, out, stats, interrupt).await;
        }
        if let Some(awaited) = find_request(&context.ci, one).await? {
            return follow_one(&awaited, context, out, stats, interrupt).await;
        }
    }
    expand(context, args.range.rev.as_ref(), &mut args.what).await?;
    if args.expect.asks() {
        check(context, &args.confirm)?;
    }
    notify::notifier(context, args.tell)?;
    notify::deliver_due(context, out, stats, interrupt).await;
    let mut ledger = match args.expect.asks() {
        true => open_ledger(context, out, stats, interrupt).await?,
        false => context.ci.ledger().await?,
    };
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &args.range.spec(context, Reach::Single).await?).await?;
    context.progress("reading the runs");
    let filter = args.filter.filter(&args.what);
    let is_filtered = args.filter.filter(&[]) != Default::default();
    let jobs = match (is_filtered || args.what.is_empty(), args.expect.fill) {
        (false, _) => Follow::Named(filter.jobs),
        (true, true) => Follow::Possible(filter),
        (true, false) => Follow::Running(filter),
    };
    let jobs = jobs_to_follow(&context.ci, &range.pushes, jobs).await?;
    let question = WatchQuestion {
        jobs,
        pushes: range.pushes.iter().map(|push| push.revision.hash().to_owned()).collect(),
        expect: args.expect.expectations(context),
    };
    let asked = Asked { question: &question, pushes: range.pushes, lease: None };
    let mut terminal = Terminal::new(context, out, stats, interrupt);
    follow(asked, (&args.confirm, args.tell), &*store, &mut ledger, &mut terminal).await
}

/// A watch that a command begins or resumes.
pub(crate) struct Asked<'a> {
    pub(crate) question: &'a WatchQuestion,
    pub(crate) pushes: Vec<Push>,
    /// The investigation that is resumed, held by this process.
    pub(crate) lease: Option<Lease>,
}

/// Follows jobs on pushes to their end, as the arguments say.
pub(crate) async fn follow(
    asked: Asked<'_>,
    (confirm, tells): (&ConfirmArgs, bool),
    store: &dyn Store,
    ledger: &mut Ledger,
    terminal: &mut Terminal<'_>,
) -> Done {
    let context = terminal.context;
    let notifier = notify::notifier(context, tells)?;
    let (permission, lease) = (confirm.permission(), asked.lease);
    let session = terminal.session(ledger);
    let mut watching = WatchContext::new(session, store, permission, notifier.as_ref(), lease);
    let watched = drive::watch::watch(asked.question, asked.pushes, &mut watching).await?;
    terminal.rendered()?;
    Ok(match (watched.interrupted, watched.refused, watched.problem) {
        (true, ..) => failure::exit_status(Kind::Interrupted),
        (_, Some(_), _) => failure::exit_status(Kind::Guard),
        (_, _, Some(kind)) => failure::exit_status(kind),
        _ => u8::from(context.global.exit_status && watched.is_bad),
    })
}

/// Follows a request to its end.
async fn follow_one(
    awaited: &[Awaited],
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    let mut ledger = context.ci.ledger().await?;
    let mut terminal = Terminal::new(context, out, stats, interrupt);
    let outcomes = follow_request(awaited, &mut terminal.session(&mut ledger)).await?;
    terminal.rendered()?;
    if out.json {
        let mut line = json!({"event": "end", "outcomes": outcomes});
        if let Some(costs) = stats.json(context)? {
            line["stats"] = costs;
        }
        json_line(line)?;
    }
    if interrupt.stop.is_cancelled() {
        return Ok(failure::exit_status(Kind::Interrupted));
    }
    let is_bad = |outcome: &Outcome| outcome.runs.last().is_some_and(|run| run.is_bad());
    Ok(u8::from(context.global.exit_status && outcomes.iter().any(is_bad)))
}

/// Follows an investigation that another process drives.
async fn follow_investigation(
    store: &dyn Store,
    found: &Investigation,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    let (ci, stop) = (&context.ci, &interrupt.stop);
    let mut terminal = Terminal::new(context, out, stats, interrupt);
    let ended = follow_steps(store, found, ci, &mut terminal, stop).await?;
    terminal.rendered()?;
    match ended {
        Some(_) => Ok(0),
        None if stop.is_cancelled() => Ok(failure::exit_status(Kind::Interrupted)),
        None => Err(Error::Odd(format!(
            "investigation {} is open, and no process drives it: `{} investigations resume {}` goes on with it",
            found.id,
            context.program(),
            found.id
        ))),
    }
}
