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

/// Options whose value may be called as a command is.
const WITH_VALUE: [&str; 6] = ["--config", "--ci", "--repo", "--clone", "--format", "--color"];

/// The command line for whoever asks for help: of the whole program or of one command. Options of every command are
/// explained in the first, and in no other.
pub(crate) fn for_help() -> Command {
    let mut words = std::env::args().skip(1);
    let mut named = None;
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(&word.as_str()) {
            words.next();
        } else if word != "help" && !word.starts_with('-') {
            named = Some(word);
            break;
        }
    }
    match named {
        Some(name) => of_command(command(), &name),
        None => whole(),
    }
}

/// The command line, for the help of one command and those within.
pub(super) fn of_command(command: Command, name: &str) -> Command {
    // Options of every command are handed down as they are here.
    let is_everywhere = |arg: &clap::Arg| arg.is_global_set();
    let mut command = command
        .propagate_version(false)
        .mut_args(|arg| if is_everywhere(&arg) { arg.hide(true) } else { arg });
    let examples = EXAMPLES.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, all)| all);
    if command.find_subcommand(name).is_some() {
        let mut text = String::new();
        if !examples.is_empty() {
            text.push_str("Examples:\n");
        }
        for (line, what) in examples {
            text.push_str(&format!("  {line}\n      {what}\n"));
        }
        text.push_str("\nOptions of every command (--json, --ci, --repo, …): mozci --help\n");
        command = command.mut_subcommand(name, |command| command.after_help(text));
    }
    command
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

/// The command line for the help of the whole program: the commands by what they are for.
pub(super) fn whole() -> Command {
    let command = command();
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
    command.help_template(format!(
        "{{about}}\n\n{{usage-heading}} {{usage}}\n\nBegin with `mozci demo`, or with `mozci config init` for your own CI.\n\n{groups}Options of every command:\n{{options}}{{after-help}}"
    ))
}
