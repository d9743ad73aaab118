//! `mozci requests`

use mozci_engine::store::{AskState, Asking, Ledger};
use serde_json::{Value, json};

use crate::acting::{settle, used_today};
use crate::app::Done;
use crate::context::Context;
use crate::show::{Out, age, plural, top};
use crate::stats::Stats;

/// Arguments of `mozci requests`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many, newest first
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
    /// Only those of which nobody can tell yet whether they were sent
    #[arg(long)]
    open: bool,
}

/// What was asked of the CI from here, newest first: the ledger.
pub(crate) async fn run(args: Args, context: &Context, out: &mut Out, stats: &Stats) -> Done {
    let ci = &context.ci;
    let ledger = Ledger::open(&ci.place.state)?;
    // What is in doubt is looked at first; the ledger is shown all the same where that fails.
    settle(context, &ledger).await;
    let askings = match args.open {
        true => ledger.open_askings(&ci.root_url)?,
        false => ledger.newest(&ci.root_url, args.limit)?,
    };
    let used = used_today(context, &ledger)?;
    let now = ci.now();
    out.line(&format!(
        "{} · {} of {} runs a day asked for · {}",
        ci.root_url,
        used,
        ci.budgets.day,
        ledger.path().display()
    ));
    for asking in &askings {
        let times = match asking.times() {
            0 => "cancel".to_owned(),
            times => plural(times as usize, "run"),
        };
        out.line(&format!(
            "{:>7}  {:<10} {:>8}  {:>7}  {}  {}",
            age(now, asking.created),
            word(&asking.state),
            asking.push,
            times,
            asking.names(),
            detail(&asking.state)
        ));
    }
    if askings.len() == args.limit as usize && !args.open {
        out.line(&format!("  the newest {}; --limit shows more", plural(askings.len(), "asking")));
    }
    if out.json {
        let mut object = top("requests", context);
        object.insert("runs_in_24_hours".into(), json!(used));
        object.insert("requests".into(), askings.iter().map(entry).collect());
        if let Some(costs) = stats.json(context)? {
            object.insert("stats".into(), costs);
        }
        out.object(&Value::Object(object))?;
    }
    Ok(0)
}

fn word(state: &AskState) -> &'static str {
    match state {
        AskState::Recorded => "recorded",
        AskState::Sent { .. } => "sent",
        AskState::NotSent { .. } => "not sent",
        AskState::Uncertain { .. } => "UNCERTAIN",
    }
}

fn detail(state: &AskState) -> String {
    match state {
        AskState::Recorded => String::new(),
        AskState::Sent { request } => request.to_string(),
        AskState::NotSent { detail } | AskState::Uncertain { detail } => detail.clone(),
    }
}

/// An asking with the body as it was sent.
fn entry(asking: &Asking) -> Value {
    let mut entry = json!({
        "id": asking.id,
        "plan": asking.plan,
        "repo": asking.repo,
        "push": {
            "id": asking.push,
            "revision": asking.revision.hash(),
            "vcs": asking.revision.vcs(),
        },
        "jobs": asking.jobs,
        "action": asking.action,
        "at": asking.created,
        "body": asking.body,
    });
    if let (Some(entry), Ok(Value::Object(state))) =
        (entry.as_object_mut(), serde_json::to_value(&asking.state))
    {
        entry.extend(state);
    }
    entry
}
