//! The status line: what the program is doing now. On a terminal it is the last line of stderr and ticks while
//! something is waited for; elsewhere a plain line now and then.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mozci_core::harmless::harmless_line;

/// How often the line moves: nobody should wonder whether the program is alive.
const TICK: Duration = Duration::from_millis(250);

/// How often at most a plain line is written where stderr is no terminal.
const PLAIN: Duration = Duration::from_secs(10);

/// What stands on the status line.
#[derive(Debug)]
struct Line {
    bar: ProgressBar,
    /// Whether it stays when something else is written: it says what is waited for.
    stays: bool,
}

static LINE: Mutex<Option<Line>> = Mutex::new(None);

/// When a plain line was written last.
static WRITTEN: Mutex<Option<Instant>> = Mutex::new(None);

/// Shows a step that takes a while, until something else is written. Off a terminal nothing.
pub(crate) fn step(text: &str) {
    show(&format!("{} …", harmless_line(text)), false);
}

/// Shows what is waited for, below whatever is written, until [`clear`]. Off a terminal a line now and then.
pub(crate) fn wait(text: &str) {
    if std::io::stderr().is_terminal() {
        return show(&harmless_line(text), true);
    }
    let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    if written.is_none_or(|at| at.elapsed() >= PLAIN) {
        *written = Some(Instant::now());
        let _ = writeln!(std::io::stderr(), "{}", harmless_line(text));
    }
}

fn show(text: &str, stays: bool) {
    if !std::io::stderr().is_terminal() {
        return;
    }
    let mut line = LINE.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *line {
        // The time goes on while the same wait is told anew.
        Some(shown) if shown.stays == stays => {
            if !stays {
                shown.bar.reset_elapsed();
            }
            shown.bar.set_message(text.to_owned());
        }
        _ => {
            if let Some(old) = line.take() {
                old.bar.finish_and_clear();
            }
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
                bar.set_style(style);
            }
            bar.set_message(text.to_owned());
            bar.enable_steady_tick(TICK);
            *line = Some(Line { bar, stays });
        }
    }
}

/// Takes the status line away.
pub(crate) fn clear() {
    if let Some(line) = LINE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        line.bar.finish_and_clear();
    }
}

/// Writes something to the terminal, above the line of what is waited for and in place of that of a step.
pub(crate) fn above<T>(write: impl FnOnce() -> T) -> T {
    let mut line = LINE.lock().unwrap_or_else(PoisonError::into_inner);
    match &*line {
        Some(shown) if shown.stays => shown.bar.suspend(write),
        _ => {
            if let Some(step) = line.take() {
                step.bar.finish_and_clear();
            }
            write()
        }
    }
}
