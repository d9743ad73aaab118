//! `mozci guard`

use clap_complete::engine::ArgValueCompleter;
use std::io::IsTerminal;

use mozci_core::guard::{Circuit, circuit};
use mozci_core::ids::JobName;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_core::time::At;
use mozci_engine::Error;
use mozci_engine::flow::{read_jobs, read_range, tree_status};
use mozci_engine::store::{Ledger, Spent};
use serde_json::{Value, json};

use crate::app::Done;
use crate::complete;
use crate::context::Context;
use crate::show::{Out, Table, age, column, plural, top};
use crate::stats::Stats;

/// Arguments of `mozci guard`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every limit, what is used of it, and by what
    Status(StatusArgs),
}

#[derive(Debug, clap::Args)]
struct StatusArgs {
    /// Jobs whose breakers are looked at, by their runs on the newest pushes
    #[arg(value_name = "JOB", add = ArgValueCompleter::new(complete::jobs))]
    jobs: Vec<String>,
}

/// Plans that are named as having used the day's budget.
const PLANS: u32 = 10;

/// Pushes whose runs a job's breaker goes by.
const PUSHES: u32 = 20;

/// Shows every limit.
pub(crate) async fn run(args: Args, context: &Context, out: &mut Out, stats: &Stats) -> Done {
    let What::Status(args) = args.what;
    let ci = &context.ci;
    let ledger = ci.ledger().await?;
    let (budgets, since) = (&ci.budgets, ci.day().since);
    let used = ledger.runs_since(&ci.root_url, since).await?;
    let now = ci.now();
    let mut object = top("guard", context);
    let mut limits = Table::new([
        column("limit"),
        column("used").right(),
        column("of").right(),
        column("setting under [guards]").drops(1),
    ]);
    let dot = || "·".to_owned();
    let row = |what: &str, used: String, of: u32, setting: &str| {
        [what.to_owned(), used, of.to_string(), setting.to_owned()]
    };
    limits.row(row("runs requested in 24 hours", used.to_string(), budgets.day, "runs_per_day"));
    limits.row(row("runs of one plan", dot(), budgets.plan, "runs_per_plan"));
    limits.row(row("runs of a job on a push", dot(), budgets.push, "runs_per_push"));
    let mut pools = Vec::new();
    for (pool, limit) in &budgets.pools {
        let used = ledger.runs_in_pool(&ci.root_url, pool, since).await?;
        let what = format!("runs in the pool {pool} in 24 hours");
        limits.row(row(&what, used.to_string(), *limit, "pools"));
        pools.push(json!({"pool": pool, "used": used, "limit": limit}));
    }
    out.heading(&format!("Limits of {}", ci.root_url));
    out.table(limits);
    let spent = ledger.spent(&ci.root_url, since, PLANS).await?;
    if !spent.is_empty() && !out.is_csv() {
        out.line("");
        out.heading("Plans that used them");
        out.table(plans(&spent, now));
    }
    let rest = budgets.breaker.rest_minutes;
    let service = ledger.breaker(&ci.root_url).await?;
    out.line("");
    out.heading("The CI");
    match &service {
        None => out.line("the CI accepts requests"),
        Some((at, why)) => out.line(&format!(
            "no requests for {rest} min since {} ago, then one as a trial: {why}",
            age(now, *at)
        )),
    }
    let tree = tree_status(ci).await?;
    if let Some(tree) = &tree {
        out.line(&format!("tree {} is {}  {}", ci.tree(), tree.state.word(), tree.reason));
    }
    let breakers = breakers(&args.jobs, context, &ledger, out).await?;
    object.insert(
        "budgets".into(),
        json!({
            "day": {"used": used, "limit": budgets.day, "by": spent},
            "plan": {"limit": budgets.plan},
            "push": {"limit": budgets.push},
            "pools": pools,
        }),
    );
    let service = service.map(|(at, why)| json!({"opened": at, "why": why, "minutes": rest}));
    object.insert("service".into(), json!(service));
    let tree =
        tree.map(|t| json!({"tree": ci.tree(), "state": t.state.word(), "reason": t.reason}));
    object.insert("tree".into(), json!(tree));
    object.insert("jobs".into(), breakers.into());
    if out.json {
        if let Some(costs) = stats.json(context)? {
            object.insert("stats".into(), costs);
        }
        out.object(&Value::Object(object))?;
    } else if args.jobs.is_empty() && std::io::stdout().is_terminal() {
        out.line("name jobs to see whether their runs mostly end in infrastructure failures");
    }
    Ok(0)
}

fn plans(spent: &[Spent], now: At) -> Table {
    let mut table = Table::new([
        column("runs").right(),
        column("age").right(),
        column("plan"),
        column("investigation").drops(1),
        column("job").cuts(20),
    ]);
    for one in spent {
        let investigation = one.investigation.as_ref().map(ToString::to_string);
        table.row([
            one.runs.to_string(),
            age(now, one.at),
            one.plan.to_string(),
            investigation.unwrap_or_default(),
            one.job.to_string(),
        ]);
    }
    table
}

/// How the breakers of some jobs stand.
async fn breakers(
    jobs: &[String],
    context: &Context,
    ledger: &Ledger,
    out: &mut Out,
) -> Result<Vec<Value>, Error> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let ci = &context.ci;
    let tip: RevisionSpec = "tip".parse().map_err(|_| Error::Odd("no tip".into()))?;
    let (reach, every) = (Reach::Back(PUSHES - 1), std::num::NonZeroU32::MIN);
    let pushes = read_range(ci, &RangeSpec { rev: tip, reach, every }).await?.pushes;
    let names: Vec<JobName> = jobs.iter().map(JobName::new).collect();
    let histories = read_jobs(ci, Some(ledger), &pushes, &names, None).await?;
    let mut values = Vec::new();
    for history in &histories {
        let newest = history.facts.iter().flat_map(|facts| facts.runs.iter().rev());
        let (state, words) = match circuit(newest, ci.budgets.breaker, ci.now()) {
            Circuit::Closed => ("closed", "may be requested".to_owned()),
            Circuit::HalfOpen { exceptions, of } => (
                "half-open",
                format!(
                    "{exceptions} of its last {of} runs ended in infrastructure failures: one may be tried"
                ),
            ),
            Circuit::Open { exceptions, of, minutes } => (
                "open",
                format!(
                    "{exceptions} of its last {of} runs ended in infrastructure failures: one may be tried in {minutes} min"
                ),
            ),
        };
        out.line(&format!(
            "{}  {words} (by its runs on {})",
            history.job,
            plural(pushes.len(), "push")
        ));
        values.push(json!({"job": history.job, "breaker": state, "words": words}));
    }
    Ok(values)
}
