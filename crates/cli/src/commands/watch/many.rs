//! All open watches of a repository in one process: one connection, one reading, each with its own
//! lease, budget and end.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use mozci_core::ids::JobName;
use mozci_core::push::Push;
use mozci_core::watch::ending;
use mozci_engine::flow::{WatchPlace, Watching};
use mozci_engine::notify::Occasion;
use mozci_engine::store::{AskState, InvestigationState, Keeper, Lease};
use mozci_engine::{Error, Kind};
use serde_json::json;

use super::ask::{Asked, Asking, ask_for, count, due, join};
use super::drive::{Desk, asked_so_far, note_outcomes};
use super::question::Question;
use super::view::json_line;
use crate::acting::ConfirmArgs;
use crate::acting::telling::{Told, tell};
use crate::app::Done;
use crate::failure;
use crate::show::plural;

/// One of the watches.
struct Member {
    question: Question,
    lease: Lease,
    asked: Asked,
    places: Vec<WatchPlace>,
    ended: bool,
}

/// Which of the watches are at a place.
type ByPlace = HashMap<WatchPlace, Vec<usize>>;

/// Follows all of these to their ends.
pub(crate) async fn drive_many(
    watches: Vec<(Question, Lease)>,
    pushes: Vec<Push>,
    confirm: &ConfirmArgs,
    desk: &mut Desk<'_>,
) -> Done {
    let (context, interrupt) = (desk.context, desk.interrupt);
    let ci = &context.ci;
    let leases: Vec<Lease> = watches.iter().map(|(_, lease)| lease.clone()).collect();
    let Some(first) = leases.first().map(|lease| format!("all-{}", lease.id)) else { return Ok(0) };
    let mut keeper = Some(Keeper::of(&ci.place.state, leases)?);
    let mut jobs: Vec<JobName> = watches.iter().flat_map(|(q, _)| q.jobs.clone()).collect();
    jobs.sort();
    jobs.dedup();
    let mut watching = Watching::open(ci, desk.ledger, &pushes, &jobs, Some(&first)).await?;
    let (mut members, by_place) = members(watches, &watching, desk)?;
    context.talk(&format!(
        "{} on {}, {} in all; Ctrl-C leaves them for later",
        plural(members.len(), "watch"),
        plural(pushes.len(), "push"),
        plural(by_place.len(), "job")
    ));
    interrupt.acting.store(true, Ordering::Relaxed);
    let mut dirty: Vec<usize> = (0..members.len()).collect();
    let mut problem: Option<Kind> = None;
    loop {
        for i in std::mem::take(&mut dirty) {
            if members[i].ended || interrupt.stop.load(Ordering::Relaxed) {
                continue;
            }
            match step(&mut members[i], &mut watching, confirm, &mut keeper, desk).await {
                Ok(None) => {}
                Ok(Some(kind)) => problem = Some(kind),
                // One that somebody else took over, or ended, is no concern of the others.
                Err(error) => {
                    failure::report(&error, context.sent());
                    members[i].ended = true;
                    problem = Some(error.kind());
                }
            }
        }
        let open = members.iter().any(|member| !member.ended);
        if !open || interrupt.stop.load(Ordering::Relaxed) {
            break;
        }
        let changed = match watching.next(ci, desk.ledger, &interrupt.stop).await {
            Ok(changed) => changed,
            Err(error) => {
                failure::report(&error, context.sent());
                problem = Some(error.kind());
                break;
            }
        };
        let concerned: HashSet<usize> =
            changed.iter().filter_map(|place| by_place.get(place)).flatten().copied().collect();
        dirty = concerned.into_iter().collect();
        dirty.sort_unstable();
    }
    interrupt.acting.store(false, Ordering::Relaxed);
    desk.ledger.under(None);
    drop(keeper);
    if interrupt.stop.load(Ordering::Relaxed) {
        return Ok(failure::status(Kind::Interrupted));
    }
    watching.close().await;
    Ok(problem.map_or(0, failure::status))
}

