//! `mozci investigations resume --all`

use std::io::IsTerminal;

use futures_util::{StreamExt, stream};
use mozci_engine::drive::watch::{WatchContext, WatchQuestion, watch_many};
use mozci_engine::drive::{Notifier, OpenInvestigations, pushes_of_watches};
use mozci_engine::store::{Investigation, Lease, Store};
use serde_json::json;

use crate::acting::{Terminal, check, notify, open_ledger};
use crate::app::{Done, Interrupt};
use crate::commands::bisect::{EndArgs, summary};
use crate::commands::watch;
use crate::context::Context;
use crate::failure;
use crate::show::Out;
use crate::stats::Stats;

/// Goes on with every open investigation of the repository at once.
pub(super) async fn resume_all(
    store: &dyn Store,
    ends: &EndArgs,
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    let ci = &context.ci;
    check(context, &ends.confirm)?;
    // A line each, which programs can read where nobody looks on.
    out.json |= !std::io::stdout().is_terminal();
    let notifier = notify::notifier(context, ends.tell)?;
    let OpenInvestigations { searches, watches, held } =
        OpenInvestigations::claim(ci, store).await?;
    for held in &held {
        context.talk(&format!("note: {held}"));
    }
    if searches.is_empty() && watches.is_empty() && held.is_empty() {
        context.talk("no investigation is open here");
    }
    let searching = all_searches(store, &searches, ends, context, stats, interrupt);
    let watching =
        all_watches(store, watches, (ends, notifier.as_ref()), context, out, stats, interrupt);
    let (searched, watched) = futures_util::future::join(searching, watching).await;
    let (searched, watched) = (searched?, watched?);
    Ok(searched.max(watched))
}

/// Goes on with watches, on one connection and one reading.
async fn all_watches(
    store: &dyn Store,
    questions: Vec<(WatchQuestion, Lease)>,
    (ends, notifier): (&EndArgs, Option<&Notifier>),
    context: &Context,
    out: &mut Out,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    if questions.is_empty() {
        return Ok(0);
    }
    let mut ledger = open_ledger(context, out, stats, interrupt).await?;
    let pushes = pushes_of_watches(&context.ci, &questions).await?;
    let mut terminal = Terminal::new(context, out, stats, interrupt);
    let permission = ends.confirm.permission();
    let session = terminal.session(&mut ledger);
    let mut watches = WatchContext::new(session, store, permission, notifier, None);
    let problem = watch_many(questions, pushes, &mut watches).await?;
    terminal.rendered()?;
    Ok(problem.map_or(0, failure::exit_status))
}

/// Searches that are driven at once: each reads a history of its own.
const AT_ONCE: usize = 32;

/// Goes on with searches, each by itself, under the pace that they share.
async fn all_searches(
    store: &dyn Store,
    searches: &[Investigation],
    ends: &EndArgs,
    context: &Context,
    stats: &Stats,
    interrupt: &Interrupt,
) -> Done {
    let each = stream::iter(searches).map(async |found| {
        if interrupt.stop.is_cancelled() {
            return Ok(0);
        }
        // What runs are judged by is the repository's, and each search has its own.
        let own = context.sibling(context.ci.repo.as_str())?;
        let mut out = Out::stdout(&context.global);
        out.silent = true;
        let status = super::resume(store, found, ends, &own, &mut out, stats, interrupt).await?;
        let last = store.last_step(&found.id).await?;
        let words = summary(last.as_ref());
        match context.global.json || !std::io::stdout().is_terminal() {
            true => watch::json_line(
                json!({"event": "ended", "investigation": found.id, "summary": words}),
            )?,
            false => {
                let job = found.question["job"].as_str().unwrap_or("?");
                Out::stdout(&context.global).line(&format!("{}  {job}  {words}", found.id));
            }
        }
        Ok(status)
    });
    let mut each = std::pin::pin!(each.buffer_unordered(AT_ONCE));
    let mut worst = 0;
    while let Some(done) = each.next().await {
        worst = worst.max(match done {
            Ok(status) => status,
            // One that cannot go on is no concern of the others.
            Err(error) => failure::report(&error, context.sent()),
        });
    }
    Ok(worst)
}
