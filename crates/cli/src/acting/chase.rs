//! What a red job is chased for: a job that is red for one reason here and for another one there has
//! two causes, and a run that did not run what failed is no evidence of either.

use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::run::Run;
use mozci_engine::flow::{WhyRed, why_red};
use serde_json::{Value, json};

use crate::context::Context;
use crate::show::{Out, shell_word};

/// Other reasons that are named.
const MOST_OTHERS: usize = 5;

/// Chases the reason for which a job is red on a push, and says so: from here on every run is judged by
/// it. What is chased, as JSON. Where nobody can tell the reason that is said, and the whole job is
/// chased. `again` is how the command begins that chases another reason.
pub(crate) async fn chase(
    context: &Context,
    out: &mut Out,
    job: &JobName,
    push: &Push,
    runs: &[Run],
    again: &str,
) -> Value {
    context.progress("reading why it failed");
    let WhyRed { reasons, read, unread } = why_red(&context.ci, job, runs).await;
    let mut reasons = reasons.into_iter();
    let Some(first) = reasons.next() else {
        let why = unread.unwrap_or_else(|| "no run of it failed there".to_owned());
        context.talk(&format!(
            "note: why {job} failed on push {} is not known ({why}): every failed run counts, whatever its reason, and so does every passed run",
            push.id
        ));
        return json!({"whole_job": true, "why": why});
    };
    let of = |runs: u32| format!("in {runs} of {read} red runs");
    let name = first.name().map(str::to_owned);
    out.line(&match &name {
        Some(name) => format!(
            "chasing {name}, which failed {} on push {}; --whole-job counts any failure of the job",
            of(first.runs),
            push.id
        ),
        None => format!(
            "chasing the failure of push {}, which belongs to no test ({}); --whole-job counts any failure of the job",
            push.id,
            of(first.runs)
        ),
    });
    let others: Vec<_> = reasons.collect();
    let mut named = Vec::new();
    for other in others.iter().take(MOST_OTHERS) {
        let Some(name) = other.name() else { continue };
        let option = match &other.about.subject {
            Some(mozci_evidence::Subject::Group(_)) => "group",
            _ => "test",
        };
        let command = format!("{again} --{option} {}", shell_word(name));
        out.line(&format!("  {name} failed, too ({}): `{command}`", of(other.runs)));
        named.push(json!({"name": name, "runs": other.runs, "command": command}));
    }
    let more = others.len().saturating_sub(MOST_OTHERS);
    if more > 0 {
        out.line(&format!("  and {more} more failed there: `mozci failures` names them"));
    }
    let chased = json!({
        "whole_job": false, "subject": name, "runs": first.runs, "of": read,
        "others": named, "more": more,
    });
    context.ci.judge_by(first.about);
    chased
}
