//! What every command that asks for jobs does with its plan: guards, a look, a yes, the ledger,
//! the requests.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::Ordering;

use mozci_core::facts::PushFacts;
use mozci_core::guard::Refusal;
use mozci_core::plan::{LeftOut, Plan, PlannedRequest, Through, Wish};
use mozci_core::push::count_pushes;
use mozci_core::several;
use mozci_engine::config::credentials_missing;
use mozci_engine::flow::{
    AskResult, BuildOf, JobHistory, Outcome, Prepared, ask, check_plan, guards, prepare,
};
use mozci_engine::store::Ledger;
use mozci_engine::{Error, Kind};
use serde_json::{Map, Value, json};

use super::ending::{left_out_status, say_refused, say_unsent, status};
use super::follow::follow;
use crate::app::Interrupt;
use crate::context::Context;
use crate::failure;
use crate::show::{Out, plural, show_left_out, show_plan_summary, show_result, show_ties};

/// Whether an act is carried out, and who is asked before.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Asking for jobs")]
pub(crate) struct ConfirmArgs {
    /// Show the plan and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Don't ask before sending
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// How an act is carried out that has something to wait for.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Asking for jobs")]
pub(crate) struct ActArgs {
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// A value for a field of a Buildbot force scheduler; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Follow what was asked for, and what was under way already, until it has ended
    #[arg(long)]
    pub(crate) wait: bool,
}

/// Reads a name with its value.
fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it needs a name, an equals sign and a value".to_owned()),
    }
}

/// How many runs are wanted, and where.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Asking for jobs")]
pub(crate) struct WishArgs {
    /// Have N runs on each push that is asked about, counting what is there and what is asked for
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) times: u32,
    /// Leave out pushes whose build was never made, instead of having it made
    #[arg(long)]
    pub(crate) built: bool,
}

impl WishArgs {
    pub(crate) fn wish(&self) -> Wish {
        Wish { times: self.times, only_built: self.built }
    }
}

/// What an act came to.
#[derive(Debug, Default)]
pub(crate) struct Acted {
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) results: Vec<AskResult>,
    pub(crate) outcomes: Vec<Outcome>,
    /// The histories as they stand when everything has ended.
    pub(crate) after: Option<Vec<JobHistory>>,
    /// Why a guard said no.
    pub(crate) refused: Option<Refusal>,
    /// Whether following was given up, since a service failed for long.
    pub(crate) gave_up: bool,
    pub(crate) status: u8,
}

