//! `mozci investigations`

mod all;

use clap_complete::engine::ArgValueCompleter;
use mozci_engine::Error;
use mozci_engine::drive::watch::{WatchQuestion, is_watch, read_pushes};
use mozci_engine::drive::{check_resumable, claim_again, find_investigation};
use mozci_engine::flow::BisectQuestion;
use mozci_engine::store::{Investigation, InvestigationState, LISTED, Store};
use serde_json::{Value, json};

use super::bisect::{self, EndArgs, check_mark, summary};
use super::watch;
use crate::acting::notify;
use crate::acting::{Terminal, check, open_ledger};
use crate::app::{Done, Interrupt};
use crate::complete;
use crate::context::Context;
use crate::show::{Out, Table, age, column, top};
use crate::stats::Stats;

/// Arguments of `mozci investigations`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every investigation, newest first
    List,
    /// One, with each of its steps
    Show(Which),
    /// Go on where one stands
    Resume(Resume),
    /// End one: nothing more is requested; what was is left to run
    Cancel(Which),
}

#[derive(Debug, clap::Args)]
struct Which {
    /// Its id, or how that begins
    #[arg(value_name = "ID", add = ArgValueCompleter::new(complete::investigations))]
    id: String,
}

#[derive(Debug, clap::Args)]
struct Resume {
    /// Its id, or how that begins
    #[arg(value_name = "ID", required_unless_present = "all", add = ArgValueCompleter::new(complete::investigations))]
    id: Option<String>,
    /// Every open investigation of this repository, in this one process
    #[arg(long, conflicts_with = "id")]
    all: bool,
    #[command(flatten)]
    ends: EndArgs,
}

/// Lists investigations, shows one, goes on with it, or ends it.
pub(crate) async fn run(
    args: Args,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    let store = context.ci.store().await?;
    notify::deliver_due(context, out, stats, interrupt).await;
    match args.what.unwrap_or(What::List) {
        What::List => list(&*store, context, out, stats).await,
        What::Show(which) => {
            show(&*store, &find_investigation(&*store, &which.id).await?, context, out, stats).await
        }
        What::Cancel(which) => {
            let found = find_investigation(&*store, &which.id).await?;
            store.set_state(&found.id, InvestigationState::Cancelled).await?;
            out.line(&format!(
                "investigation {} is cancelled: the runs that it requested go on",
                found.id
            ));
            if out.json {
                out.object(&object(&found, None, context))?;
            }
            Ok(0)
        }
        What::Resume(Resume { id, ends, .. }) => match id {
            Some(id) => {
                resume(
                    &*store,
                    &find_investigation(&*store, &id).await?,
                    &ends,
                    context,
                    out,
                    stats,
                    interrupt,
                )
                .await
            }
            None if ends.mark => Err(Error::Usage(
                "--mark marks what one search found: give its ID, without --all".into(),
            )),
            None => all::resume_all(&*store, &ends, context, out, stats, interrupt).await,
        },
    }
}

async fn list(store: &dyn Store, context: &Context, out: &mut Out, stats: &Stats) -> Done {
    let all = store.by_prefix("").await?;
    let mut values = Vec::with_capacity(all.len());
    let now = context.ci.now();
    let mut table = Table::new([
        column("investigation"),
        column("state"),
        column("age").right(),
        column("CI").drops(1).cuts(8),
        column("repository").drops(2),
        column("job").cuts(16),
        column("last step").wraps(18),
    ]);
    for found in &all {
        let last = store.last_step(&found.id).await?;
        let job = found.question["job"].as_str().unwrap_or("?");
        let state = json!(found.state);
        table.row([
            found.id.to_string(),
            state.as_str().unwrap_or_default().to_owned(),
            age(now, found.created),
            found.ci.clone(),
            found.repo.to_string(),
            job.to_owned(),
            summary(last.as_ref()),
        ]);
        values.push(of_one(found, last));
    }
    if !all.is_empty() || out.is_csv() {
        out.table(table);
    }
    if all.len() == LISTED {
        out.line(&format!("  the newest {LISTED}: there may be older ones"));
    }
    if all.is_empty() {
        out.line("no investigation was begun here yet: `mozci bisect` begins one");
    }
    if out.json {
        let mut object = top("investigations", context);
        object.insert("investigations".into(), values.into());
        if let Some(costs) = stats.json(context)? {
            object.insert("stats".into(), costs);
        }
        out.object(&Value::Object(object))?;
    }
    Ok(0)
}

