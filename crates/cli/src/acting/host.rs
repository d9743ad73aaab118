//! The terminal as a driver's host: what a driver reports becomes text or JSON, and questions are asked here.

use std::sync::atomic::Ordering;

use futures_util::future::BoxFuture;
use mozci_core::plan::Plan;
use mozci_core::push::count_pushes;
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
    Out, plural, show_left_out, show_outcome, show_plan_summary, show_result, show_settled,
    show_ties,
};
use crate::stats::Stats;

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
            Progress::NothingPossible => out.line("nothing of it can be asked for"),
            Progress::DryRun => out.line("dry run: nothing was sent"),
            Progress::Declined => out.line("nothing was sent"),
            Progress::OneByOne { builder, requests } => context.talk(&format!(
                "{requests} requests for {builder}, each sent when the one before has begun: those that wait at once the master would coalesce; Ctrl-C stops between two"
            )),
            Progress::Sent { result, named } => show_result(out, result, named),
            Progress::BuildsUnderWay => out.line(
                "builds are under way: run the command again when they are there, or give --wait",
            ),
            Progress::Waiting { source } => {
                let told = source.map_or(String::new(), |by| format!(", told by {}", by.words()));
                context.talk(&format!(
                    "waiting until everything has ended{told}; Ctrl-C leaves it running there"
                ));
            }
            Progress::Ended { outcome, named } => show_outcome(out, outcome, named),
            Progress::Settled(triggers) => show_settled(context, triggers),
            Progress::InDoubt { requests, seconds } => context.talk(&format!(
                "note: {} of a command that was cut off or got no answer {} in doubt and counted as asked for; {} can tell in {seconds} s: run it again then",
                plural(requests, "asking"),
                if requests == 1 { "is" } else { "are" },
                ci.backend().capabilities().confirmed_by,
            )),
            Progress::CannotSettle(error) => {
                context.talk(&format!("note: askings in doubt cannot be settled: {error}"));
            }
            Progress::PollFailed(error) => {
                context.talk(&format!("note: a look failed and is made again: {error}"));
            }
            Progress::GaveUp(error) => {
                failure::report(error, context.sent());
            }
            Progress::NeverArrived { runs } => out.line(&format!(
                "{} never arrived: asking again",
                plural(runs as usize, "run")
            )),
            Progress::NotRenewed(error) => context.talk(&format!(
                "note: the investigation's lease could not be renewed: {error}; another process may take it over"
            )),
            Progress::Undelivered(problem) => {
                context.talk(&format!("note: {problem}; it is tried again later"));
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
                Question::Send(plan) => ("Ask for them?", details(plan)),
                Question::SendAgain => ("Ask for them?", Vec::new()),
                Question::Search => {
                    ("Ask for them, and go on until there is a verdict?", Vec::new())
                }
                Question::Watch => {
                    ("Ask for them, and for what is missing from here on?", Vec::new())
                }
                Question::Mark => ("Mark that push in Treeherder?", Vec::new()),
            };
            confirmed(self.out, text, &details).await
        })
    }
}

fn nothing_to_ask(plan: &Plan, under_way: usize) -> String {
    let left_out = match count_pushes(plan.left_out.iter().map(|left_out| left_out.push.id)) {
        0 => String::new(),
        count => format!("; {} cannot be filled", plural(count, "push")),
    };
    match under_way {
        0 => format!("nothing to ask for{left_out}"),
        count => {
            format!("nothing to ask for: it is under way on {}{left_out}", plural(count, "push"))
        }
    }
}
