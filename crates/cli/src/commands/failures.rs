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
use crate::show::{Out, ShownRun, plural, shell_word, show_failures, show_same};
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
    /// The part of the log around each failure: the same as `--context 15`
    #[arg(long, conflicts_with_all = ["context", "group"])]
    log: bool,
    /// Search the logs themselves, each line on its own
    #[arg(long, value_name = "REGEX", value_parser = pattern)]
    pattern: Option<Regex>,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    #[command(flatten)]
    filter: FilterArgs,
}

/// Lines before and after each failure that `--log` shows.
const OF_LOG: u16 = 15;

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
            context: self.context.unwrap_or(if self.log { OF_LOG } else { 0 }).into(),
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
    for run in &asked.runs {
        let request = run.asked.run.key.request;
        out.link(&request.to_string(), context.ci.link(request));
    }
    let pushes = asked.runs.iter().filter_map(|run| run.push.as_ref());
    out.link_pushes(pushes, |push| context.ci.page_of(&push.into()));
    if out.json {
        json::write(&args, &asked, &looked, context, out, stats)?;
    } else if args.group {
        show_same(out, &asked.runs, &looked);
    } else {
        show_failures(out, &asked.runs, &looked, &wish);
    }
    if !out.json {
        next_steps(&asked.runs, &looked, context, out);
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

/// The commands that go on from the first failure of a test.
fn next_steps(runs: &[ShownRun], looked: &[Looked], context: &Context, out: &mut Out) {
    let failed = runs.iter().zip(looked).find_map(|(run, looked)| {
        let test = looked.evidence.certain().find_map(|failure| failure.test.as_deref())?;
        Some((run, test))
    });
    let Some((run, test)) = failed else { return };
    let (program, test) = (context.program(), shell_word(test));
    let job = shell_word(run.asked.job.as_str());
    let rev = match (&run.push, &run.asked.revision) {
        (Some(push), _) => push.revision.short().to_owned(),
        (None, Some(revision)) => revision.chars().take(12).collect(),
        (None, None) => return,
    };
    out.line("");
    out.line(&format!("`{program} jobs {job} --test {test} --rev {rev}` shows where it ran"));
    out.line(&format!(
        "`{program} flakiness {job} --test {test} --rev {rev}` says how often it fails"
    ));
    out.line(&format!("`{program} bisect {job} --test {test} --bad {rev}` finds what broke it"));
}

fn is_unread(looked: &Looked) -> bool {
    looked.evidence.readings.is_empty()
}

/// A usage error of this command.
fn usage(text: impl Into<String>) -> Error {
    Error::Usage(text.into())
}
