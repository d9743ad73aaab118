//! A round of a search: guards, consent, the intent on disk, the requests, and what they came to.

use mozci_core::bisect::Search;
use mozci_core::ids::PushId;
use mozci_core::plan::Plan;

use crate::drive::act::{Act, Acted, guarded, send};
use crate::drive::follow::follow;
use crate::drive::progress::{Permission, Progress, Question};
use crate::drive::search::begin::take;
use crate::drive::search::outcome::Ended;
use crate::drive::search::progress::SearchProgress;
use crate::drive::search::run::{Run, SearchContext};
use crate::drive::step::Step;
use crate::error::Error;
use crate::flow::{TriggerResult, check_plan};
use crate::store::{Keeper, Lease, TriggerState};

impl Run<'_, '_> {
    /// Sends a round and waits for it. Why the search is over, where it is.
    pub(super) async fn send_round(
        &mut self,
        plan: Plan,
        search: &Search,
    ) -> Result<Option<Ended>, Error> {
        if let Some(ended) = self.may_send(&plan, search).await? {
            return Ok(Some(ended));
        }
        let lease = self.begun().await?;
        let ci = self.context.session.ci;
        self.rounds += 1;
        let number = self.rounds;
        // Written down before anything is sent.
        let step = Step::Round { round: number, runs: plan.runs(), plan: &plan };
        self.context.store.step(&lease, &step.to_value(), ci.now()).await?;
        self.report(SearchProgress::Round { number, plan: &plan });
        self.context.session.report(Progress::InFlight(true));
        let between = self.case.between(&plan);
        let histories = std::slice::from_ref(&between);
        let sent = send(&mut self.context.session, &plan, histories).await?;
        // Only what was sent, or may have been, is spent.
        let spent = sent.results.iter().filter(|result| {
            matches!(result.state, TriggerState::Sent { .. } | TriggerState::Uncertain { .. })
        });
        self.runs += spent.map(TriggerResult::times).sum::<u32>();
        // A push that takes no requests is set aside, and the search goes on without it.
        let refused: Vec<PushId> = sent
            .left_out
            .iter()
            .filter(|left_out| left_out.why.is_refusal())
            .map(|left_out| left_out.push.id)
            .collect();
        let hunt = self.case.hunt();
        self.settings.refused.extend(refused.iter().filter_map(|push| hunt.number(*push)));
        drop(hunt);
        if sent.results.is_empty() && !refused.is_empty() {
            self.context.session.report(Progress::InFlight(false));
            return Ok(None);
        }
        let acted = Acted { results: sent.results, ..Acted::default() };
        self.wait(Some((plan, acted))).await
    }

    /// Whether guards and people let a round be sent; why the search is over, where they do not.
    async fn may_send(&mut self, plan: &Plan, search: &Search) -> Result<Option<Ended>, Error> {
        let Self { context, question, case, .. } = self;
        let SearchContext { session, options, .. } = &mut **context;
        let used = session.used_today().await?;
        if self.last_plan.is_none() {
            let left = question.budget.saturating_sub(self.runs);
            let outlook = SearchProgress::Outlook { search, question, left, plan, used };
            session.report(Progress::Search(outlook));
        }
        if options.explain {
            let explained = SearchProgress::Explained { case, search, plan };
            session.report(Progress::Search(explained));
        }
        check_plan(session.ci, plan).await?;
        let between = case.between(plan);
        if let Err(refusal) = guarded(session, plan, std::slice::from_ref(&between), true).await? {
            return Ok(Some(Ended::Refused(Box::new(refusal))));
        }
        self.last_plan = Some(plan.clone());
        if options.permission.is_dry_run() {
            return Ok(Some(Ended::DryRun));
        }
        if !self.consented && !session.host.confirm(Question::Search).await? {
            return Ok(Some(Ended::Declined));
        }
        self.consented = true;
        Ok(None)
    }

    /// Whether somebody agrees to the search, before it waits for what is under way: that may take an hour.
    pub(super) async fn may_wait(&mut self) -> Result<bool, Error> {
        let options = self.context.options;
        if self.consented || options.no_wait || options.permission.is_dry_run() {
            return Ok(true);
        }
        let under_way = self.case.hunt().pending().len();
        let host = &mut self.context.session.host;
        self.consented = host.confirm(Question::SearchAfter { under_way }).await?;
        Ok(self.consented)
    }

    /// The investigation, which begins with the first round.
    async fn begun(&mut self) -> Result<Lease, Error> {
        if let Some(lease) = &self.lease {
            return Ok(lease.clone());
        }
        let SearchContext { session, store, .. } = &mut *self.context;
        let ci = session.ci;
        let question = self.stored.to_value();
        let id = store.begin(&ci.root_url, ci.repo.as_str(), &question, ci.now()).await?;
        tracing::Span::current().record("investigation", id.as_str());
        let begun = take(*store, &id).await?;
        self.keeper = Some(Keeper::of(ci.store().await?, vec![begun.clone()]));
        let step = Step::Begun { good: Some(self.case.good().revision.hash()) };
        store.step(&begun, &step.to_value(), ci.now()).await?;
        session.ledger.under(Some(begun.clone()));
        session.report(Progress::Search(SearchProgress::Begun { id: &begun.id }));
        Ok(self.lease.insert(begun).clone())
    }

    /// Follows what is under way, and reads what it came to. Why the search is over, where it is.
    pub(super) async fn wait(
        &mut self,
        sent: Option<(Plan, Acted)>,
    ) -> Result<Option<Ended>, Error> {
        let options = self.context.options;
        let session = &mut self.context.session;
        if options.permission.is_dry_run() {
            return Ok(Some(Ended::DryRun));
        }
        let (plan, mut acted) = sent.unwrap_or_else(|| (Plan::empty(1), Acted::default()));
        if options.no_wait {
            session.report(Progress::InFlight(false));
            let lost = acted.results.iter().any(TriggerResult::is_missing);
            self.results.append(&mut acted.results);
            return Ok(Some(if lost { Ended::Service } else { Ended::Left }));
        }
        let between = self.case.between(&plan);
        let histories = std::slice::from_ref(&between);
        let permission = Permission::Given;
        let act = Act { plan: &plan, histories, permission, wait: true, wanted: None };
        session.report(Progress::InFlight(true));
        let followed = follow(&act, session, &mut acted, true).await;
        session.report(Progress::InFlight(false));
        followed?;
        let lost = acted.results.iter().filter(|result| result.is_missing()).count();
        let all_lost = lost > 0 && lost == acted.results.len();
        self.results.append(&mut acted.results);
        let case = match acted.after.and_then(|mut after| after.pop()) {
            Some(history) => self.case.clone().with_between(history),
            None => self.case.clone().again(session.ci, session.ledger).await?,
        };
        self.case = case;
        if session.is_cancelled() {
            return Ok(Some(Ended::Interrupted));
        }
        Ok((acted.gave_up || all_lost).then_some(Ended::Service))
    }
}
