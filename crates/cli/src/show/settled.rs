//! What became of requests that were unconfirmed.

use std::collections::BTreeMap;

use mozci_engine::store::{TriggerRequest, TriggerState};

use super::plan::what;
use crate::context::Context;

/// Says what became of trigger requests that were unconfirmed, a line for each kind of ending.
pub(crate) fn show_settled(context: &Context, triggers: &[TriggerRequest]) {
    let mut endings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for trigger in triggers {
        let (ending, which) = match &trigger.state {
            TriggerState::Sent { request } => {
                ("did arrive".to_owned(), format!("{} ({})", trigger.push, what(*request)))
            }
            TriggerState::NotSent { detail } => {
                (format!("was not sent: {detail}"), trigger.push.to_string())
            }
            TriggerState::Uncertain { detail } => (
                format!("stays UNCERTAIN and counts as requested: {detail}"),
                format!("{} (request {})", trigger.push, trigger.id.as_str()),
            ),
            TriggerState::Planned => ("is open".to_owned(), trigger.push.to_string()),
        };
        endings
            .entry(format!("{} on push {{}} {ending}", trigger.names()))
            .or_default()
            .push(which);
    }
    for (line, pushes) in endings {
        let line = line.replace("{}", &pushes.join(", "));
        context.talk(&format!("note: an earlier request {line}"));
    }
}
