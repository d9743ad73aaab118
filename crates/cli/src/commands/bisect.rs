//! `mozci bisect`

mod explain;
mod html;
mod json;
mod marking;
mod text;
mod view;

use clap_complete::engine::ArgValueCompleter;
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision_name::RevisionName;
use mozci_core::run_spec::RunSpec;
use mozci_engine::drive::search::{SearchContext, SearchOptions, newest_open, take_the_same};
use mozci_engine::flow::{
    BisectQuestion, find_run, job_of_failure, newest_red, read_range, spelled,
};
use mozci_engine::store::{Lease, Ledger, Store};
use mozci_engine::{Error, drive};
use serde_json::Value;

pub(crate) use marking::check as check_mark;
pub(crate) use text::summary;
pub(crate) use view::SearchView;

use crate::acting::notify;
use crate::acting::{ConfirmArgs, Terminal, chase, check, open_ledger};
use crate::app::{Done, Interrupt};
use crate::args::{FilterArgs, SubjectArgs, expand_one, labels_of, repo_among};
use crate::complete;
use crate::context::Context;
use crate::desk::browser;
use crate::show::{Out, shell_word};
use crate::stats::Stats;

/// Arguments of `mozci bisect`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The job: its label, or a link to a run of it that failed; may be left out where a test, a group or a failure is named
    #[arg(value_name = "JOB", add = ArgValueCompleter::new(complete::jobs))]
    job: Option<String>,
    /// A push on which it fails: `tip`, a hash, a push id, a task id or a URL [default: the push of a JOB
    /// that is given as a link]
    #[arg(long, value_name = "REV")]
    pub(crate) bad: Option<RevisionName>,
    /// A push before it on which it passes; found in the history unless named
    #[arg(long, value_name = "REV")]
    good: Option<RevisionName>,
    /// How many pushes before the bad one are looked at for a good one
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "good")]
    max_revisions: u32,
    #[command(flatten)]
    search: SearchArgs,
    /// Go on where it seems backed out or fixed by now
    #[arg(long)]
    anyway: bool,
    /// Begin another investigation, instead of going on with the open one of the same question
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    pub(crate) ends: EndArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    subject: SubjectArgs,
    /// Search for any failure of the job, and take every run that passed for good, instead of chasing
    /// why it is red on the bad push
    #[arg(long, help_heading = "Judged by", conflicts_with_all = ["test", "group", "same_failure_as"])]
    whole_job: bool,
}

/// How the search goes.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Search")]
struct SearchArgs {
    /// How often the answer may be wrong
    #[arg(long = "error-rate", alias = "delta", value_name = "D", default_value = "0.01", value_parser = share)]
    delta: f64,
    /// The lowest failure rate that is looked for: what fails less often counts as no culprit
    #[arg(long, value_name = "P", default_value = "0.05", value_parser = share)]
    p_min: f64,
    /// It fails every time from the culprit on: one pass proves innocence
    #[arg(long)]
    deterministic: bool,
    /// Treat all suspects as equally likely, whatever they touch
    #[arg(long)]
    no_priors: bool,
    /// Runs before the good push that tell how often it fails for other reasons, at the most; those
    /// that are not read anyway cost a few requests
    #[arg(long, value_name = "N", default_value_t = 1000)]
    background: u32,
    /// Runs that may be requested
    #[arg(long, value_name = "N", default_value_t = 200)]
    budget: u32,
    /// Runs requested at once
    #[arg(long, value_name = "K", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=64))]
    at_once: u32,
}

/// How it is carried out and told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct EndArgs {
    #[command(flatten)]
    pub(crate) confirm: ConfirmArgs,
    /// Write a page of HTML with the grid of runs, what is believed, and the rates
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<std::path::PathBuf>,
    /// Open the report in the browser in the end
    #[arg(long, requires = "report")]
    pub(crate) open: bool,
    /// Request one round of runs and leave: the same command goes on from what they said
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) no_wait: bool,
    /// Say for each push what a run there is expected to show
    #[arg(long)]
    pub(crate) explain: bool,
    /// Mark the culprit in Treeherder with the verdict: a task that does nothing, symbol `mz`. It counts as one run of
    /// the day's budget
    #[arg(long)]
    pub(crate) mark: bool,
    /// Notify those named under [notify] in the config when it ends or cannot go on
    #[arg(long)]
    pub(crate) tell: bool,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && number < 0.5 => Ok(number),
        _ => Err("give a share between 0 and 0.5, as 0.01".to_owned()),
    }
}

impl Args {
    pub(crate) fn named_repo(&self) -> Option<String> {
        repo_among(self.bad.as_ref(), &self.job)
    }
}

