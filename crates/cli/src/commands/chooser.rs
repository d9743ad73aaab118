//! `mozci chooser`

mod json;
mod text;

use mozci_core::chooser::{Comparison, Job, JobGraph, Tree, compare};
use mozci_core::chunks::manifests_meant;
use mozci_core::filter::JobFilter;
use mozci_core::nearest::nearest;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_core::revision_name::RevisionName;
use mozci_engine::Error;
use mozci_engine::flow::{Chooser, chooser, read_range, spelled};
use serde_json::json;

use crate::app::{Done, Format};
use crate::args::{FilterArgs, RangeArgs};
use crate::context::Context;
use crate::show::{Out, plural};
use crate::stats::Stats;

/// Arguments of `mozci chooser`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// Jobs that run this test, manifest or folder, as their tasks say
    #[arg(long, value_name = "PATH")]
    test: Option<String>,
    /// What came and went since this other push
    #[arg(long, value_name = "REV", conflicts_with = "test")]
    against: Option<RevisionName>,
}

/// Pushes before the one that is meant from whose runs the past is told, unless a range is given.
const BEFORE: u32 = 4;

/// Jobs that are meant, and how that is known.
pub(super) struct Selection<'a> {
    /// The jobs.
    pub(super) jobs: Vec<Job<'a>>,
    /// Whether anything narrowed them down.
    pub(super) is_narrowed: bool,
    /// The manifests that a path means.
    pub(super) manifests: Option<Vec<&'a str>>,
    /// Test jobs that are meant otherwise and do not tell what they run.
    pub(super) silent: usize,
}

/// Everything that can run on a push, or what of it is meant.
pub(crate) async fn run(args: Args, context: &Context, out: &mut Out, stats: &Stats) -> Done {
    let format = context.global.format;
    let (lists, shows) = (format.is_choosers(), out.json || !format.is_choosers());
    context.progress("reading the pushlog");
    let reach = if lists { Reach::Single } else { Reach::Back(BEFORE) };
    let spec = args.range.spec(context, reach).await?;
    let range = read_range(&context.ci, &spec).await?;
    context.progress("reading what can run there");
    let exact = spec.rev != RevisionSpec::Tip;
    let found = chooser(&context.ci, &range.pushes, exact, shows && args.against.is_none()).await?;
    // Where there are no kinds every builder is meant.
    let filter = JobFilter {
        any_kind: !context.ci.backend().capabilities().graphs,
        ..args.filter.filter(&[])
    };
    if let Some(other) = &args.against {
        let other = other_push(context, other).await?;
        return compared(&other, &found, &filter, context, out, stats);
    }
    let manifests = match &args.test {
        Some(path) => Some(meant_by(path, &found.graph)?),
        None => None,
    };
    let jobs: Vec<Job<'_>> = match (filter.is_given() || !filter.exclude.is_empty(), &manifests) {
        (false, None) => found.graph.jobs().collect(),
        _ => found.graph.select(&filter, manifests.as_deref()).collect(),
    };
    let silent = match &manifests {
        Some(_) => {
            let all = found.graph.select(&filter, None);
            all.filter(|job| job.suite().is_some() && job.manifests().is_none()).count()
        }
        None => 0,
    };
    let is_narrowed = jobs.len() < found.graph.len();
    if jobs.is_empty() {
        return Err(Error::NotFound(format!(
            "none of {} jobs of push {} matches (a glob must match the whole name; kinds other than builds and tests need --kind)",
            found.graph.len(),
            found.push.id
        )));
    }
    let selection = Selection { jobs, is_narrowed, manifests, silent };
    match format {
        Format::Graphs => out.object(&Tree::new(selection.jobs.iter().copied()))?,
        Format::TryTaskConfig => out.object(&try_task_config(&selection.jobs))?,
        Format::Labels => out.whole_lines(selection.jobs.iter().map(Job::label)),
        Format::Json => json::write(&found, &selection, context, out, stats)?,
        Format::Table | Format::Markdown | Format::Csv if out.json => {
            json::write(&found, &selection, context, out, stats)?;
        }
        Format::Table | Format::Markdown | Format::Csv => {
            text::show(&found, &selection, context, out)
        }
    }
    if lists {
        say_problems(&found.graph, context);
        if selection.silent > 0 {
            context.talk(&format!(
                "note: {} do not say what they run, and may run it as well",
                plural(selection.silent, "test job")
            ));
        }
    }
    if format == Format::Graphs {
        let tree = Tree::new(selection.jobs.iter().copied());
        let others: usize = tree.others.values().sum();
        if others + tree.without_build.len() > 0 {
            context.talk(&format!(
                "note: left out of the graph: {} whose build is not known, {} that are neither builds nor tests",
                plural(tree.without_build.len(), "test"),
                plural(others, "job")
            ));
        }
    }
    Ok(0)
}

