//! What every command that asks for jobs does with its plan: guards, a look, a yes, the ledger,
//! the requests, and the waiting.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::Ordering;
use std::time::Instant;

use mozci_core::facts::Build;
use mozci_core::guard::{self, Refusal};
use mozci_core::plan::{LeftOut, Plan, have_n};
use mozci_core::push::Push;
use mozci_core::run::Run;
use mozci_engine::config::credentials_missing;
use mozci_engine::flow::{
    AskResult, Awaited, JobHistory, LIMIT, Outcome, ask, prepare, read_job, wait,
};
use mozci_engine::store::{AskState, Asking, Ledger};
use mozci_engine::{Error, Kind};
use serde_json::{Value, json};

use crate::app::Interrupt;
use crate::context::Context;
use crate::failure;
use crate::show::{Out, show_left_out, show_outcome, show_plan_summary, show_result};

/// How an act is carried out.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ActArgs {
    /// Have N runs on each push, counting what is there and what is asked for
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) times: u32,
    /// Show the plan and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Don't ask before sending
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Follow what was asked for until it has ended
    #[arg(long)]
    pub(crate) wait: bool,
}

/// What an act came to.
#[derive(Debug, Default)]
pub(crate) struct Acted {
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) results: Vec<AskResult>,
    pub(crate) outcomes: Vec<Outcome>,
    /// Why a guard said no.
    pub(crate) refused: Option<Refusal>,
    pub(crate) status: u8,
}

impl Acted {
    /// Adds what came of it to the JSON object.
    pub(crate) fn json(&self, object: &mut serde_json::Map<String, Value>, plan: &Plan) {
        let mut shown = json!(plan);
        if let (Some(list), Ok(Value::Array(more))) =
            (shown["left_out"].as_array_mut(), serde_json::to_value(&self.left_out))
        {
            list.extend(more);
        }
        object.insert("plan".into(), shown);
        object.insert("results".into(), json!(self.results));
        object.insert("outcomes".into(), json!(self.outcomes));
        if let Some(refusal) = &self.refused {
            object.insert("refused".into(), json!(refusal));
        }
    }
}

/// Refuses before anything is read what could not be carried out anyway.
pub(crate) fn check(context: &Context, args: &ActArgs) -> Result<(), Error> {
    if args.dry_run {
        return Ok(());
    }
    if !context.ci.taskcluster.has_credentials() {
        return Err(credentials_missing(&context.config));
    }
    let can_ask = std::io::stdin().is_terminal() && !context.global.json;
    if !args.yes && !can_ask {
        return Err(Error::Usage(
            "there is nobody to ask before sending: give `--yes` to send, or `--dry-run` to see the plan".into(),
        ));
    }
    Ok(())
}

/// Opens the ledger and tells what became of askings that were in doubt.
pub(crate) async fn open_ledger(context: &Context, args: &ActArgs) -> Result<Ledger, Error> {
    let ledger = Ledger::open(&context.ci.place.state)?;
    if args.dry_run {
        return Ok(ledger);
    }
    for asking in mozci_engine::flow::reconcile(&context.ci, &ledger).await? {
        context.talk(&format!("note: {}", doubt(&asking)));
    }
    Ok(ledger)
}

fn doubt(asking: &Asking) -> String {
    let what = format!("an earlier asking for {} on push {}", asking.job, asking.push);
    match &asking.state {
        AskState::Sent { task } => format!("{what} did arrive: action task {task}"),
        AskState::NotSent { detail } => format!("{what} was not sent: {detail}"),
        AskState::Uncertain { detail } => {
            format!(
                "{what} stays UNCERTAIN and counts as asked for: {detail} (asking {})",
                asking.id.as_str()
            )
        }
        AskState::Recorded => format!("{what} is open"),
    }
}

/// Carries a plan out as far as the arguments say.
pub(crate) async fn carry_out(
    context: &Context,
    out: &mut Out,
    ledger: &mut Ledger,
    args: &ActArgs,
    plan: &Plan,
    history: &JobHistory,
    interrupt: &Interrupt,
) -> Result<Acted, Error> {
    let mut acted = Acted::default();
    let ci = &context.ci;
    let used = ledger.runs_since(ci.now().plus(-24 * 3600))?;
    show_plan_summary(out, plan, (used, ci.budgets.day));
    if plan.requests.is_empty() && plan.waits_for.is_empty() {
        return Ok(acted);
    }
    let newest = history.facts.iter().flat_map(|facts| facts.runs.iter().rev());
    if let Err(refusal) = guard::check(plan, &ci.budgets, used, newest) {
        match args.dry_run {
            true => out.line(&format!("a guard would refuse this: {refusal}")),
            false => drop(failure::report(&Error::Guard(refusal.clone()))),
        }
        acted.status = failure::status(Kind::Guard);
        acted.refused = Some(refusal);
        if !args.dry_run {
            return Ok(acted);
        }
    }
    if args.dry_run {
        out.line("dry run: nothing was sent");
        return Ok(acted);
    }
    if !args.yes && !confirmed(out, plan)? {
        out.line("nothing was sent");
        return Ok(acted);
    }
    interrupt.acting.store(true, Ordering::Relaxed);
    let mut round = send(context, out, ledger, plan, history, interrupt).await?;
    acted.left_out.append(&mut round.left_out);
    acted.results.append(&mut round.results);
    if args.wait {
        follow(context, out, ledger, plan, history, interrupt, &mut acted).await?;
    } else if !plan.waits_for.is_empty() {
        out.line("builds are under way: run the command again when they are there, or give --wait");
    }
    interrupt.acting.store(false, Ordering::Relaxed);
    acted.status = status(&acted);
    if acted.status == 4 {
        failure::say(
            "error: not everything was asked for: it is not allowed with these credentials; ask for the scope that is missing, or sign in as somebody who has it",
        );
    }
    if interrupt.stop.load(Ordering::Relaxed) {
        acted.status = 130;
    }
    Ok(acted)
}

