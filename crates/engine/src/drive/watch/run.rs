//! One watch, from its opening to its end.

use std::collections::{BTreeMap, HashSet};

use mozci_core::guard::Refusal;
use mozci_core::ids::{JobName, PushId};
use mozci_core::push::Push;
use mozci_core::watch::{Expectations, ending};

use crate::ci::Ci;
use crate::drive::notify::{Notice, Notifier};
use crate::drive::progress::{Permission, Progress};
use crate::drive::session::Session;
use crate::drive::step::write_end;
use crate::drive::tally::Tally;
use crate::drive::watch::progress::WatchProgress;
use crate::drive::watch::question::WatchQuestion;
use crate::drive::watch::send::{
    RequestOutcome, Requested, ask_for, begin, count, due, join, settles,
};
use crate::error::{Error, Kind};
use crate::flow::{CellIndex, Watching};
use crate::notify::Occasion;
use crate::store::{InvestigationState, Keeper, Lease, Ledger, Store, TriggerState};

/// What a watch works with.
pub struct WatchContext<'a> {
    /// The CI, the ledger, the host.
    pub session: Session<'a>,
    /// Where investigations are kept.
    pub store: &'a dyn Store,
    /// Whether requests may be sent.
    pub permission: Permission,
    /// Who is notified of how it ends.
    pub notifier: Option<&'a Notifier>,
    /// The investigation that is resumed, held by this process.
    pub lease: Option<Lease>,
    pub(super) consented: bool,
    /// What was reported as left out.
    pub(super) left_out: HashSet<(PushId, JobName)>,
}

/// What a watch came to.
#[derive(Debug, Default)]
pub struct Watched {
    /// Whether it was cancelled.
    pub interrupted: bool,
    /// Why a guard refused.
    pub refused: Option<Refusal>,
    /// What failed for long.
    pub problem: Option<Kind>,
    /// Whether something ended badly.
    pub is_bad: bool,
}

impl<'a> WatchContext<'a> {
    /// A context in which nobody has agreed to anything yet, unless the permission is given or `lease` resumes what
    /// somebody agreed to.
    pub fn new(
        session: Session<'a>,
        store: &'a dyn Store,
        permission: Permission,
        notifier: Option<&'a Notifier>,
        lease: Option<Lease>,
    ) -> Self {
        let consented = permission.is_given() || lease.is_some();
        let left_out = HashSet::new();
        Self { session, store, permission, notifier, lease, consented, left_out }
    }

    pub(super) fn report(&mut self, progress: WatchProgress<'_>) {
        self.session.report(Progress::Watch(progress));
    }
}

/// Follows some jobs on some pushes until nothing more is to be expected.
///
/// # Errors
/// [`Error`]; what was sent by then stands in the ledger.
pub async fn watch(
    question: &WatchQuestion,
    pushes: Vec<Push>,
    context: &mut WatchContext<'_>,
) -> Result<Watched, Error> {
    let ci = context.session.ci;
    let requests =
        question.expect != Expectations { most: question.expect.most, ..Default::default() };
    let mut requested = match &context.lease {
        Some(lease) => requested_so_far(context.session.ledger, &lease.id).await?,
        None => Requested::new(),
    };
    // Only a watch that may send has something to lose.
    let begins = requests && context.permission.is_given() && context.lease.is_none();
    if begins {
        begin(question, context).await?;
    }
    let instance = context.lease.as_ref().map(|lease| lease.id.clone());
    let mut keeper: Option<Keeper> = None;
    if let Some(lease) = &context.lease {
        keeper = Some(Keeper::of(ci.store().await?, vec![lease.clone()]));
        context.session.ledger.under(Some(lease.clone()));
    }
    let ledger = &*context.session.ledger;
    let opened = Watching::open(ci, ledger, &pushes, &question.jobs, instance.as_deref()).await;
    let mut watching = match (opened, &context.lease) {
        (Ok(watching), _) => watching,
        (Err(error), Some(lease)) if begins => {
            // It never came to watch anything: there is nothing to resume.
            context.store.set_state(&lease.id, InvestigationState::Cancelled).await?;
            return Err(error);
        }
        (Err(error), _) => return Err(error),
    };
    let jobs = &question.jobs;
    context.report(WatchProgress::Opened { jobs, pushes: &pushes, watching: &watching });
    let mut watched = Watched::default();
    context.session.report(Progress::InFlight(true));
    let all: Vec<CellIndex> = watching.places().collect();
    let mut tally = Tally::of(&watching.histories);
    context.report(WatchProgress::Changed { watching: &watching, places: &all });
    loop {
        let settles = settles((ci, context.session.ledger), &watching, &all).await?;
        let (wanted, mut waits) =
            due(&mut watching, ci.now(), &all, &question.expect, (&requested, settles));
        if requests && watched.refused.is_none() && !wanted.is_empty() {
            let plan = join(&watching, wanted);
            match ask_for(&plan, &watching, context, &mut keeper, question).await? {
                RequestOutcome::Sent(results, left_out) => {
                    let sent = count(&mut requested, &results);
                    context.report(WatchProgress::Requested { plan: &plan, results: &results });
                    watching.requested(&results);
                    let comes = watching.others_requested(&left_out);
                    if sent || comes {
                        waits = true;
                    } else {
                        // Nothing got through: it is not tried for ever.
                        watched.problem = Some(Kind::Service);
                        if !waits {
                            break;
                        }
                    }
                }
                RequestOutcome::Nothing => waits |= !plan.waits_for.is_empty(),
                RequestOutcome::Refused(refusal) => {
                    context.report(WatchProgress::Refused(&refusal));
                    watched.refused = Some(refusal);
                }
                RequestOutcome::Declined => break,
            }
        }
        if !waits || context.session.is_cancelled() {
            break;
        }
        context.session.report_keeper(keeper.as_ref());
        let places = watching
            .places()
            .map(|place| (&watching.histories[place.0].job, watching.facts(place)));
        if let Some(remaining) = tally.of_pushes(places) {
            context.session.report(Progress::Remaining(remaining));
        }
        let (ledger, cancel) = (&*context.session.ledger, context.session.cancel);
        match watching.next(ci, ledger, cancel).await {
            Ok(changed) => {
                context.report(WatchProgress::Changed { watching: &watching, places: &changed });
            }
            Err(error) => {
                context.report(WatchProgress::Failed(&error));
                watched.problem = Some(error.kind());
                break;
            }
        }
    }
    context.session.report(Progress::InFlight(false));
    watched.interrupted = context.session.is_cancelled();
    watched.is_bad = watching.places().any(|place| ending(watching.facts(place)).is_bad());
    end(question, &watched, watching, keeper, context).await?;
    Ok(watched)
}

