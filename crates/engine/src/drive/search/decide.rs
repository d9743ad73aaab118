//! What a search does next, given what it believes.

use mozci_core::bisect::{Search, Verdict, Why};
use mozci_core::plan::Plan;

use crate::drive::search::outcome::Ended;
use crate::drive::search::progress::SearchProgress;
use crate::drive::search::run::Run;
use crate::drive::search::suspects::{gone_by_then, weighed};
use crate::drive::step::Step;
use crate::error::Error;

/// What a search does next.
pub(super) enum Decision {
    /// It is over.
    End(Ended),
    /// It believes something else now, and decides again.
    Again,
    /// It waits for what is under way: that may be all that is needed.
    Wait,
    /// It sends these requests.
    Send(Plan),
}

/// How often in a row what is under way is waited for.
const WAITS: u32 = 3;

impl Run<'_, '_> {
    /// Decides what to do next.
    pub(super) async fn decide(&mut self, search: &Search) -> Result<Decision, Error> {
        self.context.session.report_keeper(self.keeper.as_ref());
        if self.context.session.is_cancelled() {
            return Ok(Decision::End(Ended::Interrupted));
        }
        if self.case.since().is_fixed && !self.question.anyway {
            return Ok(Decision::End(Ended::Fixed));
        }
        let verdict = search.verdict();
        let good_fails = self.case.hunt().good_fails();
        let older = matches!(verdict, Verdict::Older { .. }) || good_fails.is_some();
        if older && self.stored.good.is_none() && self.case.widen() {
            return self.widened().await;
        }
        if let (Some([good, bad]), false) = (good_fails, verdict.is_decided()) {
            return Ok(Decision::End(Ended::GoodFails { good, bad }));
        }
        if let Verdict::Culprit { first, last, .. } = verdict
            && let Some(decision) = self.doubt(first, last).await
        {
            return Ok(decision);
        }
        tracing::debug!(?verdict, "the search weighs its runs");
        let misfits = matches!(verdict, Verdict::Undecided { why } if why.is_misfit());
        if verdict.is_decided() || misfits {
            return Ok(Decision::End(Ended::Verdict(verdict)));
        }
        Ok(self.next_round(search))
    }

    /// Goes back to an older good push.
    async fn widened(&mut self) -> Result<Decision, Error> {
        let ci = self.context.session.ci;
        self.settings = weighed(&self.question, &self.case, ci).await;
        if let Some(lease) = &self.lease {
            let step = Step::Widened { good: self.case.good().revision.hash() };
            self.context.store.step(lease, &step.to_value(), ci.now()).await?;
        }
        let Self { case, context, .. } = self;
        let progress = SearchProgress::Widened { case };
        context.session.report(crate::drive::Progress::Search(progress));
        Ok(Decision::Again)
    }

    /// Doubts a culprit before anybody is convicted: what was backed out by then did not break the bad push, and
    /// what `flakiness` would show of the same runs must not name another push.
    async fn doubt(&mut self, first: usize, last: usize) -> Option<Decision> {
        let mut gone = gone_by_then(self.context.session.ci, &self.case, first..=last).await;
        if gone.iter().any(|backout| !self.settings.backouts.contains(backout)) {
            let Self { case, context, .. } = self;
            let progress = SearchProgress::Gone { case, backouts: &gone };
            context.session.report(crate::drive::Progress::Search(progress));
            self.settings.backouts.append(&mut gone);
            return Some(Decision::Again);
        }
        let rises = self.case.hunt().rises_elsewhere(first..=last)?;
        let why = Why::Elsewhere { named: last, rises };
        Some(Decision::End(Ended::Verdict(Verdict::Undecided { why })))
    }

    /// The next round of requests, or why there is none.
    fn next_round(&mut self, search: &Search) -> Decision {
        let hunt = self.case.hunt();
        let under_way = hunt.is_under_way();
        self.waited = if under_way { self.waited + 1 } else { 0 };
        if self.waited > WAITS {
            return Decision::End(Ended::Service);
        }
        let left = self.question.budget.saturating_sub(self.runs);
        if !under_way && left == 0 {
            return Decision::End(Ended::Budget);
        }
        let least = search.least().jobs().ceil().max(0.0) as u32;
        if self.runs == 0 && self.question.budget < least {
            return Decision::End(Ended::BudgetTooSmall { least });
        }
        if under_way {
            return Decision::Wait;
        }
        // Pushes that turn out to be of no use are left out by the plan itself.
        let at_once = self.question.at_once.min(left) as usize;
        let plan = hunt.plan(&hunt.wants(search, &self.settings, at_once));
        match plan.requests.is_empty() && plan.waits_for.is_empty() {
            true => Decision::End(Ended::NothingToTest),
            false => Decision::Send(plan),
        }
    }
}
