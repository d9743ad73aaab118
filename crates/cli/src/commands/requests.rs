//! `mozci requests`

use mozci_core::time::At;
use mozci_engine::flow::look_up_outcomes;
use mozci_engine::store::{NotedOutcome, TriggerRequest, TriggerState};
use serde_json::{Value, json};

use mozci_engine::drive::settle;

use crate::acting::Terminal;
use crate::app::{Done, Interrupt};
use crate::args::date;
use crate::context::Context;
use crate::show::{Out, Table, age, column, iso, plural, top};
use crate::stats::Stats;

/// Arguments of `mozci requests`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many, newest first
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
    /// Those since a day or minute: YYYY-MM-DD, or YYYY-MM-DDTHH:MM (UTC)
    #[arg(long, value_name = "DATE", value_parser = date, conflicts_with_all = ["open", "limit"])]
    since: Option<At>,
    /// Only those of which nobody can tell yet whether they were sent
    #[arg(long)]
    open: bool,
}

/// What was asked of the CI from here, newest first: the ledger.
pub(crate) async fn run(
    args: Args,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    let ci = &context.ci;
    let ledger = ci.ledger().await?;
    // What is unconfirmed is looked at first; the ledger is shown all the same where that fails.
    let mut terminal = Terminal::new(context, out, stats, interrupt);
    settle(ci, &ledger, &mut terminal).await;
    let triggers = match (args.open, args.since) {
        (true, _) => ledger.open_requests(&ci.root_url).await?,
        (false, Some(since)) => {
            let mut triggers = ledger.requests_since(&ci.root_url, since).await?;
            triggers.reverse();
            triggers
        }
        (false, None) => ledger.newest(&ci.root_url, args.limit).await?,
    };
    let since = match args.since {
        Some(since) => Some(since),
        None => ledger.oldest_of_newest(&ci.root_url, args.limit).await?,
    };
    let passed_over = match since {
        Some(since) if !args.open => {
            ledger.left_out_since(&ci.root_url, since, PASSED_OVER).await?
        }
        _ => Vec::new(),
    };
    for note in look_up_outcomes(ci, &ledger, &triggers).await {
        context.talk(&format!("note: {note}"));
    }
    let used = ledger.runs_since(&ci.root_url, ci.day().since).await?;
    let now = ci.now();
    out.line(&format!(
        "{} · {} of {} runs a day requested · {}",
        ci.root_url,
        used,
        ci.budgets.day,
        ledger.location()
    ));
    let mut entries = Vec::with_capacity(triggers.len());
    // Somebody at a terminal gets two lines a request, a file one row.
    let is_table = out.is_csv() || out.is_markdown();
    let mut table = Table::new(COLUMNS.map(column));
    for trigger in &triggers {
        let times = match trigger.times() {
            0 => "cancel".to_owned(),
            times => plural(times as usize, "run"),
        };
        if is_table {
            table.row(row(trigger, now, &times));
        } else {
            out.line(&format!(
                "{:>7}  {:<10} {:>8}  {:>7}  {}  {}",
                age(now, trigger.created),
                word(&trigger.state),
                trigger.push,
                times,
                trigger.names(),
                detail(&trigger.state)
            ));
            out.line(&second_line(trigger));
        }
        let came = ledger.outcomes(&trigger.id).await?;
        for came in came.iter().filter(|_| !is_table) {
            let job =
                if trigger.jobs.len() > 1 { format!("{}: ", came.job) } else { String::new() };
            out.line(&format!("           {job}{} ({} ago)", came.outcome, age(now, came.at)));
        }
        entries.push(entry(trigger, &came, context));
    }
    if is_table {
        out.table(table);
    }
    if !passed_over.is_empty() {
        out.line(&format!("left out of these plans: {}", plural(passed_over.len(), "run")));
    }
    for one in &passed_over {
        out.line(&format!("  {:>8}  {}: {}  (plan {})", one.push, one.job, one.why, one.plan));
    }
    if passed_over.len() == PASSED_OVER as usize {
        out.line(&format!("  the newest {PASSED_OVER} of what was left out; --since narrows it"));
    }
    if triggers.len() == args.limit as usize && !args.open && args.since.is_none() {
        out.line(&format!(
            "  the newest {}; --limit shows more",
            plural(triggers.len(), "request")
        ));
    }
    if out.json {
        let mut object = top("requests", context);
        object.insert("runs_in_24_hours".into(), json!(used));
        object.insert("requests".into(), entries.into());
        object.insert("left_out".into(), json!(passed_over));
        if let Some(costs) = stats.json(context)? {
            object.insert("stats".into(), costs);
        }
        out.object(&Value::Object(object))?;
    }
    Ok(0)
}

/// What was left out that is shown at the most.
const PASSED_OVER: u32 = 200;

/// The columns of the ledger as a table.
const COLUMNS: [&str; 10] =
    ["date", "age", "state", "push", "runs", "jobs", "by", "reason", "plan", "request"];

fn row(trigger: &TriggerRequest, now: At, times: &str) -> [String; 10] {
    let mut reasons: Vec<&str> =
        trigger.jobs.iter().map(|requested| requested.why.as_str()).collect();
    reasons.dedup();
    [
        iso(trigger.created),
        age(now, trigger.created),
        word(&trigger.state).to_owned(),
        trigger.push.to_string(),
        times.to_owned(),
        trigger.names(),
        trigger.asker.clone(),
        reasons.join("; "),
        trigger.plan.to_string(),
        detail(&trigger.state),
    ]
}

/// Who asked, why, and under which plan.
fn second_line(trigger: &TriggerRequest) -> String {
    let mut parts = Vec::new();
    if !trigger.asker.is_empty() {
        parts.push(format!("by {}", trigger.asker));
    }
    let mut reasons: Vec<&str> =
        trigger.jobs.iter().map(|requested| requested.why.as_str()).collect();
    reasons.dedup();
    parts.push(format!("because: {}", reasons.join("; ")));
    parts.push(format!("plan {}", trigger.plan));
    parts.extend(trigger.investigation.as_ref().map(|id| format!("investigation {id}")));
    format!("           {}", parts.join(" · "))
}

fn word(state: &TriggerState) -> &'static str {
    match state {
        TriggerState::Planned => "recorded",
        TriggerState::Sent { .. } => "sent",
        TriggerState::NotSent { .. } => "not sent",
        TriggerState::Uncertain { .. } => "UNCERTAIN",
    }
}

fn detail(state: &TriggerState) -> String {
    match state {
        TriggerState::Planned => String::new(),
        TriggerState::Sent { request } => request.to_string(),
        TriggerState::NotSent { detail } | TriggerState::Uncertain { detail } => detail.clone(),
    }
}

/// A trigger request with the body as it was sent.
fn entry(trigger: &TriggerRequest, came: &[NotedOutcome], context: &Context) -> Value {
    let mut entry = json!({
        "id": trigger.id,
        "plan": trigger.plan,
        "repo": trigger.repo,
        "push": {
            "id": trigger.push,
            "revision": trigger.revision.hash(),
            "vcs": trigger.revision.vcs(),
        },
        "jobs": trigger.jobs,
        "action": trigger.action,
        "at": trigger.created,
        "body": &*trigger.body,
        "asker": trigger.asker,
        "investigation": trigger.investigation,
        "outcomes": came,
        "link": match &trigger.state {
            TriggerState::Sent { request } => context.ci.link(*request),
            _ => None,
        },
    });
    if let (Some(entry), Ok(Value::Object(state))) =
        (entry.as_object_mut(), serde_json::to_value(&trigger.state))
    {
        entry.extend(state);
    }
    entry
}