fn of_one(found: &Investigation, last: Option<Value>) -> Value {
    json!({
        "id": found.id, "state": found.state, "ci": found.ci, "repo": found.repo,
        "created": found.created, "question": found.question, "last_step": last,
    })
}

fn object(found: &Investigation, steps: Option<Value>, context: &Context) -> Value {
    let mut object = top("investigations", context);
    object.insert("investigation".into(), of_one(found, None));
    if let Some(steps) = steps {
        object.insert("steps".into(), steps);
    }
    Value::Object(object)
}

async fn show(
    store: &dyn Store,
    found: &Investigation,
    context: &Context,
    out: &mut Out,
    _stats: &Stats,
) -> Done {
    let steps = store.steps(&found.id).await?;
    let now = context.ci.now();
    out.line(&format!("{} of {} on {}", found.id, found.repo, found.ci));
    for (key, value) in found.question.as_object().into_iter().flatten() {
        let value = match value {
            Value::Null | Value::Bool(false) => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        out.line(&format!("  {:<14} {value}", key.replace('_', " ")));
    }
    for (at, step) in &steps {
        out.line(&format!("  {:>7} ago  {}", age(now, *at), summary(Some(step))));
        for request in step["plan"]["requests"].as_array().into_iter().flatten() {
            out.line(&format!(
                "               push {} ×{}",
                request["push"]["id"], request["times"]
            ));
        }
    }
    if out.json {
        let steps = steps.iter().map(|(at, step)| json!({"at": at, "step": step})).collect();
        out.object(&object(found, Some(steps), context))?;
    }
    Ok(0)
}

async fn resume(
    store: &dyn Store,
    found: &Investigation,
    ends: &EndArgs,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    let ci = &context.ci;
    check_resumable(ci, found)?;
    notify::notifier(context, ends.tell)?;
    check_mark(context, ends.mark)?;
    if is_watch(found) {
        return resume_watch(store, found, ends, context, out, stats, interrupt).await;
    }
    let question = BisectQuestion::of(found)?;
    check(context, &ends.confirm)?;
    let mut ledger = open_ledger(context, out, stats, interrupt).await?;
    if let Some(about) = &question.about {
        ci.judge_by(about.clone());
    }
    let lease = Some(claim_again(store, &found.id).await?);
    let asked = bisect::Asked { question: &question, lease, consented: true, chased: None };
    let mut terminal = Terminal::new(context, out, stats, interrupt);
    bisect::search(asked, ends, store, &mut ledger, &mut terminal).await
}

/// Goes on with a watch that may request runs.
async fn resume_watch(
    store: &dyn Store,
    found: &Investigation,
    ends: &EndArgs,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    if ends.mark {
        return Err(Error::Usage(
            "--mark marks what a search found, and this is a watch: leave it out".into(),
        ));
    }
    let ci = &context.ci;
    let question = WatchQuestion::of(found)?;
    check(context, &ends.confirm)?;
    let mut ledger = open_ledger(context, out, stats, interrupt).await?;
    let pushes = read_pushes(ci, &question.pushes).await?;
    let lease = claim_again(store, &found.id).await?;
    let asked = watch::Asked { question: &question, pushes, lease: Some(lease) };
    let mut terminal = Terminal::new(context, out, stats, interrupt);
    watch::follow(asked, (&ends.confirm, ends.tell), store, &mut ledger, &mut terminal).await
}
