//! The command line: commands by what they are for, examples, and options that are explained once.

use clap::{Command, CommandFactory};

use super::examples::EXAMPLES;
use crate::app::Cli;

/// The commands by what they are for.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Look", &["jobs", "pushes", "failures", "flakiness", "chooser", "open"]),
    ("Find the culprit", &["backfill", "bisect", "watch", "investigations", "serve"]),
    ("Run jobs", &["trigger", "fill", "retrigger", "cancel"]),
    (
        "Housekeeping",
        &["config", "auth", "doctor", "guard", "requests", "cache", "completions", "man"],
    ),
    ("For CIs and demos", &["demo", "action", "taskgraph-action"]),
];

/// What each exit status means.
const AFTER: &str = "\
Exit status: 0 done; 1 the answer is bad (only with --exit-status); 2 usage; 3 a service failed or
refused part of it; 4 not allowed; 5 not found; 6 a guard refused; 130 interrupted.";

/// The options of every command: `mozci --help` explains them, and no other help repeats that.
const EVERYWHERE: [&str; 14] = [
    "color",
    "notify",
    "no_pager",
    "config",
    "ci",
    "repo",
    "clone",
    "json",
    "format",
    "stats",
    "exit_status",
    "verbose",
    "quiet",
    "version",
];

/// The command line for whoever asks for help. It costs more than reading arguments needs.
pub(crate) fn for_help() -> Command {
    let mut command = with_texts();
    // Options of every command are handed down here.
    command.build();
    within(command, hidden)
}

/// Does something to each command within a command.
fn within(mut command: Command, each: fn(Command) -> Command) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in names.iter().filter(|name| *name != "help") {
        command = command.mut_subcommand(name, each);
    }
    command
}

/// A command, and those within, without the options of every command in its help.
fn hidden(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let is_everywhere = EVERYWHERE.contains(&arg.get_id().as_str());
        if is_everywhere { arg.hide(true) } else { arg }
    });
    within(command, hidden)
}

/// Whether the arguments ask for help.
pub(crate) fn is_wanted() -> bool {
    let mut words = std::env::args_os().skip(1).peekable();
    words.peek().is_none() || words.any(|word| word == "-h" || word == "--help" || word == "help")
}

/// The command line for whoever types a command: without texts that are only for help.
pub(crate) fn command() -> Command {
    let is_wordy = std::env::args_os().any(|word| word == "--verbose" || word == "-v");
    let version = if is_wordy { LONG_VERSION } else { VERSION };
    Cli::command().after_help(AFTER).version(version)
}

/// The version, with the commit that it was made of.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("MOZCI_COMMIT"),
    ", ",
    env!("MOZCI_COMMIT_DATE"),
    ")"
);

/// The version with everything that a report of a bug needs.
const LONG_VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit   ",
    env!("MOZCI_COMMIT"),
    "\ndate     ",
    env!("MOZCI_COMMIT_DATE"),
    "\nsystem   ",
    env!("MOZCI_TARGET"),
    "\ncompiler ",
    env!("MOZCI_COMPILER"),
);

/// The command line with groups and examples.
pub(super) fn with_texts() -> Command {
    let mut command = command();
    let mut groups = String::new();
    for (title, names) in GROUPS {
        groups.push_str(&format!("{title}:\n"));
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            groups.push_str(&format!("  {name:<16}  {about}\n"));
        }
        groups.push('\n');
    }
    command = command.help_template(format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n\nBegin with `mozci demo`, or with `mozci config init` for your own CI.\n\n{groups}Options of every command:\n{{options}}{{after-help}}"
    ));
    for (name, examples) in EXAMPLES {
        let mut text = "Examples:\n".to_owned();
        for (line, what) in *examples {
            text.push_str(&format!("  {line}\n      {what}\n"));
        }
        text.push_str("\nOptions of every command (--json, --ci, --repo, …): mozci --help\n");
        command = command.mut_subcommand(name, |command| command.after_help(text));
    }
    command
}
