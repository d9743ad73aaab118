//! A search in one repository: read, decide, send, wait, until it is over.

use std::collections::BTreeSet;

use mozci_core::bisect::{Search, Verdict};
use mozci_core::culprit::HuntSettings;
use mozci_core::plan::Plan;

use crate::ci::Ci;
use crate::drive::notify::{Notice, Notifier};
use crate::drive::progress::{Permission, Progress, Stage};
use crate::drive::search::decide::Decision;
use crate::drive::search::mark::{Mark, mark_culprit};
use crate::drive::search::outcome::{Ended, Finished};
use crate::drive::search::progress::SearchProgress;
use crate::drive::search::suspects::{early, merges_of, weighed};
use crate::drive::session::Session;
use crate::drive::step::write_end;
use crate::error::Error;
use crate::flow::{BisectQuestion, Origin, SearchData, TriggerResult, culprit_pushes, open_case};
use crate::store::{Keeper, Lease, Ledger, Store};

/// Opens other repositories of the same CI.
pub trait Repositories: Send + Sync {
    /// Opens one by its name in the config.
    ///
    /// # Errors
    /// [`Error::Usage`] for one that the config does not have.
    fn open(&self, repo: &str) -> Result<Ci, Error>;
}

/// How a search goes about it.
#[derive(Debug, Clone, Copy)]
pub struct SearchOptions<'a> {
    /// Whether requests may be sent.
    pub permission: Permission,
    /// Whether it ends once a round is sent, instead of waiting for it.
    pub no_wait: bool,
    /// Whether it reports what each run is expected to tell.
    pub explain: bool,
    /// Whether it marks the culprit where results are shown.
    pub mark: bool,
    /// Who is notified of how it ends.
    pub notifier: Option<&'a Notifier>,
}

/// What a search works with.
pub struct SearchContext<'a> {
    /// The CI, the ledger, the host.
    pub session: Session<'a>,
    /// Where investigations are kept.
    pub store: &'a dyn Store,
    /// The other repositories of the CI.
    pub repositories: &'a dyn Repositories,
    /// How it goes about it.
    pub options: SearchOptions<'a>,
}

/// How a search in a repository begins.
pub(super) struct Start {
    /// The investigation that is resumed, held by this process.
    pub(super) lease: Option<Lease>,
    /// Whether somebody agreed already.
    pub(super) consented: bool,
}

/// What a search in one repository came to.
pub(super) struct Here {
    pub(super) ended: Ended,
    pub(super) mark: Mark,
    /// How it ended, in words.
    pub(super) summary: String,
    /// Where the culprit came from, if it is a merge.
    pub(super) below: Option<Origin>,
}

/// A search under way.
pub(super) struct Run<'c, 'a> {
    pub(super) context: &'c mut SearchContext<'a>,
    /// What was asked, with the good push that was found.
    pub(super) question: BisectQuestion,
    /// What was asked, as it is stored.
    pub(super) stored: BisectQuestion,
    pub(super) case: SearchData,
    pub(super) settings: HuntSettings,
    pub(super) lease: Option<Lease>,
    pub(super) keeper: Option<Keeper>,
    /// Runs that were requested, and in how many rounds.
    pub(super) runs: u32,
    pub(super) rounds: u32,
    pub(super) results: Vec<TriggerResult>,
    pub(super) last_plan: Option<Plan>,
    /// How often in a row it waited for what was under way.
    pub(super) waited: u32,
    pub(super) consented: bool,
}

/// Drives a search in one repository to its end.
pub(super) async fn search_here(
    question: &BisectQuestion,
    start: Start,
    context: &mut SearchContext<'_>,
) -> Result<Here, Error> {
    let mut run = Run::open(question, start, context).await?;
    let (search, ended) = run.rounds().await?;
    run.finish(&search, ended).await
}

impl<'c, 'a> Run<'c, 'a> {
    async fn open(
        requested: &BisectQuestion,
        start: Start,
        context: &'c mut SearchContext<'a>,
    ) -> Result<Self, Error> {
        let ci = context.session.ci;
        context.session.report(Progress::Stage(Stage::History));
        let lease = start.lease;
        if let Some(lease) = &lease {
            tracing::Span::current().record("investigation", lease.id.as_str());
        }
        let keeper = match &lease {
            Some(lease) => Some(Keeper::of(ci.store().await?, vec![lease.clone()])),
            None => None,
        };
        context.session.ledger.under(lease.clone());
        // The good push is found once: what is run afterwards must not make another one of it.
        let mut question = requested.clone();
        if let Some(lease) = &lease {
            question.good = good_so_far(context.store, &lease.id).await?.or(question.good);
        }
        let mut case = open_case(ci, context.session.ledger, &question).await?;
        if let Err(error) = case.read_background(ci, question.background).await {
            let progress = SearchProgress::BackgroundUnread(&error);
            context.session.report(Progress::Search(progress));
        }
        question.good = Some(case.good().revision.hash().to_owned());
        let (runs, rounds) = match &lease {
            Some(lease) => requested_so_far(context.session.ledger, &lease.id).await?,
            None => (0, 0),
        };
        let settings = weighed(&question, &case, ci).await;
        let consented = context.options.permission.is_given() || start.consented;
        Ok(Self {
            context,
            question,
            stored: requested.clone(),
            case,
            settings,
            lease,
            keeper,
            runs,
            rounds,
            results: Vec::new(),
            last_plan: None,
            waited: 0,
            consented,
        })
    }