fn status(acted: &Acted) -> u8 {
    if acted.results.iter().any(|result| result.forbidden) {
        4
    } else if acted.results.iter().any(|r| !matches!(r.state, AskState::Sent { .. }))
        || acted.outcomes.iter().any(|o| o.action_state.is_final() && !o.action_state.is_good())
    {
        3
    } else {
        0
    }
}

fn confirmed(out: &mut Out, plan: &Plan) -> Result<bool, Error> {
    let failed = |error: std::io::Error| Error::Odd(format!("cannot ask: {error}"));
    loop {
        let mut stderr = std::io::stderr();
        write!(stderr, "Ask for them? [y/N/details] ")
            .and_then(|()| stderr.flush())
            .map_err(failed)?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "d" | "details" => {
                for request in &plan.requests {
                    out.line(&format!(
                        "  push {}  {} × {}  {}  decision task {}",
                        request.push.id,
                        request.times,
                        request.job,
                        request.why,
                        request.decision_task
                    ));
                }
            }
            _ => return Ok(false),
        }
    }
}

async fn send(
    context: &Context,
    out: &mut Out,
    ledger: &mut Ledger,
    plan: &Plan,
    history: &JobHistory,
    interrupt: &Interrupt,
) -> Result<Acted, Error> {
    context.progress("reading the pushes' actions");
    let prepared = prepare(&context.ci, plan).await?;
    let mut left_out = prepared.left_out.clone();
    show_left_out(out, &left_out);
    let mut on_result = |result: &AskResult| show_result(out, result);
    let sent = ask(&context.ci, ledger, prepared, history.read_at, &interrupt.stop, &mut on_result);
    let (results, more) = sent.await?;
    show_left_out(out, &more);
    left_out.extend(more);
    Ok(Acted { left_out, results, ..Acted::default() })
}

/// Waits for what was sent, and for builds that were under way, after which their pushes are
/// asked for as they were planned.
async fn follow(
    context: &Context,
    out: &mut Out,
    ledger: &mut Ledger,
    plan: &Plan,
    history: &JobHistory,
    interrupt: &Interrupt,
    acted: &mut Acted,
) -> Result<(), Error> {
    if !acted.results.is_empty() {
        context.talk("waiting until everything has ended; Ctrl-C leaves it running there");
    }
    acted.outcomes = watch(context, out, &acted.results, interrupt).await?;
    let mut pending: Vec<Push> = plan
        .waits_for
        .iter()
        .filter_map(|waiting| {
            let facts = history.facts.iter().find(|f| f.push.id == waiting.push.id)?;
            Some(facts.push.clone())
        })
        .collect();
    let started = Instant::now();
    while !pending.is_empty()
        && !interrupt.stop.load(Ordering::Relaxed)
        && started.elapsed() < LIMIT
    {
        let now = read_job(&context.ci, Some(ledger), &pending, &plan.job).await?;
        let ready = now.facts.iter().filter(|f| !matches!(f.build, Build::UnderWay(_)));
        let next = have_n(ready.map(|facts| (facts, true)), &plan.job, plan.times, &now.past());
        show_left_out(out, &next.left_out);
        acted.left_out.extend(next.left_out.clone());
        pending.retain(|push| {
            now.facts.iter().any(|f| f.push.id == push.id && matches!(f.build, Build::UnderWay(_)))
        });
        if !next.requests.is_empty() {
            let mut round = send(context, out, ledger, &next, &now, interrupt).await?;
            acted.left_out.append(&mut round.left_out);
            acted.outcomes.extend(watch(context, out, &round.results, interrupt).await?);
            acted.results.append(&mut round.results);
        } else if !pending.is_empty() {
            tokio::time::sleep(context.ci.poll).await;
        }
    }
    Ok(())
}

/// Follows what was sent to its end, showing each thing that has ended.
async fn watch(
    context: &Context,
    out: &mut Out,
    results: &[AskResult],
    interrupt: &Interrupt,
) -> Result<Vec<Outcome>, Error> {
    let mut on_change = |outcome: &Outcome| {
        if outcome.done {
            show_outcome(out, outcome);
        }
    };
    wait(&context.ci, &awaited(results), &interrupt.stop, &mut on_change).await
}

fn awaited(results: &[AskResult]) -> Vec<Awaited> {
    results
        .iter()
        .filter_map(|result| match result.state {
            AskState::Sent { task } => Some(Awaited {
                push: result.push.clone(),
                job: result.job.clone(),
                times: result.times,
                action: task,
            }),
            _ => None,
        })
        .collect()
}

/// Puts the runs that were followed into a history, which Treeherder may not show yet.
pub(crate) fn add_outcomes(history: &mut JobHistory, outcomes: &[Outcome]) {
    for outcome in outcomes {
        let place = history.facts.iter_mut().find(|facts| facts.push.id == outcome.push.id);
        let Some(facts) = place else { continue };
        let new: Vec<Run> = outcome
            .runs
            .iter()
            .filter(|run| !facts.runs.iter().any(|known| known.key == run.key))
            .cloned()
            .collect();
        facts.runs.retain(|known| !outcome.runs.iter().any(|run| run.key == known.key));
        facts.runs.extend(outcome.runs.iter().filter(|run| !new.contains(run)).cloned());
        facts.runs.extend(new);
    }
}