/// The watches with their places, and which of them are at a place.
fn members(
    watches: Vec<(Question, Lease)>,
    watching: &Watching,
    desk: &Desk<'_>,
) -> Result<(Vec<Member>, ByPlace), Error> {
    let place_of: HashMap<(&str, &JobName), WatchPlace> = watching
        .places()
        .map(|place| {
            let head = watching.facts(place).push.revision.hash();
            ((head, &watching.histories[place.0].job), place)
        })
        .collect();
    let mut by_place = ByPlace::new();
    let mut members = Vec::with_capacity(watches.len());
    for (i, (question, lease)) in watches.into_iter().enumerate() {
        let places: Vec<WatchPlace> = question
            .pushes
            .iter()
            .flat_map(|push| question.jobs.iter().map(move |job| (push.as_str(), job)))
            .filter_map(|key| place_of.get(&key).copied())
            .collect();
        places.iter().for_each(|place| by_place.entry(*place).or_default().push(i));
        let asked = asked_so_far(desk, &lease.id)?;
        members.push(Member { question, lease, asked, places, ended: false });
    }
    Ok((members, by_place))
}

/// Does what is to be done for one of them now; what did not work, if something did not.
async fn step(
    member: &mut Member,
    watching: &mut Watching,
    confirm: &ConfirmArgs,
    keeper: &mut Option<Keeper>,
    desk: &mut Desk<'_>,
) -> Result<Option<Kind>, Error> {
    let places = member.places.iter().copied();
    let (wanted, mut waits) =
        due(watching, desk.context.ci.now(), places, &member.question.expect, &member.asked);
    let mut news = None;
    if !wanted.is_empty() {
        let plan = join(watching, wanted);
        desk.ledger.under(Some(member.lease.clone()));
        desk.lease = Some(member.lease.clone());
        let asking =
            ask_for(&plan, watching, confirm, &mut true, desk, keeper, &member.question).await;
        desk.ledger.under(None);
        match asking? {
            Asking::Sent(results, left_out) => {
                if results.iter().any(|r| matches!(r.state, AskState::NotSent { .. })) {
                    news = Some((Occasion::Stuck, Kind::Service, "nothing got through".into()));
                }
                waits |= count(&mut member.asked, &results);
                waits |= watching.others_asked(&left_out);
                watching.asked(&results);
            }
            Asking::Nothing => waits |= !plan.waits_for.is_empty(),
            Asking::Refused(refusal) => {
                news = Some((Occasion::NeedsYou, Kind::Guard, format!("refused: {refusal}")));
            }
            Asking::Declined => {}
        }
    }
    if waits {
        return Ok(None);
    }
    member.ended = true;
    end(member, watching, news, desk).await
}

async fn end(
    member: &Member,
    watching: &Watching,
    news: Option<(Occasion, Kind, String)>,
    desk: &mut Desk<'_>,
) -> Result<Option<Kind>, Error> {
    let (context, id) = (desk.context, &member.lease.id);
    let endings = member.places.iter().map(|place| ending(watching.facts(*place)).to_string());
    let mut counts: std::collections::BTreeMap<String, usize> = Default::default();
    endings.for_each(|words| *counts.entry(words).or_default() += 1);
    let words: Vec<String> = match member.places.len() {
        1 => counts.into_keys().collect(),
        _ => counts.into_iter().map(|(words, count)| format!("{count} {words}")).collect(),
    };
    let mut summary = format!("ended: {}", words.join(" · "));
    if let Some((_, _, why)) = &news {
        summary = format!("{why}; {summary}");
    }
    let step = json!({"step": "ended", "end": {"summary": summary}});
    note_outcomes(desk, id, watching)?;
    desk.store.step(&member.lease, &step, context.ci.now())?;
    if news.is_none() {
        desk.store.mark(id, InvestigationState::Done)?;
    }
    match desk.out.json {
        true => json_line(json!({"event": "ended", "investigation": id, "summary": summary}))?,
        false => desk.out.line(&format!("{id}  {}  {summary}", member.question.subject())),
    }
    if desk.tells {
        let occasion = news.as_ref().map_or(Occasion::Finished, |(occasion, ..)| *occasion);
        let subject = member.question.subject();
        let command = format!("{} investigations resume {id}", context.program());
        let told = Told {
            investigation: id,
            occasion,
            subject: &subject,
            summary: &summary,
            command: &command,
        };
        tell(context, &told).await?;
    }
    Ok(news.map(|(_, kind, _)| kind))
}
