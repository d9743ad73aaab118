//! What is no test's result and a failure all the same: leaks, assertions out of bounds, findings
//! of valgrind and of shutdown.

use serde::Deserialize;

use crate::failure::{Failure, Kind, Where};
use crate::json::Text;

/// The keys of these records.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    process: Text<'a>,
    #[serde(borrow)]
    message: Text<'a>,
    #[serde(borrow)]
    primary: Text<'a>,
    #[serde(borrow)]
    frames: Vec<Text<'a>>,
    bytes: Option<i64>,
    threshold: Option<i64>,
    allocations: Option<i64>,
    count: Option<i64>,
    min_expected: Option<i64>,
    max_expected: Option<i64>,
    allowed: Option<bool>,
    allowed_match: Option<serde::de::IgnoredAny>,
    induced_crash: Option<bool>,
    ignore_missing: Option<bool>,
}

impl Record<'_> {
    /// The failure that such a record tells of, if it tells of one.
    pub(super) fn failure(&self, action: &str, at: Where) -> Option<Failure> {
        let process = self.process.get().unwrap_or("a process");
        let (kind, message) = match action {
            "assertion_count" => {
                let count = self.count?;
                let (least, most) =
                    (self.min_expected.unwrap_or(0), self.max_expected.unwrap_or(0));
                if (least..=most).contains(&count) {
                    return None;
                }
                (Kind::Unexpected, format!("{count} assertions, expected {least} to {most}"))
            }
            "lsan_leak" if self.allowed_match.is_none() => {
                let frames: Vec<&str> = self.frames.iter().filter_map(Text::get).collect();
                (Kind::Leak, format!("leak at {}", frames.join(", ")))
            }
            "lsan_summary" if self.allowed != Some(true) => {
                let allocations = self.allocations.unwrap_or(0);
                let bytes = self.bytes.unwrap_or(0);
                (Kind::Leak, format!("{bytes} bytes leaked in {allocations} allocations"))
            }
            "mozleak_total" => match self.bytes {
                Some(bytes) if bytes > self.threshold.unwrap_or(0) => {
                    (Kind::Leak, format!("{process}: {bytes} bytes leaked"))
                }
                Some(_) => return None,
                None if self.induced_crash == Some(true) || self.ignore_missing == Some(true) => {
                    return None;
                }
                None => (Kind::Leak, format!("{process}: missing output line for total leaks")),
            },
            "valgrind_error" => (Kind::Sanitizer, self.primary.get()?.to_owned()),
            "shutdown_failure" => (Kind::Unexpected, self.message.get()?.to_owned()),
            _ => return None,
        };
        Some(Failure {
            message: Some(message),
            status: Some("FAIL".into()),
            ..Failure::new(kind, at)
        })
    }
}
