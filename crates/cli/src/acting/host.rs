//! The terminal as a driver's host: what a driver reports becomes text or JSON, and questions are asked here.

use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;
use mozci_core::plan::Plan;
use mozci_core::push::count_pushes;
use mozci_core::remaining::Remaining;
use mozci_engine::Error;
use mozci_engine::ci::Ci;
use mozci_engine::drive::{Consent, Observer, Progress, Question, Session, Stage};
use mozci_engine::store::Ledger;

use super::confirm::{confirmed, details};
use crate::app::Interrupt;
use crate::commands::bisect::SearchView;
use crate::commands::watch::WatchView;
use crate::context::Context;
use crate::failure;
use crate::show::{
    Out, machine_time, plural, show_left_out, show_outcome, show_plan_summary, show_result,
    show_settled, show_ties,
};
use crate::stats::Stats;
use crate::status;

/// The terminal, for one driver.
pub(crate) struct Terminal<'a> {
    pub(crate) context: &'a Context,
    pub(crate) out: &'a mut Out,
    pub(crate) stats: &'a Stats,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) search: SearchView,
    pub(crate) watch: WatchView,
    /// What went wrong with rendering. The driver is cancelled then.
    failed: Option<Error>,
}

impl<'a> Terminal<'a> {
    pub(crate) fn new(
        context: &'a Context,
        out: &'a mut Out,
        stats: &'a Stats,
        interrupt: &'a Interrupt,
    ) -> Self {
        let (search, watch) = (SearchView::default(), WatchView::default());
        Self { context, out, stats, interrupt, search, watch, failed: None }
    }

    /// What a driver works with.
    pub(crate) fn session<'s>(&'s mut self, ledger: &'s mut Ledger) -> Session<'s> {
        let (context, interrupt) = (self.context, self.interrupt);
        Session { ci: &context.ci, ledger, host: self, cancel: &interrupt.stop }
    }

    /// Keeps the first thing that went wrong with rendering, and cancels the driver.
    pub(crate) fn keep(&mut self, rendered: Result<(), Error>) {
        if let Err(error) = rendered {
            self.interrupt.stop.cancel();
            self.failed.get_or_insert(error);
        }
    }

    /// What went wrong with rendering, once the driver has ended.
    pub(crate) fn rendered(&mut self) -> Result<(), Error> {
        self.failed.take().map_or(Ok(()), Err)
    }
}

