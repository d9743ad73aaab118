//! What `--json` writes.

use mozci_engine::Error;
use mozci_engine::flow::Looked;
use mozci_evidence::together;
use serde_json::{Value, json};

use super::Args;
use super::runs::Asked;
use crate::context::Context;
use crate::show::{Out, ShownRun, classified, is_known, top};
use crate::stats::Stats;
use mozci_engine::drive::search::push_json;

/// Writes the object.
pub(super) fn write(
    args: &Args,
    asked: &Asked,
    looked: &[Looked],
    context: &Context,
    out: &mut Out,
    stats: &Stats,
) -> Result<(), Error> {
    let mut object = top("failures", context);
    let runs = asked.runs.iter().zip(looked);
    let runs: Vec<Value> = runs.map(|(run, looked)| of_run(args, run, looked, context)).collect();
    object.insert("runs".into(), runs.into());
    if args.group {
        object.insert("groups".into(), groups(&asked.runs, looked));
    }
    object.insert("notes".into(), json!(asked.notes));
    if let Some(costs) = stats.json(context)? {
        object.insert("stats".into(), costs);
    }
    out.object(&Value::Object(object))
}

fn of_run(args: &Args, run: &ShownRun, looked: &Looked, context: &Context) -> Value {
    let evidence = &looked.evidence;
    let mut value = json!({
        "job": run.asked.job,
        "platform": run.platform,
        "revision": run.asked.revision,
        "push": run.push.as_ref().map(push_json),
        "run": run.asked.run,
        "link": context.ci.link(run.asked.run.key.request),
        "readings": evidence.readings,
        "passed_over": evidence.passed_over,
        "failures": evidence.failures().collect::<Vec<_>>(),
        "total": evidence.total(),
        "tolerated": evidence.tolerated().collect::<Vec<_>>(),
        "unclear": evidence.unclear(),
        "kept": looked.was_kept,
    });
    if args.test.is_some() {
        value["seen"] = json!(evidence.seen());
    }
    if let Some(failed) = &evidence.failed {
        value["failed"] = json!(failed);
    }
    // They stand once, and not once a source besides.
    for reading in value["readings"].as_array_mut().into_iter().flatten() {
        if let Some(told) = reading["evidence"].as_object_mut() {
            told.remove("failures");
            told.remove("tolerated");
        }
    }
    value
}

fn groups(runs: &[ShownRun], looked: &[Looked]) -> Value {
    let failures = looked.iter().enumerate().flat_map(|(place, looked)| {
        let all = looked.evidence.certain().chain(looked.evidence.tolerated());
        all.map(move |failure| (place, failure))
    });
    let groups = together(failures).into_iter().map(|same| {
        let places: Vec<&ShownRun> = same.places.iter().map(|place| &runs[*place]).collect();
        let mut dated: Vec<_> = places.iter().filter_map(|run| run.push.as_ref()).collect();
        dated.sort_by_key(|push| push.date);
        let mut platforms: Vec<_> = places.iter().map(|run| run.platform.as_str()).collect();
        platforms.sort_unstable();
        platforms.dedup();
        let mut jobs: Vec<_> = places.iter().map(|run| &run.asked.job).collect();
        jobs.sort_unstable();
        jobs.dedup();
        let classified = classified(&places).into_iter();
        let classified = classified.map(|(said, runs)| json!({"as": said, "runs": runs}));
        json!({
            "signature": same.failure.signature,
            "kind": same.failure.kind,
            "test": same.failure.test,
            "message": same.failure.message,
            "example": same.failure,
            "runs": places.len(),
            "times": same.times,
            "known_intermittent": is_known(same.is_known, &places),
            "classified": classified.collect::<Vec<_>>(),
            "first_seen": dated.first().map(|push| push_json(push)),
            "last_seen": dated.last().map(|push| push_json(push)),
            "platforms": platforms,
            "jobs": jobs,
        })
    });
    groups.collect()
}