/// Reports, writes down and notifies how it ended.
async fn end(
    question: &WatchQuestion,
    watched: &Watched,
    watching: Watching,
    keeper: Option<Keeper>,
    context: &mut WatchContext<'_>,
) -> Result<(), Error> {
    let ci = context.session.ci;
    let interrupted = watched.interrupted;
    let how = if interrupted { "interrupted" } else { "ended" };
    let summary = format!("{how}: {}", endings(&watching, watching.places()));
    context.report(WatchProgress::Ended { watching: &watching, interrupted, summary: &summary });
    context.session.ledger.under(None);
    if let Some(lease) = context.lease.clone() {
        note_outcomes((ci, context.session.ledger), &lease.id, &watching).await?;
        let end = serde_json::json!({"summary": summary});
        let is_done = !interrupted && watched.problem.is_none() && watched.refused.is_none();
        write_end(context.store, &lease, end, is_done, ci.now()).await?;
    }
    if let Some(keeper) = keeper {
        keeper.end().await;
    }
    if interrupted {
        return Ok(());
    }
    watching.close().await;
    let Some(notifier) = context.notifier else { return Ok(()) };
    let (occasion, why) = match (&watched.refused, watched.problem) {
        (Some(refusal), _) => (Occasion::NeedsYou, format!("refused: {refusal}; {summary}")),
        (None, Some(_)) => (Occasion::Stuck, format!("a service failed; {summary}")),
        (None, None) => (Occasion::Finished, summary.clone()),
    };
    let subject = question.subject();
    let (id, command) = match &context.lease {
        Some(lease) => (lease.id.clone(), format!("investigations resume {}", lease.id)),
        None => (question.name(), format!("watch --rev {}", question.newest())),
    };
    let told = Notice {
        investigation: &id,
        occasion,
        subject: &subject,
        summary: &why,
        command: &command,
    };
    notifier.notify(ci, &told, context.session.host).await
}

/// How jobs ended at some places, counted.
pub(super) fn endings(watching: &Watching, places: impl Iterator<Item = CellIndex>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    places.for_each(|place| {
        *counts.entry(ending(watching.facts(place)).to_string()).or_default() += 1;
    });
    let is_one = counts.values().sum::<usize>() == 1;
    let words = |(words, count)| if is_one { words } else { format!("{count} {words}") };
    counts.into_iter().map(words).collect::<Vec<_>>().join(" · ")
}

/// Writes into the ledger how the requests of an investigation ended.
pub(super) async fn note_outcomes(
    (ci, ledger): (&Ci, &Ledger),
    investigation: &str,
    watching: &Watching,
) -> Result<(), Error> {
    for trigger in ledger.of_investigation(investigation).await? {
        let TriggerState::Sent { request } = trigger.state else { continue };
        for requested in &trigger.jobs {
            let mut places = watching.places().filter(|place| {
                let push = watching.facts(*place).push.id.number();
                push == trigger.push && watching.histories[place.0].job == requested.job
            });
            if let Some(place) = places.next() {
                let words = ending(watching.facts(place)).to_string();
                ledger
                    .note_outcome(&ci.root_url, request, &requested.job, &words, ci.now())
                    .await?;
            }
        }
    }
    Ok(())
}

/// Runs that an investigation requested before.
pub(super) async fn requested_so_far(ledger: &Ledger, id: &str) -> Result<Requested, Error> {
    let mut requested = Requested::new();
    for trigger in ledger.of_investigation(id).await? {
        for job in trigger.jobs {
            *requested.entry((trigger.push, job.job)).or_default() += job.times;
        }
    }
    Ok(requested)
}
