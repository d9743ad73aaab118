//! `mozci jobs`

use clap_complete::engine::ArgValueCompleter;
use std::collections::BTreeSet;

use mozci_core::classify::PushClass;
use mozci_core::filter::{Facets, JobFilter};
use mozci_core::ids::JobName;
use mozci_core::nearest::nearest;
use mozci_core::push::Push;
use mozci_core::run::{Run, Says};
use mozci_core::time::At;
use mozci_engine::flow::{Matrix, RangePushes, read_matrix, read_range, read_summaries};
use mozci_engine::{Error, Kind};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::app::Done;
use crate::args::{AuthorArgs, FilterArgs, RangeArgs, SubjectArgs};
use crate::complete;
use crate::context::Context;
use crate::failure;
use crate::show::{Out, age, plural, shell_word, show_matrix, top};
use crate::stats::Stats;
use mozci_engine::drive::search::push_json;

/// Arguments of `mozci jobs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// These jobs: labels, parts of a label that one job has, globs, or links to runs
    #[arg(value_name = "JOB", add = ArgValueCompleter::new(complete::jobs))]
    pub(crate) jobs: Vec<String>,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// Only jobs with a failed run
    #[arg(long)]
    failed: bool,
    #[command(flatten)]
    by: AuthorArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    subject: SubjectArgs,
}

/// The state of every job on every push of a range. Without a range the newest eight pushes.
pub(crate) async fn run(mut args: Args, context: &Context, out: &mut Out, stats: &Stats) -> Done {
    args.range.follow_links(context, &mut args.jobs).await?;
    args.subject.apply(context, out).await?;
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &args.range.spec(context, args.by.reach(7)).await?).await?;
    let filter = args.filter.filter(&args.jobs);
    // Pushes that --every passes over are neither asked about nor shown.
    let pushes: Vec<Push> = args.by.keep(range.thinned().cloned().collect(), context)?;
    let mut summarised = pushes.clone();
    context.progress(&format!("reading the runs of {}", plural(pushes.len(), "push")));
    let (read, ()) = tokio::join!(
        read_matrix(&context.ci, &pushes, &filter),
        read_summaries(&context.ci, &mut summarised),
    );
    let (mut matrix, pushes) = (read?, summarised);
    if matrix.jobs.is_empty()
        && filter.is_given()
        && args.jobs.is_empty()
        && matrix.incomplete.is_none()
    {
        return Err(nothing_matches(&args, context, &pushes).await);
    }
    note_unknown(context, &matrix);
    if args.failed {
        matrix.keep_jobs(has_failed);
    }
    let bad = (0..matrix.jobs.len() as u32)
        .any(|job| newest(&matrix, job).is_some_and(|(_, j)| matches!(j, PushClass::Bad { .. })));
    if out.json {
        let rows = pushes.iter().zip(&matrix.rows);
        out.object(&Object {
            top: top("jobs", context),
            treeherder_behind_seconds: matrix.behind,
            incomplete: matrix.incomplete.as_deref(),
            pushes: rows
                .map(|(push, row)| PushJobs {
                    push: push_json(push),
                    jobs: Jobs { matrix: &matrix, row },
                })
                .collect(),
            stats: stats.json(context)?,
        })?;
    } else {
        show(out, context, &args, &range, &pushes, &matrix);
    }
    if let Some(incomplete) = &matrix.incomplete {
        failure::say(&format!("error: {incomplete}"));
        return Ok(failure::exit_status(Kind::Service));
    }
    Ok(u8::from(context.global.exit_status && bad))
}

/// That nothing matches, with the nearest of the names that are there.
async fn nothing_matches(args: &Args, context: &Context, pushes: &[Push]) -> Error {
    let pushes_read = plural(pushes.len(), "push");
    let all = read_matrix(&context.ci, pushes, &JobFilter::default()).await;
    let names: Vec<String> =
        all.map_or(Vec::new(), |all| all.jobs.iter().map(|(job, _)| job.to_string()).collect());
    let wanted = args.filter.first_name().unwrap_or_default();
    // Whoever types a part of a name mostly means a suite.
    let suites: BTreeSet<&str> = names.iter().map(|name| Facets::of(name).suite()).collect();
    let near = nearest(&wanted, suites.into_iter().chain(names.iter().map(String::as_str)), 3);
    let near: Vec<&str> = near.into_iter().filter(|name| !name.is_empty()).collect();
    let hint = match near.as_slice() {
        [] => String::new(),
        near => format!("\n  the nearest names are  {}", near.join("\n                         ")),
    };
    Error::NotFound(format!(
        "none of the {} that ran on {pushes_read} matches these filters (a glob must match the whole name){hint}",
        plural(names.len(), "job")
    ))
}

