//! The steps of an investigation, as they are stored. Their JSON does not change: older rows have to resume.

use mozci_core::plan::Plan;
use mozci_core::time::At;
use serde::Serialize;
use serde_json::Value;

use crate::store::{Lease, Store, StoreError};

/// A step, written down before it is taken.
#[derive(Debug, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub(super) enum Step<'a> {
    /// It began.
    Begun {
        /// The good push's head, of a search.
        #[serde(skip_serializing_if = "Option::is_none")]
        good: Option<&'a str>,
    },
    /// A search went back to an older good push.
    Widened {
        /// Its head.
        good: &'a str,
    },
    /// A search is about to send a round of requests.
    Round {
        /// Its number, from 1.
        round: u32,
        /// Its runs.
        runs: u32,
        /// Its requests.
        plan: &'a Plan,
    },
    /// A watch is about to send requests. Older rows have this name.
    #[serde(rename = "asking")]
    Requests {
        /// Their runs.
        runs: u32,
        /// The requests.
        plan: &'a Plan,
    },
    /// It ended.
    Ended {
        /// How, with a `summary` in words.
        end: Value,
    },
}

impl Step<'_> {
    /// As it is stored.
    pub(super) fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

/// Writes down how an investigation ended. With `is_done` nobody can resume it any more, which is one write with the step.
pub(super) async fn write_end(
    store: &dyn Store,
    lease: &Lease,
    end: Value,
    is_done: bool,
    now: At,
) -> Result<(), StoreError> {
    let step = Step::Ended { end }.to_value();
    match is_done {
        true => store.finish(lease, &step, now).await,
        false => store.step(lease, &step, now).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs read these words, and rows that are there have them.
    #[test]
    fn stored_names_stay() {
        let plan = &Plan::empty(1);
        for (step, name) in [
            (Step::Begun { good: None }, "begun"),
            (Step::Widened { good: "a" }, "widened"),
            (Step::Round { round: 1, runs: 1, plan }, "round"),
            (Step::Requests { runs: 1, plan }, "asking"),
            (Step::Ended { end: Value::Null }, "ended"),
        ] {
            assert_eq!(step.to_value()["step"], name);
        }
    }
}
