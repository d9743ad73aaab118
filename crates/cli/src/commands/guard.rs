//! `mozci guard`

use std::io::IsTerminal;

use mozci_core::guard::{Circuit, circuit};
use mozci_core::ids::JobName;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_engine::Error;
use mozci_engine::flow::{read_jobs, read_range, tree_status};
use mozci_engine::store::Ledger;
use serde_json::{Value, json};

use crate::app::Done;
use crate::context::Context;
use crate::show::{Out, age, plural, top};
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
    #[arg(value_name = "JOB")]
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
    out.line(&format!(
        "runs requested in 24 hours   {used} of {}   (`runs_per_day` under [guards])",
        budgets.day
    ));
    let spent = ledger.spent(&ci.root_url, since, PLANS).await?;
    for one in &spent {
        let investigation = one.investigation.as_ref().map(|id| format!(", investigation {id}"));
        out.line(&format!(
            "  {:>4}  {:>7} ago  {}  plan {}{}",
            one.runs,
            age(now, one.at),
            one.job,
            one.plan,
            investigation.unwrap_or_default()
        ));
    }
    out.line(&format!("runs of one plan             {} at the most", budgets.plan));
    out.line(&format!("runs of a job on a push      {} at the most", budgets.push));
    let mut pools = Vec::new();
    for (pool, limit) in &budgets.pools {
        let used = ledger.runs_in_pool(&ci.root_url, pool, since).await?;
        out.line(&format!("in the pool {pool:<16} {used} of {limit} in 24 hours"));
        pools.push(json!({"pool": pool, "used": used, "limit": limit}));
    }
    let rest = budgets.breaker.rest_minutes;
    let service = ledger.breaker(&ci.root_url).await?;
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
