//! What every command that sends requests does with its plan: carries it out, and says what came of it.

use mozci_core::plan::Plan;
use mozci_engine::drive::{self, ActEnd, Acted, all_facts};
use mozci_engine::flow::{BuildOf, JobHistory};
use mozci_engine::store::Ledger;
use mozci_engine::{Error, Kind};
use serde_json::{Map, Value, json};

use super::args::ActArgs;
use super::ending::{left_out_status, say_refused, say_unsent, status};
use super::host::Terminal;
use crate::app::Interrupt;
use crate::context::Context;
use crate::failure;
use crate::show::{Out, plural};
use crate::stats::Stats;

/// Everything that an act goes by.
pub(crate) struct Act<'a> {
    pub(crate) context: &'a Context,
    pub(crate) args: &'a ActArgs,
    pub(crate) plan: &'a Plan,
    /// The jobs that were asked about, on the same pushes.
    pub(crate) histories: &'a [JobHistory],
    pub(crate) stats: &'a Stats,
    pub(crate) interrupt: &'a Interrupt,
    /// What the command wants of a job, planned anew where a request turns out never to have arrived.
    pub(crate) wanted: &'a (dyn Fn(&JobHistory) -> Plan + Sync),
}

/// Carries a plan out as far as the arguments say. What it came to, and the exit status.
pub(crate) async fn carry_out(
    act: &Act<'_>,
    out: &mut Out,
    ledger: &mut Ledger,
) -> Result<(Acted, u8), Error> {
    let Act { context, args, plan, histories, stats, interrupt, wanted } = *act;
    let permission = args.confirm.permission();
    let mut terminal = Terminal::new(context, out, stats, interrupt);
    let wanted = Some(wanted);
    let driven = drive::Act { plan, histories, permission, wait: args.wait, wanted };
    let acted = drive::carry_out(&driven, &mut terminal.session(ledger)).await?;
    terminal.rendered()?;
    let mut status = status_of(act, &acted);
    let after = acted.after.as_deref().unwrap_or(histories);
    if status == 0 && all_facts(after).any(|facts| facts.doubtful > 0) {
        let doubtful: u32 = all_facts(after).map(|facts| facts.doubtful).sum();
        failure::say(&format!(
            "error: whether {} of an earlier command arrived is not known yet: run the command again in a minute",
            plural(doubtful as usize, "run")
        ));
        status = failure::exit_status(Kind::Service);
    }
    Ok((acted, status))
}

/// The exit status, and what is said where not all of it went through.
fn status_of(act: &Act<'_>, acted: &Acted) -> u8 {
    let Act { plan, histories, .. } = *act;
    let refused = match acted.refused.is_some() {
        true => failure::exit_status(Kind::Guard),
        false => 0,
    };
    match acted.end {
        ActEnd::NothingToSend => left_out_status(plan.left_out.iter(), histories),
        ActEnd::NothingPossible if refused == 0 => {
            let all = plan.left_out.iter().chain(&acted.left_out);
            match left_out_status(all, histories) {
                0 if say_refused(&acted.left_out) => failure::exit_status(Kind::Service),
                status => status,
            }
        }
        ActEnd::Refused | ActEnd::NothingPossible | ActEnd::DryRun | ActEnd::Declined => refused,
        ActEnd::Done => done(act, acted),
    }
}

/// The exit status of an act that was carried out.
fn done(act: &Act<'_>, acted: &Acted) -> u8 {
    let status = status(acted, act.interrupt);
    say_unsent(&acted.results);
    let skewed = act.context.ci.clock_offset().is_some_and(|offset| offset.abs() > 300);
    if status == failure::exit_status(Kind::NotAllowed) && !skewed {
        failure::say(
            "error: not everything was requested: it is not allowed with these credentials; request the scope or role that is missing, or sign in as somebody who has it",
        );
    }
    status
}

/// Adds what came of an act to the JSON object.
pub(crate) fn acted_json(
    acted: &Acted,
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
        (shown["left_out"].as_array_mut(), serde_json::to_value(&acted.left_out))
    {
        list.extend(more);
    }
    object.insert("plan".into(), shown);
    object.insert("results".into(), json!(acted.results));
    object.insert("outcomes".into(), json!(acted.outcomes));
    if let Some(refusal) = &acted.refused {
        object.insert("refused".into(), json!(refusal));
    }
}

/// The build that a job depends on, and how that is known; of several the first, and all of them.
fn tie(history: &JobHistory) -> Option<Value> {
    let build = history.build.names().first()?;
    let mut tie = json!({"job": history.job, "build": build, "inferred": history.inferred});
    if let (BuildOf::All(builds), Some(tie)) = (&history.build, tie.as_object_mut()) {
        tie.insert("builds".into(), json!(builds));
    }
    Some(tie)
}
