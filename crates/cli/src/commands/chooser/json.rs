//! What can run, for programs.

use mozci_core::chooser::{Comparison, Job, Problem, Role, Tree};
use mozci_engine::Error;
use mozci_engine::flow::Chooser;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Selection;
use super::text::Time;
use crate::context::Context;
use crate::show::{Out, top};
use crate::stats::Stats;
use mozci_engine::drive::search::push_json;

/// The whole answer: written as it is made, since there may be tens of thousands of jobs.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    top: Map<String, Value>,
    platforms: Vec<OfPlatform<'a>>,
    jobs: Vec<OfJob<'a>>,
    problems: &'a [Problem],
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Value>,
}

#[derive(Serialize)]
struct OfPlatform<'a> {
    build_type: &'a str,
    platform: &'a str,
    builds: Vec<&'a str>,
    suites: Vec<&'a str>,
}

#[derive(Serialize)]
struct OfJob<'a> {
    label: &'a str,
    role: Role,
    kind: Option<&'a str>,
    build_type: Option<&'a str>,
    build_platform: Option<&'a str>,
    platform: Option<&'a str>,
    suite: Option<&'a str>,
    variant: Option<&'a str>,
    tier: Option<u8>,
    build: Option<&'a str>,
    by_default: Option<bool>,
    /// Pushes that it has a run on.
    ran_on: Option<usize>,
    minutes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifests: Option<Vec<&'a str>>,
}

fn of_job<'a>(found: &Chooser, selection: &Selection<'_>, job: &Job<'a>) -> OfJob<'a> {
    let past = found.past(job.label());
    // All that is run is much; only what was requested is said.
    let manifests = selection.manifests.as_ref().and_then(|wanted| {
        Some(job.manifests()?.filter(|manifest| wanted.contains(manifest)).collect())
    });
    OfJob {
        label: job.label(),
        role: job.role(),
        kind: job.kind(),
        build_type: job.build_type(),
        build_platform: job.build_platform(),
        platform: job.platform(),
        suite: job.suite(),
        variant: job.variant(),
        tier: job.tier(),
        build: job.build(),
        by_default: job.by_default(),
        ran_on: (found.pushes > 0).then(|| past.map_or(0, |past| past.pushes)),
        minutes: past.and_then(|past| past.minutes).map(|minutes| minutes.0),
        manifests,
    }
}

/// Writes what can run, or what of it is meant.
pub(super) fn write(
    found: &Chooser,
    selection: &Selection<'_>,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
) -> Result<(), Error> {
    let tree = Tree::new(selection.jobs.iter().copied());
    let mut top = top("chooser", context);
    top.insert("push".into(), push_json(&found.push));
    top.insert("pushes_read".into(), json!(found.pushes));
    let time = Time::of(found, &selection.jobs);
    let totals = json!({
        "jobs": found.graph.len(),
        "meant": selection.jobs.len(),
        "without_build": tree.without_build,
        "other_kinds": tree.others,
        "machine_minutes": time.minutes,
        "without_duration": time.unknown,
        "tests_that_tell_no_manifests": selection.silent,
    });
    top.insert("totals".into(), totals);
    if let Some(manifests) = &selection.manifests {
        top.insert("manifests".into(), json!(manifests));
    }
    let platforms = tree.types.iter().flat_map(|(build_type, platforms)| {
        platforms.iter().map(move |(platform, of)| OfPlatform {
            build_type,
            platform,
            builds: of.builds.keys().copied().collect(),
            suites: of.suites.iter().copied().collect(),
        })
    });
    out.object(&Answer {
        top,
        platforms: platforms.collect(),
        jobs: selection.jobs.iter().map(|job| of_job(found, selection, job)).collect(),
        problems: found.graph.problems(),
        stats: stats.json(context)?,
    })
}

/// Writes how two pushes differ.
pub(super) fn write_comparison(
    old: &Chooser,
    new: &Chooser,
    found: &Comparison<'_>,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
) -> Result<(), Error> {
    let mut object = top("chooser", context);
    object.insert("push".into(), push_json(&new.push));
    object.insert("against".into(), push_json(&old.push));
    object.insert("added".into(), json!(found.added));
    object.insert("gone".into(), json!(found.gone));
    object.insert("renamed".into(), json!(found.renamed));
    if let Some(costs) = stats.json(context)? {
        object.insert("stats".into(), costs);
    }
    out.object(&Value::Object(object))
}
