//! A notification on the desktop of whoever sits at the machine, by the system's own program.

use std::process::{Command, Stdio};

use mozci_core::harmless::harmless_line;

use crate::failure;

/// Characters of a notification at the most.
const LONGEST: usize = 240;

/// Shows a text. That this cannot be done is said, and is no failure of the command.
pub(crate) fn notify(text: &str) {
    let text: String = harmless_line(text).chars().take(LONGEST).collect();
    let (program, arguments) = command(&text);
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let failed = match command.status() {
        Ok(status) if status.success() => return,
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    failure::say(&format!("note: no desktop notification could be shown: {program}: {failed}"));
}

#[cfg(target_os = "macos")]
fn command(text: &str) -> (&'static str, Vec<String>) {
    // The text is an argument of the script, so that nothing in it is taken for AppleScript.
    let script = "on run argv\ndisplay notification (item 1 of argv) with title \"mozci\"\nend run";
    ("osascript", vec!["-e".into(), script.into(), text.to_owned()])
}

#[cfg(windows)]
fn command(text: &str) -> (&'static str, Vec<String>) {
    ("msg", vec!["*".into(), format!("mozci: {text}")])
}

#[cfg(not(any(target_os = "macos", windows)))]
fn command(text: &str) -> (&'static str, Vec<String>) {
    let arguments = ["--app-name=mozci", "--", "mozci", text];
    ("notify-send", arguments.map(str::to_owned).to_vec())
}
