//! Several watches in one process: one connection, one reading, each with its own lease, budget and end.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use mozci_core::guard::Refusal;
use mozci_core::ids::JobName;
use mozci_core::push::Push;
use tracing::Instrument;

use crate::config::ClosedTree;
use crate::drive::notify::Notice;
use crate::drive::progress::Progress;
use crate::drive::step::write_end;
use crate::drive::watch::progress::WatchProgress;
use crate::drive::watch::question::WatchQuestion;
use crate::drive::watch::run::{WatchContext, endings, note_outcomes, requested_so_far};
use crate::drive::watch::send::{
    RequestOutcome, Requested, count, due, join, pause_before, settles, try_to,
};
use crate::error::{Error, Kind};
use crate::flow::guards::LOOK;
use crate::flow::{CellIndex, Watching};
use crate::notify::Occasion;
use crate::store::{Keeper, Lease, Ledger, TriggerState};

/// One of the watches.
struct Member {
    question: WatchQuestion,
    lease: Lease,
    requested: Requested,
    places: Vec<CellIndex>,
    ended: bool,
    /// How often in a row a service failed, and when it is tried again: the others go on meanwhile.
    retry: Option<(usize, Instant)>,
}

/// Which of the watches are at a place.
type ByPlace = HashMap<CellIndex, Vec<usize>>;

/// Follows all of these to their ends. What failed, if something did.
///
/// # Errors
/// [`Error`]; what was sent by then stands in the ledger.
pub async fn watch_many(
    watches: Vec<(WatchQuestion, Lease)>,
    pushes: Vec<Push>,
    context: &mut WatchContext<'_>,
) -> Result<Option<Kind>, Error> {
    let ci = context.session.ci;
    let leases: Vec<Lease> = watches.iter().map(|(_, lease)| lease.clone()).collect();
    let Some(first) = leases.first().map(|lease| format!("all-{}", lease.id)) else {
        return Ok(None);
    };
    let mut keeper = Some(Keeper::of(ci.store().await?, leases));
    context.consented = true;
    let mut jobs: Vec<JobName> = watches.iter().flat_map(|(q, _)| q.jobs.clone()).collect();
    jobs.sort();
    jobs.dedup();
    let ledger = &*context.session.ledger;
    let mut watching = Watching::open(ci, ledger, &pushes, &jobs, Some(&first)).await?;
    let (mut members, by_place) = members(watches, &watching, context.session.ledger).await?;
    context.report(WatchProgress::ManyOpened {
        watches: members.len(),
        pushes: pushes.len(),
        places: by_place.len(),
    });
    context.session.report(Progress::InFlight(true));
    let mut dirty: Vec<usize> = (0..members.len()).collect();
    let mut problem: Option<Kind> = None;
    loop {
        for i in std::mem::take(&mut dirty) {
            if members[i].ended || context.session.is_cancelled() {
                continue;
            }
            let investigation = &members[i].lease.id;
            let span = tracing::debug_span!("watch", investigation);
            let stepped = step(&mut members[i], &mut watching, &mut keeper, context);
            match stepped.instrument(span).await {
                Ok(None) => {}
                Ok(Some(kind)) => problem = Some(kind),
                // One that somebody else took over, or ended, is no concern of the others.
                Err(error) => {
                    context.report(WatchProgress::Failed(&error));
                    members[i].ended = true;
                    problem = Some(error.kind());
                }
            }
        }
        let open = members.iter().any(|member| !member.ended);
        if !open || context.session.is_cancelled() {
            break;
        }
        context.session.report_keeper(keeper.as_ref());
        let retries = members.iter().filter_map(|member| member.retry.filter(|_| !member.ended));
        let until = retries.map(|(_, at)| at).min();
        let (ledger, cancel) = (&*context.session.ledger, context.session.cancel);
        let next = watching.next(ci, ledger, cancel);
        let changed = match or_until(next, until).await {
            // What was taken in by then is not told again: everybody decides anew.
            None => watching.places().collect(),
            Some(Ok(changed)) => changed,
            Some(Err(error)) => {
                context.report(WatchProgress::Failed(&error));
                problem = Some(error.kind());
                break;
            }
        };
        let concerned: HashSet<usize> =
            changed.iter().filter_map(|place| by_place.get(place)).flatten().copied().collect();
        let now = Instant::now();
        let due = members.iter().enumerate();
        let due = due.filter(|(_, member)| member.retry.is_some_and(|(_, at)| at <= now));
        dirty = concerned.into_iter().chain(due.map(|(i, _)| i)).collect();
        dirty.sort_unstable();
        dirty.dedup();
    }
    context.session.report(Progress::InFlight(false));
    context.session.ledger.under(None);
    if let Some(keeper) = keeper {
        keeper.end().await;
    }
    if context.session.is_cancelled() {
        return Ok(Some(Kind::Interrupted));
    }
    watching.close().await;
    Ok(problem)
}

