//! Errors for people, and the exit statuses.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use mozci_core::harmless::harmless_line;
use mozci_engine::{Error, Kind};

use crate::show::VERSION;
use crate::status;

/// Prints an error with what caused it, and gives its exit status. `sent` is how many requests this
/// command had sent by then.
pub(crate) fn report(error: &Error, sent: u64) -> u8 {
    // What a text has on further lines stays below it, as it was aligned.
    let indented = |text: String| text.replace('\n', "\n  ");
    let mut text = indented(error.to_string());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!("\n  because {}", indented(cause.to_string())));
        source = cause.source();
    }
    if let Some(hint) = hint(error, sent) {
        text.push_str(&format!("\n  {hint}"));
    }
    say(&format!("error: {text}"));
    exit_status(error.kind())
}

/// Ends with an error of the command line: by clap, and for a program that waits for JSON by an object, too.
pub(crate) fn end_usage(error: &clap::Error, json: bool) -> ! {
    if json && error.use_stderr() {
        let message = error.to_string();
        let message = message.trim_start_matches("error: ").trim_end().to_owned();
        write_json(&Error::Usage(message), 0);
    }
    error.exit()
}

/// Writes an error as the one JSON object that a program waits for.
pub(crate) fn write_json(error: &Error, sent: u64) {
    let object = serde_json::json!({"version": VERSION, "error": object(error, sent)});
    let mut stdout = std::io::stdout();
    let _ = crate::show::write_json(&mut stdout, &object);
    let _ = writeln!(stdout);
}

/// An error as JSON has it, after `sent` requests.
pub(crate) fn object(error: &Error, sent: u64) -> serde_json::Value {
    let kind = error.kind();
    serde_json::json!({
        "status": exit_status(kind), "code": code(kind), "message": error.to_string(),
        "hint": hint(error, sent), "sent": sent,
    })
}

/// The word for a kind of error, which does not change.
fn code(kind: Kind) -> &'static str {
    match kind {
        Kind::Usage => "usage",
        Kind::Service => "service",
        Kind::NotAllowed => "not-allowed",
        Kind::NotFound => "not-found",
        Kind::Guard => "guard",
        Kind::Interrupted => "interrupted",
    }
}

/// Whether the command may send requests, so that it matters whether it did.
static SENDS: AtomicBool = AtomicBool::new(false);

/// Notes that the command may send requests.
pub(crate) fn may_send() {
    SENDS.store(true, Ordering::Relaxed);
}

fn hint(error: &Error, sent: u64) -> Option<String> {
    let before = match sent {
        0 if SENDS.load(Ordering::Relaxed) => Some("nothing was sent".to_owned()),
        0 => None,
        sent => Some(format!("{} sent before, and kept in the ledger", was(sent))),
    };
    match (error, error.kind()) {
        (Error::Service { .. }, Kind::Service) => {
            let before = before.map_or(String::new(), |before| format!("{before}; "));
            Some(format!("{before}run the command again later"))
        }
        (Error::Service { .. }, Kind::NotAllowed) => {
            Some("check the credentials, and the scopes that they have".to_owned())
        }
        (Error::Store(_), _) => before,
        (Error::Usage(_) | Error::NotFound(_), _) | (_, Kind::Interrupted) => None,
        _ if sent > 0 => before,
        _ => None,
    }
}

fn was(sent: u64) -> String {
    match sent {
        1 => "1 request was".to_owned(),
        sent => format!("{sent} requests were"),
    }
}

/// The exit status (with `--exit-status`) where no failure was recognised in a log, which is no sign
/// that nothing failed.
pub(crate) const UNCLEAR: u8 = 7;

/// The exit status of a kind of error.
pub(crate) fn exit_status(kind: Kind) -> u8 {
    match kind {
        Kind::Usage => 2,
        Kind::Service => 3,
        Kind::NotAllowed => 4,
        Kind::NotFound => 5,
        Kind::Guard => 6,
        Kind::Interrupted => 130,
    }
}

/// A text on stderr. That stderr is closed is no reason to stop.
///
/// Text of a server or of somebody who pushes may be part of it: nothing reaches the terminal that
/// a terminal obeys, and no further line of it looks like one of ours.
pub(crate) fn say(text: &str) {
    let mut shown = String::new();
    for (place, line) in text.split('\n').map(harmless_line).enumerate() {
        shown.push_str(if place == 0 { "" } else { "\n" });
        shown.push_str(if place == 0 || line.starts_with("  ") { "" } else { "  " });
        shown.push_str(&line);
    }
    let _ = status::above(|| writeln!(anstream::stderr(), "{shown}"));
}
