//! `mozci backfill`

use clap_complete::engine::ArgValueCompleter;
use mozci_core::backfill::{self, Backfill, MAX_REVISIONS, Question, WalkEnd};
use mozci_core::classify::PushClass;
use mozci_core::guard::Refusal;
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision_name::RevisionName;
use mozci_engine::Error;
use mozci_engine::ci::Ci;
use mozci_engine::drive::Acted;
use mozci_engine::flow::{
    JobHistory, every, newest_red, read_job, read_range, read_summaries, spelled,
};
use mozci_engine::store::Ledger;
use serde_json::{Value, json};

use crate::acting::{Act, ActArgs, WishArgs, acted_json, begin, carry_out, chase, open_ledger};
use crate::app::{Done, Interrupt};
use crate::args::{ReachArgs, SubjectArgs, expand_one, labels_of, repo_among};
use crate::complete;
use crate::context::Context;
use crate::show::{Out, edge, plural, shell_word, show_edge, show_steps, top};
use crate::stats::Stats;

/// Arguments of `mozci backfill`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("how_far").args(["max_revisions", "from_rev", "back_revisions", "delta", "since"]))]
pub(crate) struct Args {
    /// The job: its label, or a link to a run of it that failed, from Treeherder, Taskcluster or Buildbot
    #[arg(value_name = "JOB", add = ArgValueCompleter::new(complete::jobs))]
    pub(crate) job: String,
    /// The push on which it is bad: `tip`, a hash, a push id, a task id or a URL [default: the push of a JOB
    /// that is given as a link]
    #[arg(long, value_name = "REV")]
    pub(crate) rev: Option<RevisionName>,
    /// How many pushes before REV are looked at for a good one [default: 40, and more for a job that
    /// runs every so many pushes only]
    #[arg(long, value_name = "N")]
    pub(crate) max_revisions: Option<u32>,
    /// Fill the holes even where no good push was found
    #[arg(long)]
    pub(crate) anyway: bool,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    #[command(flatten)]
    pub(crate) wish: WishArgs,
    #[command(flatten)]
    pub(crate) act: ActArgs,
    #[command(flatten)]
    subject: SubjectArgs,
    /// Take any failure of the job for bad, and every run that passed for good, instead of chasing
    /// why it is red on the newest red push
    #[arg(long, help_heading = "Judged by", conflicts_with_all = ["test", "group", "same_failure_as"])]
    whole_job: bool,
}

impl Args {
    pub(crate) fn named_repo(&self) -> Option<String> {
        repo_among(self.rev.as_ref(), [&self.job])
    }

    /// The range; `every` is how many pushes apart the job runs, where that is known.
    async fn range(&self, context: &Context, every: Option<u32>) -> Result<RangeSpec, Error> {
        if self.reach.looks_ahead() {
            return Err(Error::Usage(
                "a backfill only looks back: take --back-revisions, or `mozci trigger` with --delta".into(),
            ));
        }
        let reach = match self.reach.is_given() {
            true => self.reach.reach(context, Reach::Single).await?,
            false => Reach::Back(self.max_revisions.unwrap_or_else(|| usual_range(every))),
        };
        let rev = self.rev.as_ref().ok_or_else(|| {
            Error::Usage("name the push on which it fails: --rev REV, or a link to a failed run in place of JOB".into())
        })?;
        let rev = spelled(&context.ci, rev).await?;
        Ok(RangeSpec { rev, reach, every: std::num::NonZeroU32::MIN })
    }
}