impl Observer for Terminal<'_> {
    fn on(&mut self, ci: &Ci, progress: Progress<'_>) {
        let (context, out) = (self.context, &mut *self.out);
        match progress {
            Progress::Stage(Stage::History) => context.progress("reading the history"),
            Progress::Stage(Stage::Preparing) => context.progress("preparing what is sent"),
            Progress::InFlight(in_flight) => {
                if !in_flight {
                    status::clear();
                }
                self.interrupt.acting.store(in_flight, Ordering::Relaxed);
            }
            Progress::Planned { histories, plan, used } => {
                show_ties(out, histories);
                show_plan_summary(out, plan, (used, ci.budgets.day));
            }
            Progress::NothingToSend { plan, under_way } => {
                out.line(&nothing_to_ask(plan, under_way));
            }
            Progress::Refused { refusal, dry_run: true } => {
                out.line(&format!("a guard would refuse this: {refusal}"));
            }
            Progress::Refused { refusal, dry_run: false } => {
                failure::report(&Error::Guard(refusal.clone()), context.sent());
            }
            Progress::LeftOut(left_out) => show_left_out(out, left_out),
            Progress::NothingPossible => out.line("none of it can be requested"),
            Progress::DryRun => out.line("dry run: nothing was sent"),
            Progress::Declined => out.line("nothing was sent"),
            Progress::OneByOne { builder, requests } => context.talk(&format!(
                "{requests} requests for {builder}, each sent when the one before has begun, because the master would coalesce waiting ones; Ctrl-C stops between two"
            )),
            Progress::Sent { result, named } => show_result(out, result, named),
            Progress::BuildsUnderWay => out.line(
                "builds are under way: run the command again when they have ended, or pass --wait",
            ),
            Progress::Waiting { source } => {
                let told = source.map_or(String::new(), |by| format!(", notified by {}", by.words()));
                context.talk(&format!(
                    "waiting for the runs to end{told}; Ctrl-C stops waiting, the runs go on"
                ));
            }
            Progress::Remaining(remaining) => context.wait(&remaining_words(&remaining)),
            Progress::Ended { outcome, named } => show_outcome(out, outcome, named),
            Progress::Settled(triggers) => show_settled(context, triggers),
            Progress::Unconfirmed { requests, seconds } => context.talk(&format!(
                "note: {} of an interrupted command {} unconfirmed and counted as requested; {} can confirm in {seconds} s: run the command again then",
                plural(requests, "request"),
                if requests == 1 { "is" } else { "are" },
                ci.backend().capabilities().confirmed_by,
            )),
            Progress::CannotSettle(error) => {
                context.talk(&format!("note: unconfirmed requests cannot be checked: {error}"));
            }
            Progress::PollFailed(error) => {
                context.talk(&format!("note: a poll failed and is retried: {error}"));
            }
            Progress::GaveUp(error) => {
                failure::report(error, context.sent());
            }
            Progress::NeverArrived { runs } => out.line(&format!(
                "{} never arrived: sending again",
                plural(runs as usize, "run")
            )),
            Progress::NotRenewed(error) => context.talk(&format!(
                "note: the investigation's lease could not be renewed: {error}; another process may take it over"
            )),
            Progress::Undelivered(problem) => {
                context.talk(&format!("note: {problem}; it is retried later"));
            }
            Progress::Search(progress) => self.on_search(ci, progress),
            Progress::Watch(progress) => self.on_watch(progress),
        }
    }
}

impl Consent for Terminal<'_> {
    fn confirm<'a>(&'a mut self, question: Question<'a>) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            let (text, details) = match question {
                Question::Send(plan) => (&*trigger_question(plan.runs()), details(plan)),
                Question::SendAgain { runs } => (&*trigger_question(runs), Vec::new()),
                Question::Search => {
                    ("Trigger them, and go on until there is a verdict?", Vec::new())
                }
                Question::SearchAfter { under_way } => (&*wait_question(under_way), Vec::new()),
                Question::Watch => {
                    ("Trigger them, and whatever goes missing from now on?", Vec::new())
                }
                Question::Mark => ("Mark that push in Treeherder?", Vec::new()),
            };
            confirmed(self.out, text, &details).await
        })
    }
}

/// How far along awaited runs are, for the status line.
fn remaining_words(remaining: &Remaining) -> String {
    match remaining.left {
        Some(left) => format!("{remaining} · about {} left", machine_time(left.0.into())),
        None => remaining.to_string(),
    }
}

/// The question before runs are triggered.
fn trigger_question(runs: u32) -> String {
    match runs {
        1 => "Trigger this run?".to_owned(),
        runs => format!("Trigger these {runs} runs?"),
    }
}

/// The question before a search waits for runs that are under way.
fn wait_question(runs: usize) -> String {
    format!(
        "Wait for {} under way, then trigger what is needed until there is a verdict?",
        plural(runs, "run")
    )
}

fn nothing_to_ask(plan: &Plan, under_way: usize) -> String {
    let left_out = match count_pushes(plan.left_out.iter().map(|left_out| left_out.push.id)) {
        0 => String::new(),
        count => format!("; {} cannot be filled", plural(count, "push")),
    };
    match under_way {
        0 => format!("nothing to request{left_out}"),
        count => {
            format!("nothing to request: runs are under way on {}{left_out}", plural(count, "push"))
        }
    }
}