    pub(super) fn report(&mut self, progress: SearchProgress<'_>) {
        self.context.session.report(Progress::Search(progress));
    }

    /// One round after the other, until it is over.
    async fn rounds(&mut self) -> Result<(Search, Ended), Error> {
        let Self { question, case, context, .. } = self;
        context.session.report(Progress::Search(SearchProgress::Opened { question, case }));
        let early = early(question, case, &mut context.session).await;
        loop {
            let search = self.case.hunt().search(&self.settings);
            let requested = self.runs;
            let Self { case, context, .. } = self;
            let belief = SearchProgress::Belief { case, search: &search, requested };
            context.session.report(Progress::Search(belief));
            if let Some(early) = &early {
                return Ok((search, early.clone()));
            }
            match self.decide(&search).await? {
                Decision::End(ended) => return Ok((search, ended)),
                Decision::Again => continue,
                Decision::Wait if !self.may_wait().await? => return Ok((search, Ended::Declined)),
                Decision::Wait => {
                    if let Some(ended) = self.wait(None).await? {
                        return Ok((self.case.hunt().search(&self.settings), ended));
                    }
                }
                Decision::Send(plan) => {
                    if let Some(ended) = self.send_round(plan, &search).await? {
                        return Ok((self.case.hunt().search(&self.settings), ended));
                    }
                }
            }
        }
    }

    /// Writes down, reports and notifies how it ended.
    async fn finish(mut self, search: &Search, ended: Ended) -> Result<Here, Error> {
        let ci = self.context.session.ci;
        let suspects: Vec<usize> = match &ended {
            Ended::Verdict(Verdict::Culprit { first, last, .. }) => (*first..=*last).collect(),
            _ => Vec::new(),
        };
        let hunt = self.case.hunt();
        let pushes = suspects.iter().filter_map(|number| hunt.push(*number));
        let pushes = pushes.map(|facts| facts.push.clone()).collect();
        drop(hunt);
        let culprits = culprit_pushes(ci, pushes).await;
        let since = self.case.since();
        let descent = match &ended {
            Ended::Verdict(Verdict::Culprit { .. }) => {
                merges_of(&mut self.context.session, &culprits).await
            }
            _ => Vec::new(),
        };
        let finished = Finished {
            question: &self.question,
            case: &self.case,
            search,
            ended: &ended,
            culprits: &culprits,
            since: &since,
            runs: self.runs,
            rounds: self.rounds,
            id: self.lease.as_ref().map(|lease| lease.id.as_str()),
            results: &self.results,
            plan: self.last_plan.as_ref(),
        };
        let end = finished.end();
        let summary = end["summary"].as_str().unwrap_or_default().to_owned();
        let SearchContext { session, store, options, .. } = &mut *self.context;
        session.ledger.under(None);
        if let Some(lease) = &self.lease {
            write_end(*store, lease, end, ended.is_final(), ci.now()).await?;
        }
        if let Some(keeper) = self.keeper.take() {
            keeper.end().await;
        }
        session.report(Progress::Search(SearchProgress::Finished(&finished)));
        let below = if descent.len() == culprits.len() { Origin::of_all(&descent) } else { None };
        let goes_on = below.as_ref().is_some_and(|origin| origin.before.is_some());
        let permission = match (options.permission, self.consented) {
            (Permission::Ask, true) => Permission::Given,
            (permission, _) => permission,
        };
        let mark = match (options.mark, goes_on) {
            (true, false) => mark_culprit(&finished, permission, session).await,
            // A merge is not accused of what came with it.
            (true, true) => Mark::not_made("the search goes on below the merge"),
            (false, _) => Mark::None,
        };
        session.report(Progress::Search(SearchProgress::Marked(&mark)));
        if let (Some(lease), Some(occasion), Some(notifier)) =
            (&self.lease, ended.occasion(), options.notifier)
        {
            let command = format!("investigations resume {}", lease.id);
            let told = Notice {
                investigation: &lease.id,
                occasion,
                subject: &self.question.job,
                summary: &summary,
                command: &command,
            };
            notifier.notify(ci, &told, session.host).await?;
        }
        Ok(Here { ended, mark, summary, below })
    }
}

/// The good push that an investigation found, where it went further back than it began.
async fn good_so_far(store: &dyn Store, id: &str) -> Result<Option<String>, Error> {
    let steps = store.steps(id).await?;
    let mut goods = steps.iter().filter_map(|(_, step)| step["good"].as_str());
    Ok(goods.next_back().map(str::to_owned))
}

/// Runs that an investigation requested before, and in how many rounds: by the ledger, which knows what was sent
/// and what was not.
async fn requested_so_far(ledger: &Ledger, id: &str) -> Result<(u32, u32), Error> {
    let requests = ledger.of_investigation(id).await?;
    let runs = requests.iter().fold(0u32, |sum, one| sum.saturating_add(one.times()));
    let plans: BTreeSet<&str> = requests.iter().map(|one| one.plan.as_str()).collect();
    Ok((runs, u32::try_from(plans.len()).unwrap_or(u32::MAX)))
}
