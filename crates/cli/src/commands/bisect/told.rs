//! A search as programs read it.

use mozci_core::bisect::Verdict;
use mozci_core::culprit::Proved;
use mozci_core::push::PushRef;
use mozci_engine::Error;
use serde_json::{Map, Value, json};

use super::assumed::assumed;
use super::drive::{Ended, Finished};
use super::shown::{names, verdict_line};
use crate::context::Context;
use crate::show::{push_json, top};
use crate::stats::Stats;

/// The whole object.
pub(super) fn object(
    finished: &Finished<'_>,
    context: &Context,
    stats: &Stats,
) -> Result<Value, Error> {
    let mut object: Map<String, Value> = top("bisect", context);
    object.insert("job".into(), json!(finished.question.job));
    object.insert("investigation".into(), json!(finished.id));
    object.insert("good".into(), push_json(finished.case.good()));
    object.insert("bad".into(), push_json(finished.case.bad()));
    let (history, more) = (finished.case.hunt().history(), finished.case.background());
    let background = json!({
        "runs": history.runs,
        "failures": history.failures,
        "further_back": more.further,
        "other_configurations": more.others,
        "pool": more.pool,
        "requests": more.requests,
    });
    object.insert("background".into(), background);
    object.insert("since".into(), json!(finished.since.tally));
    object.insert("end".into(), end(finished));
    object.insert("runs".into(), json!(finished.runs));
    object.insert("rounds".into(), json!(finished.rounds));
    object.insert("suspects".into(), suspects(finished));
    if let Ended::Verdict(Verdict::Culprit { first, last, .. }) = finished.ended {
        let culprits = finished.culprits.iter().map(|culprit| {
            let mut value = push_json(&culprit.push);
            value["commits"] = json!(culprit.commits);
            value["backed_out"] = json!(culprit.is_backed_out());
            value
        });
        object.insert("culprits".into(), culprits.collect());
        object.insert("assumptions".into(), json!(assumed(finished)));
        object.insert("proof".into(), json!(Proved::of(&finished.case.hunt(), *first, *last)));
    }
    object.insert("plan".into(), json!(finished.plan));
    object.insert("results".into(), json!(finished.results));
    if let Some(costs) = stats.json(context)? {
        object.insert("stats".into(), costs);
    }
    Ok(Value::Object(object))
}

/// How it ended, in a form that stands by itself.
pub(super) fn end(finished: &Finished<'_>) -> Value {
    let pushes = names(finished.case);
    let name = |number: usize| pushes.get(number).map(push_json);
    match finished.ended {
        Ended::Verdict(verdict) => {
            let mut value = json!(verdict);
            value["summary"] = json!(verdict_line(verdict, &pushes));
            if let Verdict::Culprit { first, last, .. } = verdict {
                value["pushes"] = (*first..=*last).filter_map(name).collect();
            }
            value
        }
        Ended::BudgetTooSmall { least } => {
            json!({"verdict": "undecided", "summary": "the budget cannot suffice", "least": least})
        }
        Ended::Refused(refusal) => {
            json!({"verdict": "undecided", "summary": format!("a guard refused: {refusal}"), "refused": refusal})
        }
        Ended::Fixed => json!({
            "verdict": "fixed",
            "summary": "fixed since",
            "first_passed": finished.since.first_passed.as_ref().map(push_json),
            "runs": finished.since.tally,
        }),
        Ended::GoodFails { good, bad } => json!({
            "verdict": "undecided", "summary": "the good push fails, too",
            "good_runs": good, "bad_runs": bad,
        }),
        other => {
            let (word, summary) = match other {
                Ended::BackedOut => ("backed-out", "the bad push was backed out"),
                Ended::Budget => ("undecided", "the budget is spent"),
                Ended::NothingToTest => ("undecided", "no push is left to run on"),
                Ended::DryRun => ("undecided", "nothing was sent: a dry run"),
                Ended::Declined => ("undecided", "nothing was sent"),
                Ended::Left => ("undecided", "a round is under way"),
                Ended::Interrupted => ("undecided", "interrupted"),
                _ => ("undecided", "a service failed"),
            };
            json!({"verdict": word, "summary": summary})
        }
    }
}

/// Every suspect, newest first, and what is believed of it.
fn suspects(finished: &Finished<'_>) -> Value {
    let posterior = finished.search.posterior();
    let counts = finished.search.counts();
    let each = finished.case.pushes().enumerate().skip(1).map(|(number, push)| {
        json!({
            "push": PushRef::from(push),
            "probability": posterior.suspects[number],
            "failed": counts[number].failed,
            "passed": counts[number].passed,
            "unknown": counts[number].unknown,
            "can_run": counts[number].is_testable(),
        })
    });
    let mut all: Vec<Value> = each.collect();
    all.reverse();
    json!({"pushes": all, "none": posterior.none, "older": posterior.suspects[0]})
}