/// What comes of a future, or nothing once a time has come.
async fn or_until<T>(future: impl Future<Output = T>, until: Option<Instant>) -> Option<T> {
    match until {
        None => Some(future.await),
        Some(until) => tokio::time::timeout_at(until.into(), future).await.ok(),
    }
}

/// The watches with their places, and which of them are at a place.
async fn members(
    watches: Vec<(WatchQuestion, Lease)>,
    watching: &Watching,
    ledger: &Ledger,
) -> Result<(Vec<Member>, ByPlace), Error> {
    let place_of: HashMap<(&str, &JobName), CellIndex> = watching
        .places()
        .map(|place| {
            let head = watching.facts(place).push.revision.hash();
            ((head, &watching.histories[place.0].job), place)
        })
        .collect();
    let mut by_place = ByPlace::new();
    let mut members = Vec::with_capacity(watches.len());
    for (i, (question, lease)) in watches.into_iter().enumerate() {
        let places: Vec<CellIndex> = question
            .pushes
            .iter()
            .flat_map(|push| question.jobs.iter().map(move |job| (push.as_str(), job)))
            .filter_map(|key| place_of.get(&key).copied())
            .collect();
        places.iter().for_each(|place| by_place.entry(*place).or_default().push(i));
        let requested = requested_so_far(ledger, &lease.id).await?;
        members.push(Member { question, lease, requested, places, ended: false, retry: None });
    }
    Ok((members, by_place))
}

/// Does what is due for one of them now. What failed, if something did.
async fn step(
    member: &mut Member,
    watching: &mut Watching,
    keeper: &mut Option<Keeper>,
    context: &mut WatchContext<'_>,
) -> Result<Option<Kind>, Error> {
    let now = context.session.ci.now();
    let settles =
        settles((context.session.ci, context.session.ledger), watching, &member.places).await?;
    let (wanted, mut waits) =
        due(watching, now, &member.places, &member.question.expect, (&member.requested, settles));
    let mut news = None;
    if !wanted.is_empty() {
        let plan = join(watching, wanted);
        context.session.ledger.under(Some(member.lease.clone()));
        context.lease = Some(member.lease.clone());
        let trigger = try_to(&plan, watching, context, keeper, (&member.question, false)).await;
        context.session.ledger.under(None);
        let tries = member.retry.take().map_or(0, |(tries, _)| tries);
        let trigger = match (trigger, pause_before(tries)) {
            (Err(error @ Error::Service { .. }), Some(time)) => {
                let seconds = time.as_secs();
                context.report(WatchProgress::Retrying { error: &error, seconds });
                member.retry = Some((tries + 1, Instant::now() + time));
                return Ok(None);
            }
            (trigger, _) => trigger?,
        };
        let waits_for_tree = context.session.ci.closed_tree() == ClosedTree::Wait;
        match trigger {
            RequestOutcome::Refused(Refusal::TreeClosed { .. }) if waits_for_tree => {
                member.retry = Some((0, Instant::now() + LOOK));
                waits = true;
            }
            RequestOutcome::Sent(results, left_out) => {
                if results.iter().any(|r| matches!(r.state, TriggerState::NotSent { .. })) {
                    news = Some((Occasion::Stuck, Kind::Service, "nothing got through".into()));
                }
                waits |= count(&mut member.requested, &results);
                waits |= watching.others_requested(&left_out);
                watching.requested(&results);
            }
            RequestOutcome::Nothing => waits |= !plan.waits_for.is_empty(),
            RequestOutcome::Refused(refusal) => {
                news = Some((Occasion::NeedsYou, Kind::Guard, format!("refused: {refusal}")));
            }
            RequestOutcome::Declined => {}
        }
    }
    if waits {
        return Ok(None);
    }
    member.ended = true;
    end(member, watching, news, context).await
}

async fn end(
    member: &Member,
    watching: &Watching,
    news: Option<(Occasion, Kind, String)>,
    context: &mut WatchContext<'_>,
) -> Result<Option<Kind>, Error> {
    let (ci, id) = (context.session.ci, &member.lease.id);
    let mut summary = format!("ended: {}", endings(watching, member.places.iter().copied()));
    if let Some((_, _, why)) = &news {
        summary = format!("{why}; {summary}");
    }
    let end = serde_json::json!({"summary": summary});
    note_outcomes((ci, context.session.ledger), id, watching).await?;
    write_end(context.store, &member.lease, end, news.is_none(), ci.now()).await?;
    let question = &member.question;
    context.report(WatchProgress::MemberEnded { id, question, summary: &summary });
    if let Some(notifier) = context.notifier {
        let occasion = news.as_ref().map_or(Occasion::Finished, |(occasion, ..)| *occasion);
        let subject = member.question.subject();
        let command = format!("investigations resume {id}");
        let told = Notice {
            investigation: id,
            occasion,
            subject: &subject,
            summary: &summary,
            command: &command,
        };
        notifier.notify(ci, &told, context.session.host).await?;
    }
    Ok(news.map(|(_, kind, _)| kind))
}
