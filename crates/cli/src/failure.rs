//! Errors for people, and the exit statuses.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use mozci_engine::{Error, Kind};

use crate::show::VERSION;

/// Prints an error with what caused it, and gives its exit status.
pub(crate) fn report(error: &Error) -> u8 {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!("\n  because {cause}"));
        source = cause.source();
    }
    if let Some(hint) = hint(error) {
        text.push_str(&format!("\n  {hint}"));
    }
    say(&format!("error: {text}"));
    status(error.kind())
}

/// Writes an error as the one JSON object that a program waits for.
pub(crate) fn write_json(error: &Error) {
    let object = serde_json::json!({
        "version": VERSION,
        "error": {"status": status(error.kind()), "message": error.to_string()},
    });
    let _ = writeln!(std::io::stdout(), "{object:#}");
}

fn hint(error: &Error) -> Option<&'static str> {
    match (error, error.kind()) {
        (Error::Service { .. }, Kind::Service) => {
            Some("nothing was sent; run the command again when the service is well")
        }
        (Error::Service { .. }, Kind::NotAllowed) => {
            Some("check the credentials, and the scopes that they have")
        }
        _ => None,
    }
}

/// The exit status of a kind of error.
pub(crate) fn status(kind: Kind) -> u8 {
    match kind {
        Kind::Usage => 2,
        Kind::Service => 3,
        Kind::NotAllowed => 4,
        Kind::NotFound => 5,
        Kind::Guard => 6,
        Kind::Interrupted => 130,
    }
}

/// A line on stderr. That stderr is closed is no reason to stop.
pub(crate) fn say(line: &str) {
    clear_progress();
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Whether a line of progress stands on the terminal.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// A passing line on a terminal's stderr; off a terminal nothing.
pub(crate) fn progress(text: &str) {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        clear_progress();
        let _ = write!(stderr, "{text} …").and_then(|()| stderr.flush());
        SHOWN.store(true, Ordering::Relaxed);
    }
}

/// Takes the passing line away.
pub(crate) fn clear_progress() {
    if SHOWN.swap(false, Ordering::Relaxed) {
        let mut stderr = std::io::stderr();
        let _ = write!(stderr, "\r\u{1b}[K").and_then(|()| stderr.flush());
    }
}
