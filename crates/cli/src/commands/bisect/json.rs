//! A search as programs read it.

use mozci_core::bisect::Verdict;
use mozci_core::culprit::Proved;
use mozci_core::push::PushRef;
use mozci_engine::Error;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::show::top_of;
use crate::stats::Stats;
use mozci_engine::ci::Ci;
use mozci_engine::drive::search::{Ended, Finished, assumed, push_json};

/// The whole object.
pub(super) fn object(
    finished: &Finished<'_>,
    context: &Context,
    ci: &Ci,
    stats: &Stats,
) -> Result<Value, Error> {
    let mut object: Map<String, Value> = top_of("bisect", context, ci);
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
    object.insert("end".into(), finished.end());
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
