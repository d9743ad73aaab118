//! Small words, and text that is fit for a page.

use chrono::DateTime;
use mozci_core::harmless::harmless_line;
use mozci_core::rate::{Rate, percent};
use mozci_core::time::At;

/// Text of somebody else's, on one line and without what a reader obeys.
pub fn plain(text: &str) -> String {
    harmless_line(text).into_owned()
}

/// `1 run`, `2 runs`.
pub fn plural(count: usize, one: &str) -> String {
    let ending = if one.ends_with("sh") || one.ends_with("ch") { "es" } else { "s" };
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}{ending}") }
}

/// An instant in UTC.
pub fn instant(at: At) -> String {
    DateTime::from_timestamp(at.0, 0)
        .map_or_else(|| at.0.to_string(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string())
}

/// A share with its interval of 95 %.
pub fn rate(rate: &Rate) -> String {
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

/// How long ago something was, in one unit.
pub fn age(now: At, then: At) -> String {
    let seconds = now.since(then).max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