/// The manifests that a path means.
fn meant_by<'a>(path: &str, graph: &'a JobGraph) -> Result<Vec<&'a str>, Error> {
    let all = graph.manifests();
    if all.is_empty() {
        return Err(Error::Usage(
            "no job here says which tests it runs: choose by name with --include".into(),
        ));
    }
    let meant = manifests_meant(path, all.iter().copied());
    if meant.is_empty() {
        let near = nearest(path, all.iter().copied(), 3);
        let hint = match near.as_slice() {
            [] => String::new(),
            names => format!("\n  the nearest are  {}", names.join("\n                   ")),
        };
        return Err(Error::NotFound(format!(
            "none of {} manifests holds {path:?}{hint}",
            all.len()
        )));
    }
    Ok(meant.into_iter().collect())
}

/// What `mach try` pushes so that these run: version 2 of try_task_config.json.
fn try_task_config(jobs: &[Job<'_>]) -> serde_json::Value {
    let tasks: Vec<&str> = jobs.iter().map(Job::label).collect();
    json!({
        "version": 2,
        "parameters": {
            // Whoever names jobs wants them run.
            "optimize_target_tasks": false,
            "try_task_config": {"env": {"TRY_SELECTOR": "mozci"}, "tasks": tasks},
        },
    })
}

/// What can run on another push.
async fn other_push(context: &Context, rev: &RevisionName) -> Result<Chooser, Error> {
    let every = std::num::NonZeroU32::MIN;
    let spec = RangeSpec { rev: spelled(&context.ci, rev).await?, reach: Reach::Single, every };
    let range = read_range(&context.ci, &spec).await?;
    chooser(&context.ci, &range.pushes, true, false).await
}

fn compared(
    old: &Chooser,
    new: &Chooser,
    filter: &JobFilter,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
) -> Done {
    if context.global.format.is_choosers() {
        return Err(Error::Usage("--against is shown as a table or as JSON".into()));
    }
    if !context.ci.backend().capabilities().graphs {
        return Err(Error::Usage(format!(
            "{} does not say what can run on each push: there is nothing to compare",
            context.ci.root_url
        )));
    }
    let mut found: Comparison<'_> = compare(&old.graph, &new.graph);
    let meant = |graph: &JobGraph, label: &str| {
        graph.get(label).is_some_and(|job| filter.keeps(&job.facets()))
    };
    found.added.retain(|label| meant(&new.graph, label));
    found.gone.retain(|label| meant(&old.graph, label));
    found.renamed.retain(|one| meant(&old.graph, one.from) || meant(&new.graph, one.to));
    for graph in [&old.graph, &new.graph] {
        say_problems(graph, context);
    }
    match out.json {
        true => json::write_comparison(old, new, &found, context, out, stats)?,
        false => text::show_comparison(old, new, &found, context, out),
    }
    Ok(0)
}

/// What is wrong with the graph itself goes to stderr where stdout is for programs.
fn say_problems(graph: &JobGraph, context: &Context) {
    for problem in graph.problems() {
        context.talk(&format!("note: {problem}"));
    }
}
