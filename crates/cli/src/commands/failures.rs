//! `mozci failures`

mod file;
mod json;
mod runs;

use mozci_engine::flow::{EvidenceWish, Looked, read_evidence};
use mozci_engine::{Error, Kind};
use mozci_evidence::{Seen, Subject};
use regex::bytes::{Regex, RegexBuilder};

use crate::app::{Done, Global};
use crate::args::{FilterArgs, RangeArgs};
use crate::context::Context;
use crate::failure;
use crate::show::{Out, plural, show_failures, show_same};
use crate::stats::Stats;

/// Arguments of `mozci failures`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Runs (a task id, `<task id>/<run>`, a link to a task, a run or a Buildbot build), or jobs by
    /// their names
    #[arg(value_name = "RUN|JOB")]
    what: Vec<String>,
    /// Logs and reports on this machine, packed or not, or folders of them; `-` is standard input
    #[arg(long, value_name = "LOG", num_args = 1.., conflicts_with = "what")]
    pub(crate) file: Vec<std::path::PathBuf>,
    /// Read a log on this machine, and show which line was taken by which rule
    #[arg(long, value_name = "LOG", conflicts_with_all = ["what", "file", "group"])]
    pub(crate) explain: Option<std::path::PathBuf>,
    /// What became of this test, in green runs as well
    #[arg(long, value_name = "TEST")]
    test: Option<String>,
    /// Put the same failures together: how often, where, first and last seen
    #[arg(long)]
    group: bool,
    /// Lines before and after each failure, from the log itself
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=100))]
    context: Option<u16>,
    /// Search the logs themselves, each line on its own
    #[arg(long, value_name = "REGEX", value_parser = pattern)]
    pattern: Option<Regex>,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    #[command(flatten)]
    filter: FilterArgs,
}

/// The largest automaton that a pattern may become, in bytes.
const PATTERN: usize = 10 << 20;

fn pattern(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).multi_line(true).size_limit(PATTERN).build();
    built.map_err(|error| error.to_string())
}

impl Args {
    fn wish(&self) -> EvidenceWish {
        EvidenceWish {
            subject: self
                .test
                .as_deref()
                .map(|test| Subject::Test(mozci_evidence::test_of_id(test))),
            context: self.context.unwrap_or(0).into(),
            pattern: self.pattern.clone(),
            ..EvidenceWish::default()
        }
    }
}

/// Whether files on this machine are meant.
pub(crate) fn is_of_files(args: &Args) -> bool {
    !args.file.is_empty() || args.explain.is_some()
}

/// Reads logs on this machine; no CI is asked.
pub(crate) fn run_files(args: &Args, global: &Global) -> Done {
    file::run(args, &args.wish(), global)
}

/// Which tests failed in runs, how, and whether it is the same failure.
pub(crate) async fn run(args: Args, context: &Context, out: &mut Out, stats: &Stats) -> Done {
    let wish = args.wish();
    let asked = runs::asked(&args, context).await?;
    context.progress(&format!("reading what {} left", plural(asked.runs.len(), "run")));
    let runs: Vec<_> = asked.runs.iter().map(|run| run.asked.clone()).collect();
    let looked = read_evidence(&context.ci, &runs, &wish).await;
    if out.json {
        json::write(&args, &asked, &looked, context, out, stats)?;
    } else if args.group {
        show_same(out, &asked.runs, &looked);
    } else {
        show_failures(out, &asked.runs, &looked, &wish);
    }
    for note in &asked.notes {
        context.talk(&format!("note: {note}"));
    }
    let unread = looked.iter().filter(|looked| is_unread(looked)).count();
    if unread > 0 {
        let (unread, runs) = (unread, plural(looked.len(), "run"));
        failure::say(&format!("error: of {unread} of {runs} could not be read; see above"));
        return Ok(failure::exit_status(Kind::Service));
    }
    let bad = looked.iter().any(|looked| match wish.subject {
        Some(_) => looked.evidence.seen() == Seen::Failed,
        None => looked.evidence.total() > 0,
    });
    let is_unclear = wish.subject.is_none() && looked.iter().any(|one| one.evidence.is_unclear());
    Ok(match context.global.exit_status {
        true if bad => 1,
        true if is_unclear => failure::UNCLEAR,
        _ => 0,
    })
}

fn is_unread(looked: &Looked) -> bool {
    looked.evidence.readings.is_empty()
}

/// A usage error of this command.
fn usage(text: impl Into<String>) -> Error {
    Error::Usage(text.into())
}
