//! Askings of which nobody could tell whether they were sent.

use std::collections::BTreeMap;

use mozci_engine::Error;
use mozci_engine::flow::{SETTLE_SECONDS, reconcile};
use mozci_engine::store::{AskState, Asking, Ledger};

use crate::context::Context;
use crate::show::{plural, what};

/// Settles what can be told by now, and says so; that nothing can be read is said, too.
pub(crate) async fn settle(context: &Context, ledger: &Ledger) {
    match reconcile(&context.ci, ledger).await {
        Ok(changed) => say_doubts(context, changed),
        Err(error) => context.talk(&format!("note: askings in doubt cannot be settled: {error}")),
    }
}

/// Opens the ledger, settles what can be told by now of askings that were in doubt, and says what
/// is still open.
pub(crate) async fn open_ledger(context: &Context) -> Result<Ledger, Error> {
    let ledger = Ledger::open(&context.ci.place.state)?;
    say_doubts(context, reconcile(&context.ci, &ledger).await?);
    let now = context.ci.now();
    let mut open = ledger.open_askings(&context.ci.root_url)?;
    open.retain(|asking| !asking.is_in_hand());
    let young: Vec<&Asking> =
        open.iter().filter(|asking| now.since(asking.created) <= SETTLE_SECONDS).collect();
    if let Some(newest) = young.iter().map(|asking| asking.created).max() {
        let seconds = (SETTLE_SECONDS + 1 - now.since(newest)).max(1);
        context.talk(&format!(
            "note: {} of a command that was cut off or got no answer {} in doubt and counted as asked for; {} can tell in {seconds} s: run it again then",
            plural(young.len(), "asking"),
            if young.len() == 1 { "is" } else { "are" },
            teller(context),
        ));
    }
    let old: Vec<Asking> =
        open.iter().filter(|a| now.since(a.created) > SETTLE_SECONDS).cloned().collect();
    say_doubts(context, old);
    Ok(ledger)
}

/// Says what became of askings that were in doubt, a line for each kind of ending.
pub(crate) fn say_doubts(context: &Context, askings: Vec<Asking>) {
    let mut endings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for asking in askings {
        let (ending, which) = match &asking.state {
            AskState::Sent { request } => {
                ("did arrive".to_owned(), format!("{} ({})", asking.push, what(*request)))
            }
            AskState::NotSent { detail } => {
                (format!("was not sent: {detail}"), asking.push.to_string())
            }
            AskState::Uncertain { detail } => (
                format!("stays UNCERTAIN and counts as asked for: {detail}"),
                format!("{} (asking {})", asking.push, asking.id.as_str()),
            ),
            AskState::Recorded => ("is open".to_owned(), asking.push.to_string()),
        };
        endings.entry(format!("{} on push {{}} {ending}", asking.names())).or_default().push(which);
    }
    for (line, pushes) in endings {
        let line = line.replace("{}", &pushes.join(", "));
        context.talk(&format!("note: an earlier asking for {line}"));
    }
}

/// Who can tell whether something arrived.
pub(crate) fn teller(context: &Context) -> &'static str {
    match context.ci.farm() {
        Some(_) => "the newest buildsets",
        None => "the hook's record",
    }
}
