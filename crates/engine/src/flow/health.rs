//! Whether the sources of a repository are well.

use mozci_clients::contract::Finding;
use serde::Serialize;

use crate::ci::Ci;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// As it should be.
    Ok,
    /// Worth knowing; everything works all the same.
    Warn,
    /// Something will not work.
    Fail,
    /// It could not be looked at.
    Skipped,
}

/// One check of one source.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// The source: the pushlog, the results, the queue, the broker, the master.
    pub source: &'static str,
    /// What was looked at.
    pub check: &'static str,
    /// How it came out.
    pub health: Health,
    /// In words.
    pub detail: String,
    /// Departures from the contract, for checks of answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Milliseconds that it took.
    pub ms: u64,
}

/// How far the clocks may differ before it is worth a word, and before signatures are refused.
const SKEW_SECONDS: (i64, i64) = (30, 600);

/// Whether the clocks agree, by what a source told of its own.
pub(crate) fn clock(ci: &Ci, source: &'static str) -> Check {
    let check = |health, detail: String| Check {
        source,
        check: "skew",
        health,
        detail,
        findings: Vec::new(),
        ms: 0,
    };
    let Some(offset) = ci.clock_offset() else {
        return check(Health::Skipped, "no server sent its time".to_owned());
    };
    let (health, hint) = match offset.abs() {
        seconds if seconds > SKEW_SECONDS.1 && ci.backend().capabilities().signs => {
            (Health::Fail, ": signatures are refused; set this machine's clock")
        }
        seconds if seconds > SKEW_SECONDS.0 => (Health::Warn, ": ages are counted by theirs"),
        _ => (Health::Ok, ""),
    };
    let side = if offset < 0 { "behind" } else { "ahead of" };
    let text = format!("the servers are {} s {side} this machine{hint}", offset.abs());
    check(health, text)
}

/// Looks at every source of a repository. Nothing here is an error: what fails is told.
pub async fn doctor(ci: &Ci) -> Vec<Check> {
    ci.backend().checks(ci).await
}