fn show(
    out: &mut Out,
    context: &Context,
    args: &Args,
    range: &RangePushes,
    pushes: &[Push],
    matrix: &Matrix,
) {
    let behind = match matrix.behind {
        Some(seconds) => {
            format!(" · Treeherder's newest result is {} old", age(At(seconds), At(0)))
        }
        None => String::new(),
    };
    let passed_over = range.pushes.len() - range.thinned().count();
    let passed_over = match passed_over {
        0 => String::new(),
        count => format!(" ({count} passed over by --every)"),
    };
    out.link_pushes(pushes, |push| context.ci.page_of(&push.into()));
    out.heading(&format!(
        "{} · {}{passed_over} · {}{behind}",
        context.ci.repo,
        plural(pushes.len(), "push"),
        plural(matrix.jobs.len(), "job"),
    ));
    if matrix.jobs.is_empty() {
        out.line(if args.failed { "  no job failed here" } else { "  no job ran here" });
        return;
    }
    show_matrix(out, pushes, matrix, context.ci.now());
    let undecided: Vec<String> = matrix
        .undecided
        .iter()
        .filter_map(|push| pushes.get(*push))
        .map(|p| p.id.to_string())
        .collect();
    if !undecided.is_empty() {
        out.line(&format!(
            " nothing can run on {} {}: the decision task failed there",
            if undecided.len() == 1 { "push" } else { "pushes" },
            undecided.join(", ")
        ));
    }
    let bad: Vec<(&JobName, &Push)> = matrix
        .jobs
        .iter()
        .enumerate()
        .filter(|(_, (name, _))| !name.is_of_decision())
        .filter_map(|(i, (name, _))| match newest(matrix, i as u32)? {
            (push, PushClass::Bad { .. }) => Some((name, &pushes[push])),
            _ => None,
        })
        .collect();
    for (job, push) in bad.iter().take(3) {
        out.line(&format!(
            " bad at {}: `{} backfill {} --rev {}{}`",
            push.id,
            context.program(),
            shell_word(job.as_str()),
            push.revision.short(),
            args.subject.again(),
        ));
    }
    if let Some((job, push)) = bad.first() {
        out.line(&format!(
            " `{} failures {} --rev {}` shows what failed",
            context.program(),
            shell_word(job.as_str()),
            push.revision.short(),
        ));
    }
    if bad.len() > 3 {
        out.line(&format!(" and {} more jobs are bad where they last ran", bad.len() - 3));
    }
}

/// Says so where no run ran what is judged: its name may be misspelled.
pub(super) fn note_unknown(context: &Context, matrix: &Matrix) {
    let about = context.ci.about();
    let Some(subject) = about.as_ref().and_then(|about| about.subject.as_ref()) else { return };
    let mut runs = matrix.rows.iter().flatten().map(|(_, run)| run);
    let tells =
        |run: &Run| run.proof().is_some_and(|proof| matches!(proof.says, Says::Good | Says::Bad));
    if !runs.any(tells) {
        context.talk(&format!(
            "note: no run that was read tells of {}: check its path, or look further back",
            subject.name()
        ));
    }
}

/// Whether any run of a job failed.
fn has_failed(matrix: &Matrix, job: u32) -> bool {
    let mut cells = (0..matrix.rows.len()).map(|push| matrix.cell(push, job));
    let is_bad = |class| matches!(class, PushClass::Bad { .. } | PushClass::Mixed { .. });
    cells.any(|cell| is_bad(PushClass::of(cell.iter().map(|(_, run)| run))))
}

/// The newest push on which a job says good, bad or mixed.
fn newest(matrix: &Matrix, job: u32) -> Option<(usize, PushClass)> {
    (0..matrix.rows.len()).find_map(|push| {
        match PushClass::of(matrix.cell(push, job).iter().map(|(_, run)| run)) {
            said @ (PushClass::Good { .. } | PushClass::Bad { .. } | PushClass::Mixed { .. }) => {
                Some((push, said))
            }
            _ => None,
        }
    })
}

/// The object that `--json` writes, made while it is written: it can be large.
#[derive(Serialize)]
struct Object<'a> {
    #[serde(flatten)]
    top: Map<String, Value>,
    treeherder_behind_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<&'a str>,
    pushes: Vec<PushJobs<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<Value>,
}

/// A push with its jobs.
#[derive(Serialize)]
struct PushJobs<'a> {
    #[serde(flatten)]
    push: Value,
    jobs: Jobs<'a>,
}

/// The jobs of a push by their names.
struct Jobs<'a> {
    matrix: &'a Matrix,
    row: &'a [(u32, Run)],
}

/// One job of a push.
#[derive(Serialize)]
struct Cell<'a> {
    platform: &'a JobName,
    #[serde(flatten)]
    push_class: PushClass,
    runs: Vec<&'a Run>,
}

impl Serialize for Jobs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for cell in self.row.chunk_by(|a, b| a.0 == b.0) {
            let (name, platform) = &self.matrix.jobs[cell[0].0 as usize];
            let runs = || cell.iter().map(|(_, run)| run);
            let push_class = PushClass::of(runs());
            map.serialize_entry(name, &Cell { platform, push_class, runs: runs().collect() })?;
        }
        map.end()
    }
}
