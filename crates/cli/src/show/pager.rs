//! A pager for text that is longer than the terminal, as Git has it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether `--no-pager` was given.
static OFF: AtomicBool = AtomicBool::new(false);

/// Writes everything to the terminal, whatever its length.
pub(crate) fn turn_off() {
    OFF.store(true, Ordering::Relaxed);
}

/// The pager's command line, by the environment: `MOZCI_PAGER`, then `PAGER`, then `less`. None where one
/// of them says that there is to be none.
fn command(var: impl Fn(&str) -> Option<String>) -> Option<String> {
    let line = var("MOZCI_PAGER").or_else(|| var("PAGER")).unwrap_or_else(|| "less".to_owned());
    let line = line.trim();
    (!line.is_empty() && line != "cat").then(|| line.to_owned())
}

/// Shows a text in the pager, where it is longer than the terminal. False where nobody has shown it.
pub(super) fn show(text: &str, colours: anstream::ColorChoice) -> bool {
    let rows = terminal_size::terminal_size().map(|(_, terminal_size::Height(rows))| rows);
    let Some(rows) = rows else { return false };
    if OFF.load(Ordering::Relaxed) || text.lines().count() < usize::from(rows) {
        return false;
    }
    let Some(line) = command(|name| std::env::var(name).ok()) else { return false };
    let mut words = line.split_whitespace();
    let Some(program) = words.next() else { return false };
    let mut pager = Command::new(program);
    pager.args(words).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // Colours as they are, long lines not folded, and the text stays on the screen.
        pager.env("LESS", "RSX");
    }
    let Ok(mut child) = pager.spawn() else { return false };
    if let Some(mut stdin) = child.stdin.take() {
        let bytes = match colours {
            anstream::ColorChoice::Never => anstream::adapter::strip_str(text).to_string(),
            _ => text.to_owned(),
        };
        // Whoever leaves the pager early has seen enough.
        let _ = stdin.write_all(bytes.as_bytes());
    }
    child.wait().is_ok_and(|ended| ended.success() || ended.code().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_names_the_pager() {
        let of = |vars: &'static [(&str, &str)]| {
            command(move |name| {
                vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(of(&[]).as_deref(), Some("less"));
        assert_eq!(of(&[("PAGER", "more -d")]).as_deref(), Some("more -d"));
        assert_eq!(of(&[("PAGER", "more"), ("MOZCI_PAGER", "")]), None);
        assert_eq!(of(&[("PAGER", "cat")]), None);
    }
}
