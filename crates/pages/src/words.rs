//! Small words, and text that is fit for a page.

use chrono::DateTime;
use mozci_core::harmless::harmless_line;
use mozci_core::rate::{Rate, percent};
use mozci_core::time::At;

/// Text of somebody else's, on one line and without what a reader obeys.
pub(crate) fn plain(text: &str) -> String {
    harmless_line(text).into_owned()
}

/// `1 run`, `2 runs`.
pub(crate) fn plural(count: usize, one: &str) -> String {
    let ending = if one.ends_with("sh") || one.ends_with("ch") { "es" } else { "s" };
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}{ending}") }
}

/// An instant in UTC.
pub(crate) fn instant(at: At) -> String {
    DateTime::from_timestamp(at.0, 0)
        .map_or_else(|| at.0.to_string(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string())
}

/// A share with its interval of 95 %.
pub(crate) fn rate(rate: &Rate) -> String {
    match rate.runs {
        0 => "no run has a result".to_owned(),
        runs => format!(
            "{} ({} to {}), {} of {}",
            percent(rate.rate),
            percent(rate.low),
            percent(rate.high),
            rate.failures,
            plural(runs as usize, "run")
        ),
    }
}
