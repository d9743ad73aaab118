//! `mozci backfill`

use mozci_core::backfill::{self, Backfill, MAX_REVISIONS, Question, WalkEnd};
use mozci_core::facts::PushFacts;
use mozci_core::ids::JobName;
use mozci_core::judge::Judgement;
use mozci_core::push::PushRef;
use mozci_core::range::{RangeSpec, Reach};
use mozci_core::revision::RevisionSpec;
use mozci_engine::Error;
use mozci_engine::flow::{read_job, read_range};
use serde_json::{Value, json};

use crate::act::{ActArgs, Acted, add_outcomes, carry_out, check, open_ledger};
use crate::app::{Done, Interrupt};
use crate::context::Context;
use crate::range_args::{ReachArgs, named_repo};
use crate::show::{Out, judgement, plural, top};
use crate::stats::Stats;

/// Arguments of `mozci backfill`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("how_far").args(["max_revisions", "from_rev", "back_revisions", "delta", "since"]))]
pub(crate) struct Args {
    /// The job: its label
    #[arg(value_name = "JOB")]
    pub(crate) job: String,
    /// The push on which it is bad: `tip`, a hash, a push id, a task id or a URL
    #[arg(long, value_name = "REV")]
    pub(crate) rev: RevisionSpec,
    /// How many pushes before REV are looked at for a good one
    #[arg(long, value_name = "N", default_value_t = MAX_REVISIONS)]
    pub(crate) max_revisions: u32,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    /// Fill the holes even where no good push was found
    #[arg(long)]
    pub(crate) anyway: bool,
    #[command(flatten)]
    pub(crate) act: ActArgs,
}

impl Args {
    pub(crate) fn named_repo(&self) -> Option<String> {
        named_repo(&self.rev)
    }

    fn range(&self) -> Result<RangeSpec, Error> {
        if self.reach.looks_ahead() {
            return Err(Error::Usage(
                "a backfill only looks back: take --back-revisions, or `mozci trigger` with --delta".into(),
            ));
        }
        let reach = match self.reach.is_given() {
            true => self.reach.reach(Reach::Single),
            false => Reach::Back(self.max_revisions),
        };
        Ok(RangeSpec { rev: self.rev.clone(), reach, every: std::num::NonZeroU32::MIN })
    }
}

/// Fills the holes of a job from a bad push back to the last good one.
pub(crate) async fn run(
    args: Args,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    let spec = args.range()?;
    check(context, &args.act)?;
    let mut ledger = open_ledger(context, &args.act).await?;
    let job = JobName::new(&args.job);
    context.progress("reading the pushlog");
    let range = read_range(&context.ci, &spec).await?;
    context.progress(&format!("reading the runs of {}", plural(range.pushes.len(), "push")));
    let mut history = read_job(&context.ci, Some(&ledger), &range.pushes, &job).await?;
    let question = Question {
        job: job.clone(),
        times: args.act.times,
        every: args.reach.every,
        anyway: args.anyway,
    };
    let answer = backfill::backfill(&history.facts, &question, &history.past());
    show_walk(out, &answer);
    show_end(out, &answer, &history.facts, range.at_start);
    let acted =
        carry_out(context, out, &mut ledger, &args.act, &answer.plan, &history, interrupt).await?;
    let after = (!acted.outcomes.is_empty()).then(|| {
        add_outcomes(&mut history, &acted.outcomes);
        backfill::backfill(&history.facts, &question, &history.past())
    });
    if let Some(after) = &after {
        out.line("");
        show_walk(out, after);
        show_found(out, after);
    }
    if out.json {
        let object = object(context, &job, &answer, after.as_ref(), &acted, stats)?;
        out.object(&object)?;
    }
    let bad = answer.steps.first().is_some_and(|s| matches!(s.judgement, Judgement::Bad { .. }));
    match acted.status {
        0 => Ok(u8::from(context.global.exit_status && bad)),
        status => Ok(status),
    }
}