/// Triggers, waits and decides until there is a verdict.
pub(crate) async fn run(
    mut args: Args,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    if args.search.budget == 0 && !args.ends.confirm.dry_run {
        return Err(Error::Usage(
            "a budget of 0 allows no run: give `--dry-run` to see what the runs that are there say, or a budget".into(),
        ));
    }
    if let Some(job) = &mut args.job {
        let push = labels_of(context, std::slice::from_mut(job), true).await?;
        args.bad = args.bad.take().or(push.map(RevisionName::Spec));
        expand_one(context, args.bad.as_ref(), job).await?;
    }
    let Some(bad) = &args.bad else {
        return Err(Error::Usage(
            "name the push on which it fails: --bad REV, or a link to a failed run in place of JOB"
                .into(),
        ));
    };
    check(context, &args.ends.confirm)?;
    notify::notifier(context, args.ends.tell)?;
    marking::check(context, args.ends.mark)?;
    notify::deliver_due(context, out, stats, interrupt).await;
    let mut ledger = open_ledger(context, out, stats, interrupt).await?;
    args.subject.apply(context, out).await?;
    context.progress("finding the push");
    let single = async |rev: &RevisionName| {
        let rev = spelled(&context.ci, rev).await?;
        let (reach, every) = (Reach::Single, std::num::NonZeroU32::MIN);
        read_range(&context.ci, &RangeSpec { rev, reach, every }).await
    };
    let bad = single(bad).await?.pushes.remove(0);
    let good = match &args.good {
        None => None,
        Some(good) => Some(single(good).await?.pushes.remove(0)),
    };
    let job = match (&args.job, args.subject.run()?) {
        (Some(job), _) => job.clone(),
        (None, Some(run)) => job_of_run(context, &run).await?,
        (None, None) if context.ci.about().is_some() => {
            context.progress("looking for a job in which it failed");
            let filter = args.filter.filter(&[]);
            let job = job_of_failure(&context.ci, &bad, &filter).await?;
            out.line(&format!("it failed in {job}: the search runs that job"));
            job.to_string()
        }
        (None, None) => {
            return Err(Error::Usage(
                "name what to search for: a job, or give --test, --group or --same-failure-as"
                    .into(),
            ));
        }
    };
    let store = context.ci.store().await?;
    let mut question = BisectQuestion {
        job,
        about: context.ci.about(),
        bad: bad.revision.hash().to_owned(),
        good: good.map(|good| good.revision.hash().to_owned()),
        max_revisions: args.max_revisions,
        delta: args.search.delta,
        p_min: args.search.p_min,
        deterministic: args.search.deterministic,
        budget: args.search.budget,
        at_once: args.search.at_once,
        background: args.search.background,
        priors: !args.search.no_priors,
        anyway: args.anyway,
    };
    let mut chased = None;
    if question.about.is_none() && !args.whole_job {
        let known = match args.new {
            true => None,
            // The reason that an open investigation of the same job and pushes chases.
            false => {
                newest_open(&*store, &context.ci, |known| {
                    known.is_inferred() && known.is_between_the_same(&question)
                })
                .await?
            }
        };
        match known.and_then(|(_, known)| known.about) {
            Some(about) => context.ci.judge_by(about),
            None => {
                chased = Some(chase_on(context, out, &question, &bad).await?);
            }
        }
        question.about = context.ci.about();
    }
    let lease = match args.new || args.ends.confirm.dry_run {
        true => None,
        false => take_the_same(&*store, &context.ci, &question).await?,
    };
    if let Some(lease) = &lease {
        context.talk(&format!(
            "going on with investigation {}, which is open and has the same question; `--new` begins another one",
            lease.id
        ));
    }
    let asked = Asked { question: &question, lease, consented: false, chased };
    let mut terminal = Terminal::new(context, out, stats, interrupt);
    search(asked, &args.ends, &*store, &mut ledger, &mut terminal).await
}

/// A search that a command begins or resumes.
pub(crate) struct Asked<'a> {
    pub(crate) question: &'a BisectQuestion,
    /// The investigation that is resumed, held by this process.
    pub(crate) lease: Option<Lease>,
    /// Whether somebody agreed already that runs are requested.
    pub(crate) consented: bool,
    /// What a red job is chased for, where that was just found out.
    pub(crate) chased: Option<Value>,
}

/// Drives a search to its end, as the arguments say.
pub(crate) async fn search(
    asked: Asked<'_>,
    ends: &EndArgs,
    store: &dyn Store,
    ledger: &mut Ledger,
    terminal: &mut Terminal<'_>,
) -> Done {
    let (context, interrupt) = (terminal.context, terminal.interrupt);
    let notifier = notify::notifier(context, ends.tell)?;
    terminal.search.report.clone_from(&ends.report);
    let mut search = SearchContext {
        session: terminal.session(ledger),
        store,
        repositories: context,
        options: SearchOptions {
            permission: ends.confirm.permission(),
            no_wait: ends.no_wait,
            explain: ends.explain,
            mark: ends.mark,
            notifier: notifier.as_ref(),
        },
    };
    let Asked { question, lease, consented, chased } = asked;
    let searched = drive::search::search(question, lease, consented, &mut search).await?;
    terminal.rendered()?;
    terminal.write_search(&searched, chased)?;
    if let (true, Some(report)) = (ends.open, &ends.report) {
        browser::open_file(report)?;
    }
    Ok(view::status(&searched, interrupt, context.global.exit_status))
}

/// Chases why the job is red on the bad push.
async fn chase_on(
    context: &Context,
    out: &mut Out,
    question: &BisectQuestion,
    bad: &Push,
) -> Result<Value, Error> {
    let job = JobName::new(&question.job);
    let red = newest_red(&context.ci, std::slice::from_ref(bad), &job).await?;
    let runs = red.map_or(Vec::new(), |(_, runs)| runs);
    let again = format!(
        "{} bisect {} --bad {}",
        context.program(),
        shell_word(job.as_str()),
        bad.revision.short()
    );
    Ok(chase(context, out, &job, bad, &runs, &again).await)
}

/// The job of a run.
async fn job_of_run(context: &Context, run: &RunSpec) -> Result<String, Error> {
    Ok(find_run(&context.ci, run).await?.job.to_string())
}
