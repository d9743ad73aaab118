//! Dates on a command line.

use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use mozci_core::time::At;

/// An instant as people type it.
///
/// # Errors
/// In words, for what is no date.
pub(crate) fn date(text: &str) -> Result<At, String> {
    since(text, Utc::now()).map(|at| At(at.timestamp())).ok_or_else(|| {
        format!(
            "{text:?} is not a date: write yesterday, 2d, \"3 hours ago\", 2026-01-31, or 2026-01-31T14:00 (UTC)"
        )
    })
}

fn since(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let midnight = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    match text.to_ascii_lowercase().as_str() {
        "now" => return Some(now),
        "today" => return Some(midnight),
        "yesterday" => return midnight.checked_sub_signed(Duration::days(1)),
        words => {
            if let Some(ago) = ago(words) {
                return now.checked_sub_signed(ago);
            }
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN));
    let minute = NaiveDateTime::parse_from_str(text.trim_end_matches('Z'), "%Y-%m-%dT%H:%M");
    day.or(minute).ok().map(|at| at.and_utc())
}

/// `2d`, `2 d`, `2 days`, `2 days ago`.
fn ago(words: &str) -> Option<Duration> {
    let words = words.strip_suffix("ago").unwrap_or(words).trim();
    let digits = words.find(|c: char| !c.is_ascii_digit())?;
    let count: i64 = words[..digits].parse().ok()?;
    match words[digits..].trim() {
        "m" | "min" | "mins" | "minute" | "minutes" => Duration::try_minutes(count),
        "h" | "hour" | "hours" => Duration::try_hours(count),
        "d" | "day" | "days" => Duration::try_days(count),
        "w" | "week" | "weeks" => Duration::try_weeks(count),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_people_type_them() {
        let now = "2026-03-01T14:30:00Z".parse().expect("a date");
        let read = |text: &str| since(text, now).map(|at| at.format("%Y-%m-%dT%H:%M").to_string());
        for (text, expected) in [
            ("yesterday", "2026-02-28T00:00"),
            ("Today", "2026-03-01T00:00"),
            ("2d", "2026-02-27T14:30"),
            ("3 hours ago", "2026-03-01T11:30"),
            ("1w", "2026-02-22T14:30"),
            ("90 min", "2026-03-01T13:00"),
            ("2026-01-31", "2026-01-31T00:00"),
            ("2026-01-31T14:00Z", "2026-01-31T14:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "soon", "2", "2y", "d", "-2d", "99999999999999999999d", "2026-02-30"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("9999999999w"), None, "before any calendar");
    }
}