fn object(
    context: &Context,
    job: &JobName,
    answer: &Backfill,
    after: Option<&Backfill>,
    acted: &Acted,
    stats: &Stats,
) -> Result<Value, Error> {
    let mut object = top("backfill", context);
    object.insert("job".into(), json!(job));
    object.insert("walk".into(), json!(answer));
    acted.json(&mut object, &answer.plan);
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

/// One line a push: how it is judged, and what the plan does with it.
fn show_walk(out: &mut Out, answer: &Backfill) {
    for step in &answer.steps {
        let word = match step.judgement {
            Judgement::Good { .. } => "good",
            Judgement::Bad { .. } => "bad",
            Judgement::Mixed { .. } => "mixed",
            _ => "",
        };
        let asked = match step.asked {
            0 => String::new(),
            count => format!(", {count} asked for"),
        };
        let state = format!("{}{asked}", judgement(step.judgement));
        let line = format!(
            "{word:<6}{:>7}  {}  {state:<24} {}",
            step.push.id,
            step.push.revision.short(),
            fate(answer, &step.push)
        );
        out.line(&line);
    }
}

fn fate(answer: &Backfill, push: &PushRef) -> String {
    let plan = &answer.plan;
    if let Some(request) = plan.requests.iter().find(|request| request.push == *push) {
        let build = match &request.builds {
            Some(build) => format!(" (and {build}, which is missing)"),
            None => String::new(),
        };
        return format!("→ ask for {}{build}", request.times);
    }
    if let Some(left_out) = plan.left_out.iter().find(|left_out| left_out.push == *push) {
        return format!("left out: {}", left_out.why);
    }
    match plan.waits_for.iter().find(|waiting| waiting.push == *push) {
        Some(waiting) => format!("waits for {}", waiting.build),
        None => String::new(),
    }
}

fn show_end(out: &mut Out, answer: &Backfill, facts: &[PushFacts], at_start: bool) {
    let pushes = facts.len();
    let begin = if at_start { ", where the repository begins" } else { "" };
    let anyway = match answer.plan.requests.is_empty() && answer.plan.waits_for.is_empty() {
        true => "; nothing is asked for: look further back (--max-revisions), or give --anyway",
        false => "",
    };
    match &answer.end {
        WalkEnd::GoodAtStart => {
            out.line("it passed there and never failed: nothing to fill");
        }
        WalkEnd::LastGood { .. } if answer.plan.requests.is_empty() => {
            out.line("no holes that could be filled");
        }
        WalkEnd::LastGood { .. } => {}
        WalkEnd::BadForLonger => out.line(&format!(
            "bad for longer than the range: no good one among {}{begin}{anyway}",
            plural(pushes, "push")
        )),
        WalkEnd::NeverRan => {
            out.line(&format!(
                "never ran on any push of the range ({}){begin}{anyway}",
                plural(pushes, "push")
            ));
        }
        WalkEnd::NoEvidence => out.line(&format!(
            "no run of the range ({}) says good or bad{begin}{anyway}",
            plural(pushes, "push")
        )),
    }
}

/// The newest good push and the oldest bad one after it, as far as the walk tells.
fn edge(after: &Backfill) -> (Option<&PushRef>, Option<&PushRef>) {
    let good = match &after.end {
        WalkEnd::LastGood { push } => Some(push),
        _ => None,
    };
    let bad = after.steps.iter().rev().find(|s| matches!(s.judgement, Judgement::Bad { .. }));
    (good, bad.map(|step| &step.push))
}

fn show_found(out: &mut Out, after: &Backfill) {
    let (Some(good), Some(bad)) = edge(after) else {
        out.line("no last good and first bad push stand side by side yet");
        return;
    };
    let between =
        after.steps.iter().filter(|step| step.push.id > good.id && step.push.id < bad.id).count();
    out.line(&format!("last good  {}  {}", good.id, good.revision.short()));
    out.line(&format!("first bad  {}  {}", bad.id, bad.revision.short()));
    out.line(&match between {
        0 => "nothing lies between them: the first bad push broke it, as far as these runs tell"
            .to_owned(),
        count => {
            format!("{count} between them could not tell: it is one of these or the first bad push")
        }
    });
}
