//! Following jobs on pushes: what is told is shown, and what does not come as expected is asked for.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use mozci_core::guard::Refusal;
use mozci_core::ids::{JobName, PushId};
use mozci_core::push::Push;
use mozci_core::watch::{Expectations, ending};
use mozci_engine::flow::{WatchPlace, Watching};
use mozci_engine::notify::Occasion;
use mozci_engine::store::{AskState, InvestigationState, Investigations, Keeper, Lease, Ledger};
use mozci_engine::{Error, Kind};
use serde_json::json;

use super::ask::{Asked, Asking, ask_for, begin, count, due, join};
use super::question::Question;
use super::view::View;
use crate::acting::ConfirmArgs;
use crate::acting::telling::{Told, tell};
use crate::app::{Done, Interrupt};
use crate::context::Context;
use crate::failure;
use crate::show::{Out, plural};
use crate::stats::Stats;

/// Everything that watching works with besides its question.
pub(crate) struct Desk<'a> {
    pub(crate) context: &'a Context,
    pub(crate) out: &'a mut Out,
    pub(crate) stats: &'a Stats,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) store: &'a Investigations,
    /// The investigation that goes on, where one does.
    pub(crate) lease: Option<Lease>,
    /// Whether somebody is told how it ends.
    pub(crate) tells: bool,
    /// What was said to be left out.
    pub(crate) left_out: HashSet<(PushId, JobName)>,
}

