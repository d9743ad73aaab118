//! `mozci jobs`

use mozci_core::ids::JobName;
use mozci_core::judge::Judgement;
use mozci_core::push::Push;
use mozci_core::range::Reach;
use mozci_core::run::Run;
use mozci_engine::flow::{JobsFilter, Matrix, RangePushes, read_matrix, read_range};
use serde_json::{Map, Value, json};

use crate::app::Done;
use crate::context::Context;
use crate::range_args::RangeArgs;
use crate::show::{Out, plural, push_json, show_matrix, top};
use crate::stats::Stats;

/// Arguments of `mozci jobs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Exactly these jobs
    #[arg(value_name = "JOB")]
    jobs: Vec<String>,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// Only jobs whose names contain this text
    #[arg(long, value_name = "TEXT")]
    include: Vec<String>,
    /// No jobs whose names contain this text
    #[arg(long, value_name = "TEXT")]
    exclude: Vec<String>,
}

/// The state of every job on every push of a range. Without a range the newest eight pushes.
pub(crate) async fn run(args: Args, context: &Context, out: &mut Out, stats: &Stats) -> Done {
    let range = read_range(&context.ci, &args.range.spec(Reach::Back(7))).await?;
    let filter = JobsFilter {
        jobs: args.jobs.iter().map(JobName::new).collect(),
        include: args.include,
        exclude: args.exclude,
    };
    // Pushes that --every passes over are neither asked about nor shown.
    let pushes: Vec<Push> = range.thinned().cloned().collect();
    let matrix = read_matrix(&context.ci, &pushes, &filter).await?;
    let bad = (0..matrix.jobs.len() as u32)
        .any(|job| newest(&matrix, job).is_some_and(|(_, j)| matches!(j, Judgement::Bad { .. })));
    if out.json {
        let mut object = top("jobs", context);
        object.insert("pushes".into(), pushes_json(&pushes, &matrix));
        object.insert("treeherder_behind_seconds".into(), json!(matrix.behind));
        if let Some(costs) = stats.json(context)? {
            object.insert("stats".into(), costs);
        }
        out.object(&Value::Object(object))?;
    } else {
        show(out, context, &range, &pushes, &matrix);
    }
    Ok(u8::from(context.global.exit_status && bad))
}

fn show(out: &mut Out, context: &Context, range: &RangePushes, pushes: &[Push], matrix: &Matrix) {
    let behind = match matrix.behind {
        Some(seconds) if seconds < 3600 => {
            format!(" · Treeherder's newest word is {seconds} s old")
        }
        Some(seconds) => format!(" · Treeherder's newest word is {} h old", seconds / 3600),
        None => String::new(),
    };
    let passed_over = range.pushes.len() - pushes.len();
    let passed_over = match passed_over {
        0 => String::new(),
        count => format!(" ({count} passed over by --every)"),
    };
    out.line(&format!(
        "{} · {}{passed_over} · {}{behind}",
        context.ci.repo,
        plural(pushes.len(), "push"),
        plural(matrix.jobs.len(), "job"),
    ));
    if matrix.jobs.is_empty() {
        out.line("  no job of that kind has a run here");
        return;
    }
    let shown: Vec<&Push> = pushes.iter().collect();
    let rows: Vec<usize> = (0..pushes.len()).collect();
    show_matrix(out, &shown, &rows, matrix, context.ci.now());
    let bad: Vec<(&JobName, &Push)> = matrix
        .jobs
        .iter()
        .enumerate()
        .filter_map(|(i, (name, _))| match newest(matrix, i as u32)? {
            (push, Judgement::Bad { .. }) => Some((name, &pushes[push])),
            _ => None,
        })
        .collect();
    for (job, push) in bad.iter().take(3) {
        out.line(&format!(
            " bad at {}: `mozci backfill {job} --rev {}`",
            push.id,
            push.revision.short()
        ));
    }
    if bad.len() > 3 {
        out.line(&format!(
            " and {} more jobs are bad where they last ran",
            bad.len() - 3
        ));
    }
}

/// The newest push on which a job says good, bad or mixed.
fn newest(matrix: &Matrix, job: u32) -> Option<(usize, Judgement)> {
    (0..matrix.rows.len()).find_map(|push| {
        let runs: Vec<Run> = matrix
            .cell(push, job)
            .iter()
            .map(|(_, run)| run.clone())
            .collect();
        match Judgement::of(&runs) {
            said @ (Judgement::Good { .. } | Judgement::Bad { .. } | Judgement::Mixed { .. }) => {
                Some((push, said))
            }
            _ => None,
        }
    })
}

fn pushes_json(pushes: &[Push], matrix: &Matrix) -> Value {
    pushes
        .iter()
        .zip(&matrix.rows)
        .map(|(push, row)| {
            let mut entry = push_json(push);
            let mut jobs = Map::new();
            for chunk in row.chunk_by(|a, b| a.0 == b.0) {
                let (name, platform) = &matrix.jobs[chunk[0].0 as usize];
                let runs: Vec<&Run> = chunk.iter().map(|(_, run)| run).collect();
                let judged: Vec<Run> = runs.iter().map(|run| (*run).clone()).collect();
                let mut job = json!({"platform": platform, "runs": runs});
                if let (Some(job), Ok(Value::Object(verdict))) = (
                    job.as_object_mut(),
                    serde_json::to_value(Judgement::of(&judged)),
                ) {
                    job.extend(verdict);
                }
                jobs.insert(name.to_string(), job);
            }
            entry["jobs"] = Value::Object(jobs);
            entry
        })
        .collect()
}
