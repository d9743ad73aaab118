//! The runs that are asked about.

use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::range::Reach;
use mozci_core::run_spec::RunSpec;
use mozci_engine::Error;
use mozci_engine::flow::{AskedRun, find_run, read_matrix, read_range};

use super::{Args, usage};
use crate::args::expand;
use crate::context::Context;
use crate::show::{ShownRun, plural};

/// Runs that are read at the most: each costs some requests.
const MOST: usize = 200;

/// What is asked about.
pub(super) struct Asked {
    pub(super) runs: Vec<ShownRun>,
    /// What is to be known of the choice.
    pub(super) notes: Vec<String>,
}

/// Finds the runs: those that are named, or those of a range that failed. A test that is asked
/// about may have run in green ones, too.
pub(super) async fn asked(args: &Args, context: &Context) -> Result<Asked, Error> {
    let (specs, jobs): (Vec<_>, Vec<_>) =
        args.what.iter().partition(|what| what.parse::<RunSpec>().is_ok());
    if specs.is_empty() {
        return in_range(args, jobs, context).await;
    }
    if let Some(job) = jobs.first() {
        return Err(usage(format!("{job:?} is not a run, and runs and jobs cannot be mixed")));
    }
    if args.range.reach.is_given() {
        return Err(usage("runs are named one by one: leave the range out"));
    }
    let mut runs = Vec::new();
    for spec in specs {
        let spec: RunSpec = spec.parse().map_err(|error| usage(format!("{error}")))?;
        context.progress("finding the run");
        let asked = find_run(&context.ci, &spec).await?;
        runs.push(ShownRun { asked, push: None, platform: JobName::new("") });
    }
    Ok(Asked { runs, notes: Vec::new() })
}

async fn in_range(args: &Args, jobs: Vec<&String>, context: &Context) -> Result<Asked, Error> {
    let mut jobs: Vec<String> = jobs.into_iter().cloned().collect();
    expand(context, args.range.rev.as_ref(), &mut jobs).await?;
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &args.range.spec(context, Reach::Single).await?).await?;
    let pushes: Vec<Push> = range.thinned().cloned().collect();
    context.progress(&format!("reading the runs of {}", plural(pushes.len(), "push")));
    let filter = args.filter.filter(&jobs);
    let matrix = read_matrix(&context.ci, &pushes, &filter).await?;
    let mut notes: Vec<String> = matrix.incomplete.iter().cloned().collect();
    let of_interest = |run: &mozci_core::run::Run| match (&args.test, &args.pattern) {
        // A test may have run and passed in any of them.
        (Some(_), _) | (_, Some(_)) => run.state.is_good() || run.state.is_bad(),
        _ => run.state.is_bad(),
    };
    let mut runs = Vec::new();
    for (push, row) in pushes.iter().zip(&matrix.rows) {
        for (place, run) in row.iter().filter(|(_, run)| of_interest(run)) {
            let (job, platform) = &matrix.jobs[*place as usize];
            let revision = Some(push.revision.hash().to_owned());
            let asked = AskedRun { run: run.clone(), job: job.clone(), revision };
            runs.push(ShownRun { asked, push: Some(push.clone()), platform: platform.clone() });
        }
    }
    if runs.len() > MOST {
        notes.push(format!(
            "{} match, and the {MOST} newest are read: name jobs, or give a filter or a shorter range",
            plural(runs.len(), "run")
        ));
        runs.truncate(MOST);
    }
    Ok(Asked { runs, notes })
}