/// Fills the holes of a job from a bad push back to the last good one.
pub(crate) async fn run(
    mut args: Args,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    let push = labels_of(context, std::slice::from_mut(&mut args.job), true).await?;
    args.rev = args.rev.take().or(push.map(RevisionName::Spec));
    expand_one(context, args.rev.as_ref(), &mut args.job).await?;
    let job = JobName::new(&args.job);
    let every = every(&context.ci, &job).await?;
    if let Some(pushes) = every {
        context
            .talk(&format!("note: {job} runs every {pushes} pushes, as its scheduler's name says"));
    }
    let spec = args.range(context, every).await?;
    begin(context, &args.act)?;
    let mut ledger = open_ledger(context, out, stats, interrupt).await?;
    args.subject.apply(context, out).await?;
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &spec).await?;
    context.progress(&format!("reading the runs of {}", plural(range.pushes.len(), "push")));
    let mut chased = None;
    if context.ci.about().is_none()
        && !args.whole_job
        && let Some((red, runs)) = newest_red(&context.ci, &range.pushes, &job).await?
    {
        let again = format!(
            "{} backfill {} --rev {}",
            context.program(),
            shell_word(job.as_str()),
            red.revision.short()
        );
        chased = Some(chase(context, out, &job, red, &runs, &again).await);
    }
    let history = read_job(&context.ci, Some(&ledger), &range.pushes, &job).await?;
    let question = Question {
        job: job.clone(),
        wish: args.wish.wish(),
        every: args.reach.every,
        anyway: args.anyway,
    };
    let answer = backfill::backfill(&history.facts, &question, &history.past());
    show_steps(out, &job, &answer.steps, &answer.plan);
    show_end(out, &args, &answer, range.at_start);
    ledger.asks_for(BACKFILL);
    if !args.anyway && !args.act.confirm.dry_run {
        not_from_a_backfill(&ledger, context, &history).await?;
    }
    let histories = [history];
    let (plan, histories) = (&answer.plan, &histories[..]);
    let wanted =
        |history: &JobHistory| backfill::backfill(&history.facts, &question, &history.past()).plan;
    let wanted = &wanted;
    let act = Act { context, args: &args.act, plan, histories, stats, interrupt, wanted };
    let (acted, status) = carry_out(&act, out, &mut ledger).await?;
    let after = acted
        .after
        .as_ref()
        .and_then(|after| after.first())
        .map(|after| backfill::backfill(&after.facts, &question, &after.past()));
    if let Some(after) = &after {
        out.line("");
        show_steps(out, &job, &after.steps, &after.plan);
    }
    let ended = after.as_ref().unwrap_or(&answer);
    let first_bad = match out.json {
        true => None,
        false => first_bad(&context.ci, &range.pushes, ended).await,
    };
    out.link_pushes(&first_bad, |push| context.ci.page_of(&push.into()));
    let again = args.subject.again();
    let confirm = format!("{} bisect {}{again}", context.program(), shell_word(job.as_str()));
    show_edge(out, ended, first_bad.as_ref(), &confirm);
    if out.wants_object() {
        let mut object = object(context, &histories[0], &answer, after.as_ref(), &acted, stats)?;
        if let Some(chased) = chased {
            object["chased"] = chased;
        }
        out.object(&object)?;
    }
    let bad = answer.steps.first().is_some_and(|s| matches!(s.push_class, PushClass::Bad { .. }));
    match status {
        0 => Ok(u8::from(context.global.exit_status && bad)),
        status => Ok(status),
    }
}

/// The oldest push that is known to be bad, with what it is about.
async fn first_bad(ci: &Ci, pushes: &[Push], walk: &Backfill) -> Option<Push> {
    let (_, bad) = edge(walk);
    let mut push = [pushes.iter().find(|push| Some(push.id) == bad.map(|bad| bad.id))?.clone()];
    read_summaries(ci, &mut push).await;
    let [push] = push;
    Some(push)
}

/// How many pushes are looked at unless it is said. Eight runs of one that seldom runs are as many as it
/// takes to see it pass.
fn usual_range(every: Option<u32>) -> u32 {
    every.map_or(MAX_REVISIONS, |every| every.saturating_mul(8).clamp(MAX_REVISIONS, 400))
}

/// What trigger requests of this command are called in the ledger.
const BACKFILL: &str = "backfill";

/// Refuses to go on from a push whose only runs a backfill made: automation that goes on from those
/// goes on for ever.
async fn not_from_a_backfill(
    ledger: &Ledger,
    context: &Context,
    history: &JobHistory,
) -> Result<(), Error> {
    let Some(newest) = history.facts.first() else { return Ok(()) };
    let (ci, revision) = (&context.ci.root_url, newest.push.revision.hash());
    let runs = u32::try_from(newest.runs.len()).unwrap_or(u32::MAX);
    let made = ledger.made_by(BACKFILL, ci, revision, &history.job).await?;
    match runs > 0 && made >= runs {
        true => Err(Error::Guard(Refusal::FromBackfill { runs })),
        false => Ok(()),
    }
}

fn object(
    context: &Context,
    history: &JobHistory,
    answer: &Backfill,
    after: Option<&Backfill>,
    acted: &Acted,
    stats: &Stats,
) -> Result<Value, Error> {
    let mut object = top("backfill", context);
    object.insert("job".into(), json!(history.job));
    object.insert("walk".into(), json!(answer));
    acted_json(acted, &mut object, &answer.plan, std::slice::from_ref(history));
    if let Some(after) = after {
        let (last_good, first_bad) = edge(after);
        object.insert(
            "after".into(),
            json!({"walk": after, "last_good": last_good, "first_bad": first_bad}),
        );
    }
    if let Some(costs) = stats.json(context)? {
        object.insert("stats".into(), costs);
    }
    Ok(Value::Object(object))
}

/// Says where the walk ended, where that is not at a good push before the bad one.
fn show_end(out: &mut Out, args: &Args, answer: &Backfill, at_start: bool) {
    let pushes = plural(answer.steps.len(), "push");
    let begin = if at_start { ", where the repository begins" } else { "" };
    let further = match args.reach.is_given() {
        true => "go further back",
        false => "raise --max-revisions",
    };
    let anyway = match args.anyway {
        true => String::new(),
        false => format!("; nothing is requested: {further}, or give --anyway"),
    };
    let end = match &answer.end {
        WalkEnd::LastGood { .. } => return,
        WalkEnd::GoodAtStart => {
            "it passed on that push itself: name a push on which it failed".into()
        }
        WalkEnd::BadForLonger => {
            format!("bad on the whole range: no good push among {pushes}{begin}{anyway}")
        }
        WalkEnd::NeverRan => {
            format!("never ran on any push of the range ({pushes}){begin}{anyway}")
        }
        WalkEnd::NoEvidence => {
            format!("no run of the range ({pushes}) passed or failed{begin}{anyway}")
        }
    };
    out.line(&end);
}
