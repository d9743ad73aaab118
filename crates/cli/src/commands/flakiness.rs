//! `mozci flakiness`

mod json;

use clap_complete::engine::ArgValueCompleter;
use mozci_core::flakiness::{Change, Seen, Tally, Told, changes};
use mozci_core::push::Push;
use mozci_core::range::Reach;
use mozci_engine::flow::{Matrix, read_matrix, read_range};
use mozci_engine::{Error, Kind};

use super::jobs::note_unknown;
use crate::app::Done;
use crate::args::{FilterArgs, RangeArgs, SubjectArgs};
use crate::complete;
use crate::context::Context;
use crate::failure;
use crate::show::{Out, plural};
use crate::stats::Stats;

/// Arguments of `mozci flakiness`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The jobs: their labels, or links to runs of them. Of several the runs are counted together
    #[arg(value_name = "JOB", add = ArgValueCompleter::new(complete::jobs))]
    pub(crate) jobs: Vec<String>,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// Pushes of one window; a tenth of the range unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    window: Option<u32>,
    /// How sure to be of seeing the failure, or of a fix
    #[arg(long, value_name = "C", default_value = "0.99", value_parser = confidence)]
    confidence: f64,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    subject: SubjectArgs,
}

fn confidence(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && number < 1.0 => Ok(number),
        _ => Err("give a number between 0 and 1, as 0.99".to_owned()),
    }
}

/// Everything that is known of how often something fails.
struct Flakiness {
    all: Tally,
    /// By platform, in the order of their names.
    platforms: Vec<(String, Tally)>,
    /// The oldest and newest push of each window, oldest first.
    windows: Vec<(Push, Push, Tally)>,
    /// Where the rate changed, with the pushes that its places mean.
    changes: Vec<(Change, [Push; 3])>,
}

/// How often something fails over a range of pushes, and where that changed. Without a range the
/// newest hundred pushes.
pub(crate) async fn run(mut args: Args, context: &Context, out: &mut Out, stats: &Stats) -> Done {
    args.range.follow_links(context, &mut args.jobs).await?;
    let filter = args.filter.filter(&args.jobs);
    if !filter.is_given() {
        return Err(Error::Usage(
            "name the jobs, or give a filter (--include, --platform, --suite, …)".into(),
        ));
    }
    args.subject.apply(context, out).await?;
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &args.range.spec(context, Reach::Back(99)).await?).await?;
    let pushes: Vec<Push> = range.thinned().cloned().collect();
    context.progress(&format!("reading the runs of {}", plural(pushes.len(), "push")));
    let matrix = read_matrix(&context.ci, &pushes, &filter).await?;
    note_unknown(context, &matrix);
    let flakiness = count(&pushes, &matrix, args.window);
    if out.json {
        json::write(&args, &flakiness, &matrix, pushes.len(), context, out, stats)?;
    } else {
        json::show(&args, &flakiness, &matrix, pushes.len(), context, out);
    }
    if let Some(incomplete) = &matrix.incomplete {
        failure::say(&format!("error: {incomplete}"));
        return Ok(failure::exit_status(Kind::Service));
    }
    Ok(u8::from(context.global.exit_status && flakiness.all.failures > 0))
}

/// Counts runs over all, by platform, by window, and by push.
fn count(newest_first: &[Push], matrix: &Matrix, window: Option<u32>) -> Flakiness {
    let mut all = Tally::default();
    let mut platforms: std::collections::BTreeMap<&str, Tally> = Default::default();
    let mut by_push: Vec<(Tally, &Push)> = Vec::with_capacity(newest_first.len());
    for (push, row) in newest_first.iter().zip(&matrix.rows) {
        let mut here = Tally::default();
        for cell in row.chunk_by(|a, b| a.0 == b.0) {
            let told = || cell.iter().map(|(_, run)| Told::of(run));
            let (_, platform) = &matrix.jobs[cell[0].0 as usize];
            all.add(told());
            here.add(told());
            platforms.entry(platform.as_str()).or_default().add(told());
        }
        by_push.push((here, push));
    }
    by_push.reverse();
    let size = window.map_or(by_push.len().div_ceil(10), |size| size as usize).max(1);
    let windows = by_push.chunks(size).map(|part| {
        let tally = part.iter().fold(Tally::default(), |sum, (tally, _)| sum.plus(tally));
        (part[0].1.clone(), part[part.len() - 1].1.clone(), tally)
    });
    let seen: Vec<Seen> = by_push.iter().map(|(tally, _)| Seen::from(tally)).collect();
    let push = |place: usize| by_push[place].1.clone();
    let changed = changes(&seen).into_iter().map(|change| {
        let pushes = [push(change.at), push(change.earliest), push(change.latest)];
        (change, pushes)
    });
    Flakiness {
        all,
        platforms: platforms.into_iter().map(|(name, tally)| (name.to_owned(), tally)).collect(),
        windows: windows.collect(),
        changes: changed.collect(),
    }
}