impl Acted {
    /// Adds what came of it to the JSON object.
    pub(crate) fn json(
        &self,
        object: &mut Map<String, Value>,
        plan: &Plan,
        histories: &[JobHistory],
    ) {
        let ties: Vec<Value> = histories.iter().filter_map(tie).collect();
        if !ties.is_empty() {
            object.insert("hangs_on".into(), ties.into());
        }
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

/// The build that a job hangs on, and how that is known; of several the first, and all of them.
fn tie(history: &JobHistory) -> Option<Value> {
    let build = history.build.names().first()?;
    let mut tie = json!({"job": history.job, "build": build, "inferred": history.inferred});
    if let (BuildOf::All(builds), Some(tie)) = (&history.build, tie.as_object_mut()) {
        tie.insert("builds".into(), json!(builds));
    }
    Some(tie)
}

/// Everything that an act goes by.
pub(crate) struct Act<'a> {
    pub(crate) context: &'a Context,
    pub(crate) args: &'a ActArgs,
    pub(crate) plan: &'a Plan,
    /// The jobs that were asked about, on the same pushes.
    pub(crate) histories: &'a [JobHistory],
    pub(crate) interrupt: &'a Interrupt,
    /// What the command wants of a job, planned anew where a request turns out never to have arrived.
    /// `None` where the command plans anew itself.
    pub(crate) wanted: Option<&'a dyn Fn(&JobHistory) -> Plan>,
}

/// Refuses before anything is read what could not be carried out anyway.
pub(crate) fn check(context: &Context, args: &ConfirmArgs) -> Result<(), Error> {
    if args.dry_run {
        return Ok(());
    }
    if !context.ci.can_ask() {
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

/// Checks what an act needs before anything is read, and hands on what was given for force schedulers, by which
/// is decided how a builder is asked for.
pub(crate) fn begin(context: &Context, args: &ActArgs) -> Result<(), Error> {
    check(context, &args.confirm)?;
    take_parameters(context, args)
}

fn take_parameters(context: &Context, args: &ActArgs) -> Result<(), Error> {
    match context.ci.farm() {
        Some(farm) => {
            if !args.parameters.is_empty() {
                context.talk(
                    "note: runs that are there count, whatever values they were made with: --times asks for more",
                );
            }
            farm.give(args.parameters.iter().cloned().collect());
        }
        None if args.parameters.is_empty() => {}
        None => {
            return Err(Error::Usage(format!(
                "--param is for Buildbot masters, and {} is none",
                context.ci.root_url
            )));
        }
    }
    Ok(())
}

/// Carries a plan out as far as the arguments say.
pub(crate) async fn carry_out(
    act: &Act<'_>,
    out: &mut Out,
    ledger: &mut Ledger,
) -> Result<Acted, Error> {
    let mut acted = decide(act, out, ledger).await?;
    let after = acted.after.as_deref().unwrap_or(act.histories);
    if acted.status == 0 && all_facts(after).any(|facts| facts.doubtful > 0) {
        let doubtful: u32 = all_facts(after).map(|facts| facts.doubtful).sum();
        failure::say(&format!(
            "error: whether {} of an earlier command arrived is not known yet: run the command again in a minute",
            plural(doubtful as usize, "run")
        ));
        acted.status = failure::status(Kind::Service);
    }
    Ok(acted)
}

/// What is known of every job on every push.
pub(crate) fn all_facts(histories: &[JobHistory]) -> impl Iterator<Item = &PushFacts> {
    histories.iter().flat_map(|history| &history.facts)
}

async fn decide(act: &Act<'_>, out: &mut Out, ledger: &mut Ledger) -> Result<Acted, Error> {
    let (context, plan) = (act.context, act.plan);
    let mut acted = Acted::default();
    let ci = &context.ci;
    let used = used_today(context, ledger)?;
    show_ties(out, act.histories);
    show_plan_summary(out, plan, (used, ci.budgets.day));
    if plan.requests.is_empty() && plan.waits_for.is_empty() {
        let under_way = all_facts(act.histories).filter(|facts| facts.is_under_way());
        let under_way = count_pushes(under_way.map(|facts| facts.push.id));
        out.line(&nothing_to_ask(plan, under_way));
        if act.args.wait && !act.args.confirm.dry_run && in_play(act) {
            return follow_on(act, out, ledger, acted, act.args.confirm.yes).await;
        }
        acted.status = left_out_status(plan.left_out.iter(), act.histories);
        return Ok(acted);
    }
    check_plan(ci, plan).await?;
    let passed = guarded(context, ledger, plan, act.histories, act.interrupt).await?;
    if let Err(refusal) = passed {
        acted.status = failure::status(Kind::Guard);
        acted.refused = Some(refusal.clone());
        if !act.args.confirm.dry_run {
            failure::report(&Error::Guard(refusal), context.sent());
            return Ok(acted);
        }
        out.line(&format!("a guard would refuse this: {refusal}"));
    }
    let mut prepared = prepared(act, out, plan).await?;
    if prepared.asks.is_empty() && plan.waits_for.is_empty() {
        out.line("nothing of it can be asked for");
        let refused = std::mem::take(&mut prepared.left_out);
        if acted.status == 0 {
            let all = plan.left_out.iter().chain(&refused);
            acted.status = left_out_status(all, act.histories);
        }
        if acted.status == 0 && say_refused(&refused) {
            acted.status = failure::status(Kind::Service);
        }
        acted.left_out = refused;
        return Ok(acted);
    }
    if act.args.confirm.dry_run {
        acted.left_out = prepared.left_out;
        out.line("dry run: nothing was sent");
        return Ok(acted);
    }
    if !act.args.confirm.yes && !confirmed(out, "Ask for them?", &details(plan)).await? {
        out.line("nothing was sent");
        return Ok(acted);
    }
    act.interrupt.acting.store(true, Ordering::Relaxed);
    let mut round = send_prepared(act, out, ledger, plan, act.histories, prepared).await?;
    acted.left_out.append(&mut round.left_out);
    acted.results.append(&mut round.results);
    if !act.args.wait {
        if !plan.waits_for.is_empty() {
            out.line(
                "builds are under way: run the command again when they are there, or give --wait",
            );
        }
        return Ok(ended(act, acted));
    }
    follow_on(act, out, ledger, acted, true).await
}

/// Runs asked for in the last 24 hours.
pub(crate) fn used_today(context: &Context, ledger: &Ledger) -> Result<u32, Error> {
    let ci = &context.ci;
    Ok(ledger.runs_since(&ci.root_url, ci.day().since)?)
}

/// Holds a plan against the guards; what they go by may not be readable.
pub(crate) async fn guarded(
    context: &Context,
    ledger: &Ledger,
    plan: &Plan,
    histories: &[JobHistory],
    interrupt: &Interrupt,
) -> Result<Result<(), Refusal>, Error> {
    match guards(&context.ci, ledger, plan, histories, &interrupt.stop).await {
        Ok(()) => Ok(Ok(())),
        Err(Error::Guard(refusal)) => Ok(Err(refusal)),
        Err(error) => Err(error),
    }
}

/// One plan for several jobs, each planned by itself.
pub(crate) fn plan_all(
    histories: &[JobHistory],
    times: u32,
    each: impl Fn(&JobHistory) -> Plan,
) -> Plan {
    several::join(histories.iter().map(|history| (each(history), &history.facts[..])), times)
}

/// Whether anything goes on, or may, on the pushes in question.
fn in_play(act: &Act<'_>) -> bool {
    all_facts(act.histories).any(|facts| facts.is_under_way() || facts.doubtful > 0)
}

async fn follow_on(
    act: &Act<'_>,
    out: &mut Out,
    ledger: &mut Ledger,
    mut acted: Acted,
    consented: bool,
) -> Result<Acted, Error> {
    act.interrupt.acting.store(true, Ordering::Relaxed);
    follow(act, out, ledger, &mut acted, consented).await?;
    Ok(ended(act, acted))
}

/// Gives an act that was carried out its exit status.
fn ended(act: &Act<'_>, mut acted: Acted) -> Acted {
    act.interrupt.acting.store(false, Ordering::Relaxed);
    acted.status = status(&acted, act.interrupt);
    say_unsent(&acted.results);
    let skewed = act.context.ci.clock_offset().is_some_and(|offset| offset.abs() > 300);
    if acted.status == failure::status(Kind::NotAllowed) && !skewed {
        failure::say(
            "error: not everything was asked for: it is not allowed with these credentials; ask for the scope or role that is missing, or sign in as somebody who has it",
        );
    }
    acted
}

fn nothing_to_ask(plan: &Plan, under_way: usize) -> String {
    let left_out = match count_pushes(plan.left_out.iter().map(|left_out| left_out.push.id)) {
        0 => String::new(),
        count => format!("; {} cannot be filled", plural(count, "push")),
    };
    match under_way {
        0 => format!("nothing to ask for{left_out}"),
        count => {
            format!("nothing to ask for: it is under way on {}{left_out}", plural(count, "push"))
        }
    }
}

/// Asks on the terminal. The question waits on a thread of its own, so that Ctrl-C ends it.
pub(crate) async fn confirmed(
    out: &mut Out,
    question: &'static str,
    details: &[String],
) -> Result<bool, Error> {
    let failed = |error: std::io::Error| Error::Odd(format!("cannot ask: {error}"));
    let choices = if details.is_empty() { "[y/N]" } else { "[y/N/details]" };
    loop {
        let answer = tokio::task::spawn_blocking(move || {
            let mut stderr = std::io::stderr();
            write!(stderr, "{question} {choices} ")?;
            stderr.flush()?;
            let mut answer = String::new();
            std::io::stdin().lock().read_line(&mut answer)?;
            Ok::<_, std::io::Error>(answer)
        });
        let answer = answer.await.map_err(|error| Error::Odd(error.to_string()))?;
        match answer.map_err(failed)?.trim().to_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "n" | "no" | "" => return Ok(false),
            "d" | "details" => {
                for line in details {
                    out.line(line);
                }
            }
            other => failure::say(&format!("{other:?} is none of them: {choices}")),
        }
    }
}

/// A plan's requests, a line each.
fn details(plan: &Plan) -> Vec<String> {
    let line = |request: &PlannedRequest| {
        format!(
            "  push {}  {} × {}  {}  {}",
            request.push.id,
            request.times,
            request.job,
            request.why,
            match &request.through {
                Through::DecisionTask(task) => format!("decision task {task}"),
                Through::ClonedTask(task) => format!("repeats the task {task}"),
                Through::ForceScheduler(name) => format!("force scheduler {name}"),
                Through::RepeatedBuild(build) => format!("repeats the build {build}"),
                Through::Again(request) => format!("build request {request} again"),
                Through::SelfServe { files } if files.is_empty() => "asked anew".to_owned(),
                Through::SelfServe { files } => format!("with {}", files.join(" and ")),
            }
        )
    };
    plan.requests.iter().map(line).collect()
}

/// Says why sending takes as long as it does, where it does.
fn say_paced(context: &Context, prepared: &Prepared) {
    if context.ci.farm().is_none_or(|farm| !farm.coalesces()) {
        return;
    }
    let mut builders: BTreeMap<&str, usize> = BTreeMap::new();
    for ask in &prepared.asks {
        *builders.entry(&ask.group).or_default() += 1;
    }
    for (builder, count) in builders.into_iter().filter(|(_, count)| *count > 1) {
        context.talk(&format!(
            "{count} requests for {builder}, each sent when the one before has begun: those that wait at once the master would coalesce; Ctrl-C stops between two"
        ));
    }
}

/// Sends a plan's requests and shows what became of each.
pub(crate) async fn send(
    act: &Act<'_>,
    out: &mut Out,
    ledger: &mut Ledger,
    plan: &Plan,
    histories: &[JobHistory],
) -> Result<Acted, Error> {
    let prepared = prepared(act, out, plan).await?;
    send_prepared(act, out, ledger, plan, histories, prepared).await
}

/// What would be sent, and what cannot be, which is shown.
async fn prepared(act: &Act<'_>, out: &mut Out, plan: &Plan) -> Result<Prepared, Error> {
    act.context.progress("preparing what is sent");
    let mut prepared = prepare(&act.context.ci, plan).await?;
    prepared.passed_over = plan.left_out.clone();
    show_left_out(out, &prepared.left_out);
    Ok(prepared)
}

/// Writes down and sends what was prepared.
async fn send_prepared(
    act: &Act<'_>,
    out: &mut Out,
    ledger: &mut Ledger,
    plan: &Plan,
    histories: &[JobHistory],
    prepared: Prepared,
) -> Result<Acted, Error> {
    let (context, stop) = (act.context, &act.interrupt.stop);
    let read_at = histories.iter().map(|history| history.read_at).min().unwrap_or_default();
    let mut left_out = prepared.left_out.clone();
    let names = histories.len() > 1
        || plan.requests.iter().any(|request| request.is_needed() || request.narrow.is_some());
    say_paced(context, &prepared);
    let mut on_result = |result: &AskResult| show_result(out, result, names);
    let sent = ask(&context.ci, ledger, prepared, read_at, stop, &mut on_result);
    let (results, more) = sent.await?;
    show_left_out(out, &more);
    left_out.extend(more);
    Ok(Acted { left_out, results, ..Acted::default() })
}
