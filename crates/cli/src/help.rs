//! The help: commands by what they are for, and examples, which a test runs on the simulated CI.

use clap::{Command, CommandFactory};

use crate::app::Cli;

/// The commands by what they are for.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Look", &["jobs", "pushes", "failures", "flakiness", "chooser", "open"]),
    ("Find the culprit", &["backfill", "bisect", "watch", "investigations"]),
    ("Run jobs", &["trigger", "fill", "retrigger", "cancel"]),
    ("Housekeeping", &["config", "doctor", "guard", "requests", "cache", "completions", "man"]),
    ("For CIs and demos", &["demo", "action", "taskgraph-action"]),
];

/// Examples, each with what it does. They name what the simulated CI (`--ci demo`) has.
const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "pushes",
        &[
            ("mozci pushes", "the newest pushes"),
            ("mozci pushes --rev tip --back-revisions 20", "the newest 21"),
            ("mozci pushes --rev 1036 --delta 3", "those around a push"),
        ],
    ),
    (
        "jobs",
        &[
            ("mozci jobs --include mochitest-plain", "the state of some jobs on the newest pushes"),
            (
                "mozci jobs test-linux2404-64/opt-mochitest-plain-1 --back-revisions 20",
                "one job, further back",
            ),
            ("mozci jobs --platform 'linux*' --tests --json", "for a program"),
        ],
    ),
    (
        "failures",
        &[
            ("mozci failures --rev tip", "what failed on the newest push"),
            (
                "mozci failures test-linux2404-64/opt-mochitest-plain-1 --back-revisions 10",
                "in one job",
            ),
            ("mozci failures --rev tip --back-revisions 10 --group", "the same failures together"),
        ],
    ),
    (
        "flakiness",
        &[
            (
                "mozci flakiness test-linux2404-64/opt-mochitest-plain-1 --back-revisions 50",
                "how often it fails",
            ),
            (
                "mozci flakiness --include mochitest-plain --back-revisions 50",
                "several jobs together",
            ),
            (
                "mozci flakiness test-linux2404-64/opt-mochitest-plain-1 --test dom/group-0/test/test_0_0.html --back-revisions 50",
                "one test",
            ),
        ],
    ),
    (
        "chooser",
        &[
            ("mozci chooser", "everything that can run on the newest push"),
            ("mozci chooser --test dom/group-0", "the jobs that run a folder of tests"),
            ("mozci chooser --platform 'linux*' --format labels", "their names, a line each"),
        ],
    ),
    (
        "open",
        &[
            ("mozci open tip --print", "the address of the newest push"),
            ("mozci open 1036 --print", "of a push by its number"),
            ("mozci open tip~3 --print --json", "for a program"),
        ],
    ),
    (
        "trigger",
        &[
            (
                "mozci trigger test-linux2404-64/opt-mochitest-plain-1 --rev 1036 --times 3 --dry-run",
                "show the plan",
            ),
            (
                "mozci trigger --include mochitest-plain --rev tip --yes",
                "run several jobs on a push",
            ),
            (
                "mozci trigger test-linux2404-64/opt-mochitest-plain-1 --rev 1036 --yes --wait",
                "and wait for the results",
            ),
        ],
    ),
    (
        "backfill",
        &[
            (
                "mozci backfill test-linux2404-64/opt-mochitest-plain-1 --rev tip --dry-run",
                "show the holes",
            ),
            (
                "mozci backfill test-linux2404-64/opt-mochitest-plain-1 --rev tip --yes --wait",
                "fill them, and name the first bad push",
            ),
            (
                "mozci backfill test-linux2404-64/opt-mochitest-plain-1 --rev tip --every 2 --dry-run",
                "every other push first",
            ),
        ],
    ),
    (
        "bisect",
        &[
            (
                "mozci bisect test-linux2404-64/opt-mochitest-plain-1 --bad tip --dry-run",
                "the suspects so far",
            ),
            (
                "mozci bisect --test dom/group-0/test/test_0_0.html --bad tip --yes",
                "find what broke a test",
            ),
            (
                "mozci bisect test-linux2404-64/opt-mochitest-plain-1 --bad tip --yes --no-wait",
                "request one round and leave",
            ),
        ],
    ),
    (
        "watch",
        &[
            (
                "mozci watch test-linux2404-64/opt-mochitest-plain-1 --rev tip",
                "follow a job to its end",
            ),
            (
                "mozci watch --include mochitest-plain --rev tip --retry-failed 2 --yes",
                "run failures again twice",
            ),
            (
                "mozci watch test-linux2404-64/opt-mochitest-plain-1 --rev 1036 --fill --yes",
                "request what is missing",
            ),
        ],
    ),
    (
        "investigations",
        &[
            ("mozci investigations", "the searches and watches of this machine"),
            ("mozci investigations list --json", "for a program"),
            ("mozci investigations resume --all --yes", "go on with every open one"),
        ],
    ),
    (
        "fill",
        &[
            ("mozci fill --rev tip --dry-run", "what is missing on a push"),
            ("mozci fill --rev tip --platform 'linux*' --dry-run", "on some platforms"),
            ("mozci fill --rev tip --include mochitest-plain --yes", "request it"),
        ],
    ),
    (
        "retrigger",
        &[
            ("mozci retrigger --rev tip --failed --dry-run", "what failed on a push"),
            ("mozci retrigger --rev tip --failed --yes", "run it again"),
            ("mozci retrigger --rev tip --coalesced --dry-run", "what was coalesced"),
        ],
    ),
    (
        "cancel",
        &[
            (
                "mozci cancel test-linux2404-64/opt-mochitest-plain-1 --rev tip --dry-run",
                "what would be cancelled",
            ),
            ("mozci cancel --include mochitest-plain --rev tip --yes", "several jobs"),
            ("mozci cancel --all --rev tip --yes", "everything that waits or runs on a push"),
        ],
    ),
    (
        "doctor",
        &[
            ("mozci doctor", "check every service"),
            ("mozci doctor --stats", "and what the checks cost"),
            ("mozci doctor --json", "for a program"),
        ],
    ),
    (
        "guard",
        &[
            ("mozci guard status", "each limit, and what is used of it"),
            (
                "mozci guard status test-linux2404-64/opt-mochitest-plain-1",
                "and whether a job may run",
            ),
            ("mozci guard status --json", "for a program"),
        ],
    ),
    (
        "requests",
        &[
            ("mozci requests", "the newest requests from here"),
            ("mozci requests --since 2026-01-31", "all since a day"),
            ("mozci requests --open", "those that are unconfirmed"),
        ],
    ),
    (
        "config",
        &[
            ("mozci config init", "write a config for your CI, step by step"),
            ("mozci config list", "the CIs and repositories that there are"),
            ("mozci config path", "where the config file is"),
        ],
    ),
    (
        "cache",
        &[
            ("mozci cache", "what the cache holds"),
            ("mozci cache --json", "for a program"),
            ("mozci cache clear", "remove it; the ledger stays"),
        ],
    ),
    (
        "completions",
        &[
            ("mozci completions bash", "for Bash"),
            ("mozci completions zsh", "for Zsh"),
            ("mozci completions fish", "for Fish"),
        ],
    ),
];

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
    let mut command = command();
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
    std::env::args_os().any(|word| word == "-h" || word == "--help" || word == "help")
}

/// The program's command line, with its help.
pub(crate) fn command() -> Command {
    let mut command = Cli::command();
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