/// Follows some jobs on some pushes until nothing more is to be expected.
pub(crate) async fn drive(
    question: &Question,
    pushes: Vec<Push>,
    confirm: &ConfirmArgs,
    desk: &mut Desk<'_>,
) -> Done {
    let (context, interrupt) = (desk.context, desk.interrupt);
    let ci = &context.ci;
    let asks = question.expect != Expectations { most: question.expect.most, ..Default::default() };
    let mut asked = match &desk.lease {
        Some(lease) => asked_so_far(desk, &lease.id)?,
        None => Asked::new(),
    };
    // Only what may ask for something has something to lose.
    let mut keeper: Option<Keeper> = None;
    let begins = asks && confirm.yes && !confirm.dry_run && desk.lease.is_none();
    if begins {
        begin(question, desk)?;
    }
    let instance = desk.lease.as_ref().map(|lease| lease.id.clone());
    if let Some(lease) = &desk.lease {
        keeper = Some(Keeper::of(&ci.place.state, vec![lease.clone()])?);
        desk.ledger.under(Some(lease.clone()));
    }
    let opened =
        Watching::open(ci, desk.ledger, &pushes, &question.jobs, instance.as_deref()).await;
    let mut watching = match (opened, &desk.lease) {
        (Ok(watching), _) => watching,
        (Err(error), Some(lease)) if begins => {
            // It never came to watch anything: there is nothing to go on with.
            desk.store.mark(&lease.id, InvestigationState::Cancelled)?;
            return Err(error);
        }
        (Err(error), _) => return Err(error),
    };
    let told = watching.told_by().map_or_else(
        || format!("looked at every {} s", ci.poll.as_secs_f32()),
        |by| format!("told by {}", by.words()),
    );
    let mut view = View::new(desk.out, context, &pushes, &question.jobs);
    context.talk(&format!(
        "watching {} on {}, {told}; Ctrl-C ends it",
        plural(question.jobs.len(), "job"),
        plural(pushes.len(), "push")
    ));
    let mut was_confirmed = confirm.yes || desk.lease.is_some();
    let mut refused: Option<Refusal> = None;
    let mut problem = None;
    interrupt.acting.store(true, Ordering::Relaxed);
    let all: Vec<WatchPlace> = watching.places().collect();
    view.show(&watching, &all, desk.out)?;
    loop {
        let (wanted, mut waits) =
            due(&mut watching, ci.now(), all.iter().copied(), &question.expect, &asked);
        if asks && refused.is_none() && !wanted.is_empty() {
            let plan = join(&watching, wanted);
            match ask_for(
                &plan,
                &watching,
                confirm,
                &mut was_confirmed,
                desk,
                &mut keeper,
                question,
            )
            .await?
            {
                Asking::Sent(results, left_out) => {
                    let sent = count(&mut asked, &results);
                    view.asked(&plan, &results, desk.out)?;
                    watching.asked(&results);
                    let comes = watching.others_asked(&left_out);
                    if !sent && !comes {
                        // Nothing got through: it is not tried for ever.
                        problem = Some(Kind::Service);
                        if !waits {
                            break;
                        }
                    } else {
                        waits = true;
                    }
                }
                Asking::Nothing => waits |= !plan.waits_for.is_empty(),
                Asking::Refused(refusal) => {
                    failure::report(&Error::Guard(refusal.clone()), context.sent());
                    view.note(&format!("refused: {refusal}"), desk.out)?;
                    refused = Some(refusal);
                }
                Asking::Declined => break,
            }
        }
        if !waits || interrupt.stop.load(Ordering::Relaxed) {
            break;
        }
        view.waits(&watching);
        match watching.next(ci, desk.ledger, &interrupt.stop).await {
            Ok(changed) => view.show(&watching, &changed, desk.out)?,
            Err(error) => {
                failure::report(&error, context.sent());
                problem = Some(error.kind());
                break;
            }
        }
    }
    interrupt.acting.store(false, Ordering::Relaxed);
    let interrupted = interrupt.stop.load(Ordering::Relaxed);
    let summary = view.end(&watching, desk.out, context, desk.stats, interrupted)?;
    desk.ledger.under(None);
    if let Some(lease) = &desk.lease {
        note_outcomes(desk, &lease.id, &watching)?;
        let step = json!({"step": "ended", "end": {"summary": summary}});
        desk.store.step(lease, &step, ci.now())?;
        if !interrupted && problem.is_none() && refused.is_none() {
            desk.store.mark(&lease.id, InvestigationState::Done)?;
        }
    }
    drop(keeper);
    let bad = watching.places().any(|place| ending(watching.facts(place)).is_bad());
    if !interrupted {
        watching.close().await;
    }
    if desk.tells && !interrupted {
        let (occasion, why) = match (&refused, problem) {
            (Some(refusal), _) => (Occasion::NeedsYou, format!("refused: {refusal}; {summary}")),
            (None, Some(_)) => (Occasion::Stuck, format!("a service failed; {summary}")),
            (None, None) => (Occasion::Finished, summary.clone()),
        };
        let subject = question.subject();
        let id =
            desk.lease.as_ref().map(|lease| lease.id.clone()).unwrap_or_else(|| question.name());
        let command = match &desk.lease {
            Some(lease) => format!("{} investigations resume {}", context.program(), lease.id),
            None => format!("{} watch --rev {}", context.program(), question.newest()),
        };
        let told = Told {
            investigation: &id,
            occasion,
            subject: &subject,
            summary: &why,
            command: &command,
        };
        tell(context, &told).await?;
    }
    Ok(match (interrupted, refused, problem) {
        (true, ..) => failure::status(Kind::Interrupted),
        (_, Some(_), _) => failure::status(Kind::Guard),
        (_, _, Some(kind)) => failure::status(kind),
        _ => u8::from(context.global.exit_status && bad),
    })
}

/// Notes in the ledger how what was asked for ended.
pub(super) fn note_outcomes(
    desk: &Desk<'_>,
    investigation: &str,
    watching: &Watching,
) -> Result<(), Error> {
    let ci = &desk.context.ci;
    for asking in desk.ledger.of_investigation(investigation)? {
        let AskState::Sent { request } = asking.state else { continue };
        for asked in &asking.jobs {
            let mut places = watching.places().filter(|place| {
                let push = watching.facts(*place).push.id.number();
                push == asking.push && watching.histories[place.0].job == asked.job
            });
            if let Some(place) = places.next() {
                let words = ending(watching.facts(place)).to_string();
                desk.ledger.came(&ci.root_url, request, &asked.job, &words, ci.now())?;
            }
        }
    }
    Ok(())
}

/// Runs that an investigation asked for before.
pub(super) fn asked_so_far(desk: &Desk<'_>, id: &str) -> Result<Asked, Error> {
    let mut asked = Asked::new();
    for asking in desk.ledger.of_investigation(id)? {
        for job in asking.jobs {
            *asked.entry((asking.push, job.job)).or_default() += job.times;
        }
    }
    Ok(asked)
}
